package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"multiturn/pkg/record"
)

// CSV writes the summaries' numbers, one a line: run, section, row, column, value. The section of a table is table, and
// with several, their warm-up: "table 50%".
func CSV(w io.Writer, summaries []*Summary) error {
	out := csv.NewWriter(w)
	put := func(fields ...string) { _ = out.Write(fields) } // the error is kept for Error
	put("run", "section", "row", "column", "value")
	for _, s := range summaries {
		add := func(section, row, column string, v Number) {
			value := ""
			if v.OK() {
				value = strconv.FormatFloat(float64(v), 'g', -1, 64)
			}
			put(s.Name, section, row, column, value)
		}
		for _, p := range append(s.Parameters[:len(s.Parameters):len(s.Parameters)], s.Generation...) {
			put(s.Name, "parameters", p.Name, "", fmt.Sprint(p.Value))
		}
		for i := range s.Tables {
			t := &s.Tables[i]
			section := "table"
			if len(s.Tables) > 1 {
				section += " " + strconv.FormatFloat(100*t.Warmup, 'f', -1, 64) + "%"
			}
			for _, c := range t.Runtime() {
				add(section, c.Name, "", c.Value)
			}
			for _, r := range t.Rows {
				for _, c := range r.Columns() {
					add(section, r.Name, c.Name, c.Value)
				}
			}
		}
		if s.Details != nil {
			s.Details.csv(put, add, s.Name)
		}
	}
	out.Flush()
	return out.Error()
}

func (d *Details) csv(put func(...string), add func(section, row, column string, v Number), name string) {
	put(name, "work", "why", "", d.Work.Why)
	for _, r := range []struct {
		name string
		t    record.Tally
	}{{"conversations", d.Work.Conversations}, {"turns", d.Work.Turns}} {
		add("work", r.name, "planned", Number(r.t.Planned))
		add("work", r.name, "started", Number(r.t.Started))
		add("work", r.name, "finished", Number(r.t.Finished))
		add("work", r.name, "failed", Number(r.t.Failed))
		add("work", r.name, "abandoned", Number(r.t.Abandoned))
	}
	for _, o := range d.Outcomes {
		add("outcomes", string(o.Outcome), "", Number(o.N))
	}
	p := &d.Throughput
	for _, c := range []Column{
		{"seconds", p.Seconds}, {"drain_sec", p.DrainSec}, {"requests_per_sec", p.Requests}, {"input_tokens_per_sec", p.Input},
		{"uncached_input_tokens_per_sec", p.NewInput}, {"output_tokens_per_sec", p.Output}, {"mean_in_flight", p.InFlight},
		{"max_in_flight", Number(p.MaxInFlight)},
	} {
		add("throughput", c.Name, "", c.Value)
	}
	for _, r := range d.Distributions {
		for _, c := range r.Columns() {
			add("distributions", r.Name, c.Name, c.Value)
		}
	}
	for _, part := range []struct {
		section string
		groups  []Group
	}{{"by_turn", d.Turns}, {"by_prompt", d.Contexts}, {"first_turns", []Group{d.First}}, {"later_turns", []Group{d.Later}}} {
		for i := range part.groups {
			g := &part.groups[i]
			for _, c := range g.columns() {
				add(part.section, span(g), c.Name, c.Value)
			}
		}
	}
	for _, in := range d.Intervals {
		for _, e := range in.Estimates {
			add("intervals", in.Name, e.Name+" low", e.Low)
			add("intervals", in.Name, e.Name+" high", e.High)
		}
	}
	d.cacheCSV(put, add, name)
	if g := d.Goodput; g != nil {
		add("goodput", "good", "", Number(g.Good))
		add("goodput", "of", "", Number(g.Of))
		add("goodput", "good_per_sec", "", g.PerSec)
	}
	put(name, "certificate", "verdict", "", d.Certificate.Verdict)
	for i, r := range d.Certificate.Reasons {
		put(name, "certificate", "reason "+integer(i+1), "", r)
	}
}

// columns are the group's numbers, under the names that they have in JSON.
func (g *Group) columns() []Column {
	return []Column{
		{"n", Number(g.N)}, {"ttft_ms_p50", g.TTFT50}, {"ttft_ms_p99", g.TTFT99}, {"tpot_ms_p50", g.TPOT50}, {"latency_ms_p50", g.Latency},
		{"input_tokens_mean", g.Input}, {"output_tokens_mean", g.Output}, {"cached_tokens_mean", g.Cached}, {"cached_share", g.CachedShare},
		{"cached_known", Number(g.CachedKnown)},
	}
}
