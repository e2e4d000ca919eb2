package kvcache

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// referenceCache does the same as Cache with slices that are searched from end
// to end. It is slow and obvious.
type referenceCache struct {
	config Config
	idle   []*refBlock // in the order of eviction
	all    []*refBlock // cached on the GPU, oldest first
	pinned int
	lower  [NumTiers - 1][]refBlock // oldest first
}

type refBlock struct {
	hash   Hash
	refs   int
	cached bool
	answer bool
}

type refSequence struct {
	blocks           []*refBlock
	computed, prompt int
	named            int
	hits             Hits
}

func (c *referenceCache) onGPU(h Hash) *refBlock {
	for _, b := range c.all {
		if b.hash == h {
			return b
		}
	}
	return nil
}

func (c *referenceCache) below(t int, h Hash) int {
	return slices.IndexFunc(c.lower[t], func(b refBlock) bool { return b.hash == h })
}

func (c *referenceCache) take() *refBlock {
	capacity := c.config.Tiers[GPU].Blocks
	if capacity >= 0 && c.pinned+len(c.idle) == capacity {
		old := c.idle[0]
		c.idle = c.idle[1:]
		c.all = slices.DeleteFunc(c.all, func(b *refBlock) bool { return b == old })
		old.cached = false
		if c.config.Exclusive && c.onGPU(old.hash) == nil {
			c.demote(0, *old)
		}
	}
	c.pinned++
	return &refBlock{refs: 1}
}

func (c *referenceCache) demote(t int, b refBlock) {
	if t == len(c.lower) {
		return
	}
	tc := c.config.Tiers[t+1]
	if tc.Blocks == 0 || tc.Store == Nothing || tc.Store == PromptOnly && b.answer {
		c.demote(t+1, b)
		return
	}
	if len(c.lower[t]) == tc.Blocks {
		old := c.lower[t][0]
		c.lower[t] = slices.Delete(c.lower[t], 0, 1)
		c.demote(t+1, old)
	}
	c.lower[t] = append(c.lower[t], b)
}

func (c *referenceCache) start(hashes []Hash, tokens, prompt, compute int) *refSequence {
	size := c.config.BlockSize
	s := &refSequence{prompt: prompt}
	n := min(len(hashes), (tokens-1)/size)
	i := 0
	for ; i < n; i++ {
		b := c.onGPU(hashes[i])
		if b == nil {
			break
		}
		s.blocks = append(s.blocks, b)
	}
	s.hits[GPU] = i
	i = c.load(s, hashes[:n])
	end := tokens
	if compute > 0 {
		end = min(end, i*size+compute)
	}

	free := c.config.Tiers[GPU].Blocks - c.pinned
	for _, b := range s.blocks {
		if b.refs == 0 {
			free--
		}
	}
	if c.config.Tiers[GPU].Blocks >= 0 && (end+size-1)/size-len(s.blocks) > free {
		return nil
	}
	for j, b := range s.blocks {
		if b.refs == 0 {
			c.pinned++
			c.idle = slices.DeleteFunc(c.idle, func(x *refBlock) bool { return x == b })
		}
		b.refs++
		if (j+1)*size <= prompt {
			b.answer = false
		}
	}
	s.named = len(s.blocks)
	if c.config.Exclusive {
		for _, h := range hashes[s.named:i] {
			c.leave(h)
		}
	} else {
		c.touch(hashes[:min(len(hashes), tokens/size)])
		c.mirror(s, 0, s.named)
	}
	c.advance(s, hashes, i*size)
	c.advance(s, hashes, end)
	return s
}

// load finds what follows the hits on the GPU in whole offloaded blocks, and
// returns the number of all hits.
func (c *referenceCache) load(s *refSequence, hashes []Hash) int {
	onGPU, f := s.hits[GPU], c.config.factor()
	i, hits := onGPU, s.hits
	for first := onGPU - onGPU%f; first+f <= len(hashes); first += f {
		tier := CPU
		for tier < NumTiers && c.below(int(tier)-1, hashes[first+f-1]) < 0 {
			tier++
		}
		if tier == NumTiers {
			break
		}
		hits[tier] += first + f - i
		i = first + f
	}
	if i-onGPU < f {
		return onGPU
	}
	s.hits = hits
	return i
}

// whole returns the names of the offloaded blocks of a sequence's blocks.
func (c *referenceCache) whole(hashes []Hash) (out []Hash) {
	f := c.config.factor()
	for i := f - 1; i < len(hashes); i += f {
		out = append(out, hashes[i])
	}
	return out
}

// blocks returns how many offloaded blocks a tier has room for.
func (c *referenceCache) blocks(t int) int {
	if n := c.config.Tiers[t+1].Blocks; n > 0 {
		return n / c.config.factor()
	}
	return c.config.Tiers[t+1].Blocks
}

func (c *referenceCache) leave(h Hash) {
	for t := range c.lower {
		if i := c.below(t, h); i >= 0 {
			c.lower[t] = slices.Delete(c.lower[t], i, i+1)
		}
	}
}

func (c *referenceCache) touch(hashes []Hash) {
	for t := range c.lower {
		for _, h := range slices.Backward(c.whole(hashes)) {
			if i := c.below(t, h); i >= 0 {
				b := c.lower[t][i]
				c.lower[t] = append(slices.Delete(c.lower[t], i, i+1), b)
			}
		}
	}
}

func (c *referenceCache) mirror(s *refSequence, from, to int) {
	f := c.config.factor()
	for t := range c.lower {
		capacity, store := c.blocks(t), c.config.Tiers[t+1].Store
		for i := from; i < to; i++ {
			if (i+1)%f != 0 {
				continue // an offloaded block is not full yet
			}
			b := s.blocks[i]
			if c.below(t, b.hash) >= 0 {
				continue
			}
			if capacity == 0 || store == Nothing || store == PromptOnly && b.answer {
				break
			}
			at := len(c.lower[t])
			if i >= f {
				if at = c.below(t, s.blocks[i-f].hash); at < 0 {
					break
				}
			}
			c.lower[t] = slices.Insert(c.lower[t], at, refBlock{hash: b.hash, answer: b.answer})
			if capacity >= 0 && len(c.lower[t]) > capacity {
				c.lower[t] = slices.Delete(c.lower[t], 0, 1)
			}
		}
	}
}

func (c *referenceCache) advance(s *refSequence, hashes []Hash, tokens int) {
	size := c.config.BlockSize
	for len(s.blocks)*size < tokens {
		s.blocks = append(s.blocks, c.take())
	}
	s.computed = tokens
	first := s.named
	for ; s.named < min(tokens/size, len(hashes)); s.named++ {
		b := s.blocks[s.named]
		b.hash = hashes[s.named]
		b.answer = (s.named+1)*size > s.prompt
		if c.config.Exclusive {
			c.leave(b.hash)
		}
		if store := c.config.Tiers[GPU].Store; store == PromptAndOutput ||
			store == PromptOnly && !b.answer {
			b.cached = true
			c.all = append(c.all, b)
		}
	}
	if !c.config.Exclusive && first < s.named {
		c.mirror(s, first, s.named)
	}
}

func (c *referenceCache) grow(s *refSequence, hashes []Hash, n int) bool {
	size := c.config.BlockSize
	capacity := c.config.Tiers[GPU].Blocks
	if capacity >= 0 && (s.computed+n+size-1)/size-len(s.blocks) > capacity-c.pinned {
		return false
	}
	c.advance(s, hashes, s.computed+n)
	return true
}

func (c *referenceCache) end(s *refSequence) {
	if !c.config.Exclusive {
		var hashes []Hash
		for _, b := range s.blocks[:s.named] {
			hashes = append(hashes, b.hash)
		}
		c.touch(hashes)
	}
	for _, b := range slices.Backward(s.blocks) {
		if b.refs--; b.refs == 0 {
			c.pinned--
			if b.cached {
				c.idle = append(c.idle, b)
			}
		}
	}
}

// drive runs the same random requests, several at once, through both caches and
// compares everything visible.
func drive(t *testing.T, seed uint64, steps int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2))
	config := Config{BlockSize: 1 + rng.IntN(4), Exclusive: rng.IntN(2) == 0}
	config.Tiers[GPU] = TierConfig{Blocks: 8 + rng.IntN(60), Store: Store(rng.IntN(3))}
	for tier := CPU; tier < NumTiers; tier++ {
		switch rng.IntN(5) {
		case 0:
			config.Tiers[tier].Blocks = Unlimited
		case 1: // none
		default:
			config.Tiers[tier].Blocks = 1 + rng.IntN(120)
		}
		config.Tiers[tier].Store = Store(rng.IntN(3))
	}
	if rng.IntN(3) > 0 {
		config.Tiers[GPU].Store = PromptAndOutput
	}
	if !config.Exclusive {
		config.OffloadBlockSize = config.BlockSize * rng.IntN(5)
	}
	cache, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	reference := &referenceCache{config: config}

	type running struct {
		s      *Sequence
		r      *refSequence
		chain  *Chain
		prompt int
	}
	system := NewChain(config.BlockSize, "")
	for i := range rng.IntN(12) {
		system.Append(int32(i))
	}
	idle := make([]*Chain, 7)
	for i := range idle {
		idle[i] = system.Clone()
	}
	var active []running
	for step := range steps {
		switch k := rng.IntN(10); {
		case k < 3 && len(idle) > 0:
			i := rng.IntN(len(idle))
			chain := idle[i]
			for range 1 + rng.IntN(8) {
				chain.Append(rng.Int32N(3)) // few values, so that equal prefixes occur
			}
			tokens, prompt, compute := chain.Tokens(), chain.Tokens(), 0
			if rng.IntN(4) == 0 {
				prompt = max(1, prompt-rng.IntN(6))
			}
			switch rng.IntN(5) {
			case 0, 1:
				compute = 1 + rng.IntN(9)
			}
			request := Request{Hashes: chain.Hashes(), Tokens: tokens, Prompt: prompt,
				Compute: compute}
			looked := cache.Lookup(request.Hashes, tokens)
			s, ok := cache.Start(request)
			r := reference.start(chain.Hashes(), tokens, prompt, compute)
			if ok != (r != nil) {
				t.Fatalf("seed %d step %d: start gives %v, the reference %v", seed, step,
					ok, r != nil)
			}
			if !ok {
				if !cache.fits(tokens) {
					idle[i] = system.Clone()
				}
				break
			}
			if s.Hits() != r.hits || looked != r.hits {
				t.Fatalf("seed %d step %d: hits %v, lookup %v, the reference %v", seed, step,
					s.Hits(), looked, r.hits)
			}
			active = append(active, running{s, r, chain, prompt})
			idle = slices.Delete(idle, i, i+1)
		case k < 8 && len(active) > 0:
			a := active[rng.IntN(len(active))]
			n := 1 + rng.IntN(4)
			for a.chain.Tokens() < a.s.Computed()+n {
				a.chain.Append(rng.Int32N(3))
			}
			got, want := a.s.Grow(a.chain.Hashes(), n), reference.grow(a.r, a.chain.Hashes(), n)
			if got != want || a.s.Computed() != a.r.computed || len(a.s.blocks) != len(a.r.blocks) {
				t.Fatalf("seed %d step %d: grow gives %v, %d tokens; the reference %v, %d", seed,
					step, got, a.s.Computed(), want, a.r.computed)
			}
		case len(active) > 0:
			i := rng.IntN(len(active))
			a := active[i]
			if rng.IntN(4) == 0 {
				a.s.Preempt()
			} else {
				a.s.Finish()
			}
			reference.end(a.r)
			active = slices.Delete(active, i, i+1)
			if rng.IntN(10) == 0 {
				a.chain = system.Clone()
			}
			idle = append(idle, a.chain)
		}
		different := map[Hash]bool{}
		for _, b := range reference.all {
			different[b.hash] = true
		}
		if cache.Running() != reference.pinned || cache.Cached(GPU) != len(different) ||
			cache.Cached(CPU) != config.factor()*len(reference.lower[0]) ||
			cache.Cached(Disk) != config.factor()*len(reference.lower[1]) {
			t.Fatalf("seed %d step %d: %d pinned, %d %d %d cached; the reference %d, %d %d %d",
				seed, step, cache.Running(), cache.Cached(GPU), cache.Cached(CPU),
				cache.Cached(Disk),
				reference.pinned, len(different), len(reference.lower[0]), len(reference.lower[1]))
		}
		if n := config.Tiers[GPU].Blocks; cache.Running() > n {
			t.Fatalf("seed %d step %d: %d of %d blocks pinned", seed, step, cache.Running(), n)
		}
	}
	stats := cache.Stats()
	for tier := GPU; tier < NumTiers; tier++ {
		if config.Tiers[tier].Blocks == 0 && (stats.Tiers[tier] != TierStats{}) {
			t.Errorf("seed %d: a tier that is not there has %+v", seed, stats.Tiers[tier])
		}
	}
}

func TestCacheAgainstReference(t *testing.T) {
	t.Parallel()
	for seed := range uint64(150) {
		drive(t, seed, 400)
	}
}

func FuzzCache(f *testing.F) {
	f.Add(uint64(1000))
	f.Fuzz(func(t *testing.T, seed uint64) { drive(t, seed, 300) })
}
