package kvcache

// Request describes a sequence to start.
type Request struct {
	// Hashes names the full blocks of the known tokens, as Chain.Hashes returns them. Hashes beyond
	// Tokens are ignored.
	Hashes []Hash
	// Tokens is the number of known tokens, at least 1: the prompt and, after a preemption, the
	// tokens generated before it. All must be in the cache before the next one can be generated.
	Tokens int
	// Prompt is how many of them are prompt; 0 = all. It matters to tiers that do not store
	// answers.
	Prompt int
	// Compute is how many tokens the first step computes beyond the hits; 0 = all. With chunked
	// prefill it is the size of the first chunk; Grow adds the others.
	Compute int
}

// Sequence is a running request. It pins the blocks that it hit and those that
// it fills. It must not be used after Finish or Preempt.
type Sequence struct {
	cache    *Cache
	blocks   []int32
	computed int // tokens whose KV the blocks hold, including hits
	prompt   int
	named    int // leading blocks that have a hash
	hits     Hits
	lookups  Lookups
	evicted  [NumTiers]int
	stored   [NumTiers]int
}

// Start admits a request: it pins the leading cached blocks, loads those that
// are below the GPU, and takes blocks for the tokens of the first step. If too
// few blocks are free, Start changes nothing and returns nil, false. The caller
// then waits, preempts another sequence, or gives up if the request is larger
// than the GPU tier.
func (c *Cache) Start(r Request) (*Sequence, bool) {
	c.match(r.Hashes, r.Tokens)
	size := c.config.BlockSize
	hit := len(c.run) + len(c.from)
	compute := max(1, r.Tokens) - hit*size
	if r.Compute > 0 {
		compute = min(compute, r.Compute)
	}
	computed := hit*size + compute
	if c.blocksOf(computed)-len(c.run) > c.gpu.available()-c.idleRun() {
		c.stats.Refused++
		return nil, false
	}

	s := c.sequence()
	s.prompt = r.Prompt
	if s.prompt == 0 {
		s.prompt = r.Tokens
	}
	s.hits, s.lookups = c.hits(), c.lookups
	c.stats.Started++
	for t, n := range s.hits {
		c.stats.Tiers[t].Hits += uint64(n)
	}
	// Hits are pinned first, so that the blocks taken below cannot evict them. For the same reason
	// exclusive tiers give up their blocks before evictions push others into them.
	for i, b := range c.run {
		c.gpu.pin(b)
		s.blocks = append(s.blocks, b)
		if !s.isAnswer(i) {
			c.gpu.blocks[b].answer = false // it came back as prompt
		}
	}
	s.named = len(c.run)
	if c.tiered && c.config.Exclusive {
		for _, h := range r.Hashes[len(c.run):hit] {
			c.leave(h)
		}
	}
	if c.tiered && !c.config.Exclusive {
		for n := min(len(r.Hashes), r.Tokens/size) / c.factor; n > 0; n-- {
			c.touch(r.Hashes[n*c.factor-1])
		}
		// Blocks that only the GPU has are copied now: answers that have come back as prompt.
		c.mirror(s, 0, s.named)
	}
	s.advance(r.Hashes, hit*size)
	s.advance(r.Hashes, computed)
	c.stats.Computed += uint64(compute)
	return s, true
}

// Grow computes n more tokens, of the prompt or generated, and takes the blocks
// they need. The hashes are those of all full blocks of the sequence so far. If
// too few blocks are free, Grow changes nothing and returns false.
func (s *Sequence) Grow(hashes []Hash, n int) bool {
	c := s.live()
	if c.blocksOf(s.computed+n)-len(s.blocks) > c.gpu.available() {
		c.stats.Refused++
		return false
	}
	c.now = s
	s.advance(hashes, s.computed+n)
	c.stats.Computed += uint64(n)
	return true
}

// advance takes the blocks that the given number of tokens needs and names
// those that are full.
func (s *Sequence) advance(hashes []Hash, tokens int) {
	c := s.cache
	for need := c.blocksOf(tokens); len(s.blocks) < need; {
		s.blocks = append(s.blocks, c.take())
	}
	s.computed = tokens
	full := min(tokens/c.config.BlockSize, len(hashes))
	first := s.named
	for ; s.named < full; s.named++ {
		i := s.blocks[s.named]
		b := &c.gpu.blocks[i]
		b.hash = hashes[s.named]
		b.answer = s.isAnswer(s.named)
		if c.tiered && c.config.Exclusive {
			c.leave(b.hash)
		}
		if store := c.config.Tiers[GPU].Store; store == PromptAndOutput ||
			store == PromptOnly && !b.answer {
			c.gpu.publish(i)
			c.stored(GPU)
		}
	}
	if c.tiered && !c.config.Exclusive && first < s.named {
		c.mirror(s, first, s.named)
	}
}

// Finish ends the sequence. Its blocks stay cached until they are evicted, the
// last block first.
func (s *Sequence) Finish() {
	s.live().stats.Finished++
	s.end()
}

// Preempt ends the sequence to make room for others. To resume it, start it
// again with the tokens it has generated as part of Tokens; it may hit its own
// blocks.
func (s *Sequence) Preempt() {
	s.live().stats.Preempted++
	s.end()
}

func (s *Sequence) end() {
	c := s.cache
	if c.tiered && !c.config.Exclusive {
		for n := s.named/c.factor - 1; n >= 0; n-- {
			c.touch(c.offloaded(s, n).hash)
		}
	}
	for i := len(s.blocks) - 1; i >= 0; i-- {
		c.gpu.release(s.blocks[i])
	}
	*s = Sequence{blocks: s.blocks[:0]}
	c.spare = append(c.spare, s)
}

// Hits returns what the sequence hit when it started.
func (s *Sequence) Hits() Hits { return s.hits }

// Lookups returns what the sequence looked up below the GPU when it started.
func (s *Sequence) Lookups() Lookups { return s.lookups }

// CachedTokens returns the number of prompt tokens hit when the sequence
// started, as usage reports it in cached_tokens.
func (s *Sequence) CachedTokens() int { return s.hits.Blocks() * s.cache.config.BlockSize }

// Computed returns the number of tokens whose KV the sequence holds, including
// hits.
func (s *Sequence) Computed() int { return s.computed }

// Evicted returns the number of blocks that each tier has evicted so far to
// make room for the sequence.
func (s *Sequence) Evicted() [NumTiers]int { return s.evicted }

// Stored returns the number of blocks that the sequence has so far added to
// each tier. In an exclusive cache those of the lower tiers are blocks of other
// sequences that it pushed down.
func (s *Sequence) Stored() [NumTiers]int { return s.stored }

// isAnswer reports whether block i reaches beyond the prompt.
func (s *Sequence) isAnswer(i int) bool { return (i+1)*s.cache.config.BlockSize > s.prompt }

// live returns the cache of a sequence that has not ended, and panics after its
// end.
func (s *Sequence) live() *Cache {
	if s.cache == nil {
		panic("kvcache: sequence used after its end")
	}
	return s.cache
}

// sequence returns an empty sequence, a reused one if possible, and makes it
// the current one.
func (c *Cache) sequence() *Sequence {
	var s *Sequence
	if n := len(c.spare); n > 0 {
		s = c.spare[n-1]
		c.spare = c.spare[:n-1]
	} else {
		s = new(Sequence)
	}
	s.cache = c
	c.now = s
	return s
}

func (c *Cache) touch(h Hash) {
	for t := range c.lower {
		c.lower[t].touch(h)
	}
}
