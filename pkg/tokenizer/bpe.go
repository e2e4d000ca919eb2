package tokenizer

import "unicode/utf8"

// model is the BPE model of a tokenizer.json.
type model struct {
	vocabulary
	merges

	// ranked means that there is no table of merges: two symbols merge if their
	// bytes together are a token, and its id is the rank.
	ranked       bool
	byteLevel    bool
	ignoreMerges bool // a piece that is a token is that token
	byteFallback bool // characters outside the vocabulary become <0xNN>
	fuseUnk      bool // a run of unknown characters is one
	unk          uint32

	byteID   [256]uint32 // byte-level: of each byte; else: of each ASCII character
	fallback [256]uint32 // of <0xNN>
	runeID   map[rune]uint32

	cutWords bool          // pieces may be cut before ▁, except after a character of joins
	joins    map[rune]bool // see findWordStarts
}

const (
	// cacheBits gives each worker a cache of 32,768 words: nearly all of the
	// words of ordinary text.
	cacheBits = 15
	// maxCached is the longest cached word in bytes: longer pieces seldom come
	// twice.
	maxCached = 48
	// maxLinear is the number of symbols beyond which a heap merges faster than
	// mergeLinear.
	maxLinear = 96
)

// cached is a word and its ids.
type cached struct {
	key string
	ids []int32
}

// word appends the ids of one piece.
func (w *worker) word(s string) {
	m := &w.model
	if m.byteLevel && len(s) == 1 {
		if id := m.byteID[s[0]]; id != none {
			w.out = append(w.out, int32(id))
			return
		}
	}
	if len(s) > maxCached {
		w.merge(s)
		return
	}
	e := &w.cache[hash(s)>>(64-cacheBits)]
	if e.key != s {
		n := len(w.out)
		w.merge(s)
		e.key = string([]byte(s)) // a copy: a substring would keep the whole text in memory
		e.ids = append(e.ids[:0], w.out[n:]...)
		return
	}
	w.out = append(w.out, e.ids...)
}

func (w *worker) merge(s string) {
	m := &w.model
	if m.ignoreMerges {
		if id := m.id(s); id != none {
			w.out = append(w.out, int32(id))
			return
		}
	}
	w.symbols(s)
	switch n := len(w.ids); {
	case n > maxLinear:
		w.mergeHeap(s)
	case n < 2:
		w.emit(w.ids)
	case m.ranked:
		w.mergeRanked(s)
	default:
		w.mergeLinear()
	}
}

func (w *worker) emit(ids []uint32) {
	for _, id := range ids {
		w.out = append(w.out, int32(id))
	}
}

// symbols sets w.ids to the symbols of s before any merge: bytes, or
// characters.
func (w *worker) symbols(s string) {
	m := &w.model
	ids := w.ids[:0]
	if m.byteLevel {
		for i := 0; i < len(s); i++ {
			if id := m.byteID[s[i]]; id != none {
				ids = append(ids, id)
			}
		}
		w.ids = ids
		return
	}
	// An unknown character is held back until a known one follows, since the
	// reference puts the bytes of later characters before it.
	unk := false
	for i := 0; i < len(s); {
		id, n := uint32(none), 1
		if b := s[i]; b < utf8.RuneSelf {
			id = m.byteID[b]
		} else {
			var r rune
			r, n = utf8.DecodeRuneInString(s[i:])
			if known, ok := m.runeID[r]; ok {
				id = known
			}
		}
		switch {
		case id != none:
			if unk {
				ids = append(ids, m.unk)
				unk = false
			}
			ids = append(ids, id)
		case m.byteFallback && m.canFallBack(s[i:i+n]):
			for k := range n {
				ids = append(ids, m.fallback[s[i+k]])
			}
		case m.unk != none:
			if unk && !m.fuseUnk {
				ids = append(ids, m.unk)
			}
			unk = true
		}
		i += n
	}
	if unk {
		ids = append(ids, m.unk)
	}
	w.ids = ids
}

func (m *model) canFallBack(char string) bool {
	for i := 0; i < len(char); i++ {
		if m.fallback[char[i]] == none {
			return false
		}
	}
	return true
}

// mergeLinear merges the symbols in w.ids: the lowest rank first, and the
// leftmost of equal ranks. It scans all pairs each time, which is fastest for
// the few symbols of a word.
func (w *worker) mergeLinear() {
	m := &w.model
	ids := w.ids
	n := len(ids)
	w.grow(n)
	ranks := w.ranks[:n]
	for i := range n - 1 {
		ranks[i] = m.rank(ids[i], ids[i+1])
	}
	for n > 1 {
		best, at := uint32(none), -1
		for i, r := range ranks[:n-1] {
			if r < best {
				best, at = r, i
			}
		}
		if at < 0 {
			break
		}
		ids[at] = m.made[best]
		copy(ids[at+1:], ids[at+2:n])
		copy(ranks[at+1:], ranks[at+2:n])
		n--
		if at > 0 {
			ranks[at-1] = m.rank(ids[at-1], ids[at])
		}
		if at < n-1 {
			ranks[at] = m.rank(ids[at], ids[at+1])
		}
	}
	w.emit(ids[:n])
}

// grow makes room for n symbols.
func (w *worker) grow(n int) {
	if cap(w.ranks) < n {
		n += n/2 + maxLinear
		w.ranks = make([]uint32, n)
		w.prev, w.next = make([]int32, n), make([]int32, n)
	}
}

// mergeRanked is mergeLinear for a ranked model.
func (w *worker) mergeRanked(s string) {
	m := &w.model
	ids := w.ids
	n := len(ids)
	w.grow(n)
	ranks, start := w.ranks[:n], w.prev[:n] // start[i] is where symbol i begins
	for i := range n {
		start[i] = int32(i)
		if i+1 < n {
			ranks[i] = m.joined(s[i : i+2])
		}
	}
	end := func(i int) int32 {
		if i < n {
			return start[i]
		}
		return int32(len(s))
	}
	for n > 1 {
		best, at := uint32(none), -1
		for i, r := range ranks[:n-1] {
			if r < best {
				best, at = r, i
			}
		}
		if at < 0 {
			break
		}
		ids[at] = best
		copy(ids[at+1:], ids[at+2:n])
		copy(ranks[at+1:], ranks[at+2:n])
		copy(start[at+1:], start[at+2:n])
		n--
		if at > 0 {
			ranks[at-1] = m.joined(s[start[at-1]:end(at+1)])
		}
		if at < n-1 {
			ranks[at] = m.joined(s[start[at]:end(at+2)])
		}
	}
	w.emit(ids[:n])
}

// joined returns the rank of two symbols of a ranked model whose bytes together
// are s.
func (m *model) joined(s string) uint32 {
	if len(s) > m.long {
		return none
	}
	return m.id(s)
}

// mergeHeap is mergeLinear with a linked list of symbols and a heap of pairs,
// for pieces of any length.
func (w *worker) mergeHeap(s string) {
	m := &w.model
	ids := w.ids
	n := len(ids)
	w.grow(n)
	// ranks[i] is the rank of the pair that starts at i. An entry of the heap
	// is rank<<32 | i; it is stale if ranks[i] has changed.
	ranks, prev, next := w.ranks[:n], w.prev[:n], w.next[:n]
	h := w.heap[:0]
	rank := func(i, j int32) uint32 {
		if m.ranked { // a symbol has the index of its first byte
			return m.joined(s[i:next[j]])
		}
		return m.rank(ids[i], ids[j])
	}
	for i := range ids {
		prev[i], next[i] = int32(i-1), int32(i+1)
	}
	for i := range n {
		ranks[i] = none
		if i+1 < n {
			if ranks[i] = rank(int32(i), int32(i+1)); ranks[i] != none {
				h = append(h, uint64(ranks[i])<<32|uint64(i))
			}
		}
	}
	for i := (len(h)+2)/4 - 1; i >= 0; i-- {
		siftDown(h, i)
	}
	for len(h) > 0 {
		top := h[0]
		h[0] = h[len(h)-1]
		if h = h[:len(h)-1]; len(h) > 0 {
			siftDown(h, 0)
		}
		i, best := int32(uint32(top)), uint32(top>>32)
		if ranks[i] != best {
			continue
		}
		if ids[i] = best; !m.ranked {
			ids[i] = m.made[best]
		}
		j := next[i]
		ranks[i], ranks[j] = none, none
		next[i] = next[j]
		if k := next[i]; int(k) < n {
			prev[k] = i
			if ranks[i] = rank(i, k); ranks[i] != none {
				h = push(h, uint64(ranks[i])<<32|uint64(i))
			}
		}
		if k := prev[i]; k >= 0 {
			if ranks[k] = rank(k, i); ranks[k] != none {
				h = push(h, uint64(ranks[k])<<32|uint64(k))
			}
		}
	}
	w.heap = h
	for i := int32(0); int(i) < n; i = next[i] {
		w.out = append(w.out, int32(ids[i]))
	}
}

// Each node of the heap has four children: half as many levels as with two, and
// the children share a cache line.

func siftDown(h []uint64, i int) {
	v := h[i]
	for {
		first := 4*i + 1
		if first >= len(h) {
			break
		}
		child := first
		for k := first + 1; k < min(first+4, len(h)); k++ {
			if h[k] < h[child] {
				child = k
			}
		}
		if v <= h[child] {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = v
}

func push(h []uint64, v uint64) []uint64 {
	h = append(h, v)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if h[parent] <= v {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = v
	return h
}
