package kvcache

import (
	"errors"
	"fmt"
	"math"
)

// Unlimited is the capacity of a tier that never evicts.
const Unlimited = -1

// maxBlocks is the largest capacity of a tier: blocks are numbered in 32 bits.
const maxBlocks = math.MaxInt32 - 1

// Store selects the full blocks that a tier keeps for later requests.
type Store int

const (
	// PromptAndOutput keeps prompts and answers, as vLLM's GPU blocks and SGLang do.
	PromptAndOutput Store = iota
	// PromptOnly keeps blocks that hold prompt tokens only. An answer is kept once it has come
	// back as part of a prompt. This is the default of vLLM's native offloading, and what
	// llm-d-inference-sim does.
	PromptOnly
	// Nothing keeps no blocks: a server with prefix caching switched off.
	Nothing
)

// String returns the policy's name in flags: prompt+output, prompt or nothing.
func (s Store) String() string {
	switch s {
	case PromptAndOutput:
		return "prompt+output"
	case PromptOnly:
		return "prompt"
	case Nothing:
		return "nothing"
	}
	return "unknown"
}

// ParseStore returns the policy whose String is s.
func ParseStore(s string) (Store, error) {
	for p := PromptAndOutput; p <= Nothing; p++ {
		if s == p.String() {
			return p, nil
		}
	}
	return 0, fmt.Errorf("unknown store policy %q: want prompt+output, prompt or nothing", s)
}

// TierConfig is the shape of one tier. The zero value is a tier that does not
// exist.
type TierConfig struct {
	// Blocks is the capacity: 0 = no such tier, Unlimited = no limit. One of vLLM's GPU blocks is
	// the null block, which holds nothing: give num_gpu_blocks - 1. Blocks of all tiers are of
	// BlockSize tokens, whatever the OffloadBlockSize.
	Blocks int
	Store  Store
}

// Config is the shape of a cache.
type Config struct {
	BlockSize int // tokens
	// OffloadBlockSize is the tokens in a block of the tiers below the GPU, a multiple of
	// BlockSize: vLLM's offloading stores and loads that many tokens at once. 0 = BlockSize.
	OffloadBlockSize int
	Tiers            [NumTiers]TierConfig
	// Exclusive keeps each block in one tier only: an eviction moves it down, a load moves it up.
	// Otherwise each computed block is copied to every lower tier at once, and a tier that is not
	// larger than the one above it adds no hits.
	Exclusive bool
}

// Validate returns every mistake in the config, joined.
func (c Config) Validate() error {
	var errs []error
	if c.BlockSize < 1 {
		errs = append(errs, fmt.Errorf("block size of %d tokens: want at least 1", c.BlockSize))
	}
	switch size := c.OffloadBlockSize; {
	case c.BlockSize < 1 || size == 0:
	case size < c.BlockSize || size%c.BlockSize != 0:
		errs = append(errs, fmt.Errorf("offloaded blocks of %d tokens: want a multiple of the "+
			"GPU's %d", c.OffloadBlockSize, c.BlockSize))
	case size > c.BlockSize && c.Exclusive:
		errs = append(errs, fmt.Errorf("offloaded blocks of %d tokens in exclusive tiers: "+
			"a block that moves between tiers has the same size in both", c.OffloadBlockSize))
	}
	for t, tc := range c.Tiers {
		if tc.Blocks < Unlimited || tc.Blocks > maxBlocks {
			errs = append(errs, fmt.Errorf("%v tier of %d blocks: want 0 to %d, or %d for no limit",
				Tier(t), tc.Blocks, maxBlocks, Unlimited))
		}
		if tc.Store < PromptAndOutput || tc.Store > Nothing {
			errs = append(errs,
				fmt.Errorf("%v tier: unknown store policy %d", Tier(t), int(tc.Store)))
		}
	}
	if c.Tiers[GPU].Blocks == 0 {
		errs = append(errs,
			errors.New("gpu tier of 0 blocks: no request could run (to switch caching off, "+
				"store nothing)"))
	}
	return errors.Join(errs...)
}

// factor returns how many of the GPU's blocks make an offloaded one.
func (c *Config) factor() int {
	return max(1, c.OffloadBlockSize/max(1, c.BlockSize))
}

// TierStats counts the blocks of one tier since the cache was made. Reset does
// not clear it.
type TierStats struct {
	Hits    uint64 // by requests that started; below the GPU each hit is also a load
	Stored  uint64 // added to the tier
	Evicted uint64 // replaced by another block; in an exclusive cache it may have moved down
}

// Stats counts events since the cache was made.
type Stats struct {
	Started   uint64 // sequences admitted, including those restarted after a preemption
	Refused   uint64 // calls of Start and Grow that found too few free blocks
	Preempted uint64
	Finished  uint64
	Computed  uint64 // tokens computed, without hits
	Tiers     [NumTiers]TierStats
}

// Cache is a tiered cache of KV blocks under running requests. Each operation
// on a block takes constant time, and nothing is allocated once the tiers are
// full. A Cache is deterministic. It is not safe for concurrent use.
type Cache struct {
	config Config
	gpu    pool
	lower  [NumTiers - 1]shelf // CPU, Disk
	tiered bool                // some lower tier exists
	factor int                 // blocks that are offloaded as one
	stats  Stats
	spare  []*Sequence
	// Result of the last match: the leading blocks on the GPU, the tiers of those after them, and
	// what was looked up to find these.
	run     []int32
	from    []Tier
	lookups Lookups
	// now is the sequence for which blocks are being evicted and stored.
	now *Sequence
}

// New returns an empty cache. The error is that of Config.Validate.
func New(config Config) (*Cache, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	c := &Cache{
		config: config, gpu: newPool(config.Tiers[GPU].Blocks), factor: config.factor(),
	}
	for i := range c.lower {
		c.lower[i] = newShelf(config.Tiers[i+1], c.factor)
		c.tiered = c.tiered || c.lower[i].capacity != 0
	}
	return c, nil
}

// Config returns the config that the cache was made with.
func (c *Cache) Config() Config { return c.config }

// Stats returns the counters.
func (c *Cache) Stats() Stats { return c.stats }

// Running returns the number of blocks pinned by running sequences. vLLM's
// kv_cache_usage_perc is this number as a share of the capacity.
func (c *Cache) Running() int { return c.gpu.pinned }

// Cached returns the number of different blocks in a tier that can be hit.
func (c *Cache) Cached(t Tier) int {
	if t == GPU {
		return c.gpu.index.n
	}
	return c.lower[t-1].n * c.factor
}

// fits reports whether a sequence of that many tokens could run alone on the
// GPU.
func (c *Cache) fits(tokens int) bool {
	return c.gpu.capacity < 0 || c.blocksOf(tokens) <= c.gpu.capacity
}

// Room reports whether a request could start now and compute all of its tokens
// without a preemption. A scheduler that prefills in chunks calls it first, so
// that no request gets stuck in its prefill.
func (c *Cache) Room(hashes []Hash, tokens int) bool {
	c.match(hashes, tokens)
	return c.blocksOf(tokens)-len(c.run) <= c.gpu.available()-c.idleRun()
}

// Lookup returns what a request would hit now, and changes nothing. It
// considers only the hashes of full blocks before the last token.
func (c *Cache) Lookup(hashes []Hash, tokens int) Hits {
	c.match(hashes, tokens)
	return c.hits()
}

// Reset forgets the blocks of the tiers named, or of all tiers. The GPU's
// blocks can only be forgotten while no sequence runs; otherwise Reset does
// nothing and returns false, like vLLM's /reset_prefix_cache.
func (c *Cache) Reset(tiers ...Tier) bool {
	if len(tiers) == 0 {
		tiers = []Tier{GPU, CPU, Disk}
	}
	for _, t := range tiers {
		if t == GPU && c.gpu.pinned > 0 {
			return false
		}
	}
	for _, t := range tiers {
		if t == GPU {
			c.gpu.clear()
		} else {
			c.lower[t-1].clear()
		}
	}
	return true
}

// blocksOf returns the number of blocks that tokens fill, the partial one
// included.
func (c *Cache) blocksOf(tokens int) int {
	return (tokens + c.config.BlockSize - 1) / c.config.BlockSize
}

// match finds the leading cached blocks, first on the GPU, then below.
func (c *Cache) match(hashes []Hash, tokens int) {
	c.run, c.from, c.lookups = c.run[:0], c.from[:0], Lookups{}
	n := min(len(hashes), max(0, tokens-1)/c.config.BlockSize)
	i := 0
	for ; i < n; i++ {
		b, ok := c.gpu.index.get(hashes[i])
		if !ok {
			break
		}
		c.run = append(c.run, int32(b))
	}
	if c.tiered {
		c.matchBelow(hashes[:n])
	}
}

// matchBelow finds the leading blocks that follow those on the GPU in the tiers
// below. As in vLLM, the offloaded block that the GPU's blocks end in has to be
// there as a whole, and less than an offloaded block is not loaded.
func (c *Cache) matchBelow(hashes []Hash) {
	f := c.factor
	for i := len(c.run) / f * f; i+f <= len(hashes); i += f {
		t, ok := c.below(hashes[i+f-1])
		if !ok {
			break
		}
		for range i + f - max(i, len(c.run)) {
			c.from = append(c.from, t)
		}
	}
	if len(c.from) < f {
		c.from = c.from[:0]
	}
}

// below returns the fastest tier below the GPU that has an offloaded block.
func (c *Cache) below(h Hash) (Tier, bool) {
	for i := range c.lower {
		if c.lower[i].capacity == 0 {
			continue
		}
		t := Tier(i + 1)
		c.lookups.Queries[t]++
		if c.lower[i].has(h) {
			c.lookups.Hits[t]++
			return t, true
		}
	}
	return GPU, false
}

func (c *Cache) hits() Hits {
	h := Hits{GPU: len(c.run)}
	for _, t := range c.from {
		h[t]++
	}
	return h
}

// idleRun returns how many of the matched blocks are idle: pinning them leaves
// that many fewer free blocks.
func (c *Cache) idleRun() int {
	n := 0
	for _, b := range c.run {
		if c.gpu.blocks[b].refs == 0 {
			n++
		}
	}
	return n
}

// take returns an empty block for the current sequence. In an exclusive cache,
// the block that it evicts moves down a tier.
func (c *Cache) take() int32 {
	i, evicted := c.gpu.take()
	if evicted {
		c.evicted(GPU)
		if b := &c.gpu.blocks[i]; c.config.Exclusive && c.tiered {
			if _, twin := c.gpu.index.get(b.hash); !twin {
				c.demote(CPU, b.hash, b.answer)
			}
		}
	}
	return i
}

// demote puts a block that left the tier above t into the first tier, from t
// on, that stores it.
func (c *Cache) demote(t Tier, h Hash, answer bool) {
	for ; t < NumTiers; t++ {
		s := &c.lower[t-1]
		if !s.keeps(answer) {
			continue
		}
		if s.full() {
			x := s.drop(s.oldest)
			c.evicted(t)
			c.demote(t+1, x.hash, x.answer)
		}
		s.add(h, answer, s.newest)
		c.stored(t)
		return
	}
}

// leave removes a block that is now on the GPU from the exclusive tiers below.
func (c *Cache) leave(h Hash) {
	for t := range c.lower {
		if i, ok := c.lower[t].index.get(h); ok {
			c.lower[t].drop(int32(i))
		}
	}
}

// mirror copies the offloaded blocks that end among blocks [from, to) of a
// sequence to the inclusive tiers below. Each is placed next to its parent in the
// order of use, so that a tier that is too small keeps the beginnings of
// conversations.
func (c *Cache) mirror(s *Sequence, from, to int) {
	for t := range c.lower {
		if shelf := &c.lower[t]; shelf.capacity != 0 && shelf.store != Nothing {
			c.mirrorTo(Tier(t+1), s, from/c.factor, to/c.factor)
		}
	}
}

// mirrorTo copies offloaded blocks [from, to) of a sequence to a tier.
func (c *Cache) mirrorTo(t Tier, s *Sequence, from, to int) {
	shelf := &c.lower[t-1]
	parent := int32(none)
	if from > 0 {
		i, ok := shelf.index.get(c.offloaded(s, from-1).hash)
		if !ok {
			return // without its parent the block could never be hit
		}
		parent = int32(i)
	}
	for n := from; n < to; n++ {
		x := c.offloaded(s, n)
		if i, ok := shelf.index.get(x.hash); ok {
			parent = int32(i)
			continue
		}
		if !shelf.keeps(x.answer) {
			return // the blocks after an answer's block are not all prompt either
		}
		if shelf.full() {
			if shelf.oldest == parent {
				return // the block would evict its own parent
			}
			shelf.drop(shelf.oldest)
			c.evicted(t)
		}
		older := shelf.newest
		if parent != none {
			older = shelf.nodes[parent].prev
		}
		parent = shelf.add(x.hash, x.answer, older)
		c.stored(t)
	}
}

// offloaded returns the last block of offloaded block n of a sequence: its hash
// names the whole, and it holds answer tokens if any of them does.
func (c *Cache) offloaded(s *Sequence, n int) *block {
	return &c.gpu.blocks[s.blocks[(n+1)*c.factor-1]]
}

func (c *Cache) evicted(t Tier) {
	n := c.size(t)
	c.stats.Tiers[t].Evicted += uint64(n)
	c.now.evicted[t] += n
}

func (c *Cache) stored(t Tier) {
	n := c.size(t)
	c.stats.Tiers[t].Stored += uint64(n)
	c.now.stored[t] += n
}

// size returns how many of the GPU's blocks a block of a tier holds.
func (c *Cache) size(t Tier) int {
	if t == GPU {
		return 1
	}
	return c.factor
}
