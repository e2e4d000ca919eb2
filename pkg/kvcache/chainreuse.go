package kvcache

import "sort"

// ChainReuse is Reuse for hashes of chains, with the server's rule of what is hit.
// It measures the same in time and memory for each request, whatever its number of
// blocks: blocks that were last used together are one stretch.
//
// It keeps the slices of hashes that Use is given, and no copy of them.
type ChainReuse struct {
	blockSize int
	root      stretch
	calls     []call  // of Use
	counts    []int32 // Fenwick tree: the blocks whose last use is in a call, from 1
	rises     []int32 // by how much the hits at distance i+1 differ from those at i
	unique    int
	path      []*stretch // scratch of Use

	accesses, promptTokens int64
	largest                int
}

// stretch is blocks that follow each other, whose last use is in the same call. Every
// request that has the first of them has all before it: a run has one parent.
type stretch struct {
	hashes []Hash
	last   int32    // the call
	next   *stretch // the only stretch behind it, if there is one
	others map[Hash]*stretch
}

// call is one call of Use.
type call struct {
	blocks int32 // that it used
	left   int32 // of them, those that no later call used: the last ones
	fresh  int32 // blocks used in it for the first time
}

// NewChainReuse returns an empty measurement for blocks of blockSize tokens. It panics if
// blockSize is below 1.
func NewChainReuse(blockSize int) *ChainReuse {
	if blockSize < 1 {
		panic("kvcache: block size below 1")
	}
	return &ChainReuse{blockSize: blockSize, counts: make([]int32, 1)}
}

// child returns the stretch that begins with h behind n, nil if there is none.
func (n *stretch) child(h Hash) *stretch {
	if n.next != nil && n.next.hashes[0] == h {
		return n.next
	}
	return n.others[h]
}

// add puts a stretch behind n.
func (n *stretch) add(child *stretch) {
	switch {
	case n.next == nil && n.others == nil:
		n.next = child
		return
	case n.others == nil:
		n.others = map[Hash]*stretch{n.next.hashes[0]: n.next}
		n.next = nil
	}
	n.others[child.hashes[0]] = child
}

// common returns how many blocks a stretch and the hashes have in common. Equal hashes
// have equal ones before them.
func (n *stretch) common(hashes []Hash) int {
	k := min(len(n.hashes), len(hashes))
	if n.hashes[k-1] == hashes[k-1] {
		return k
	}
	return sort.Search(k, func(i int) bool { return n.hashes[i] != hashes[i] })
}

// Lookup is Reuse.Lookup.
func (r *ChainReuse) Lookup(hashes []Hash, prompt int) int {
	r.promptTokens += int64(max(0, prompt))
	r.accesses += int64(len(hashes))
	r.largest = max(r.largest, len(hashes))
	want := hashes[:min(max(0, prompt-1)/r.blockSize, len(hashes))]
	at := 0
	for n := &r.root; at < len(want); {
		if n = n.child(want[at]); n == nil {
			break
		}
		k := n.common(want[at:])
		c := &r.calls[n.last]
		// The blocks that are left of a call are the last of those that it used, and
		// the first of them is the newest.
		r.hit(r.newer(n.last)+at+1-int(c.blocks-c.left), k)
		at += k
		if k < len(n.hashes) {
			break
		}
	}
	return at
}

// hit counts n hits, at this distance and the next ones.
func (r *ChainReuse) hit(distance, n int) {
	for len(r.rises) < distance+n {
		r.rises = append(r.rises, 0)
	}
	r.rises[distance-1]++
	r.rises[distance+n-1]--
}

// Use is Reuse.Use.
func (r *ChainReuse) Use(hashes []Hash) {
	now := int32(len(r.calls))
	r.calls = append(r.calls, call{})
	r.grow()
	r.path = append(r.path[:0], &r.root)
	n, fresh := &r.root, 0
	for at := 0; at < len(hashes); at += len(n.hashes) {
		child := n.child(hashes[at])
		if child == nil {
			child = &stretch{hashes: hashes[at:], last: now}
			n.add(child)
			fresh = len(child.hashes)
		} else {
			if k := child.common(hashes[at:]); k < len(child.hashes) {
				child.split(k)
			}
			r.move(child, -len(child.hashes))
			child.last = now
		}
		n = child
		r.path = append(r.path, n)
	}
	c := &r.calls[now]
	c.blocks, c.fresh = int32(len(hashes)), int32(fresh)
	r.unique += fresh
	if len(hashes) > 0 {
		r.move(n, len(hashes))
	}
	r.join(hashes)
}

// split cuts a stretch before its block k.
func (n *stretch) split(k int) {
	tail := &stretch{hashes: n.hashes[k:], last: n.last, next: n.next, others: n.others}
	n.hashes, n.next, n.others = n.hashes[:k], tail, nil
}

// join makes one stretch of those on the path that only follow each other. The path is
// that of the hashes, which were used now.
func (r *ChainReuse) join(hashes []Hash) {
	end := len(hashes)
	for i := len(r.path) - 1; i > 1; i-- {
		n, before := r.path[i], r.path[i-1]
		begin := end - len(n.hashes)
		if before.next != n {
			end = begin
			continue
		}
		before.hashes = hashes[begin-len(before.hashes) : end : end]
		before.next, before.others = n.next, n.others
	}
	clear(r.path)
}

// move adds n blocks to those that are left of a stretch's last call.
func (r *ChainReuse) move(of *stretch, n int) {
	r.calls[of.last].left += int32(n)
	for i := int(of.last) + 1; i < len(r.counts); i += i & -i {
		r.counts[i] += int32(n)
	}
}

// grow adds a call without blocks to the tree.
func (r *ChainReuse) grow() {
	i, sum := len(r.counts), int32(0)
	for k := 1; k < i&-i; k *= 2 {
		sum += r.counts[i-k]
	}
	r.counts = append(r.counts, sum)
}

// newer returns how many blocks were last used in calls after this one.
func (r *ChainReuse) newer(call int32) int {
	older := int32(0)
	for i := int(call) + 1; i > 0; i &= i - 1 {
		older += r.counts[i]
	}
	return r.unique - int(older)
}

// WorkingSet is Reuse.WorkingSet.
func (r *ChainReuse) WorkingSet() WorkingSet {
	w := WorkingSet{Unique: make([]int32, len(r.calls)), Live: make([]int32, len(r.calls))}
	unique, live := int32(0), int32(0)
	for i, c := range r.calls {
		unique += c.fresh
		live += c.fresh - c.left
		w.Unique[i], w.Live[i] = unique, live
	}
	return w
}

// Curve is Reuse.Curve.
func (r *ChainReuse) Curve() *Curve {
	c := &Curve{
		BlockSize: r.blockSize, Accesses: r.accesses, PromptTokens: r.promptTokens,
		Unique: r.unique, Largest: r.largest,
	}
	var p Point
	hits := int64(0)
	rises := 0
	for _, d := range r.rises {
		if hits += int64(d); hits != 0 {
			rises++
		}
	}
	c.steps, hits = make([]Point, 0, rises), 0
	for i, d := range r.rises {
		if hits += int64(d); hits == 0 {
			continue
		}
		p.Capacity = i + 1
		p.HitBlocks += hits
		p.HitTokens += hits * int64(r.blockSize)
		c.steps = append(c.steps, p)
	}
	return c
}
