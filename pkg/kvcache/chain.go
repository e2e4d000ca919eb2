package kvcache

import (
	"math/bits"
	"slices"
)

// Chain names the full blocks of a growing sequence of tokens. The cost of
// appending the next turn depends on its new tokens only. Use NewChain to make
// one. A Chain is not safe for concurrent use.
type Chain struct {
	size   int
	state  uint64  // name of the last full block, or of the salt
	tail   []int32 // tokens of the partial block
	hashes []Hash
}

// NewChain returns an empty chain of blocks of size tokens. It panics if size
// is below 1. Chains with different salts share no blocks; the salt is what
// vLLM calls cache_salt, or the name of an adapter.
func NewChain(size int, salt string) *Chain {
	if size < 1 {
		panic("kvcache: block size below 1")
	}
	c := &Chain{size: size}
	c.Reset(salt)
	return c
}

// Reset empties the chain and sets its salt. It reuses the chain's memory, so
// slices returned by Hashes become invalid.
func (c *Chain) Reset(salt string) {
	h := uint64(k0)
	for i := 0; i < len(salt); i++ {
		h = fold(h^uint64(salt[i]), k1)
	}
	c.state = fold(h^uint64(len(salt)), k2)
	c.tail = c.tail[:0]
	c.hashes = c.hashes[:0]
}

// Append adds tokens.
func (c *Chain) Append(ids ...int32) {
	if len(c.tail) > 0 {
		n := min(c.size-len(c.tail), len(ids))
		c.tail = append(c.tail, ids[:n]...)
		ids = ids[n:]
		if len(c.tail) < c.size {
			return
		}
		c.push(c.tail)
		c.tail = c.tail[:0]
	}
	for len(ids) >= c.size {
		c.push(ids[:c.size])
		ids = ids[c.size:]
	}
	c.tail = append(c.tail, ids...)
}

// AppendUnknown adds n tokens of unknown ids. They equal the tokens that other
// chains of the same salt have at the same positions through AppendUnknown, and
// no others. With the conversation's name as salt, token counts become the
// blocks of a conversation that only grows.
func (c *Chain) AppendUnknown(n int) {
	for ; n > 0; n-- {
		c.tail = append(c.tail, int32(len(c.tail)))
		if len(c.tail) == c.size {
			c.push(c.tail)
			c.tail = c.tail[:0]
		}
	}
}

// AppendOwn adds n tokens that are known by their places only: token i of a part that
// the chain alone has. Parts of different numbers very likely share no token. It takes
// the time of a block, not of its tokens.
func (c *Chain) AppendOwn(part uint64, n int) {
	i := 0
	for ; i < n && len(c.tail) > 0; i++ {
		c.Append(ownToken(part, i))
	}
	c.hashes = slices.Grow(c.hashes, max(0, n-i)/c.size)
	for ; n-i >= c.size; i += c.size {
		c.state = fold(c.state^mix(part^uint64(i)), uint64(c.size)^k3)
		c.hashes = append(c.hashes, Hash(c.state))
	}
	for ; i < n; i++ {
		c.tail = append(c.tail, ownToken(part, i))
	}
}

// ownToken returns an id for a token that is known by its place only. It is above
// every vocabulary.
func ownToken(part uint64, i int) int32 {
	return int32(1<<30 | mix(part^uint64(i))&(1<<30-1))
}

// mix spreads the bits of x, as in SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (c *Chain) push(block []int32) {
	c.state = hashBlock(c.state, block)
	c.hashes = append(c.hashes, Hash(c.state))
}

// Hashes returns the names of the full blocks, in order. Until Reset the slice
// stays valid and is a prefix of later ones.
func (c *Chain) Hashes() []Hash { return c.hashes }

// Tokens returns the number of tokens appended, including those of the partial
// block.
func (c *Chain) Tokens() int { return len(c.hashes)*c.size + len(c.tail) }

// Mark is a place in a chain.
type Mark struct {
	blocks int
	state  uint64
	tail   []int32
}

// Mark returns the place that the chain has reached.
func (c *Chain) Mark() Mark { return Mark{len(c.hashes), c.state, slices.Clone(c.tail)} }

// At returns an independent copy of the chain as it was at a mark.
func (c *Chain) At(m Mark) *Chain {
	return &Chain{
		size: c.size, state: m.state, tail: slices.Clone(m.tail),
		hashes: slices.Clone(c.hashes[:m.blocks]),
	}
}

// Clone returns an independent copy.
func (c *Chain) Clone() *Chain {
	return &Chain{
		size: c.size, state: c.state, tail: slices.Clone(c.tail), hashes: slices.Clone(c.hashes),
	}
}

// Odd constants without a pattern: digits of pi, as in Blowfish, with the
// lowest bit set. The highest bit of k0 is set so that no pair of token ids,
// which are not negative, can cancel it.
const (
	k0 = 0xa4093822299f31d1
	k1 = 0x243f6a8885a308d3
	k2 = 0x13198a2e03707345
	k3 = 0x082efa98ec4e6c89
)

// fold multiplies to 128 bits and folds the two halves: one multiplication
// mixes every bit of both factors, as in wyhash.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hashBlock names a block of tokens that follows the block named h.
func hashBlock(h uint64, ids []int32) uint64 {
	n := uint64(len(ids))
	for ; len(ids) >= 4; ids = ids[4:] {
		a := uint64(uint32(ids[0])) | uint64(uint32(ids[1]))<<32
		b := uint64(uint32(ids[2])) | uint64(uint32(ids[3]))<<32
		h = fold(k0^a, h^b)
	}
	for _, id := range ids {
		h = fold(k1^uint64(uint32(id)), h^k3)
	}
	return fold(h^k2, n^k3)
}
