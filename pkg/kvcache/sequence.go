package kvcache

// Request is what a sequence starts from.
type Request struct {
	// Hashes names the full blocks of the tokens known: Chain.Hashes. More than the tokens fill are ignored.
	Hashes []Hash
	// Tokens is how many tokens are known, all of which must be in the cache before the next can be generated: the prompt
	// and, after a preemption, what had been generated. At least 1.
	Tokens int
	// Prompt is how many of them are prompt; 0 = all. Only tiers that do not store answers care.
	Prompt int
	// Compute is how many tokens the first step computes beyond what is hit; 0 = all. Chunked prefill gives its chunk
	// here and goes on with Grow. Later = none: a request whose blocks are still being loaded pins what it hit and
	// computes when the load is done.
	Compute int
}

// Later is a Request's Compute that takes no block beyond those that are hit.
const Later = -1

// Sequence is a running request: it pins the blocks it hit and those it fills. It must not be used once it has ended.
type Sequence struct {
	cache    *Cache
	blocks   []int32
	computed int // tokens whose KV the blocks hold, hits included
	prompt   int
	named    int // leading blocks whose hash is known
	hits     Hits
	evicted  [NumTiers]int
	stored   [NumTiers]int
}

// Start admits a request: it pins the leading run of cached blocks, loads what lies below the GPU, and takes blocks for
// the tokens of the first step. If too few are free nothing happens and the answer is nil, false: the caller waits,
// preempts another sequence, or gives up if the request never Fits.
func (c *Cache) Start(r Request) (*Sequence, bool) {
	c.match(r.Hashes, r.Tokens)
	size := c.config.BlockSize
	hit := len(c.run) + len(c.from)
	compute := max(1, r.Tokens) - hit*size
	switch {
	case r.Compute > 0:
		compute = min(compute, r.Compute)
	case r.Compute < 0:
		compute = 0
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
	s.hits = c.hits()
	c.stats.Started++
	for t, n := range s.hits {
		c.stats.Tiers[t].Hits += uint64(n)
	}
	// Pinned first, so that nothing taken below can be what was hit. For the same reason exclusive tiers give their blocks
	// away before evictions push others into them.
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
		for i := min(len(r.Hashes), r.Tokens/size) - 1; i >= 0; i-- {
			c.touch(r.Hashes[i])
		}
		// What only the GPU has, an answer that came back as prompt for one, is copied now.
		c.mirror(s, 0, s.named)
	}
	s.advance(r.Hashes, hit*size)
	s.advance(r.Hashes, computed)
	c.stats.Computed += uint64(compute)
	return s, true
}

// Grow computes n more tokens, of the prompt or generated, and takes the blocks they need. Hashes are those of all full
// blocks of the sequence so far. If too few blocks are free nothing happens and the answer is false.
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

// advance takes the blocks that tokens need and names those that are full.
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
		if store := c.config.Tiers[GPU].Store; store == PromptAndOutput || store == PromptOnly && !b.answer {
			c.gpu.publish(i)
			c.stored(GPU)
		}
	}
	if c.tiered && !c.config.Exclusive && first < s.named {
		c.mirror(s, first, s.named)
	}
}

// Finish ends the sequence: its blocks stay cached until others need the room, its last block first.
func (s *Sequence) Finish() {
	s.live().stats.Finished++
	s.end()
}

// Preempt ends the sequence because others need its room. To go on it is started anew, with the tokens it has generated
// as part of Tokens; it may hit its own blocks.
func (s *Sequence) Preempt() {
	s.live().stats.Preempted++
	s.end()
}

func (s *Sequence) end() {
	c := s.cache
	if c.tiered && !c.config.Exclusive {
		for i := s.named - 1; i >= 0; i-- {
			c.touch(c.gpu.blocks[s.blocks[i]].hash)
		}
	}
	for i := len(s.blocks) - 1; i >= 0; i-- {
		c.gpu.release(s.blocks[i])
	}
	*s = Sequence{blocks: s.blocks[:0]}
	c.spare = append(c.spare, s)
}

// Hits is what the sequence found when it started.
func (s *Sequence) Hits() Hits { return s.hits }

// CachedTokens is the prompt's part that was not computed when the sequence started: usage's cached_tokens.
func (s *Sequence) CachedTokens() int { return s.hits.Blocks() * s.cache.config.BlockSize }

// Computed is the number of tokens whose KV the sequence holds, hits included.
func (s *Sequence) Computed() int { return s.computed }

// Blocks is the number of blocks the sequence pins; some may be shared with others.
func (s *Sequence) Blocks() int { return len(s.blocks) }

// Evicted is the number of blocks that each tier has evicted to make room for the sequence, so far.
func (s *Sequence) Evicted() [NumTiers]int { return s.evicted }

// Stored is the number of blocks that the sequence has brought into each tier, so far; in an exclusive cache those of the
// lower tiers are other sequences' blocks that it has pushed down.
func (s *Sequence) Stored() [NumTiers]int { return s.stored }

// isAnswer says whether block i reaches beyond the prompt.
func (s *Sequence) isAnswer(i int) bool { return (i+1)*s.cache.config.BlockSize > s.prompt }

func (s *Sequence) live() *Cache {
	if s.cache == nil {
		panic("kvcache: sequence used after its end")
	}
	return s.cache
}

// sequence returns a fresh or used one, and makes it the one at work.
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
