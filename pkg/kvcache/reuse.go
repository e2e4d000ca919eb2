package kvcache

import "math/bits"

// Reuse measures reuse distances. The distance of a block's use is the number
// of different blocks used since its last use, itself included. An LRU cache
// hits exactly the blocks whose distance is at most its capacity, so one pass
// over the requests gives the hits of every capacity at once (Mattson et al.,
// Evaluation techniques for storage hierarchies, 1970).
//
// A request is looked up first and then uses its blocks from last to first, in
// the order in which a server frees them. Thus a block is always more recent
// than those after it in its chain, distances grow along a request, and the
// hits at any capacity are leading blocks, as on a server.
//
// The curve is that of a cache without pinned blocks. On a server, running
// requests hold part of the capacity, at least their partial blocks. A server
// with less capacity than Curve.Largest could not run every request.
//
// Each block takes O(log n) time at worst, and constant time if blocks are used
// in the same order again. Memory is about 100 bytes per different block and 4
// bytes per request, independent of the number of accesses.
type Reuse struct {
	// BlockSize is the number of tokens of a block.
	BlockSize int
	// CountPartial lets the block with the prompt's last token be hit, except for that token, even
	// if the block is not full: the rule of published results on Mooncake's traces. Otherwise the
	// rule is the server's: (prompt-1)/BlockSize blocks can be hit.
	CountPartial bool

	index  table // hash to block number, in order of appearance
	blocks []usedBlock
	owner  []uint32 // per slot: its block
	live   []uint64 // per slot a bit: it is the last use of its block
	counts []int32  // Fenwick tree over the words of live
	next   uint32   // the first slot not used yet

	depth     []uint32    // hits by distance - 1
	shortfall []shortfall // hits of less than a full block
	uniques   []uint32    // per request: different blocks used so far
	distances []int       // of the last lookup's hits

	accesses, promptTokens int64
	largest                int
}

// usedBlock is the slot of a block's last use, and the requests that used it
// first and last.
type usedBlock struct{ slot, first, last uint32 }

// shortfall is a hit at the given distance that is some tokens short of a full
// block.
type shortfall struct {
	distance uint32
	tokens   int32
}

// NewReuse returns an empty measurement for blocks of blockSize tokens. It
// panics if blockSize is below 1.
func NewReuse(blockSize int) *Reuse {
	if blockSize < 1 {
		panic("kvcache: block size below 1")
	}
	return &Reuse{BlockSize: blockSize}
}

// Add looks the next request up and then uses its blocks. The hashes name the
// request's blocks, including those of its answer if the cache stores answers;
// only the blocks of the first prompt tokens are looked up. Add returns the
// number of blocks that an unlimited cache would have hit.
func (r *Reuse) Add(hashes []Hash, prompt int) int {
	n := r.Lookup(hashes, prompt)
	r.Use(hashes)
	return n
}

// Lookup counts the hits of a request of prompt tokens at every capacity and
// returns those of an unlimited cache. For requests that overlap, call Lookup
// and Use when a request starts and Use again when it ends.
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
			distance++ // its slot is the next older one, so exactly one more block was used since
		} else {
			distance = r.distance(at)
		}
		previous = at
		// With chained hashes distances only grow. With other ids they may not, but a block after a
		// miss is not a hit either.
		deepest = max(deepest, distance)
		for len(r.depth) < deepest {
			r.depth = append(r.depth, 0)
		}
		r.depth[deepest-1]++
		if tokens := min((i+1)*r.BlockSize, prompt-1) - i*r.BlockSize; tokens < r.BlockSize {
			r.shortfall = append(r.shortfall,
				shortfall{uint32(deepest), int32(r.BlockSize - tokens)})
		}
		r.distances = append(r.distances, deepest)
	}
	return len(r.distances)
}

// Use makes the blocks the most recently used, the first block the newest of
// all.
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

// wordRun collects changes of one word's count, since blocks that were used
// together mostly share a word.
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

// distance returns the number of different blocks used at slot at or later.
func (r *Reuse) distance(at uint32) int {
	older := int32(bits.OnesCount64(r.live[at/64] & (1<<(at%64) - 1)))
	for i := int(at / 64); i > 0; i &= i - 1 {
		older += r.counts[i]
	}
	return len(r.blocks) - int(older)
}

// reserve makes room for n more slots. When the slots are used up it compacts
// the live ones and, if needed, doubles their number.
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

// WorkingSet gives the number of blocks that matter after each request.
type WorkingSet struct {
	// Unique is the number of different blocks used so far.
	Unique []int32
	// Live is the number of blocks used so far that will be used again: what a cache that knew
	// the future would hold.
	Live []int32
}

// WorkingSet returns the working set after each request so far (calls of Add or
// Use).
func (r *Reuse) WorkingSet() WorkingSet {
	n := len(r.uniques)
	w := WorkingSet{Unique: make([]int32, n), Live: make([]int32, n)}
	for _, s := range r.blocks {
		w.Live[s.first]++
		w.Live[s.last]--
	}
	for i := range n {
		w.Unique[i] = int32(r.uniques[i])
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
	c := &Curve{
		BlockSize: r.BlockSize, Accesses: r.accesses, PromptTokens: r.promptTokens,
		Unique: len(r.blocks), Largest: r.largest,
	}
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
