package report

import (
	"fmt"

	"multiturn/internal/human"
	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// autocorrelated reports times to the first token that depend on those just
// before in other conversations, from measure.AutocorrelatedZ on: a wrong finding
// in 5 % of the runs whose conversations are independent.
func (f *finder) autocorrelated() {
	if len(f.d.Intervals) == 0 || f.d.Intervals[0].Name != ttftMS {
		return
	}
	s := f.d.Intervals[0].series
	a := s.Autocorrelation()
	if s.Clusters() < autocorrelatedFrom || !a.Found() {
		return
	}
	advice := "a longer run is needed"
	if need := f.d.Intervals[0].Needed; need > s.Clusters() {
		advice += fmt.Sprintf(", of about %s conversations for a mean within 5 %%", tokens(need))
	}
	f.add(autocorrelated, fmt.Sprintf("Turns are autocorrelated (ranks: %s, %s standard errors), since "+
		"the server's speed changed for all: %s.", fixed(Number(a.R), 2),
		fixed(Number(a.Z), 1), advice),
		"ttft_ms and that of the turns just before in other conversations (%s; found above %g standard "+
			"errors); the intervals allow for it as far as they can", human.Count(s.N(), "turn"),
		measure.AutocorrelatedZ)
}

// effects reports the differences between arms.
func (f *finder) effects() {
	if f.d.Arms == nil {
		return
	}
	for i := range f.d.Arms.Effects {
		f.effect(&f.d.Arms.Effects[i])
	}
}

func (f *finder) effect(e *Effect) {
	r, turns := e.headline()
	if !r.P.OK() {
		return
	}
	d := r.Difference
	from := human.Count(e.Conversations, "conversation")
	if e.Batches > 0 {
		from = human.Count(e.Batches, "pair") + " of batches"
	}
	kind, text := f.effectText(e, r, turns)
	f.add(kind, text, "ttft of %s less that of %s, %s: %s ms [%s, %s]; %s / %s: %s [%s, %s]; each "+
		"95 %% interval from %s", e.Control, f.d.Arms.Measured, turns, fixed(d.Value, 2), fixed(d.Low, 2),
		fixed(d.High, 2), f.d.Arms.Measured, e.Control, fixed(r.Ratio.Value, 3), fixed(r.Ratio.Low, 3),
		fixed(r.Ratio.High, 3), from)
}

// effectText returns the finding of an effect whose row is r.
func (f *finder) effectText(e *Effect, r *EffectRow, turns string) (kind, text string) {
	measured, faster := f.d.Arms.Measured, r.Ratio.Value < 1
	cache := record.SharesNothing(e.Control) && !record.SharesNothing(measured)
	switch {
	case cache && !r.significant():
		return effectNotFound, fmt.Sprintf("The cache's effect on the time to the first token of %s, "+
			"%s ms [%s, %s], may be chance.", turns, fixed(r.Difference.Value, 2),
			fixed(r.Difference.Low, 2), fixed(r.Difference.High, 2))
	case !r.significant():
		return effectNotFound, fmt.Sprintf("Arms %q and %q do not differ by more than chance: %s ms "+
			"[%s, %s].", measured, e.Control, fixed(r.Difference.Value, 2), fixed(r.Difference.Low, 2),
			fixed(r.Difference.High, 2))
	case cache && faster:
		return effectFound, fmt.Sprintf("With the cache, the first token of %s comes %s %% [%s, %s] "+
			"earlier, %s ms.", turns, fixed(100*(1-r.Ratio.Value), 0), fixed(100*(1-r.Ratio.High), 0),
			fixed(100*(1-r.Ratio.Low), 0), fixed(r.Difference.Value, 1))
	case cache:
		return effectFound, fmt.Sprintf("With the cache, the first token of %s comes %s %% [%s, %s] "+
			"later than without it, %s ms.", turns, fixed(100*(r.Ratio.Value-1), 0),
			fixed(100*(r.Ratio.Low-1), 0), fixed(100*(r.Ratio.High-1), 0), fixed(-r.Difference.Value, 1))
	}
	return effectFound, fmt.Sprintf("Arms %q and %q differ by %s ms [%s, %s].", measured, e.Control,
		fixed(r.Difference.Value, 2), fixed(r.Difference.Low, 2), fixed(r.Difference.High, 2))
}
