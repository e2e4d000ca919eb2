package kvcache

import (
	"cmp"
	"slices"
)

// Together returns the curve of several caches, all of the same capacity, that
// each have the requests of one curve: its hits are the sum of theirs, and the
// capacity is that of each. The curves must be of blocks of the same size. Block
// uses, different blocks and prompt tokens are added too.
func Together(curves ...*Curve) *Curve {
	var all Curve
	var rises []Point // by how much a curve rises at a capacity
	for _, c := range curves {
		all.BlockSize = c.BlockSize
		all.Accesses += c.Accesses
		all.PromptTokens += c.PromptTokens
		all.Unique += c.Unique
		all.Largest = max(all.Largest, c.Largest)
		var before Point
		for _, p := range c.steps {
			rises = append(rises, Point{
				p.Capacity, p.HitBlocks - before.HitBlocks, p.HitTokens - before.HitTokens,
			})
			before = p
		}
	}
	slices.SortFunc(rises, func(a, b Point) int { return cmp.Compare(a.Capacity, b.Capacity) })
	var sum Point
	for _, r := range rises {
		sum.HitBlocks += r.HitBlocks
		sum.HitTokens += r.HitTokens
		if n := len(all.steps); r.Capacity == sum.Capacity && n > 0 {
			all.steps = all.steps[:n-1]
		}
		sum.Capacity = r.Capacity
		all.steps = append(all.steps, sum)
	}
	return &all
}
