package kvcache

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Several caches hit together what they hit one by one, at every capacity.
func TestTogether(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		reuses := make([]*Reuse, 1+rng.IntN(4))
		var curves []*Curve
		for i := range reuses {
			reuses[i] = NewReuse(4)
			for range rng.IntN(40) {
				chain := NewChain(4, fmt.Sprint(rng.IntN(6)))
				n := 1 + rng.IntN(60)
				chain.AppendUnknown(n)
				reuses[i].Add(chain.Hashes(), n)
			}
			curves = append(curves, reuses[i].Curve())
		}
		all := Together(curves...)
		for capacity := -1; capacity < 120; capacity++ {
			var want Point
			for _, c := range curves {
				p := c.At(capacity)
				want.HitBlocks += p.HitBlocks
				want.HitTokens += p.HitTokens
			}
			got := all.At(capacity)
			if got.HitBlocks != want.HitBlocks || got.HitTokens != want.HitTokens {
				t.Fatalf("seed %d: at %d %+v, want %+v", seed, capacity, got, want)
			}
		}
		for i := 1; i < len(all.steps); i++ {
			if all.steps[i].Capacity <= all.steps[i-1].Capacity {
				t.Fatalf("seed %d: steps %+v", seed, all.steps)
			}
		}
	}
	if p := Together().Possible(); p != (Point{}) {
		t.Errorf("no curve hits %+v", p)
	}
}
