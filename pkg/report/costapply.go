package report

import (
	"fmt"
	"math"

	"multiturn/internal/human"
	"multiturn/pkg/measure"
)

// apply computes what follows from the fit.
func (m *CostModel) apply(c *Collector, p *CachePlan, split tierSplit, fitted []observation) {
	m.rates(p, fitted)
	longest, unsplit := m.savings(c, split)
	m.note(p, fitted, longest, unsplit)
	if p != nil {
		m.recompute(c, p)
	}
}

// rates computes the speed of prefill and of each tier.
func (m *CostModel) rates(p *CachePlan, fitted []observation) {
	bytes := int64(0)
	if p != nil {
		bytes = p.Shape.BytesPerToken
	}
	m.Prefill = rate(m.compute(fitted))
	m.BreakEvenBytes = bytesRate(m.Prefill, bytes)
	for j, tier := range m.tiers {
		t := TierRate{Tier: tier.String(), Tokens: rate(m.Terms[2+j])}
		t.Bytes = bytesRate(t.Tokens, bytes)
		for _, o := range fitted {
			t.Loaded += int64(o.loaded[tier])
		}
		m.Tiers = append(m.Tiers, t)
	}
}

// compute returns the time of a computed token at the mean context of the fitted
// turns, in ms.
func (m *CostModel) compute(fitted []observation) Estimate {
	var computed, pairs float64
	for i := range fitted {
		computed += float64(fitted[i].computed)
		pairs += fitted[i].pairs()
	}
	w := m.tokens(1, pairs/computed)
	v, in := m.r.Combine(w)
	return Estimate{"ms", Number(v), Number(in.Low), Number(in.High)}
}

// computing returns the weights of the terms in the time of computing hits instead
// of loading them.
func (m *CostModel) computing(hits float64) []float64 { return m.tokens(hits, hits*m.hitPairs) }

// tokens returns the weights of the terms in the time of computing tokens that have
// that number of pairs.
func (m *CostModel) tokens(computed, pairs float64) []float64 {
	w := make([]float64, len(m.terms))
	w[m.index(termComputed)] = computed
	if j := m.index(termAttention); j > 0 {
		w[j] = pairs
	}
	return w
}

// rate turns milliseconds a token into tokens a second. If the interval of the
// cost includes 0, the rate has no upper end.
func rate(cost Estimate) Estimate {
	inverse := func(ms Number) Number {
		if ms <= 0 {
			return Number(math.Inf(1))
		}
		return 1000 / ms
	}
	return Estimate{"tokens/s", inverse(cost.Value), inverse(cost.High), inverse(cost.Low)}
}

// bytesRate turns tokens a second into bytes a second; bytes is the size of a
// token, 0 if it is unknown.
func bytesRate(e Estimate, bytes int64) Estimate {
	if bytes == 0 {
		return noEstimate("bytes/s")
	}
	f := Number(bytes)
	return Estimate{"bytes/s", e.Value * f, e.Low * f, e.High * f}
}

// savings computes Saved and Whole. It returns the longest prompt of the measured
// turns, and how many of them have no known tiers.
func (m *CostModel) savings(c *Collector, split tierSplit) (longest, unsplit int) {
	saved, whole := make([]float64, len(m.terms)), make([]float64, len(m.terms))
	var hits, pairs float64
	for i := range c.turns {
		t := &c.turns[i]
		if !t.measured || !t.usage || t.cached < 0 {
			continue
		}
		loaded, ok := split.of(i)
		if !ok {
			unsplit++
		}
		longest = max(longest, int(t.prompt))
		o := observation{
			computed: int(t.prompt - t.cached), cached: int(t.cached), loaded: loaded,
			decoding: float64(m.Decoding),
		}
		without := o.uncached()
		hits, pairs = hits+float64(o.cached), pairs+without.pairs()-o.pairs()
		with, all := m.weights(&o), m.weights(&without)
		for j := range all {
			saved[j] += all[j] - with[j]
			if j > 0 { // without the base
				whole[j] += all[j]
			}
		}
	}
	if hits > 0 {
		m.hitPairs = pairs / hits
	}
	m.Whole = m.seconds(whole)
	if !m.loadsUnpriced {
		m.Saved = m.seconds(saved)
	}
	return longest, unsplit
}

// seconds returns the time of a combination of the terms.
func (m *CostModel) seconds(weights []float64) Estimate {
	v, in := m.r.Combine(weights)
	return Estimate{"s", Number(v / 1000), Number(in.Low / 1000), Number(in.High / 1000)}
}

// maxExtrapolation is how many times the most computed tokens of a fitted turn a
// prompt may have before a note says that its cost is extrapolated: within half
// as much again a line that fits is still close.
const maxExtrapolation = 1.5

// note adds the assumptions behind the numbers.
func (m *CostModel) note(p *CachePlan, fitted []observation, longest, unsplit int) {
	if unsplit > 0 {
		m.Notes = append(m.Notes, fmt.Sprintf("the tiers of %s are unknown: their loads count as free in "+
			"the time saved", human.Count(unsplit, "turn")))
	}
	switch {
	case m.TiersFrom == tiersFromPrediction:
		m.Notes = append(m.Notes, "the tiers of cached tokens are predicted, for turns where the "+
			"prediction agrees with usage on the number of tokens")
	case m.TiersFrom == "" && (p == nil || p.Shape.Config == nil):
		m.Notes = append(m.Notes, "usage does not split cached tokens by tier: they count as free")
	}
	if m.loadsUnpriced {
		m.Notes = append(m.Notes, "too few turns that loaded from a lower tier did not wait for others: "+
			"what its loads take is unknown, and so is the time saved")
	}
	most := 0
	for _, o := range fitted {
		most = max(most, o.computed)
	}
	if float64(longest) > maxExtrapolation*float64(most) {
		m.Notes = append(m.Notes, fmt.Sprintf("recomputing is extrapolated: no fitted turn computed more "+
			"than %s tokens, prompts have up to %s", human.Thousands(most), human.Thousands(longest)))
	}
}

// recompute fills in what computing whole prompts would take, for each row of the
// plan.
func (m *CostModel) recompute(c *Collector, p *CachePlan) {
	for _, row := range p.rows() {
		var ms []float64
		for _, i := range row.members {
			if t := &c.turns[i]; t.usage {
				o := observation{computed: int(t.prompt), decoding: float64(m.Decoding)}
				v, _ := m.r.Combine(m.weights(&o))
				ms = append(ms, v)
			}
		}
		row.Recompute50 = Number(measure.New(ms).Median())
	}
}
