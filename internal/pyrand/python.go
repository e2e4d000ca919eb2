package pyrand

import (
	"math/big"
	"math/bits"
)

// Python is the stream of CPython's random.Random. The methods here have not
// changed from 3.2 to 3.13. It is not safe for concurrent use.
type Python struct {
	mersenne
}

// NewPython returns the stream of random.seed(seed). Any integer is a seed; its
// sign is ignored, as in CPython.
func NewPython(seed *big.Int) *Python {
	raw := seed.Bytes() // the magnitude, big-endian
	key := make([]uint32, max(1, (len(raw)+3)/4))
	for i, b := range raw {
		at := len(raw) - 1 - i
		key[at/4] |= uint32(b) << (at % 4 * 8)
	}
	p := new(Python)
	p.seedKey(key)
	return p
}

// Bits returns k random bits, 0 <= k <= 64: random.getrandbits(k).
func (p *Python) Bits(k int) uint64 {
	switch {
	case k <= 0:
		return 0
	case k <= 32:
		return uint64(p.Uint32() >> (32 - k))
	}
	lo := uint64(p.Uint32())
	return lo | uint64(p.Uint32()>>(64-k))<<32
}

// Below returns an integer in [0, n), n > 0: what randrange(n), choice, shuffle
// and sample draw.
func (p *Python) Below(n int) int {
	k := bits.Len(uint(n))
	r := p.Bits(k)
	for r >= uint64(n) {
		r = p.Bits(k)
	}
	return int(r)
}

// Uniform returns random.uniform(lo, hi): a real between lo and hi. No command
// draws it; tests compare it with CPython's.
func (p *Python) Uniform(lo, hi float64) float64 {
	return lo + float64((hi-lo)*p.Float64())
}

// Choice returns the index that random.choice would take from n items, n > 0. No
// command draws it; tests compare it with CPython's.
func (p *Python) Choice(n int) int { return p.Below(n) }

// Shuffle puts n items into the order of random.shuffle, by calls of swap.
func (p *Python) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, p.Below(i+1))
	}
}

// Sample returns the indices that random.sample would take from n items, in its
// order. It needs 0 <= k <= n.
func (p *Python) Sample(n, k int) []int {
	taken := make([]int, k)
	if n <= listLimit(k) {
		pool := make([]int, n)
		for i := range pool {
			pool[i] = i
		}
		for i := range taken {
			j := p.Below(n - i)
			taken[i] = pool[j]
			pool[j] = pool[n-i-1]
		}
		return taken
	}
	seen := make(map[int]bool, k)
	for i := range taken {
		j := p.Below(n)
		for seen[j] {
			j = p.Below(n)
		}
		seen[j] = true
		taken[i] = j
	}
	return taken
}

// listLimit returns the largest population for which CPython draws a sample of
// k from a list of the remaining items. For a larger one it draws from all, and
// again if it meets an item twice. CPython compares the size of a set of k with
// that of the list; the choice decides the draws.
func listLimit(k int) int {
	limit := 21
	if k > 5 {
		set := 1
		for set < 3*k {
			set *= 4
		}
		limit += set
	}
	return limit
}
