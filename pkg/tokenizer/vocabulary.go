package tokenizer

import (
	"math"
	"math/bits"
	"unsafe"
)

// The largest id and the largest rank, so that a merge fits into 64 bits and a
// slot of the vocabulary into 32. The largest vocabularies of today have 2^18
// tokens and 2^19 merges.
const (
	idBits   = 21
	rankBits = 64 - 2*idBits
	maxIDs   = 1<<idBits - 2
	maxRanks = 1<<rankBits - 1
)

// none stands for a missing id or rank.
const none = math.MaxUint32

// vocabulary maps tokens to ids and back. The tokens of a byte-level model are
// bytes, not their spelling in the alphabet.
type vocabulary struct {
	text  []byte // all tokens, one after the other
	spans []span // where in text, by id
	// slots is an open-addressing table. The low bits of a slot are id+1, or 0
	// if it is empty; the high bits are a part of the token's hash, so that a
	// look-up seldom compares with a wrong token.
	slots []uint32
	shift uint
	n     int // tokens
	long  int // length of the longest token
}

type span struct{ from, to uint32 }

// tableShift returns the shift of an open-addressing table for n entries, which
// has 1<<(64-shift) slots: the slot of a hash is hash>>shift.
func tableShift(n int) uint { return uint(64 - max(4, bits.Len(uint(max(n, 1)*2-1)))) }

func newVocabulary(tokens int) vocabulary {
	v := vocabulary{shift: tableShift(tokens)}
	v.slots = make([]uint32, 1<<(64-v.shift))
	v.spans = make([]span, 0, tokens)
	return v
}

// spell makes s the text of id in decoding. A look-up does not find it.
func (v *vocabulary) spell(id uint32, s string) {
	for int(id) >= len(v.spans) {
		v.spans = append(v.spans, span{})
	}
	from := len(v.text)
	v.text = append(v.text, s...)
	v.spans[id] = span{uint32(from), uint32(len(v.text))}
}

// put makes s the token of id. If a token comes twice, its last id counts; if
// an id comes twice, its last token.
func (v *vocabulary) put(s string, id uint32) {
	v.spell(id, s)
	v.long = max(v.long, len(s))
	if v.n*2 >= len(v.slots) {
		v.grow()
	}
	v.insert(s, id)
}

func (v *vocabulary) insert(s string, id uint32) {
	h := hash(s)
	tag := uint32(h) << idBits
	mask := uint64(len(v.slots) - 1)
	for i := h >> v.shift; ; i = (i + 1) & mask {
		slot := v.slots[i]
		if slot == 0 {
			v.slots[i] = tag | (id + 1)
			v.n++
			return
		}
		if (slot^tag)>>idBits == 0 && v.token(slot&(1<<idBits-1)-1) == s {
			v.slots[i] = tag | (id + 1)
			return
		}
	}
}

func (v *vocabulary) grow() {
	old := v.slots
	v.slots = make([]uint32, 2*len(old))
	v.shift--
	v.n = 0
	for _, slot := range old {
		if slot != 0 {
			id := slot&(1<<idBits-1) - 1
			v.insert(v.token(id), id)
		}
	}
}

// id returns the id of the token s, or none.
func (v *vocabulary) id(s string) uint32 {
	h := hash(s)
	tag := uint32(h) << idBits
	mask := uint64(len(v.slots) - 1)
	for i := h >> v.shift; ; i = (i + 1) & mask {
		slot := v.slots[i]
		if slot == 0 {
			return none
		}
		if id := slot&(1<<idBits-1) - 1; (slot^tag)>>idBits == 0 && v.token(id) == s {
			return id
		}
	}
}

// token returns the token of id, which must be below len(v.spans). It returns
// "" if the id is unused.
func (v *vocabulary) token(id uint32) string {
	p := v.spans[id]
	return view(v.text[p.from:p.to])
}

// view returns b as a string without copying it. b must not change while the
// string is used.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// hash mixes the bytes of s into 64 bits. Low and high bits are equally good.
func hash(s string) uint64 {
	h := uint64(len(s)) * 0x9E3779B97F4A7C15
	for len(s) >= 8 {
		v := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		h = (h ^ v) * 0xff51afd7ed558ccd
		h ^= h >> 32
		s = s[8:]
	}
	var v uint64
	for i := 0; i < len(s); i++ {
		v = v<<8 | uint64(s[i])
	}
	h = (h ^ v) * 0xc4ceb9fe1a85ec53
	h ^= h >> 29
	return h * 0x9E3779B97F4A7C15
}
