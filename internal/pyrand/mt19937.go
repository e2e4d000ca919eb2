package pyrand

const (
	words = 624
	shift = 397
)

// mersenne is MT19937, the generator under both numpy's legacy RandomState and
// CPython's random. The two differ in how they spread a seed over its state and
// in what they make of its words.
type mersenne struct {
	state [words]uint32
	next  int
}

// seedWord spreads one word over the state.
func (m *mersenne) seedWord(s uint32) {
	m.state[0] = s
	for i := uint32(1); i < words; i++ {
		s = 1812433253*(s^s>>30) + i
		m.state[i] = s
	}
	m.next = words
}

// seedKey spreads a key over the state. It must not be empty.
func (m *mersenne) seedKey(key []uint32) {
	m.seedWord(19650218)
	s := &m.state
	i, j := 1, 0
	for range max(words, len(key)) {
		s[i] = (s[i] ^ (s[i-1]^s[i-1]>>30)*1664525) + key[j] + uint32(j)
		if i++; i == words {
			s[0], i = s[words-1], 1
		}
		if j++; j == len(key) {
			j = 0
		}
	}
	for range words - 1 {
		s[i] = (s[i] ^ (s[i-1]^s[i-1]>>30)*1566083941) - uint32(i)
		if i++; i == words {
			s[0], i = s[words-1], 1
		}
	}
	s[0] = 1 << 31
}

// Uint32 returns the next word of the generator. All other draws are made of
// such words.
func (m *mersenne) Uint32() uint32 {
	if m.next == words {
		m.refill()
	}
	y := m.state[m.next]
	m.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (m *mersenne) refill() {
	s := &m.state
	for i := range s {
		y := s[i]&(1<<31) | s[(i+1)%words]&(1<<31-1)
		s[i] = s[(i+shift)%words] ^ y>>1 ^ -(y&1)&0x9908b0df
	}
	m.next = 0
}

// Float64 returns a real in [0, 1) with 53 random bits: two words.
func (m *mersenne) Float64() float64 {
	hi := m.Uint32() >> 5
	lo := m.Uint32() >> 6
	return (float64(hi)*(1<<26) + float64(lo)) / (1 << 53)
}
