package kvcache

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

func chainOf(size int, salt string, ids []int32) *Chain {
	c := NewChain(size, salt)
	c.Append(ids...)
	return c
}

// However tokens are cut into pieces, the names are the same, and equal names
// mean equal prefixes.
// Tokens that only one chain has make blocks that only it has, wherever they begin.
func TestAppendOwn(t *testing.T) {
	t.Parallel()
	seen := map[Hash]string{}
	for _, before := range []int{0, 3, 4} {
		for part := range uint64(3) {
			c, again := NewChain(4, ""), NewChain(4, "")
			for _, d := range []*Chain{c, again} {
				d.Append([]int32{1, 2, 3, 4}[:before]...)
				d.AppendOwn(part, 0)
				d.AppendOwn(part, 17)
				d.AppendOwn(part, -1)
				d.Append(7, 8, 9)
			}
			if c.Tokens() != before+20 || len(c.Hashes()) != (before+20)/4 ||
				!slices.Equal(c.Hashes(), again.Hashes()) {
				t.Errorf("%d tokens, blocks %v and %v", c.Tokens(), c.Hashes(), again.Hashes())
			}
			for i, h := range c.Hashes()[before/4:] {
				name := fmt.Sprint(before, part, i)
				if seen[h] != "" {
					t.Errorf("block %s is block %s", name, seen[h])
				}
				seen[h] = name
			}
		}
	}
}

func FuzzChain(f *testing.F) {
	f.Add(uint64(1), uint8(16))
	f.Add(uint64(2), uint8(1))
	f.Fuzz(func(t *testing.T, seed uint64, blockSize uint8) {
		size := int(blockSize%40) + 1
		rng := rand.New(rand.NewPCG(seed, 0))
		ids := make([]int32, rng.IntN(6*size))
		for i := range ids {
			ids[i] = rng.Int32N(4)
		}
		whole := chainOf(size, "s", ids).Hashes()
		if len(whole) != len(ids)/size {
			t.Fatalf("%d blocks of %d in %d tokens", len(whole), size, len(ids))
		}
		pieces := NewChain(size, "other")
		pieces.Append(9, 9, 9)
		pieces.Reset("s")
		for rest := ids; len(rest) > 0; {
			n := rng.IntN(len(rest)) + 1
			pieces.Append(rest[:n]...)
			rest = rest[n:]
			if rng.IntN(3) == 0 {
				other := pieces.Clone()
				pieces.Append(1, 2, 3)
				pieces = other
			}
		}
		if !slices.Equal(pieces.Hashes(), whole) || pieces.Tokens() != len(ids) {
			t.Fatalf("in pieces %x, at once %x", pieces.Hashes(), whole)
		}
		if len(whole) == 0 {
			return
		}
		changed := slices.Clone(ids)
		at := rng.IntN(len(whole) * size)
		changed[at] ^= 8
		for i, h := range chainOf(size, "s", changed).Hashes() {
			if (h == whole[i]) != (i < at/size) {
				t.Errorf("token %d changed, block %d of size %d: equal is %v", at, i, size,
					h == whole[i])
			}
		}
		if chainOf(size, "t", ids).Hashes()[0] == whole[0] {
			t.Error("different salts give the same name")
		}
	})
}

func TestAppendUnknown(t *testing.T) {
	t.Parallel()
	whole, pieces, other := NewChain(16, "a"), NewChain(16, "a"), NewChain(16, "b")
	whole.AppendUnknown(100)
	other.AppendUnknown(100)
	for _, n := range []int{1, 0, 20, 11, 64, 4} {
		pieces.AppendUnknown(n)
	}
	if !slices.Equal(whole.Hashes(), pieces.Hashes()) || len(whole.Hashes()) != 6 ||
		pieces.Tokens() != 100 {
		t.Errorf("in pieces %x, at once %x", pieces.Hashes(), whole.Hashes())
	}
	all := slices.Concat(whole.Hashes(), other.Hashes())
	slices.Sort(all)
	if len(slices.Compact(all)) != 12 {
		t.Error("two conversations, or two positions in one, share a block")
	}
}

// Blocks that differ in one bit of one token get names that differ in half of
// their bits, wherever the bit is. Thus the names behave like random numbers,
// which the bound on collisions relies on.
func TestHashAvalanche(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{1, 2, 4, 7, 16, 32} {
		ids := make([]int32, size)
		for at := range size {
			for bit := range 18 {
				differ := 0
				const trials = 200
				for range trials {
					for i := range ids {
						ids[i] = rng.Int32N(150_000)
					}
					h := hashBlock(42, ids)
					ids[at] ^= 1 << bit
					differ += bits.OnesCount64(h ^ hashBlock(42, ids))
				}
				// 12,800 fair coins: the deviation is 57, the limit six of them.
				if mean := trials * 32; differ < mean-340 || differ > mean+340 {
					t.Errorf("size %d, token %d, bit %d: %.1f of 64 bits differ", size, at, bit,
						float64(differ)/trials)
				}
			}
		}
	}
}

// Two million similar blocks get two million names (the chance of a collision
// is one in nine million).
func TestHashesDiffer(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("half a second")
	}
	seen := make([]uint64, 0, 2_000_000)
	for a := range int32(2000) {
		for b := range int32(1000) {
			seen = append(seen, hashBlock(7, []int32{a, b, 0, 0}))
		}
	}
	slices.Sort(seen)
	if n := len(slices.Compact(seen)); n != 2_000_000 {
		t.Errorf("%d names for 2000000 blocks", n)
	}
}

func BenchmarkChain(b *testing.B) {
	ids := make([]int32, 16*1024)
	for i := range ids {
		ids[i] = int32(i * 7919 % 150_000)
	}
	c := NewChain(16, "")
	b.ReportAllocs()
	b.SetBytes(int64(len(ids)))
	for b.Loop() {
		c.Reset("")
		c.Append(ids...)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(ids)), "ns/token")
}
