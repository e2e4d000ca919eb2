package report

import (
	"slices"

	"multiturn/internal/human"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/render"
	"multiturn/pkg/server"
)

// tierColumns are what text shows of a tier, in which unit; 1 = as it is.
var tierColumns = []struct {
	measure server.Measure
	head    string
	unit    float64
}{
	{server.HitTokens, "hit tokens", 1},
	{server.Queries, "queries", 1},
	{server.Hits, "hits", 1},
	{server.ReadBytes, "read MB", 1e6},
	{server.ReadTokens, "read tokens", 1},
	{server.ReadBlocks, "read blocks", 1},
	{server.ReadSeconds, "read s", 0},
	{server.WrittenBytes, "written MB", 1e6},
	{server.WrittenTokens, "written tokens", 1},
	{server.WrittenBlocks, "written blocks", 1},
	{server.WriteSeconds, "write s", 0},
	{server.Failures, "failures", 1},
}

// tierCounters returns what the server's counters say of each tier: one row for a
// tier, with the same measures for all. There is none if all they say of lower
// tiers is how many tokens these supplied, which the list of counters has.
func (d *Details) tierCounters() []render.Section {
	values := make(map[string]map[server.Measure]Number)
	var known []server.Measure
	more := false
	for _, tier := range server.Tiers {
		of := make(map[server.Measure]Number)
		for _, m := range server.Measures {
			q := server.QuantityOf(tier, m)
			if q == nil || !d.Counters.value(q.Name).OK() {
				continue
			}
			of[m] = d.Counters.value(q.Name)
			more = more || tier != kvcache.GPU.String() && m != server.HitTokens
			if !slices.Contains(known, m) {
				known = append(known, m)
			}
		}
		values[tier] = of
	}
	if !more {
		return nil
	}
	s := render.Section{
		Name:  "tier_counters",
		Title: "Tiers by the server's counters (of the whole run, all requests):",
		About: "What each tier supplied; a read is towards the GPU.",
	}
	for _, tier := range server.Tiers {
		if row := tierRow(tier, values[tier], known); row.Name != "" {
			s.Rows = append(s.Rows, row)
		}
	}
	for _, c := range tierColumns {
		if slices.Contains(known, c.measure) {
			s.Columns = append(s.Columns, tierColumn(c.head, c.measure, c.unit))
		}
	}
	return []render.Section{s}
}

// tierRow returns the row of a tier, without a name if the tier did nothing:
// servers count 0 for tiers that they do not have.
func tierRow(tier string, of map[server.Measure]Number, known []server.Measure) render.Row {
	var row render.Row
	for _, m := range known {
		n, ok := of[m]
		if !ok {
			n = unknown
		}
		if n > 0 {
			row.Name = tier
		}
		row.Cells = append(row.Cells, render.Value(string(m), n))
	}
	return row
}

// tierColumn shows a measure in a unit; 0 is seconds.
func tierColumn(head string, m server.Measure, unit float64) render.Column {
	return render.Column{Head: head, Text: func(r render.Row) string {
		n := r.Number(string(m))
		switch {
		case unit == 0:
			return render.Fixed(n, 3)
		case unit > 1:
			return render.Short(n / unit)
		case !Number(n).OK():
			return render.Unknown
		}
		return human.Thousands(int64(n))
	}}
}
