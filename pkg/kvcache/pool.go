package kvcache

// pool is the GPU's blocks. Each is pinned by running sequences, idle and
// cached, or empty.
type pool struct {
	capacity int // blocks, or Unlimited
	blocks   []block
	index    table // hash to the oldest cached block of that hash
	empty    int32 // first empty block, chained by next
	oldest   int32 // idle cached blocks, in order of eviction
	newest   int32
	pinned   int
}

type block struct {
	hash Hash
	// Neighbours in the list of idle blocks: older and newer.
	prev, next int32
	// Neighbours in the ring of cached blocks of the same hash, oldest first.
	dupPrev, dupNext int32
	refs             int32
	cached           bool // in the index, so a lookup can hit it
	answer           bool // holds generated tokens that no prompt has contained yet
}

func newPool(capacity int) pool {
	return pool{capacity: capacity, empty: none, oldest: none, newest: none}
}

// available returns the number of blocks that could be taken now, evicting idle
// ones.
func (p *pool) available() int {
	if p.capacity < 0 {
		return maxBlocks
	}
	return p.capacity - p.pinned
}

// take returns a block with one reference: an empty one, or else the least
// recently used idle one. In the latter case evicted is true; the block is no
// longer in the index but still has its old hash. The caller has checked
// available.
func (p *pool) take() (i int32, evicted bool) {
	p.pinned++
	switch {
	case p.empty != none:
		i = p.empty
		p.empty = p.blocks[i].next
	case p.capacity < 0 || len(p.blocks) < p.capacity:
		i = int32(len(p.blocks))
		p.blocks = append(p.blocks, block{})
	default:
		i = p.oldest
		p.unlink(i)
		p.forget(i)
		evicted = true
	}
	p.blocks[i].refs = 1
	return i, evicted
}

// pin adds a reference to a cached block.
func (p *pool) pin(i int32) {
	b := &p.blocks[i]
	if b.refs == 0 {
		p.unlink(i)
		p.pinned++
	}
	b.refs++
}

// release drops a reference. When the last one is dropped, a cached block
// becomes the newest idle one and any other block becomes empty.
func (p *pool) release(i int32) {
	b := &p.blocks[i]
	b.refs--
	if b.refs > 0 {
		return
	}
	p.pinned--
	if !b.cached {
		b.next = p.empty
		p.empty = i
		return
	}
	b.prev, b.next = p.newest, none
	if p.newest == none {
		p.oldest = i
	} else {
		p.blocks[p.newest].next = i
	}
	p.newest = i
}

func (p *pool) unlink(i int32) {
	b := &p.blocks[i]
	if b.prev == none {
		p.oldest = b.next
	} else {
		p.blocks[b.prev].next = b.next
	}
	if b.next == none {
		p.newest = b.prev
	} else {
		p.blocks[b.next].prev = b.prev
	}
}

// publish adds a block to the index.
func (p *pool) publish(i int32) {
	b := &p.blocks[i]
	b.cached = true
	head, found := p.index.getOrPut(b.hash, uint32(i))
	if !found {
		b.dupPrev, b.dupNext = i, i
		return
	}
	first := &p.blocks[head]
	last := first.dupPrev
	b.dupPrev, b.dupNext = last, int32(head)
	p.blocks[last].dupNext = i
	first.dupPrev = i
}

// forget removes a block from the index.
func (p *pool) forget(i int32) {
	b := &p.blocks[i]
	b.cached = false
	if b.dupNext == i {
		p.index.delete(b.hash)
		return
	}
	p.blocks[b.dupPrev].dupNext = b.dupNext
	p.blocks[b.dupNext].dupPrev = b.dupPrev
	if head, _ := p.index.get(b.hash); int32(head) == i {
		p.index.put(b.hash, uint32(b.dupNext))
	}
}

// clear empties the pool. No block may be pinned.
func (p *pool) clear() {
	p.index.clear()
	p.blocks = p.blocks[:0]
	p.empty, p.oldest, p.newest = none, none, none
}
