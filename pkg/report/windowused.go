package report

import (
	"fmt"

	"multiturn/internal/human"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// WindowUsed is the part of the run that the numbers are of, if it is not the
// whole run.
type WindowUsed struct {
	Window string `json:"window"`
	// From and To are seconds after the first turn was sent; unknown if the run has
	// no such part, and then the numbers are of the whole run.
	From Number `json:"from_sec"`
	To   Number `json:"to_sec"`
	// Turns is how many of the measured turns were sent in it, of Of.
	Turns int `json:"turns"`
	Of    int `json:"of_turns"`
}

// windowUsed returns which part of the run was measured, nil if it is all.
func (c *Collector) windowUsed() *WindowUsed {
	if c.o.Window.whole() {
		return nil
	}
	w := &WindowUsed{Window: c.o.Window.String(), From: unknown, To: unknown}
	if all, ok := c.load(); ok && c.period != (period{}) {
		w.From, w.To = sinceFirst(all, c.period.from), sinceFirst(all, c.period.to)
	}
	for i := range c.turns {
		t := &c.turns[i]
		if t.good && t.arm == c.arm {
			w.Of++
		}
		if t.measured {
			w.Turns++
		}
	}
	return w
}

func sinceFirst(all period, at record.Clock) Number { return Number((at - all.from).MS() / 1000) }

// windowPart is the part of the run that was measured.
func (d *Details) windowPart() []render.Section {
	if d.Window == nil {
		return nil
	}
	return []render.Section{list("window", "The part of the run that the numbers are of.",
		render.Cells(d.Window)...)}
}

// windowFact says which part of the run the numbers are of.
func (s *Summary) windowFact() render.Fact {
	w := s.Details.Window
	switch {
	case w == nil:
		return answer("Window")
	case !w.From.OK():
		return answer("Window", fmt.Sprintf("the run has no part %q: the numbers are of all of it",
			w.Window))
	case w.Turns == 0:
		return answer("Window", fmt.Sprintf("%s: none of %s was sent in it, so nothing is measured",
			w.Window, human.Count(w.Of, "turn")))
	}
	return answer("Window", fmt.Sprintf("%s: table, intervals and findings are of the %d of %s sent "+
		"from %s to %s s", w.Window, w.Turns, human.Count(w.Of, "turn"), fixed(w.From, 1),
		fixed(w.To, 1)))
}
