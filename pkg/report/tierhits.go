package report

import (
	"multiturn/pkg/kvcache"
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// tierHits are the hits of turns by tier.
type tierHits struct {
	from   string
	tokens map[string]Number
	prompt int64 // of the turns
	turns  int
}

// tiersFromCounters is a split of hits by the server's counters.
const tiersFromCounters = "counters"

// tierHits splits the measured turns' hits by tier: by usage, else by the
// server's counters, else by the prediction if it agrees with usage. Without any
// of these they are hits in AnyTier.
func (c *Collector) tierHits(d *Details) tierHits {
	h := c.usageHits()
	if h.tokens != nil {
		return h
	}
	// Counters are of the whole run: for a part of it they can only divide its hits.
	all := h.turns > 0 && h.turns == d.Cache.Of
	if tiers := d.Counters.tiers(); tiers != nil && !d.Counters.foreign() && (all || !d.part()) {
		return h.split(tierHits{
			tiersFromCounters, tiers, int64(d.Counters.value("prompt_tokens")), d.Counters.Turns,
		}, &d.Cache)
	}
	p := d.Prediction
	if p != nil && p.Shape.Config != nil && !record.SharesNothing(c.arm) && p.All.agrees() {
		return h.split(tierHits{
			tiersFromPrediction, p.All.PredictedTier, p.All.Prompt, p.All.N,
		}, &d.Cache)
	}
	h.tokens = map[string]Number{AnyTier: Number(d.Cache.Cached)}
	return h
}

// part reports whether the measured turns are a part of the run: an arm or a window.
func (d *Details) part() bool { return d.Arms != nil || d.Window != nil }

// usageHits returns the turns whose hits are in usage, and the hits by tier if
// usage splits them.
func (c *Collector) usageHits() tierHits {
	h := tierHits{from: tiersFromUsage}
	for i := range c.turns {
		t := &c.turns[i]
		if !t.measured || !t.usage || t.cached < 0 {
			continue
		}
		h.turns++
		h.prompt += int64(t.prompt)
		rest := Number(t.cached)
		for name, n := range t.tiers {
			addTier(&h.tokens, plan.TierName(name), n)
			rest -= Number(n)
		}
		if t.tiers != nil && rest > 0 {
			addTier(&h.tokens, AnyTier, int(rest))
		}
	}
	return h
}

// split returns the hits h, which k sums up, divided as by says. If usage does not
// have them for all turns, by is all there is.
func (h tierHits) split(by tierHits, k *Cache) tierHits {
	sum := Number(0)
	for _, n := range by.tokens {
		sum += n
	}
	if h.turns == 0 || h.turns < k.Of || sum == 0 {
		return by
	}
	h.from, h.tokens = by.from, make(map[string]Number)
	for tier, n := range by.tokens {
		h.tokens[tier] = n * Number(k.Cached) / sum
	}
	return h
}

// agrees reports whether the prediction is near enough to usage to split its
// hits.
func (r *CacheRow) agrees() bool {
	return r.Known == 0 ||
		r.Known == r.N && !far(r.Cached, r.Predicted) && r.Predicted >= aboveShare*r.Cached
}

// tiers returns the hits by tier, nil if the server does not tell them. Servers
// count 0 for tiers that they do not have, so these are left out.
func (k *Counters) tiers() map[string]Number {
	gpu := k.value("cached_tokens_gpu")
	if !gpu.OK() {
		return nil
	}
	tiers := map[string]Number{kvcache.GPU.String(): gpu}
	external := k.value("cached_tokens_external")
	for _, tier := range server.Tiers[1:] {
		if n := k.value(server.QuantityOf(tier, server.HitTokens).Name); n > 0 {
			tiers[tier] = n
			external -= n
		}
	}
	if external >= 1 {
		tiers["external"] = external
	}
	return tiers
}
