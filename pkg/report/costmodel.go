package report

import (
	"multiturn/pkg/kvcache"
	"multiturn/pkg/measure"
)

// Thresholds of the cost model.
const (
	// maxQueueShare and maxQueueMS bound how long a fitted turn may have waited in
	// the server before its prefill, if the server reports that: the larger of a
	// share of its time to the first token and a time. Otherwise maxQueueShare is
	// the share of its time to the first token during which other requests waited
	// for theirs. A tenth is lost in the noise of a fit; 5 ms are one step of a busy
	// server.
	maxQueueShare = 0.10
	maxQueueMS    = 5.0
	// minFitTurns is how many turns a fit needs, and minFitTurnsPerTerm how many for
	// each of its terms: with fewer, residuals are too few for an interval.
	minFitTurns, minFitTurnsPerTerm = 8, 4
	// minR2 is the share of the variance that a fit must explain: below a half,
	// something other than its terms decides.
	minR2 = 0.5
	// maxCurvature is how much a fit with a square may differ, at the longest
	// prompt, from the fit without one: the noise of a fit hides a tenth.
	maxCurvature = 0.10
)

// CostModel is what a first token costs: a base, a cost for each prompt token
// that is computed, and one for each that is loaded from a tier below the GPU; and
// further terms for which the data have evidence. It is fitted without outliers
// (measure.Choose) to turns that did not queue. Its 95 % intervals take
// conversations as clusters if there are enough of them.
type CostModel struct {
	// Fit reports whether the numbers can be used; Why is the reason if not.
	Fit bool   `json:"fit"`
	Why string `json:"unfit_because,omitempty"`
	// Rule describes which turns were fitted: N of the Of turns that have the
	// numbers.
	Rule          string `json:"rule"`
	N             int    `json:"turns"`
	Of            int    `json:"of_turns"`
	Conversations int    `json:"clusters"` // of the intervals; 0 = turns count as independent
	// Outliers is how many of the N turns were left out, because their TTFT is far
	// from what the others let expect. Outlying are the farthest of them.
	Outliers int       `json:"outliers"`
	Outlying []Outlier `json:"outlying,omitempty"`
	// Decoding is the mean number of requests that were decoding when the fitted
	// turns were sent. The base is that of a turn beside that many.
	Decoding Number `json:"decoding_beside"`
	// Terms are base (ms), computed (ms a token), one (ms a token) for each tier
	// that was loaded from, and those of the optional ones that were chosen:
	// attention (ms for each computed token and each one before it), cached (ms a
	// token of a hit that was not loaded from a lower tier) and decoding (ms for each
	// request that was decoding).
	Terms []Estimate `json:"terms"`
	// R2 and ResidualStd are without outliers.
	R2 Number `json:"r2"`
	// Residuals: their standard deviation, and percentiles of their size, in ms.
	ResidualStd Number `json:"residual_ms_std"`
	Residual50  Number `json:"residual_ms_p50"`
	Residual95  Number `json:"residual_ms_p95"`
	ResidualMax Number `json:"residual_ms_max"`
	// TiersFrom is where the tiers of cached tokens come from: usage, or the
	// prediction where it agrees with usage on their number. If it is empty, tiers
	// are unknown, and cached tokens are taken to cost nothing.
	TiersFrom string `json:"tiers_from,omitempty"`

	// The fields below need a fit. Prefill is the speed of computing in tokens per
	// second, at the mean context of the fitted turns. A tier that loads more slowly
	// is worth nothing, so it is also the break-even; BreakEvenBytes is the same in
	// bytes per second, if the size of a token is known.
	Prefill        Estimate   `json:"prefill_tokens_per_sec"`
	BreakEvenBytes Estimate   `json:"break_even_bytes_per_sec"`
	Tiers          []TierRate `json:"tiers,omitempty"`
	// Saved is the prefill time that the cache saved, less the time of loads, over
	// the measured turns whose cached tokens are known. Whole is what computing all
	// their prompt tokens would have cost.
	Saved Estimate `json:"prefill_sec_saved"`
	Whole Estimate `json:"prefill_sec_without_cache"`
	// Waiting is the mean, over the measured turns that have the model's numbers, of
	// the time to the first token less what the model says the turn itself costs: its
	// wait for the prefills and loads of other requests.
	Waiting Number   `json:"waiting_ms_per_turn"`
	Notes   []string `json:"notes,omitempty"`

	// loadsUnpriced is set if too few of the fitted turns loaded from a tier to show
	// what its loads take.
	loadsUnpriced bool

	r     *measure.Regression
	noise float64 // see noiseOfMean
	// hitPairs is the number of pairs that computing a hit would have, on average over
	// the hits of the measured turns.
	hitPairs float64
	terms    []costTerm
	tiers    []kvcache.Tier // that have a term
}

// Outlier is a turn that a cost model leaves out.
type Outlier struct {
	Conversation string `json:"conversation"`
	Turn         int    `json:"turn"` // from 1
	TTFT         Number `json:"ttft_ms"`
	Expected     Number `json:"expected_ms"`
}

// TierRate is how fast a tier was loaded from. High is infinite, null in JSON, if
// the interval of a load's cost includes 0.
type TierRate struct {
	Tier   string   `json:"tier"`
	Tokens Estimate `json:"tokens_per_sec"`
	// Bytes is of one GPU. It is unknown if the size of a token is.
	Bytes  Estimate `json:"bytes_per_sec"`
	Loaded int64    `json:"loaded_tokens"` // of the fitted turns
}

// observation is a turn as the model sees it.
type observation struct {
	turn     int
	ttft     float64
	computed int
	cached   int // all hits
	loaded   [kvcache.NumTiers]int
	decoding float64 // requests that were decoding when it was sent
}

// pairs is the number of pairs of a computed token and one before it: how much
// attention its prefill computes.
func (o *observation) pairs() float64 {
	return float64(o.computed) * (float64(o.cached) + float64(o.computed)/2)
}

// kept is the number of hits that were not loaded from a lower tier.
func (o *observation) kept() int {
	n := o.cached
	for _, loaded := range o.loaded {
		n -= loaded
	}
	return max(0, n)
}

// uncached returns the same turn without a cache.
func (o observation) uncached() observation {
	o.computed, o.cached, o.loaded = o.computed+o.cached, 0, [kvcache.NumTiers]int{}
	return o
}

// Names of terms, beside those of tiers.
const (
	termBase      = "base"
	termComputed  = "computed"
	termAttention = "attention"
	termCached    = "cached"
	termDecoding  = "decoding"
)

// costTerm is a summand of the model: a cost times of(o).
type costTerm struct {
	name string
	of   func(o *observation) float64
}

// costModel fits the model. It returns nil if no turn has both a time to the
// first token and cached tokens. The turns are in the order of their sending.
func (c *Collector) costModel(p *CachePlan) *CostModel {
	m := &CostModel{
		Decoding: unknown, R2: unknown, ResidualStd: unknown, Residual50: unknown, Residual95: unknown,
		ResidualMax: unknown, Prefill: noEstimate("tokens/s"),
		BreakEvenBytes: noEstimate("bytes/s"), Saved: noEstimate("s"), Whole: noEstimate("s"),
		Waiting: unknown,
	}
	split := c.tierSplit(p)
	m.TiersFrom = split.from
	all := c.observations(split)
	m.Of = len(all)
	if m.Of == 0 {
		return nil
	}
	var fitted []observation
	fitted, m.Rule = c.unqueued(all)
	m.N = len(fitted)
	m.fit(c, fitted)
	if m.Fit {
		m.apply(c, p, split, fitted)
		m.Waiting = m.waiting(c, all)
	}
	return m
}

// waiting computes Waiting.
func (m *CostModel) waiting(c *Collector, all []observation) Number {
	var sum, n Number
	for i := range all {
		if o := &all[i]; c.turns[o.turn].measured {
			cost, _ := m.r.Combine(m.weights(o))
			sum += Number(o.ttft - cost)
			n++
		}
	}
	return sum / n
}

// observations returns the turns that have all numbers of the model.
func (c *Collector) observations(split tierSplit) []observation {
	var all []observation
	decoding := c.decoding()
	for i := range c.turns {
		t := &c.turns[i]
		first, ok := t.firstToken.Since(t.sent)
		if !t.good || !t.streamed || !t.usage || t.cached < 0 || t.prompt < t.cached || !ok {
			continue
		}
		o := observation{
			turn: i, ttft: first.Seconds() * 1000, computed: int(t.prompt - t.cached),
			cached: int(t.cached), decoding: decoding(t.sent),
		}
		if o.loaded, ok = split.of(i); ok {
			all = append(all, o)
		}
	}
	return all
}

func noEstimate(name string) Estimate {
	return Estimate{Name: name, Value: unknown, Low: unknown, High: unknown}
}
