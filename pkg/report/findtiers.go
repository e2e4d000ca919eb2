package report

import (
	"fmt"
	"math"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/kvcache"
)

// tierWorth reports what each tier below the GPU was worth, and which cost more
// time than they saved.
func (f *finder) tierWorth() {
	for i := range f.d.Worth {
		w := &f.d.Worth[i]
		switch {
		case !w.lower():
		case w.Share >= idleShare:
			kind, text := w.verdict(f.d.Throughput.MaxInFlight > 1, f.waiting(w))
			f.add(kind, text, "%s", f.d.evidence(w))
		case !f.has(fitsGPU, statedTooSmall, cacheOff, noLaterTurns):
			f.add(idleTier, fmt.Sprintf("The %s is worth nothing to this run: it supplied %s of the prompt "+
				"tokens%s.", w.title(), percent(w.Share), f.repeats(w)), "%s", f.d.evidence(w))
		}
	}
}

// waiting returns how long a turn waits for other requests, and for loads whose
// time is unknown, in ms of TTFT. It is 0 if that is no more than what the tier is
// worth, or hardly any.
func (f *finder) waiting(w *Worth) Number {
	m, size := f.d.Cost, Number(math.Abs(float64(w.TTFT.Value)))
	if !w.known() {
		size = w.TTFT.High
	}
	if m == nil {
		return 0
	}
	waiting := m.Waiting
	if w.known() && m.index(w.Tier) < 0 { // the model has no term for the loads
		waiting -= w.PerTurn * w.Loaded
	}
	if !(waiting > max(size, waitingShare*f.c.meanTTFT())) {
		return 0
	}
	return waiting
}

// repeats returns why a tier has no hits of its own if it keeps what the GPU's
// keeps, and no more.
func (f *finder) repeats(w *Worth) string {
	p := f.d.Prediction
	if p == nil || p.Shape.Config == nil || p.Shape.Exclusive {
		return ""
	}
	gpu := p.Shape.Config.Tiers[kvcache.GPU].Blocks
	for _, t := range p.Shape.Tiers {
		if t.Tier == w.Tier && t.Blocks >= 0 && (t.Blocks <= gpu || gpu < 0) {
			return fmt.Sprintf(", since with %s blocks it holds little that the GPU's %s do not",
				tokens(t.Blocks), tokens(gpu))
		}
	}
	return ""
}

// verdict returns the finding of a tier that had hits. queues reports whether
// requests may have waited for each other, and waiting is how long they did if that
// is much beside the worth, in ms a turn.
func (w *Worth) verdict(queues bool, waiting Number) (kind, text string) {
	supplied := fmt.Sprintf("it supplied %s of the prompt tokens, %s a turn", percent(w.Share),
		tokens(w.PerTurn))
	if !w.known() {
		most := "unknown"
		if w.TTFT.High.OK() {
			most = fmt.Sprintf("at most %s ms of TTFT a turn", significant(w.TTFT.High))
		}
		waits := ""
		if waiting > 0 { // loads are in it, since the model does not know them
			waits = fmt.Sprintf("; loads and waiting for other requests take %s ms of TTFT a turn: a run "+
				"without the tier would tell", significant(waiting))
		}
		return tierWorth, fmt.Sprintf("What the %s is worth is %s, since %s; %s%s.", w.title(), most, w.Why,
			supplied, waits)
	}
	aside, waits := "", ""
	switch {
	case waiting > 0:
		waits = fmt.Sprintf("%s ms of TTFT a turn is waiting for other requests", significant(waiting))
	case queues:
		aside = ", queueing not counted"
	}
	if w.TTFT.High < 0 {
		return slowTier, fmt.Sprintf("The %s costs %s ms of TTFT a turn [%s, %s]%s, since loading from it "+
			"takes longer than computing: %s%s; switch it off, or give it a faster link.", w.title(),
			significant(-w.TTFT.Value), significant(-w.TTFT.High), significant(-w.TTFT.Low), aside,
			supplied, after("; another ", waits))
	}
	return tierWorth, fmt.Sprintf("The %s is worth %s ms of TTFT a turn [%s, %s]%s: %s%s.", w.title(),
		significant(w.TTFT.Value), significant(w.TTFT.Low), significant(w.TTFT.High), aside, supplied,
		after("; ", waits))
}

// evidence returns the numbers that a worth was computed from.
func (d *Details) evidence(w *Worth) string {
	text := fmt.Sprintf("%s tokens in %s (%s)", tokens(w.Tokens), human.Count(w.Turns, "turn"),
		d.sourceOfHits(w.From))
	if w.Computed.OK() && w.Loaded.OK() {
		text += fmt.Sprintf("; %s a turn x (%s ms to compute one - %s ms to load it), 95 %% interval",
			fixed(w.PerTurn, 1), significant(w.Computed), significant(w.Loaded))
	}
	return text
}

// sourceOfHits says who split hits by tier.
var sourceOfHits = map[string]string{
	tiersFromUsage: "usage", tiersFromCounters: "server's counters",
	tiersFromPrediction: "predicted",
}

// title is what a sentence calls the tier.
func (w *Worth) title() string {
	if w.Tier == kvcache.CPU.String() || w.Tier == kvcache.GPU.String() {
		return strings.ToUpper(w.Tier) + " tier"
	}
	return w.Tier + " tier"
}
