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
	in := f.d.ttftIntervals()
	if in == nil {
		return
	}
	a := in.auto
	if in.Conversations < autocorrelatedFrom || !a.Found() {
		return
	}
	advice := "a longer run is needed"
	if need := in.Needed; need > in.Conversations {
		advice += fmt.Sprintf(", of about %s conversations for a mean within 5 %%", tokens(need))
	}
	f.add(autocorrelated, fmt.Sprintf("Turns are autocorrelated (ranks: %s, %s standard errors), as "+
		"TTFT rose and fell for all conversations at once: %s.", fixed(Number(a.R), 2),
		fixed(Number(a.Z), 1), advice),
		"ttft_ms and that of the turns just before in other conversations (%s; found above %g standard "+
			"errors); the intervals allow for it as far as they can", human.Count(in.n, "turn"),
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
	if r.N == 0 {
		return
	}
	d := r.Difference
	kind, text := f.effectText(e, r, turns)
	f.add(kind, text, "ttft of %s less that of %s, %s: %s ms [%s, %s]; %s / %s: %s [%s, %s]; each "+
		"95 %% interval from %s", e.Control, f.d.Arms.Measured, turns, fixed(d.Value, 2), fixed(d.Low, 2),
		fixed(d.High, 2), f.d.Arms.Measured, e.Control, fixed(r.Ratio.Value, 3), fixed(r.Ratio.Low, 3),
		fixed(r.Ratio.High, 3), e.source())
}

// source says what the effect's intervals are from.
func (e *Effect) source() string {
	if e.Batches > 0 {
		return human.Count(e.Batches, "pair") + " of batches"
	}
	return human.Count(e.Conversations, "conversation")
}

// effectText returns the finding of an effect whose row is r.
func (f *finder) effectText(e *Effect, r *EffectRow, turns string) (kind, text string) {
	measured := f.d.Arms.Measured
	cache := record.SharesNothing(e.Control) && !record.SharesNothing(measured)
	lead := fmt.Sprintf("The first token of %s comes %s in arm %q than in %q", turns, r.words(), measured,
		e.Control)
	if cache {
		lead = fmt.Sprintf("With the cache, the first token of %s comes %s", turns, r.words())
	}
	switch {
	case !r.P.OK():
		return effectNotFound, fmt.Sprintf("%s, which may be chance: %s are too few for an interval; use "+
			"several times as many conversations.", lead, e.source())
	case !r.significant() && cache:
		return effectNotFound, lead + ", which may be chance; more conversations would tell."
	case !r.significant():
		return effectNotFound, fmt.Sprintf("Arms %q and %q do not differ by more than chance: the first "+
			"token of %s comes %s in the former.", measured, e.Control, turns, r.words())
	}
	return effectFound, lead + "."
}

// words says by how much first tokens come earlier in the measured arm, by the
// ratio, which is what is tested, and in ms.
func (r *EffectRow) words() string {
	earlier := r.Ratio.Value < 1
	name := map[bool]string{true: "earlier", false: "later"}
	share, ms := r.Ratio, r.Difference
	for _, n := range []*Number{&share.Value, &share.Low, &share.High} {
		*n = 100 * (*n - 1)
	}
	if earlier {
		share = share.negative()
	} else {
		ms = ms.negative()
	}
	text := fixed(share.Value, 0) + " %"
	if share.Low.OK() && share.High.OK() {
		text += fmt.Sprintf(" [%s, %s]", fixed(share.Low, 0), fixed(share.High, 0))
	}
	text += " " + name[earlier]
	if ms.Value < 0 { // a few slow turns decide the mean
		ms = ms.negative()
		return fmt.Sprintf("%s (but %s ms %s on average)", text, ms.millis(), name[!earlier])
	}
	return fmt.Sprintf("%s (%s ms)", text, ms.millis())
}

// negative returns the estimate of the opposite.
func (e Estimate) negative() Estimate { return Estimate{e.Name, -e.Value, -e.High, -e.Low} }
