package kvcache

import (
	"errors"
	"fmt"
	"math"
)

// Unlimited is the capacity of a tier that never evicts.
const Unlimited = -1

// maxBlocks bounds a tier: blocks are numbered in 32 bits.
const maxBlocks = math.MaxInt32 - 1

// Store says which full blocks a tier keeps for later requests.
type Store int

const (
	// PromptAndOutput keeps prompts and answers: vLLM's GPU blocks, SGLang.
	PromptAndOutput Store = iota
	// PromptOnly keeps blocks that hold nothing but prompt; an answer is kept once it came back as prompt. The default
	// of vLLM's native offloading, and the way of llm-d-inference-sim.
	PromptOnly
	// Nothing keeps none: a server with prefix caching switched off.
	Nothing
)

// String is the policy's name in flags: prompt+output, prompt, nothing.
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

// ParseStore is the reverse of String.
func ParseStore(s string) (Store, error) {
	for p := PromptAndOutput; p <= Nothing; p++ {
		if s == p.String() {
			return p, nil
		}
	}
	return 0, fmt.Errorf("store policy %q is none of prompt+output, prompt, nothing", s)
}

// TierConfig is the shape of one tier. The zero value is a tier that does not exist.
type TierConfig struct {
	// Blocks is the capacity: 0 = no such tier, Unlimited = no limit. Of vLLM's GPU blocks one is the null block: give one
	// less than num_gpu_blocks.
	Blocks int
	Store  Store
}

// Config is the shape of a cache.
type Config struct {
	BlockSize int // tokens
	Tiers     [NumTiers]TierConfig
	// Exclusive keeps a block in one tier only: eviction moves it down, a load moves it up. Otherwise every lower tier gets
	// a copy of what is computed, at once, and a tier that is not larger than the one above it adds nothing.
	Exclusive bool
}

// Validate reports everything that is wrong with the shape.
func (c Config) Validate() error {
	var errs []error
	if c.BlockSize < 1 {
		errs = append(errs, fmt.Errorf("block size is %d tokens: at least 1 is needed", c.BlockSize))
	}
	for t, tc := range c.Tiers {
		if tc.Blocks < Unlimited || tc.Blocks > maxBlocks {
			errs = append(errs, fmt.Errorf("%v tier of %d blocks: give 0 to %d, or %d for no limit", Tier(t), tc.Blocks, maxBlocks, Unlimited))
		}
		if tc.Store < PromptAndOutput || tc.Store > Nothing {
			errs = append(errs, fmt.Errorf("%v tier: no store policy %d", Tier(t), int(tc.Store)))
		}
	}
	if c.Tiers[GPU].Blocks == 0 {
		errs = append(errs, errors.New("gpu tier of 0 blocks: no request could run (to switch caching off, store nothing)"))
	}
	return errors.Join(errs...)
}

// TierStats counts what happened in one tier since the start, in blocks. Reset leaves it alone.
type TierStats struct {
	Hits    uint64 // found here by a request that started; below the GPU each is also a load
	Stored  uint64 // became findable here
	Evicted uint64 // lost their place to another block; in an exclusive cache they may have gone down a tier
}

// Stats counts what happened since the start.
type Stats struct {
	Started   uint64 // sequences admitted, those that came back after a preemption included
	Refused   uint64 // calls of Start and Grow that found too few free blocks
	Preempted uint64
	Finished  uint64
	Computed  uint64 // tokens computed, not counting those that were hit
	Tiers     [NumTiers]TierStats
}

// Cache is a tiered cache of KV blocks under running requests. Every operation on a block takes constant time, and nothing
// is allocated once the tiers are full. A Cache is deterministic and not safe for concurrent use.
type Cache struct {
	config Config
	gpu    pool
	lower  [NumTiers - 1]shelf // CPU, Disk
	tiered bool                // there is a lower tier
	stats  Stats
	spare  []*Sequence
	// Scratch of the last match: the run found on the GPU, and the tiers of the blocks behind it.
	run  []int32
	from []Tier
	// now is the sequence on whose behalf blocks are evicted and stored.
	now *Sequence
}

// New returns an empty cache.
func New(config Config) (*Cache, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	c := &Cache{config: config, gpu: newPool(config.Tiers[GPU].Blocks)}
	for i := range c.lower {
		c.lower[i] = newShelf(config.Tiers[i+1])
		c.tiered = c.tiered || c.lower[i].capacity != 0
	}
	return c, nil
}

// Config returns the shape the cache was made with.
func (c *Cache) Config() Config { return c.config }

// Stats returns the counters.
func (c *Cache) Stats() Stats { return c.stats }

// Running is the number of blocks pinned by running sequences; vLLM's kv_cache_usage_perc is its share of the capacity.
func (c *Cache) Running() int { return c.gpu.pinned }

// Cached is the number of different blocks that can be found in a tier.
func (c *Cache) Cached(t Tier) int {
	if t == GPU {
		return c.gpu.index.n
	}
	return c.lower[t-1].n
}

// Fits says whether a sequence of so many tokens could run if it had the GPU for itself.
func (c *Cache) Fits(tokens int) bool {
	return c.gpu.capacity < 0 || c.blocksOf(tokens) <= c.gpu.capacity
}

// Room says whether a request could start now and compute all of its tokens without anyone else giving up a block. A
// scheduler that starts requests by chunks asks it first if it wants no request to get stuck in its prefill.
func (c *Cache) Room(hashes []Hash, tokens int) bool {
	c.match(hashes, tokens)
	return c.blocksOf(tokens)-len(c.run) <= c.gpu.available()-c.idleRun()
}

// Lookup returns what a request would hit now. It changes nothing. Of the hashes only those of full blocks before the last
// token count.
func (c *Cache) Lookup(hashes []Hash, tokens int) Hits {
	c.match(hashes, tokens)
	return c.hits()
}

// Reset forgets the blocks of the tiers named, or of all. The GPU's can only be forgotten while no sequence runs; if one
// does, nothing happens and the answer is false, as with vLLM's /reset_prefix_cache.
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

func (c *Cache) blocksOf(tokens int) int {
	return (tokens + c.config.BlockSize - 1) / c.config.BlockSize
}

// match finds the leading run of cached blocks: first on the GPU, then below.
func (c *Cache) match(hashes []Hash, tokens int) {
	c.run, c.from = c.run[:0], c.from[:0]
	n := min(len(hashes), max(0, tokens-1)/c.config.BlockSize)
	i := 0
	for ; i < n; i++ {
		b, ok := c.gpu.index.get(hashes[i])
		if !ok {
			break
		}
		c.run = append(c.run, int32(b))
	}
	if !c.tiered {
		return
	}
next:
	for ; i < n; i++ {
		for t := range c.lower {
			if c.lower[t].has(hashes[i]) {
				c.from = append(c.from, Tier(t+1))
				continue next
			}
		}
		return
	}
}

func (c *Cache) hits() Hits {
	h := Hits{GPU: len(c.run)}
	for _, t := range c.from {
		h[t]++
	}
	return h
}

// idleRun is the number of blocks of the last match that pinning would take from the free ones.
func (c *Cache) idleRun() int {
	n := 0
	for _, b := range c.run {
		if c.gpu.blocks[b].refs == 0 {
			n++
		}
	}
	return n
}

// take gets an empty block for the sequence at work. What it held goes down a tier if tiers are exclusive.
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

// demote puts a block that left the tier above t into the first tier from t on that takes it.
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

// leave removes a block from the exclusive tiers below: it is on the GPU now.
func (c *Cache) leave(h Hash) {
	for t := range c.lower {
		if i, ok := c.lower[t].index.get(h); ok {
			c.lower[t].drop(int32(i))
		}
	}
}

// mirror copies blocks [from, to) of a sequence to the inclusive tiers below. Each goes right behind its parent in the
// order of use, so a tier that is too small keeps beginnings.
func (c *Cache) mirror(s *Sequence, from, to int) {
	for t := range c.lower {
		shelf := &c.lower[t]
		if shelf.capacity == 0 || shelf.store == Nothing {
			continue
		}
		parent := int32(none)
		if from > 0 {
			i, ok := shelf.index.get(c.gpu.blocks[s.blocks[from-1]].hash)
			if !ok {
				continue // without its parent a block cannot be found
			}
			parent = int32(i)
		}
		for _, b := range s.blocks[from:to] {
			x := &c.gpu.blocks[b]
			if i, ok := shelf.index.get(x.hash); ok {
				parent = int32(i)
				continue
			}
			if !shelf.keeps(x.answer) {
				break // what follows an answer's block is not all prompt either
			}
			if shelf.full() {
				if shelf.oldest == parent {
					break // it would be the next to go itself
				}
				shelf.drop(shelf.oldest)
				c.evicted(Tier(t + 1))
			}
			older := shelf.newest
			if parent != none {
				older = shelf.nodes[parent].prev
			}
			parent = shelf.add(x.hash, x.answer, older)
			c.stored(Tier(t + 1))
		}
	}
}

func (c *Cache) evicted(t Tier) {
	c.stats.Tiers[t].Evicted++
	c.now.evicted[t]++
}

func (c *Cache) stored(t Tier) {
	c.stats.Tiers[t].Stored++
	c.now.stored[t]++
}
