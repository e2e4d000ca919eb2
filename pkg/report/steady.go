package report

import (
	"fmt"
	"math"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/measure"
	"multiturn/pkg/render"
)

// Steady has numbers of the steady part of the run beside those of the whole run:
// from when all conversations of the start had their first answer until work runs
// short (measure.Steady).
type Steady struct {
	From  Number      `json:"from_sec"` // after the first turn was sent
	To    Number      `json:"to_sec"`
	Turns int         `json:"turns"`
	Of    int         `json:"of_turns"`
	Rows  []SteadyRow `json:"rows"`
}

// SteadyRow is one number of both.
type SteadyRow struct {
	Name   string `json:"name"`
	Whole  Number `json:"whole"`
	Steady Number `json:"steady"`
}

// apart is how far a number of the steady part is from that of the whole run for
// the short text to have both, as a share: less is within the intervals of most
// runs.
const apart = 0.1

func (r *SteadyRow) differs() bool { return math.Abs(float64(r.Steady/r.Whole-1)) > apart }

// steadyPart compares the steady part with the whole run, which is measured. It
// returns nil if the run has no steady part.
func (c *Collector) steadyPart() *Steady {
	all, ok := c.load()
	part, found := c.steady()
	if !ok || !found || !c.o.Window.whole() {
		return nil
	}
	s := &Steady{From: sinceFirst(all, part.from), To: sinceFirst(all, part.to)}
	for i := range c.turns {
		t := &c.turns[i]
		if !t.measured {
			continue
		}
		s.Of++
		if part.contains(t.sent) {
			s.Turns++
		}
	}
	if s.Turns == 0 {
		return nil
	}
	s.compare(c, part)
	perSecond := func(n int, l period) Number { return Number(float64(n) / float64(l.to-l.from) * 1e9) }
	s.Rows = append(s.Rows, SteadyRow{requestsRow, perSecond(s.Of, all),
		perSecond(s.Turns, part)})
	return s
}

const requestsRow = "requests_per_sec"

// compare adds the rows of times.
func (s *Steady) compare(c *Collector, part period) {
	for _, m := range timeMetrics {
		a, b := measure.New(m.values(c, always)), measure.New(m.values(c, part))
		s.Rows = append(s.Rows,
			SteadyRow{m.name + " mean", Number(a.Mean()), Number(b.Mean())},
			SteadyRow{m.name + " 50%", Number(a.Median()), Number(b.Median())},
			SteadyRow{m.name + " 90%", tail(a, 90), tail(b, 90)})
	}
}

// steadyPart is the whole comparison.
func (d *Details) steadyPart() []render.Section {
	s := d.Steady
	if s == nil {
		return nil
	}
	return []render.Section{
		list("steady", "Which part of the run was steady.",
			render.Cells(s, "rows")...),
		{
			Name: "steady", Rows: rows(s.Rows, func(r *SteadyRow) string { return r.Name }),
			Title: fmt.Sprintf("Steady part, %s to %s s of the run (%d of %s):", fixed(s.From, 1),
				fixed(s.To, 1), s.Turns, human.Count(s.Of, "turn")),
			About: "The same numbers without the burst at the start and the drain at the end.",
			Columns: []render.Column{
				render.Decimals("whole run", "whole", 2), render.Decimals("steady", "steady", 2),
			},
		},
	}
}

// steadyFact has the numbers that differ in the steady part.
func (s *Summary) steadyFact() render.Fact {
	p := s.Details.Steady
	if p == nil {
		return answer("Steady")
	}
	var parts []string
	for i := range p.Rows {
		r := &p.Rows[i]
		if !r.differs() || strings.HasSuffix(r.Name, "50%") {
			continue
		}
		name, unit := steadyName(r.Name)
		parts = append(parts, fmt.Sprintf("%s%s%s, not %s", name, fixed(r.Steady, 1), unit,
			fixed(r.Whole, 1)))
	}
	if len(parts) == 0 {
		return answer("Steady")
	}
	return answer("Steady", fmt.Sprintf("from %s to %s s, without start and end: %s", fixed(p.From, 1),
		fixed(p.To, 1), strings.Join(parts, "; ")))
}

// steadyName returns what the short text calls a row, and its unit.
func steadyName(row string) (name, unit string) {
	if row == requestsRow {
		return "", " turns/s"
	}
	metric, statistic, _ := strings.Cut(row, " ")
	if statistic == "90%" {
		statistic = "p90"
	}
	return metricName(metric) + " " + statistic + " ", " ms"
}
