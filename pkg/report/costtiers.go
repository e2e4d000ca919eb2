package report

import (
	"multiturn/pkg/kvcache"
	"multiturn/pkg/plan"
)

// tierSplit splits a turn's cached tokens by the tiers they were loaded from.
type tierSplit struct {
	c    *Collector
	p    *CachePlan
	from string
}

// Sources of a split by tiers.
const (
	tiersFromUsage      = "usage"
	tiersFromPrediction = "prediction"
)

func (c *Collector) tierSplit(p *CachePlan) tierSplit {
	s := tierSplit{c: c, p: p}
	for i := range c.turns {
		if c.turns[i].tiers != nil {
			s.from = tiersFromUsage
			return s
		}
	}
	if p != nil && p.Shape.Config != nil && len(p.Shape.Tiers) > 1 {
		s.from = tiersFromPrediction
	}
	return s
}

// of returns what turn i loaded from each tier, and whether that is known.
func (s tierSplit) of(i int) (loaded [kvcache.NumTiers]int, ok bool) {
	t := &s.c.turns[i]
	switch s.from {
	case tiersFromUsage:
		if t.tiers == nil {
			return loaded, t.cached == 0
		}
		for name, n := range t.tiers {
			switch plan.TierName(name) {
			case kvcache.CPU.String():
				loaded[kvcache.CPU] += n
			case kvcache.Disk.String():
				loaded[kvcache.Disk] += n
			}
		}
	case tiersFromPrediction:
		if t.cached == 0 {
			return loaded, true
		}
		// A prediction that is more than a block off may have other tiers too.
		k := s.p.by[i]
		if k == nil || abs(k.Predicted()-int(t.cached)) > s.p.Shape.BlockSize {
			return loaded, false
		}
		loaded[kvcache.CPU], loaded[kvcache.Disk] = int(k.Hit[kvcache.CPU]), int(k.Hit[kvcache.Disk])
	}
	return loaded, true
}

func abs(n int) int { return max(n, -n) }
