package report

import (
	"fmt"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/measure"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// intervalsFact says how far chance may have moved the times to the first token,
// and how many conversations would be needed to know them better.
func (s *Summary) intervalsFact() render.Fact {
	d := s.Details
	if len(s.Samples) == 0 {
		return answer("Intervals")
	}
	if len(d.Intervals) == 0 || d.Intervals[0].Name != ttftMS {
		return answer("Intervals", fmt.Sprintf("none: they need at least %s",
			human.Count(measure.MinClusters, "conversation")))
	}
	in := &d.Intervals[0]
	var parts []string
	for _, e := range in.Estimates {
		switch e.Name {
		case "mean":
			parts = append(parts, "TTFT mean "+e.millis())
		case "90%":
			parts = append(parts, "p90 "+e.millis())
		}
	}
	from := human.Count(in.Conversations, "conversation")
	if in.Needed > in.Conversations {
		from += fmt.Sprintf("; +-%.0f %% needs about %s", 100*precise, tokens(in.Needed))
	}
	return answer("Intervals", fmt.Sprintf("%s (%s)", strings.Join(parts, ", "), from),
		in.unseenText())
}

// millis is a time with its interval: all three numbers with the decimals of the
// first one.
func (e *Estimate) millis() string {
	decimals := 1
	switch v := e.Value; {
	case v < 1:
		decimals = 3
	case v >= 100:
		decimals = 0
	}
	value := fixed(e.Value, decimals)
	if e.Value.OK() {
		value += " ms"
	}
	bounds := render.Interval("", "low", "high", decimals).Text(render.Row{Cells: render.Cells(e)})
	if bounds == render.Unknown {
		return value
	}
	return value + " " + bounds
}

// controlFact has what the cache was worth by each control arm.
func (s *Summary) controlFact() render.Fact {
	a := s.Details.Arms
	if a == nil {
		return answer("Control")
	}
	var lines []string
	for i := range a.Effects {
		lines = append(lines, a.effectLine(&a.Effects[i], &a.Arms[i+1]))
	}
	return answer("Control", lines...)
}

// effectLine compares a control arm with the measured one in a line.
func (a *Arms) effectLine(e *Effect, control *Arm) string {
	r, turns := e.headline()
	if r.N == 0 {
		return e.Control + ": no turns to compare"
	}
	without := ""
	if record.SharesNothing(e.Control) && !record.SharesNothing(a.Measured) {
		without = ", without the cache"
	}
	line := fmt.Sprintf("%s%s: TTFT of %s longer by %s", e.Control, without, turns,
		r.Difference.millis())
	if !r.significant() {
		line += ", which may be chance"
	}
	return line + fmt.Sprintf("; hits %s %%, measured %s %%", fixed(100*control.CachedShare, 1),
		fixed(100*a.Arms[0].CachedShare, 1))
}

// headline is the effect on later turns, or on all if there are no later ones.
func (e *Effect) headline() (r *EffectRow, turns string) {
	if e.Later.N == 0 {
		return &e.All, "all turns"
	}
	return &e.Later, "later turns"
}
