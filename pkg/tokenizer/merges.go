package tokenizer

// merges maps two tokens to the token that they become and its rank. It is an
// open-addressing table with slots of 8 bytes. Most look-ups find nothing, and
// touch one slot.
type merges struct {
	// left+1, right and rank, from the high bits down; 0 is empty.
	slots []uint64
	shift uint
	made  []uint32 // the token that a merge makes, by rank
}

func newMerges(n int) merges {
	m := merges{shift: tableShift(n)}
	m.slots = make([]uint64, 1<<(64-m.shift))
	m.made = make([]uint32, 0, n)
	return m
}

// add appends the next merge. If a pair comes twice the last merge counts.
func (m *merges) add(left, right, made uint32) {
	rank := uint64(len(m.made))
	m.made = append(m.made, made)
	if len(m.made)*2 > len(m.slots) {
		old := m.slots
		m.slots = make([]uint64, 2*len(old))
		m.shift--
		for _, s := range old {
			if s != 0 {
				m.place(s)
			}
		}
	}
	m.place(uint64(left+1)<<(64-idBits) | uint64(right)<<rankBits | rank)
}

func (m *merges) place(s uint64) {
	key := s >> rankBits
	mask := uint64(len(m.slots) - 1)
	for i := key * 0x9E3779B97F4A7C15 >> m.shift; ; i = (i + 1) & mask {
		if m.slots[i] == 0 || m.slots[i]>>rankBits == key {
			m.slots[i] = s
			return
		}
	}
}

// rank returns the rank of merging left and right, or none.
func (m *merges) rank(left, right uint32) uint32 {
	key := uint64(left+1)<<idBits | uint64(right)
	mask := uint64(len(m.slots) - 1)
	for i := key * 0x9E3779B97F4A7C15 >> m.shift; ; i = (i + 1) & mask {
		switch s := m.slots[i]; {
		case s>>rankBits == key:
			return uint32(s & (1<<rankBits - 1))
		case s == 0:
			return none
		}
	}
}
