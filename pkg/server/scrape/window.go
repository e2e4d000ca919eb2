package scrape

import (
	"fmt"
	"slices"
)

// Window is what happened between two readings.
type Window struct {
	// Values are differences of counters and, of gauges, the later value. What one reading lacks is not there.
	Values map[string]float64
	Names  map[string]string
	// Invalid says why the differences mean nothing: a counter went back. Empty: they do.
	Invalid string
}

// Between is the window from one reading to a later one.
func Between(before, after Reading) Window {
	w := Window{Values: map[string]float64{}, Names: after.Names}
	var back []string
	for i := range catalogue {
		q := &catalogue[i]
		b, okBefore := before.Values[q.Name]
		a, okAfter := after.Values[q.Name]
		switch {
		case !okAfter:
		case q.Gauge:
			w.Values[q.Name] = a
		case !okBefore:
			// A counter with labels may appear with its first event: vLLM's do not, others' do. Its start is then unknown.
		case before.Names[q.Name] != after.Names[q.Name]:
			back = append(back, fmt.Sprintf("%s was read from %s, then from %s", q.Name, before.Names[q.Name], after.Names[q.Name]))
		case a < b:
			back = append(back, fmt.Sprintf("%s went back from %g to %g", after.Names[q.Name], b, a))
		default:
			w.Values[q.Name] = a - b
		}
	}
	if len(back) > 0 {
		slices.Sort(back)
		w.Invalid = back[0]
		if len(back) > 1 {
			w.Invalid += fmt.Sprintf(" (and %d more)", len(back)-1)
		}
	}
	return w
}
