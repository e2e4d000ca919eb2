package report

import (
	"fmt"
	"math"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/measure"
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
			parts = append(parts, "TTFT, ms: mean "+e.millis())
		case "90%":
			parts = append(parts, "p90 "+e.millis())
		}
	}
	from := human.Count(in.Conversations, "conversation")
	if in.Needed > in.Conversations {
		from += fmt.Sprintf("; +-%.0f %% needs %s", 100*precise, tokens(in.Needed))
	}
	return answer("Intervals", fmt.Sprintf("%s (%s)", strings.Join(parts, ", "), from),
		in.unseenText())
}

// millis is a time in ms with its interval, whose ends have no decimals unless the
// time is short: they are far apart.
func (e *Estimate) millis() string {
	value := render.Short(float64(e.Value))
	decimals := 0
	switch v := math.Abs(float64(e.Value)); {
	case v < 1:
		value, decimals = fixed(e.Value, 3), 3
	case v < 10:
		value, decimals = fixed(e.Value, 1), 1
	}
	bounds := render.Interval("", "low", "high", decimals).Text(render.Row{Cells: render.Cells(e)})
	switch {
	case bounds == render.Unknown:
		return value
	case !e.Value.OK():
		return bounds
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
	chance := ""
	if !r.significant() {
		chance = " (may be chance)"
	}
	return fmt.Sprintf("%s: %s hit (%s: %s); TTFT of %s %s ms longer%s", e.Control,
		percent(control.CachedShare), a.Measured, percent(a.Arms[0].CachedShare), turns,
		r.Difference.millis(), chance)
}

// headline is the effect on later turns, or on all if there are no later ones.
func (e *Effect) headline() (r *EffectRow, turns string) {
	if e.Later.N == 0 {
		return &e.All, "all turns"
	}
	return &e.Later, "later turns"
}
