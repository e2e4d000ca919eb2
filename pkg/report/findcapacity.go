package report

import (
	"fmt"
	"slices"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/plan"
)

// statedTooSmall reports whether requests ran that do not fit into the stated
// cache. It cannot be the server's then.
func (f *finder) statedTooSmall(p *CachePlan) bool {
	n := 0
	for _, k := range p.by {
		if k != nil && k.TooLarge {
			n++
		}
	}
	if n > 0 {
		f.add(statedTooSmall, fmt.Sprintf("The stated cache is smaller than the server's: %s ran that do "+
			"not fit into it.", human.Count(n, "request")), "the stated cache has %s", shapeText(&p.Shape))
	}
	return n > 0
}

// capacity judges the size of the cache: by the hits that were measured, and by
// predicted ones if none were.
func (f *finder) capacity(p *CachePlan) {
	// First turns hit what conversations share, which a report may not know.
	r := &p.Later
	held := r.held()
	switch {
	case !held.OK() || f.has(cacheOff): // nothing could be hit, or nothing is known
	case held < farShare:
		f.tooSmall(p, r)
	case f.has(warmStart, warmFirstTurns): // an earlier run's hits show no size
	case f.fitsGPU(p, r, held):
	case held >= heldShare && !f.lowerTier(p) && !f.has(abovePredicted):
		f.add(allHeld, fmt.Sprintf("The cache is not too small for the load: later turns hit %s of the "+
			"possible tokens.", percent(min(1, held))), "%s", hitsOf(r))
	}
}

// hitsOf has the numbers behind the rate of hits of later turns.
func hitsOf(r *CacheRow) string {
	if r.Known == 0 {
		return fmt.Sprintf("later turns would hit %s of %s possible tokens", tokens(r.Predicted),
			tokens(r.Possible))
	}
	return fmt.Sprintf("later turns hit %s of %s possible tokens", tokens(r.Cached),
		tokens(r.knownPossible))
}

// tooSmall reports a cache that had, or would have, far fewer hits than possible.
func (f *finder) tooSmall(p *CachePlan, r *CacheRow) {
	if f.has(belowPredicted) {
		return // there is another reason
	}
	reach := fmt.Sprintf("an LRU cache of %s would hit 99 %% of what is possible", p.reachText())
	evidence := fmt.Sprintf("%s, blocks of %s besides those of running requests", percent(r.held()),
		human.Count(p.Shape.BlockSize, "token"))
	switch {
	case p.Shape.Config != nil:
		f.add(cacheTooSmall, fmt.Sprintf("The cache is too small for the load: %s%s; %s.", hitsOf(r),
			f.priceOf(r), reach), "%s; the cache has %s", evidence, sizesText(&p.Shape))
	case f.c.statesSize(): // it cannot be used, and a note says why
		f.add(belowPossible, fmt.Sprintf("Many possible hits were missed: %s%s; %s.", hitsOf(r),
			f.priceOf(r), reach), "%s", evidence)
	default:
		f.add(belowPossible, fmt.Sprintf("Many possible hits were missed: %s%s; state the cache's size to "+
			"see whether it is too small.", hitsOf(r), f.priceOf(r)), "%s; %s", evidence, reach)
	}
}

// reachText is the size of the cache that would have 99 % of the possible hits.
func (p *CachePlan) reachText() string {
	blocks := human.Thousands(p.ReachBlocks) + " blocks"
	size := int64(p.ReachBlocks*p.Shape.BlockSize) * p.Shape.BytesPerToken
	if size == 0 {
		return blocks
	}
	return fmt.Sprintf("%s (%s GiB)", blocks, significant(Number(size)/(1<<30)))
}

// held returns the share of the possible hits that were made, or were predicted if
// the measured ones are unknown.
func (r *CacheRow) held() Number {
	if r.OfPossible.OK() {
		return r.OfPossible
	}
	return r.PredictedOfPossible
}

// priceOf says what computing the missed tokens took, if the cost model knows.
func (f *finder) priceOf(r *CacheRow) string {
	m := f.d.Cost
	if m == nil || !m.Fit || r.Known == 0 {
		return ""
	}
	missed := share(Number(r.knownPossible)-r.Cached, int64(r.Known))
	ms, _ := m.r.Combine(m.computing(float64(missed)))
	return fmt.Sprintf(", and computing the others took %s ms a turn", significant(Number(ms)))
}

// statesSize reports whether the size of a tier is stated.
func (c *Collector) statesSize() bool {
	stated := c.o.Cache.Stated
	if stated == nil && c.run != nil {
		stated = c.run.Cache
	}
	if stated == nil {
		return false
	}
	for _, t := range stated.Tiers {
		if t.Blocks != 0 || t.GiB != 0 {
			return true
		}
	}
	return false
}

// fitsGPU reports a working set that needs no lower tier. Hits in the GPU's tier
// were measured if the server tells them, else they are predicted.
func (f *finder) fitsGPU(p *CachePlan, r *CacheRow, held Number) bool {
	alone, how := unknown, "would have had"
	if p.Shape.Config != nil {
		alone = share(r.PredictedTier[kvcache.GPU.String()], r.Possible)
	}
	if w := f.tier(kvcache.GPU.String()); w != nil && w.From != tiersFromPrediction {
		alone, how = share(w.Tokens, p.All.Possible), "had"
	}
	if !(alone >= heldShare) || held < heldShare {
		return false
	}
	f.add(fitsGPU, fmt.Sprintf("The working set fits into the GPU's cache, which alone %s %s of the "+
		"possible hits: this run cannot show what offloading is worth.", how, percent(min(1, alone))),
		"the run used %s different blocks, at most %s of them at a time were used again later; %s",
		human.Thousands(p.UniqueBlocks), human.Thousands(p.LiveBlocks), sizesText(&p.Shape))
	return true
}

// lowerTier reports whether a tier below the GPU is known of.
func (f *finder) lowerTier(p *CachePlan) bool {
	for i := range f.d.Worth {
		if f.d.Worth[i].lower() {
			return true
		}
	}
	return len(p.Shape.Tiers) > 1
}

// tier returns what is known of a tier's hits, nil if it is not known.
func (f *finder) tier(name string) *Worth {
	for i := range f.d.Worth {
		if f.d.Worth[i].Tier == name {
			return &f.d.Worth[i]
		}
	}
	return nil
}

// predicted compares hits with those of a cache of the known shape.
func (f *finder) predicted(p *CachePlan) {
	unsized := func(t plan.ShapeTier) bool { return t.From == plan.FromHits }
	if p.Shape.Config == nil || slices.ContainsFunc(p.Shape.Tiers, unsized) {
		return
	}
	if !f.has(cacheOff) {
		f.belowPredicted(p)
	}
	if r := &p.Later; r.Known == r.N && r.Predicted < aboveShare*r.Cached &&
		float64(r.Cached-r.Predicted) > farPrompt*float64(r.Prompt) {
		f.abovePredicted(p, r)
	}
}

func (f *finder) abovePredicted(p *CachePlan, r *CacheRow) {
	text := fmt.Sprintf("Later turns hit %s tokens each, where a cache of %s would have had %s: ",
		tokens(share(r.Cached, int64(r.Known))), sizesText(&p.Shape),
		tokens(share(r.Predicted, int64(r.N))))
	switch {
	case f.has(warmStart, warmFirstTurns):
		text += "it was warm, or the server's is larger."
	case len(p.Shape.Tiers) == 1:
		text += "the server has a tier below it, whose size should be stated, or a larger cache."
	default:
		text += "the server's is larger."
	}
	f.add(abovePredicted, text, "%s tokens cached by usage, %s predicted", tokens(r.Cached),
		tokens(r.Predicted))
}

// belowPredicted looks for the turn from which on all rows have far fewer hits
// than predicted.
func (f *finder) belowPredicted(p *CachePlan) {
	from := -1
	var cached, predicted Number
	for i := len(p.Turns) - 1; i >= 0; i-- {
		r := &p.Turns[i]
		if r.Known < r.N || !far(r.Cached, r.Predicted) ||
			float64(r.Predicted-r.Cached) < farPrompt*float64(r.Prompt) {
			break
		}
		from = i
		cached += r.Cached
		predicted += r.Predicted
	}
	if from < 0 {
		return
	}
	f.add(belowPredicted, fmt.Sprintf("From turn %d on there are only %s of the hits that a cache of %s would "+
		"have: %s.", p.Turns[from].From, percent(cached/predicted), sizesText(&p.Shape),
		strings.Join(f.lossCauses(p), ", or ")), "%s tokens cached by usage, %s predicted",
		tokens(cached), tokens(predicted))
}

// lossCauses returns what can make hits fewer than predicted, without what the
// run has excluded.
func (f *finder) lossCauses(p *CachePlan) []string {
	var causes []string
	if slices.ContainsFunc(p.Shape.Tiers, isStated) {
		causes = append(causes, "it is smaller than stated")
	}
	k := f.d.Counters
	if k.Servers != max(1, p.Shape.Replicas) || k.foreign() || !k.value("prompt_tokens").OK() {
		causes = append(causes, "other clients use it", "several servers share the load")
	}
	if len(f.c.prefixes) == 0 || f.has(prefixBroken) {
		causes = append(causes, "prompts do not begin with the previous turn, as some templates rewrite "+
			"the history")
	}
	if len(causes) == 0 {
		return []string{"the server evicts more than the least recently used blocks"}
	}
	return causes
}

// far reports whether there are far fewer tokens than expected.
func far(tokens, expected Number) bool { return float64(tokens) < farShare*float64(expected) }
