package report

import (
	"fmt"
	"slices"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/kvcache"
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
		f.add(statedTooSmall, "The stated cache is smaller than the server's: requests ran that do not "+
			"fit into it.", "too large for it: %s; the stated cache has %s", human.Count(n, "request"),
			strings.TrimPrefix(shapeText(&p.Shape), "predicted: "))
	}
	return n > 0
}

// capacity checks whether the run can show the effect of the cache's size.
func (f *finder) capacity(p *CachePlan) {
	switch {
	case p.All.Ideal == 0:
	case p.Shape.Config != nil:
		f.fitsGPU(p)
		f.tooSmall(p)
	case p.Later.Known > 0:
		f.measuredCapacity(p)
	}
}

// fitsGPU reports a working set that needs no lower tier.
func (f *finder) fitsGPU(p *CachePlan) {
	gpu := p.All.PredictedTier[kvcache.GPU.String()]
	if float64(gpu) < fitsShare*float64(p.All.Ideal) {
		return
	}
	size := "without limit"
	if n := p.Shape.Config.Tiers[kvcache.GPU].Blocks; n >= 0 {
		size = "of " + human.Thousands(n) + " blocks"
	}
	f.add(fitsGPU, "The working set fits into the GPU's cache: this run cannot show what offloading is "+
		"worth.",
		"a GPU tier %s alone would have %s of the possible hits; the run used %s different blocks, at "+
			"most %s of them at a time were used again later",
		size, percent(share(gpu, p.All.Ideal)), human.Thousands(p.UniqueBlocks),
		human.Thousands(p.LiveBlocks))
}

// tooSmall reports a stated cache that loses much of the working set.
func (f *finder) tooSmall(p *CachePlan) {
	if float64(p.All.Predicted) < farShare*float64(p.All.Ideal) {
		f.add(cacheTooSmall, "The cache is too small for the load: a cache of the stated size evicts "+
			"much before it is reused.",
			"it would have %s of the possible hits; an LRU cache of %s blocks, besides those of running "+
				"requests, would have 99 %%",
			percent(p.All.PredictedRate), human.Thousands(p.ReachBlocks))
	}
}

// measuredCapacity judges measured hits if no cache is stated.
func (f *finder) measuredCapacity(p *CachePlan) {
	later := &p.Later
	if float64(later.EligibleRate) < farShare && later.Cached > 0 {
		f.add(belowIdeal, "Many possible hits were missed. State the size of the cache to see whether it "+
			"is too small.",
			"later turns hit %s of the %s possible tokens, %s; an LRU cache of %s blocks of %s, besides "+
				"those of running requests, would hit 99 %%",
			tokens(later.Cached), tokens(later.knownIdeal), percent(later.EligibleRate),
			human.Thousands(p.ReachBlocks), human.Count(p.Shape.BlockSize, "token"))
	}
	lower := later.CachedTier[kvcache.CPU.String()] + later.CachedTier[kvcache.Disk.String()]
	if lower == 0 && later.EligibleRate >= heldShare {
		f.add(allHeld, "The cache held nearly all tokens that could be reused: this run does not reach "+
			"the limit of its size.",
			"later turns hit %s of the %s possible tokens", tokens(later.Cached), tokens(later.knownIdeal))
	}
}

// predicted compares hits with those of a cache of the stated shape.
func (f *finder) predicted(p *CachePlan) {
	if p.Shape.Config == nil {
		return
	}
	off := slices.ContainsFunc(f.found, func(g Finding) bool { return g.Kind == cacheOff })
	if !off {
		f.belowPredicted(p)
	}
	// Without texts the prediction lacks what conversations share.
	if r := &p.All; p.SharedKnown && r.Known == r.N && far(r.Predicted, r.Cached) &&
		float64(r.Cached-r.Predicted) > farPrompt*float64(r.Prompt) {
		f.add(abovePredicted, "There are far more hits than a cache of the stated size would have: the "+
			"server's cache is larger, or it was warm from an earlier run.",
			"%s tokens cached by usage, %s predicted", tokens(r.Cached), tokens(r.Predicted))
	}
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
	f.add(belowPredicted, fmt.Sprintf("There are far fewer hits than a cache of the stated size would "+
		"have, from turn %d on: the cache is smaller than stated, other clients use it, several servers "+
		"share the load, or prompts do not begin with the previous turn (some templates rewrite the "+
		"history).", p.Turns[from].From),
		"%s tokens cached by usage, %s predicted, %s", tokens(cached), tokens(predicted),
		percent(cached/predicted))
}

// far reports whether there are far fewer tokens than expected.
func far(tokens, expected Number) bool { return float64(tokens) < farShare*float64(expected) }
