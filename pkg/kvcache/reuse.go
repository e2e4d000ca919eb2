package kvcache

import "math/bits"

// Reuse measures reuse distances: how many different blocks were used since a block was last used, itself included. An
// LRU cache hits exactly the blocks whose distance is at most its capacity, so one pass over the requests gives the hits
// of every capacity at once (Mattson et al., Evaluation techniques for storage hierarchies, 1970).
//
// A request is looked up first and then uses its blocks from the last to the first, as a server frees them. A block is
// therefore always more recent than those that follow it in its chain, distances grow along a request, and what is hit at
// any capacity is a leading run, as a server wants it.
//
// The curve is that of a cache with nothing pinned. Under a server, running requests hold part of the capacity, if only
// the partial block of the one that runs. A capacity below Curve.Largest means a server that could not run every request.
//
// Time is O(log n) per block at worst and constant for blocks that keep each other's company. Memory is about 100 bytes per
// different block and 4 per request, whatever the number of accesses.
type Reuse struct {
	// BlockSize is the number of tokens of a block.
	BlockSize int
	// CountPartial counts the block that holds the last token of the prompt as a hit, less that token, be the block full
	// or not: the rule of published results on Mooncake's traces. Otherwise the rule is the server's: (prompt-1)/BlockSize
	// blocks can be hit.
	CountPartial bool

	index  table // hash to block number, in order of appearance
	blocks []usedBlock
	owner  []uint32 // per slot: its block
	live   []uint64 // per slot a bit: it is the last use of its block
	counts []int32  // Fenwick tree over the words of live
	next   uint32   // the first slot not used yet

	depth     []uint32    // hits by distance - 1
	shortfall []shortfall // tokens that single hits lack to a full block
	uniques   []uint32    // per request: different blocks used so far
	distances []int       // scratch: of its leading run

	accesses, promptTokens int64
	largest                int
}

// usedBlock says when a block was used last, as a slot, and in which requests it was used first and last.
type usedBlock struct{ slot, first, last uint32 }

type shortfall struct {
	distance uint32
	tokens   int32
}

// NewReuse returns an empty measurement of blocks of so many tokens.
func NewReuse(blockSize int) *Reuse {
	if blockSize < 1 {
		panic("kvcache: block size below 1")
	}
	return &Reuse{BlockSize: blockSize}
}

// Add takes the next request: it is looked up, then its blocks are used. Hashes names its blocks, those of its answer
// included if the cache stores answers; only the first prompt tokens are looked up. It returns the blocks an unlimited
// cache would have hit.
func (r *Reuse) Add(hashes []Hash, prompt int) int {
	n := r.Lookup(hashes, prompt)
	r.Use(hashes)
	return n
}

// Lookup counts the hits of a request of so many prompt tokens, at every capacity, and returns those of an unlimited cache.
// With Use it serves requests that overlap: look up and use when one starts, use again when it ends.
func (r *Reuse) Lookup(hashes []Hash, prompt int) int {
	r.promptTokens += int64(max(0, prompt))
	n := max(0, prompt-1) / r.BlockSize
	if r.CountPartial {
		n = (max(0, prompt) + r.BlockSize - 1) / r.BlockSize
	}
	n = min(n, len(hashes))
	r.accesses += int64(len(hashes))
	r.largest = max(r.largest, len(hashes))

	r.distances = r.distances[:0]
	deepest, distance := 0, 0
	previous := uint32(0)
	for i := 0; i < n; i++ {
		id, ok := r.index.get(hashes[i])
		if !ok {
			break
		}
		at := r.blocks[id].slot
		if i > 0 && at+1 == previous {
			distance++ // the next older slot, and live, as every slot a block points to
		} else {
			distance = r.distance(at)
		}
		previous = at
		// Chained hashes never come closer again; in a trace of other ids a block behind a miss is no hit.
		deepest = max(deepest, distance)
		for len(r.depth) < deepest {
			r.depth = append(r.depth, 0)
		}
		r.depth[deepest-1]++
		if tokens := min((i+1)*r.BlockSize, prompt-1) - i*r.BlockSize; tokens < r.BlockSize {
			r.shortfall = append(r.shortfall, shortfall{uint32(deepest), int32(r.BlockSize - tokens)})
		}
		r.distances = append(r.distances, deepest)
	}
	return len(r.distances)
}

// Distances are those of the last lookup's hits, in order: a cache of c blocks hits as many as are at most c. The slice is
// valid until the next lookup.
func (r *Reuse) Distances() []int { return r.distances }

// Use makes the blocks the most recently used, the first of them last.
func (r *Reuse) Use(hashes []Hash) {
	r.reserve(len(hashes))
	request := uint32(len(r.uniques))
	var old, fresh wordRun
	for i := len(hashes) - 1; i >= 0; i-- {
		id, found := r.index.getOrPut(hashes[i], uint32(len(r.blocks)))
		if !found {
			r.blocks = append(r.blocks, usedBlock{first: request})
		}
		b := &r.blocks[id]
		if found {
			r.live[b.slot/64] &^= 1 << (b.slot % 64)
			old.add(r, b.slot/64, -1)
		}
		b.slot, b.last = r.next, request
		r.owner[r.next] = id
		r.live[r.next/64] |= 1 << (r.next % 64)
		fresh.add(r, r.next/64, 1)
		r.next++
	}
	old.flush(r)
	fresh.flush(r)
	r.uniques = append(r.uniques, uint32(len(r.blocks)))
}

// wordRun gathers changes of one word's count, since neighbours in time mostly share a word.
type wordRun struct {
	word  uint32
	delta int32
}

func (n *wordRun) add(r *Reuse, word uint32, d int32) {
	if word != n.word {
		n.flush(r)
		n.word = word
	}
	n.delta += d
}

func (n *wordRun) flush(r *Reuse) {
	if n.delta != 0 {
		for i := int(n.word) + 1; i < len(r.counts); i += i & -i {
			r.counts[i] += n.delta
		}
	}
	n.delta = 0
}

// distance is the number of blocks used at slot at or later.
func (r *Reuse) distance(at uint32) int {
	older := int32(bits.OnesCount64(r.live[at/64] & (1<<(at%64) - 1)))
	for i := int(at / 64); i > 0; i &= i - 1 {
		older += r.counts[i]
	}
	return len(r.blocks) - int(older)
}

// reserve makes room for n more slots: when they are used up, the live ones move together and their number is doubled.
func (r *Reuse) reserve(n int) {
	if int(r.next)+n <= len(r.owner) {
		return
	}
	k := uint32(0)
	for w, word := range r.live {
		for ; word != 0; word &= word - 1 {
			id := r.owner[w*64+bits.TrailingZeros64(word)]
			r.owner[k] = id
			r.blocks[id].slot = k
			k++
		}
	}
	r.next = k
	words := (max(2*(int(k)+n), 4096) + 63) / 64
	if words*64 > len(r.owner) {
		owner := make([]uint32, words*64)
		copy(owner, r.owner[:k])
		r.owner = owner
		r.live = make([]uint64, words)
		r.counts = make([]int32, words+1)
	}
	clear(r.counts)
	for w := range r.live {
		ones := min(max(int(k)-w*64, 0), 64)
		r.live[w] = 1<<ones - 1
		r.counts[w+1] += int32(ones)
		if up := (w + 1) + (w+1)&-(w+1); up < len(r.counts) {
			r.counts[up] += r.counts[w+1]
		}
	}
}

// WorkingSet is how many blocks matter, after each request.
type WorkingSet struct {
	// Unique is the number of different blocks used so far.
	Unique []int
	// Live is the number of blocks used so far that will be used again: what a cache that knew the future would hold.
	Live []int
}

// WorkingSet returns the working set over the requests so far (calls of Add or Use).
func (r *Reuse) WorkingSet() WorkingSet {
	n := len(r.uniques)
	w := WorkingSet{Unique: make([]int, n), Live: make([]int, n)}
	for _, s := range r.blocks {
		w.Live[s.first]++
		w.Live[s.last]--
	}
	for i := range n {
		w.Unique[i] = int(r.uniques[i])
		if i > 0 {
			w.Live[i] += w.Live[i-1]
		}
	}
	return w
}

// Curve returns the hits by capacity of the requests so far.
func (r *Reuse) Curve() *Curve {
	missing := make(map[uint32]int64, len(r.shortfall))
	for _, s := range r.shortfall {
		missing[s.distance] += int64(s.tokens)
	}
	c := &Curve{BlockSize: r.BlockSize, Accesses: r.accesses, PromptTokens: r.promptTokens, Unique: len(r.blocks), Largest: r.largest}
	rises := 0
	for _, n := range r.depth {
		if n != 0 {
			rises++
		}
	}
	c.steps = make([]Point, 0, rises)
	var p Point
	for i, n := range r.depth {
		if n == 0 {
			continue
		}
		p.Capacity = i + 1
		p.HitBlocks += int64(n)
		p.HitTokens += int64(n)*int64(r.BlockSize) - missing[uint32(i+1)]
		c.steps = append(c.steps, p)
	}
	return c
}
