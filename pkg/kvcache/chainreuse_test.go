package kvcache

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// ChainReuse measures what Reuse does, of requests that run alone or overlap, of
// conversations that fork, go back and begin alike.
func TestChainReuseIsReuse(t *testing.T) {
	t.Parallel()
	for seed := range uint64(80) {
		rng := rand.New(rand.NewPCG(seed, 2))
		size := 1 + rng.IntN(8)
		runs, reuse := NewChainReuse(size), NewReuse(size)
		for i, a := range conversations(rng, 120, size) {
			if rng.IntN(6) == 0 { // its history was cut
				a.prompt = min(a.prompt, 1+rng.IntN(4*size))
				a.hashes = a.hashes[:min(len(a.hashes), a.prompt/size)]
			}
			got, want := runs.Lookup(a.hashes, a.prompt), reuse.Lookup(a.hashes, a.prompt)
			if got != want {
				t.Fatalf("seed %d: request %d hits %d blocks, want %d", seed, i, got, want)
			}
			if rng.IntN(2) == 0 {
				prompt := a.hashes[:min(len(a.hashes), a.prompt/size)]
				runs.Use(prompt)
				reuse.Use(prompt)
			}
			runs.Use(a.hashes)
			reuse.Use(a.hashes)
		}
		if got, want := runs.Curve(), reuse.Curve(); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: curves differ: %+v, want %+v", seed, got, want)
		}
		if got, want := runs.WorkingSet(), reuse.WorkingSet(); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: working sets differ: %+v, want %+v", seed, got, want)
		}
	}
}

// A conversation that only grows stays one stretch, whatever its number of turns and blocks.
func TestStretchesAreFew(t *testing.T) {
	t.Parallel()
	const turns, blocks = 2000, 50
	hashes := make([]Hash, turns*blocks)
	for i := range hashes {
		hashes[i] = Hash(i + 1)
	}
	hashes = slices.Clip(hashes)
	r := NewChainReuse(16)
	for n := blocks; n <= len(hashes); n += blocks {
		if got, want := r.Lookup(hashes[:n], 16*n+1), n-blocks; got != want {
			t.Fatalf("%d blocks: %d hits, want %d", n, got, want)
		}
		r.Use(hashes[:n])
	}
	if r.root.next == nil || r.root.next.next != nil || len(r.root.next.hashes) != len(hashes) {
		t.Error("the blocks of a conversation are not one stretch")
	}
}

func BenchmarkChainReuse12M(b *testing.B) {
	b.ReportAllocs()
	const users, want = 64, 12_000_000
	for b.Loop() {
		r := NewChainReuse(64)
		var chains [users]*Chain
		accesses := 0
		rng := rand.New(rand.NewPCG(1, 1))
		for accesses < want {
			u := rng.IntN(users)
			if chains[u] == nil || len(chains[u].Hashes()) > 4000 {
				chains[u] = NewChain(64, "")
				chains[u].Append(rng.Int32(), rng.Int32())
			}
			chains[u].AppendUnknown(64 * (10 + rng.IntN(40)))
			hashes := chains[u].Hashes()
			r.Lookup(hashes, 64*len(hashes)+1)
			r.Use(hashes)
			accesses += len(hashes)
		}
		b.ReportMetric(float64(r.Curve().Unique), "unique")
	}
	b.ReportMetric(want*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mblocks/s")
}
