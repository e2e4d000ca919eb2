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
	if s.measured == 0 {
		return answer("Intervals")
	}
	in := d.ttftIntervals()
	if in == nil {
		return answer("Intervals", fmt.Sprintf("none: they need at least %s",
			human.Count(measure.MinClusters, "conversation")))
	}
	var parts []string
	for _, e := range in.Estimates {
		switch e.Name {
		case "mean":
			parts = append(parts, "TTFT, ms: mean "+e.millis())
		case "90%":
			parts = append(parts, "p90 "+e.millis())
		}
	}
	if in.Window == windowSteady && d.Window == nil {
		parts[len(parts)-1] += " in the steady part"
	}
	from := human.Count(in.Conversations, "conversation")
	if in.Needed > in.Conversations {
		from += fmt.Sprintf("; +-%.0f %% needs %s", 100*precise, tokens(in.Needed))
	}
	return answer("Intervals", fmt.Sprintf("%s (%s)", strings.Join(parts, ", "), from),
		in.unseenText())
}

// millis is a time in ms with its interval, if that is known.
func (e *Estimate) millis() string {
	value := render.Short(float64(e.Value))
	bounds := render.Interval("", "low", "high", e.decimals()).Text(render.Row{Cells: render.Cells(e)})
	switch {
	case bounds == render.Unknown:
		return value
	case !e.Value.OK():
		return bounds
	case !e.Low.OK() || !e.High.OK():
		return value + " [" + bounds + "]"
	}
	return value + " " + bounds
}

// decimals is how many decimals the ends of the interval have: none, unless the
// value is small or they are so near each other that they would look the same.
func (e *Estimate) decimals() int {
	size := math.Abs(float64(e.Value))
	switch width := float64(e.High - e.Low); {
	case size < 1 || width < 0.2:
		return 3
	case size < 10 || width < 2:
		return 1
	}
	return 0
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
	switch {
	case !r.P.OK():
		chance = " (too few for an interval)"
	case !r.significant():
		chance = " (may be chance)"
	}
	hits := ""
	if control.CachedShare.OK() {
		hits = fmt.Sprintf("%s hit (%s: %s); ", percent(control.CachedShare), a.Measured,
			percent(a.Arms[0].CachedShare))
	}
	return fmt.Sprintf("%s: %sTTFT of %s in %s %s%s", e.Control, hits, turns, a.Measured, r.words(),
		chance)
}

// headline is the effect on later turns, or on all if there are no later ones.
func (e *Effect) headline() (r *EffectRow, turns string) {
	if e.Later.N == 0 {
		return &e.All, "all turns"
	}
	return &e.Later, "later turns"
}
