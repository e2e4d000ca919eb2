package tokenizer

import "unicode/utf8"

// model is the BPE of a tokenizer.json.
type model struct {
	vocabulary
	merges

	byteLevel    bool
	ignoreMerges bool // a piece that is a token is that token
	byteFallback bool // characters outside the vocabulary become <0xNN>
	fuseUnk      bool // a run of unknown characters is one
	unk          uint32

	byteID   [256]uint32 // byte-level: of each byte; else: of each ASCII character
	fallback [256]uint32 // of <0xNN>
	runeID   map[rune]uint32

	cutWords bool          // pieces may be cut before ▁, but not after one of joins
	joins    map[rune]bool // see findWordStarts
}

const (
	cacheBits = 15
	maxCached = 48 // bytes
	maxLinear = 96 // symbols; longer pieces are merged with a heap
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
		e.key = string([]byte(s)) // the text may be large, and would be kept
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
		w.mergeHeap()
	case n > 1:
		w.mergeLinear()
	default:
		w.emit(w.ids)
	}
}

func (w *worker) emit(ids []uint32) {
	for _, id := range ids {
		w.out = append(w.out, int32(id))
	}
}

// symbols sets w.ids to what the merges of s start from: bytes, or characters.
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
	// An unknown character is held back until a known one follows: bytes of later characters go before it.
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

// mergeLinear merges w.ids, the lowest rank first, of equal ranks the leftmost. It looks at all pairs each time, which
// is the fastest way for the few symbols of a word.
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

func (w *worker) grow(n int) {
	if cap(w.ranks) < n {
		w.ranks = make([]uint32, n+n/2)
	}
}

// mergeHeap is mergeLinear with a linked list of symbols and a heap of pairs, for pieces of any length.
func (w *worker) mergeHeap() {
	m := &w.model
	ids := w.ids
	n := len(ids)
	w.grow(n)
	if cap(w.prev) < n {
		w.prev, w.next = make([]int32, n+n/2), make([]int32, n+n/2)
	}
	// ranks[i] is of the pair that starts at i. An entry of the heap is rank<<32 | i, and stale if the rank is not that.
	ranks, prev, next := w.ranks[:n], w.prev[:n], w.next[:n]
	h := w.heap[:0]
	for i := range ids {
		prev[i], next[i] = int32(i-1), int32(i+1)
		ranks[i] = none
		if i+1 < n {
			if ranks[i] = m.rank(ids[i], ids[i+1]); ranks[i] != none {
				h = append(h, uint64(ranks[i])<<32|uint64(i))
			}
		}
	}
	for i := len(h)/2 - 1; i >= 0; i-- {
		siftDown(h, i)
	}
	for len(h) > 0 {
		top := h[0]
		h[0] = h[len(h)-1]
		h = h[:len(h)-1]
		siftDown(h, 0)
		i, rank := int32(uint32(top)), uint32(top>>32)
		if ranks[i] != rank {
			continue
		}
		j := next[i]
		ids[i] = m.made[rank]
		ranks[j] = none
		next[i] = next[j]
		ranks[i] = none
		if k := next[i]; int(k) < n {
			prev[k] = i
			if ranks[i] = m.rank(ids[i], ids[k]); ranks[i] != none {
				h = push(h, uint64(ranks[i])<<32|uint64(i))
			}
		}
		if k := prev[i]; k >= 0 {
			if ranks[k] = m.rank(ids[k], ids[i]); ranks[k] != none {
				h = push(h, uint64(ranks[k])<<32|uint64(k))
			}
		}
	}
	w.heap = h
	for i := int32(0); int(i) < n; i = next[i] {
		w.out = append(w.out, int32(ids[i]))
	}
}

func siftDown(h []uint64, i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if right := child + 1; right < len(h) && h[right] < h[child] {
			child = right
		}
		if h[i] <= h[child] {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

func push(h []uint64, v uint64) []uint64 {
	h = append(h, v)
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if h[parent] <= h[i] {
			break
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
	return h
}
