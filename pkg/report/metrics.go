package report

import (
	"cmp"
	"math"
	"slices"

	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// State is a gauge of the server during a run: of all its servers together,
// added or averaged as the catalogue has it.
type State struct {
	Mean Number `json:"mean"` // over the readings
	Max  Number `json:"max"`
}

// statesOf returns the gauges that all servers expose, over the readings between
// the last one before the run and the first one after it, or over those two if
// there are none between.
func statesOf(byURL map[string][]*record.Scrape) map[string]State {
	var series [][]*record.Scrape
	for _, list := range byURL {
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(a, b *record.Scrape) int { return cmp.Compare(a.At, b.At) })
		during := slices.DeleteFunc(slices.Clone(list), func(r *record.Scrape) bool {
			return r.When != record.During
		})
		if len(during) == 0 {
			during = list
		}
		series = append(series, during)
	}
	states := make(map[string]State)
	for _, q := range server.Quantities() {
		if s, ok := stateOf(&q, series); q.Gauge && ok {
			states[q.Name] = s
		}
	}
	return states
}

// stateOf puts the servers' readings together one by one: all servers are read
// at the same time.
func stateOf(q *server.Quantity, series [][]*record.Scrape) (State, bool) {
	n := math.MaxInt
	for _, list := range series {
		n = min(n, len(list))
	}
	s := State{Max: Number(math.Inf(-1))}
	known := 0
	for i := range n {
		sum, all := 0.0, true
		for _, list := range series {
			v, ok := list[i].Values[q.Name]
			sum, all = sum+v, all && ok
		}
		if !all {
			continue
		}
		if q.Mean {
			sum /= float64(len(series))
		}
		known++
		s.Mean += Number(sum)
		s.Max = max(s.Max, Number(sum))
	}
	s.Mean /= Number(known)
	return s, known > 0
}

// metricRow is what is known of a quantity: the difference and the rate of a
// counter, the mean and the maximum of a gauge.
type metricRow struct {
	*server.Quantity
	change, rate, mean, max Number
}

// metrics returns a row for each of the catalogue's quantities that is known.
func (k *Counters) metrics() []metricRow {
	var rows []metricRow
	all := server.Quantities()
	for i := range all {
		q := &all[i]
		r := metricRow{q, k.value(q.Name), Unknown, Unknown, Unknown}
		if s, ok := k.States[q.Name]; ok {
			r.mean, r.max = s.Mean, s.Max
		}
		if k.Seconds > 0 {
			r.rate = r.change / Number(k.Seconds)
		}
		if r.change.OK() || r.mean.OK() {
			rows = append(rows, r)
		}
	}
	return rows
}

// metrics writes the server's own numbers.
func (t *text) metrics(k *Counters) {
	rows := k.metrics()
	if len(rows) == 0 {
		return
	}
	t.line("")
	t.heading("Server's metrics (of the whole run, all requests):")
	g := grid{{"", "difference", "a second", "mean", "max"}}
	section := ""
	for _, r := range rows {
		if r.Section != section {
			section = r.Section
			g = append(g, []string{section, "", "", "", ""})
		}
		label := "  " + r.Label
		if r.Unit != section && r.Unit != "1" {
			label += " (" + r.Unit + ")"
		}
		g = append(g, []string{
			label, amount(r.change), amount(r.rate), amount(r.mean), amount(r.max),
		})
	}
	t.grid(g)
}

// amount formats a number of any size: whole if it is large or a count.
func amount(n Number) string {
	switch {
	case !n.OK():
		return absent
	case math.Abs(float64(n)) >= 1000 || n == Number(math.Trunc(float64(n))):
		return thousands(int64(math.Round(float64(n))))
	}
	return short(float64(n))
}
