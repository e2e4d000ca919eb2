package kvcache

// none is the end of a list of numbered blocks.
const none = -1

// shelf is a tier below the GPU: a set of blocks in order of last use. Its
// blocks are never pinned.
type shelf struct {
	capacity int // blocks of the tier; 0 = no such tier, Unlimited
	store    Store
	index    table
	nodes    []node
	free     int32 // first unused node, chained by next
	oldest   int32
	newest   int32
	n        int
}

type node struct {
	hash       Hash
	prev, next int32 // older and newer neighbour
	answer     bool
}

// newShelf returns a tier whose blocks each hold size of the GPU's.
func newShelf(c TierConfig, size int) shelf {
	capacity := c.Blocks
	if capacity > 0 {
		capacity /= size
	}
	return shelf{capacity: capacity, store: c.Store, free: none, oldest: none, newest: none}
}

func (s *shelf) full() bool { return s.capacity >= 0 && s.n >= s.capacity }

// keeps reports whether the tier stores such blocks.
func (s *shelf) keeps(answer bool) bool {
	return s.capacity != 0 && (s.store == PromptAndOutput || s.store == PromptOnly && !answer)
}

func (s *shelf) has(h Hash) bool {
	_, ok := s.index.get(h)
	return ok
}

// touch makes a block the most recently used, if the tier has it.
func (s *shelf) touch(h Hash) {
	if i, ok := s.index.get(h); ok && int32(i) != s.newest {
		s.unlink(int32(i))
		s.link(int32(i), s.newest)
	}
}

// link inserts node i on the newer side of node after, or as the oldest if
// after is none.
func (s *shelf) link(i, after int32) {
	x := &s.nodes[i]
	x.prev = after
	if after == none {
		x.next = s.oldest
		s.oldest = i
	} else {
		x.next = s.nodes[after].next
		s.nodes[after].next = i
	}
	if x.next == none {
		s.newest = i
	} else {
		s.nodes[x.next].prev = i
	}
}

func (s *shelf) unlink(i int32) {
	x := &s.nodes[i]
	if x.prev == none {
		s.oldest = x.next
	} else {
		s.nodes[x.prev].next = x.next
	}
	if x.next == none {
		s.newest = x.prev
	} else {
		s.nodes[x.next].prev = x.prev
	}
}

// add inserts a new block on the newer side of node after and returns its node.
// The tier must not be full.
func (s *shelf) add(h Hash, answer bool, after int32) int32 {
	i := s.free
	if i == none {
		i = int32(len(s.nodes))
		s.nodes = append(s.nodes, node{})
	} else {
		s.free = s.nodes[i].next
	}
	s.nodes[i] = node{hash: h, answer: answer}
	s.link(i, after)
	s.index.put(h, uint32(i))
	s.n++
	return i
}

// drop removes node i and returns what it held.
func (s *shelf) drop(i int32) node {
	x := s.nodes[i]
	s.unlink(i)
	s.nodes[i].next = s.free
	s.free = i
	s.index.delete(x.hash)
	s.n--
	return x
}

func (s *shelf) clear() {
	s.index.clear()
	s.nodes = s.nodes[:0]
	s.free, s.oldest, s.newest, s.n = none, none, none, 0
}
