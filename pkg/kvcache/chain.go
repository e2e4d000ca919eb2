package kvcache

import "math/bits"

// Chain names the full blocks of a growing row of tokens. Appending the next turn costs the new tokens only. The zero value
// is not usable; see NewChain. A Chain is not safe for concurrent use.
type Chain struct {
	size   int
	state  uint64  // name of the last full block, or of the salt
	tail   []int32 // tokens of the partial block
	hashes []Hash
}

// NewChain returns an empty chain of blocks of size tokens (at least 1; it panics otherwise). Chains of different salt
// share no block; the salt is what vLLM calls cache_salt, or an adapter's name.
func NewChain(size int, salt string) *Chain {
	if size < 1 {
		panic("kvcache: block size below 1")
	}
	c := &Chain{size: size, tail: make([]int32, 0, size)}
	c.Reset(salt)
	return c
}

// Reset empties the chain and gives it a salt. Its memory is used again: slices that Hashes returned become invalid.
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

// AppendUnknown adds n tokens of which only the number is known. They equal those that another chain of the same salt has at
// the same places, and no others: with the conversation's name as salt, a row of token counts becomes the blocks of a
// conversation that only grows.
func (c *Chain) AppendUnknown(n int) {
	for ; n > 0; n-- {
		c.tail = append(c.tail, int32(len(c.tail)))
		if len(c.tail) == c.size {
			c.push(c.tail)
			c.tail = c.tail[:0]
		}
	}
}

func (c *Chain) push(block []int32) {
	c.state = hashBlock(c.state, block)
	c.hashes = append(c.hashes, Hash(c.state))
}

// Hashes returns the names of the full blocks, in order. The slice stays valid, and is a prefix of later ones, until Reset.
func (c *Chain) Hashes() []Hash { return c.hashes }

// Tokens is the number of tokens appended, those of the partial block included.
func (c *Chain) Tokens() int { return len(c.hashes)*c.size + len(c.tail) }

// Clone returns a chain that goes on from here on its own.
func (c *Chain) Clone() *Chain {
	d := &Chain{size: c.size, state: c.state, tail: make([]int32, len(c.tail), c.size)}
	copy(d.tail, c.tail)
	d.hashes = append([]Hash(nil), c.hashes...)
	return d
}

// Odd constants without pattern: digits of pi, as Blowfish uses them, the lowest bit set. The highest bit of k0 is set so
// that no pair of token ids, which are not negative, can cancel it.
const (
	k0 = 0xa4093822299f31d1
	k1 = 0x243f6a8885a308d3
	k2 = 0x13198a2e03707345
	k3 = 0x082efa98ec4e6c89
)

// fold multiplies to 128 bits and folds the halves: one multiplication mixes every bit of both (as wyhash does).
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func hashBlock(h uint64, ids []int32) uint64 {
	n := uint64(len(ids))
	for ; len(ids) >= 4; ids = ids[4:] {
		h = fold(k0^(uint64(uint32(ids[0]))|uint64(uint32(ids[1]))<<32), h^(uint64(uint32(ids[2]))|uint64(uint32(ids[3]))<<32))
	}
	for _, id := range ids {
		h = fold(k1^uint64(uint32(id)), h^k3)
	}
	return fold(h^k2, n^k3)
}
