package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
	"multiturn/pkg/server"
)

// State is a gauge of the server during a run: of all its servers together,
// added or averaged as the catalogue has it.
type State struct {
	Mean Number `json:"mean"` // over the readings
	Max  Number `json:"max"`
}

// statesOf returns the gauges that all servers of a kind expose, over the readings between
// the last one before the run and the first one after it, or over those two if
// there are none between.
func statesOf(byURL map[string][]*record.Scrape) map[string]State {
	states := make(map[string]State)
	for _, kind := range kinds(byURL) {
		var series [][]*record.Scrape
		for _, list := range kind {
			series = append(series, during(list))
		}
		for _, q := range server.Quantities() {
			_, known := states[q.Name]
			if s, ok := stateOf(&q, series); q.Gauge && ok && !known {
				states[q.Name] = s
			}
		}
	}
	return states
}

// during returns the readings of an address during the run, in order, or all if
// there are none.
func during(list []*record.Scrape) []*record.Scrape {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *record.Scrape) int { return cmp.Compare(a.At, b.At) })
	between := slices.DeleteFunc(slices.Clone(list), func(r *record.Scrape) bool {
		return r.When != record.During
	})
	if len(between) == 0 {
		return list
	}
	return between
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
		r := metricRow{q, k.value(q.Name), unknown, unknown, unknown}
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

// metrics returns the server's own numbers: counters with their rates, and
// gauges, in the order of the catalogue.
func (d *Details) metrics() []render.Section {
	var (
		rows   = d.Counters.metrics()
		byName = make(map[string]metricRow)
		column = func(head string, decimals int, of func(metricRow) Number) render.Column {
			return render.Column{Head: head, Text: func(r render.Row) string {
				if row, ok := byName[r.Name]; ok {
					return row.amount(of(row), decimals)
				}
				return "" // the name of a part
			}}
		}
		columns = []render.Column{
			column("difference", 0, func(r metricRow) Number { return r.change }),
			column("a second", 1, func(r metricRow) Number { return r.rate }),
			column("mean", 1, func(r metricRow) Number { return r.mean }),
			column("max", 0, func(r metricRow) Number { return r.max }),
		}
		part string
		out  []render.Section
	)
	for _, r := range rows {
		byName[r.Name] = r
		s := render.Section{Name: "states", About: "The server's own numbers.", Columns: columns}
		if len(out) == 0 {
			s.Title = "Server's metrics (of the whole run, all requests):"
		}
		if r.Section != part {
			part = r.Section
			s.Rows = append(s.Rows, render.Row{Label: part})
		}
		row := render.Row{Name: r.Name, Label: r.label()}
		if r.Gauge {
			row.Cells = []render.Cell{render.Value("mean", r.mean), render.Value("max", r.max)}
		} else {
			s.Name, row.Cells = "rates", []render.Cell{render.Value("per_second", r.rate)}
		}
		s.Rows = append(s.Rows, row)
		out = append(out, s)
	}
	return out
}

// label returns the name of a metric in text, with its unit if the name lacks one.
func (r *metricRow) label() string {
	if r.Unit == r.Section || r.Unit == "1" {
		return "  " + r.Label
	}
	return "  " + r.Label + " (" + r.Unit + ")"
}

// amount formats a number of the row: with that many decimals if it counts
// something, with three if it is a time or a share.
func (r *metricRow) amount(n Number, decimals int) string {
	if r.Unit == "s" || r.Unit == "1" {
		return fixed(n, 3)
	}
	whole, fraction, _ := strings.Cut(fixed(n, decimals), ".")
	if i, err := strconv.ParseInt(whole, 10, 64); err == nil {
		whole = human.Thousands(i)
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole
}
