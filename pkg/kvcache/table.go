package kvcache

import "math/bits"

// table maps hashes to small numbers by open addressing. It is used in place of
// a Go map because it never allocates while its size stays the same and touches
// one cache line per lookup.
type table struct {
	slots []slot
	n     int
	shift uint
}

type slot struct {
	key Hash
	val uint32 // value + 1; 0 = empty
}

// home returns the slot at which the search for h begins.
func (t *table) home(h Hash) int {
	// Trace ids are small and consecutive; the multiplication (by the golden ratio) spreads them.
	return int(uint64(h) * 0x9e3779b97f4a7c15 >> t.shift)
}

// find returns the position of h, or of the empty slot where it would go. The
// table must not be empty.
func (t *table) find(h Hash) int {
	i := t.home(h)
	for t.slots[i].val != 0 && t.slots[i].key != h {
		i = (i + 1) & (len(t.slots) - 1)
	}
	return i
}

func (t *table) get(h Hash) (uint32, bool) {
	if t.n == 0 {
		return 0, false
	}
	s := t.slots[t.find(h)]
	return s.val - 1, s.val != 0
}

// put sets the value of h. The table grows when it is three quarters full:
// beyond that, searches become long.
func (t *table) put(h Hash, v uint32) {
	if 3*len(t.slots) <= 4*(t.n+1) {
		t.grow()
	}
	i := t.find(h)
	if t.slots[i].val == 0 {
		t.n++
	}
	t.slots[i] = slot{h, v + 1}
}

// getOrPut returns the value of h. If there is none, it stores v and returns
// it.
func (t *table) getOrPut(h Hash, v uint32) (_ uint32, found bool) {
	if 3*len(t.slots) <= 4*(t.n+1) {
		t.grow()
	}
	i := t.find(h)
	if s := t.slots[i]; s.val != 0 {
		return s.val - 1, true
	}
	t.n++
	t.slots[i] = slot{h, v + 1}
	return v, false
}

func (t *table) delete(h Hash) {
	if t.n == 0 {
		return
	}
	i := t.find(h)
	if t.slots[i].val == 0 {
		return
	}
	t.n--
	mask := len(t.slots) - 1
	// Close the gap: each following slot moves up unless that would put it before its home.
	for j := (i + 1) & mask; t.slots[j].val != 0; j = (j + 1) & mask {
		if (j-t.home(t.slots[j].key))&mask >= (j-i)&mask {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = slot{}
}

func (t *table) grow() {
	old := t.slots
	size := max(16, 2*len(old))
	t.slots = make([]slot, size)
	t.shift = uint(64 - bits.TrailingZeros(uint(size)))
	for _, s := range old {
		if s.val != 0 {
			t.slots[t.find(s.key)] = s
		}
	}
}

func (t *table) clear() {
	clear(t.slots)
	t.n = 0
}
