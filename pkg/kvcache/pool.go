package kvcache

// pool is the GPU's blocks: pinned by running sequences, idle and cached, or empty.
type pool struct {
	capacity int // blocks, or Unlimited
	blocks   []block
	index    table // hash to the oldest of the cached blocks of that hash
	empty    int32 // first empty block, chained by next
	oldest   int32 // idle cached blocks, in the order they will be evicted
	newest   int32
	pinned   int
}

type block struct {
	hash Hash
	// Neighbours among the idle: towards older and newer.
	prev, next int32
	// Neighbours in the ring of cached blocks of the same hash, oldest first.
	dupPrev, dupNext int32
	refs             int32
	cached           bool // findable by its hash
	answer           bool // holds generated tokens that were never sent as prompt
}

func newPool(capacity int) pool {
	return pool{capacity: capacity, empty: none, oldest: none, newest: none}
}

// available is the number of blocks that could be taken now, evicting what is idle.
func (p *pool) available() int {
	if p.capacity < 0 {
		return maxBlocks
	}
	return p.capacity - p.pinned
}

// take returns an unpinned block to use, pinned once: an empty one or the least recently used. In the latter case evicted
// is true and the block still says what it held; it is not findable any more. The caller has checked available.
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

// release takes a reference away. The last one makes a cached block the newest of the idle, and any other one empty.
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

// publish makes a block findable by its hash.
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

// forget undoes publish.
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

// clear empties the pool. Nothing may be pinned.
func (p *pool) clear() {
	p.index.clear()
	p.blocks = p.blocks[:0]
	p.empty, p.oldest, p.newest = none, none, none
}
