package tokenizer

import (
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The Unicode normal forms as Hugging Face's tokenizers have them. They differ
// from those of x/text in two ways: runs of combining marks have no limit
// (x/text inserts U+034F after 30), and the tables are those of Unicode 9, so a
// later mark is an ordinary character. The properties come from x/text; the
// algorithm is that of UAX 15.

func nfc(s string) string  { return normalForm(s, norm.NFC, true) }
func nfd(s string) string  { return normalForm(s, norm.NFD, false) }
func nfkc(s string) string { return normalForm(s, norm.NFKC, true) }
func nfkd(s string) string { return normalForm(s, norm.NFKD, false) }

func normalForm(s string, form norm.Form, composed bool) string {
	later := false
	for _, r := range s {
		// 0x7fd is the first of the later marks. Compatibility decompositions
		// concern other characters too.
		if r >= 0x7fd && (classOf(r)&classMark != 0 || form >= norm.NFKC) {
			if later = unicode.In(r, laterMarks, laterDecompositions); later {
				break
			}
		}
	}
	if !later && form.IsNormalString(s) {
		return s
	}
	chars := decompose(s, form)
	order(chars)
	if composed {
		chars = compose(chars)
	}
	b := make([]byte, 0, len(s)+8)
	for _, c := range chars {
		b = utf8.AppendRune(b, c.r)
	}
	return string(b)
}

// combining is a character and its canonical combining class; 0 is a starter.
type combining struct {
	r     rune
	class uint8
}

func decompose(s string, form norm.Form) []combining {
	chars := make([]combining, 0, len(s))
	add := func(s string, r rune) {
		class := uint8(0)
		if r >= 0x300 && !unicode.Is(laterMarks, r) {
			class = form.PropertiesString(s).CCC()
		}
		chars = append(chars, combining{r, class})
	}
	for i, r := range s {
		switch {
		case r < 0xa0:
			chars = append(chars, combining{r, 0})
			continue
		case r >= hangulBase && r < hangulEnd:
			k := r - hangulBase
			chars = append(chars, combining{leadBase + k/(vowels*trails), 0},
				combining{vowelBase + k/trails%vowels, 0})
			if k%trails != 0 {
				chars = append(chars, combining{trailBase + k%trails, 0})
			}
			continue
		}
		char := s[i : i+utf8.RuneLen(r)]
		parts := form.PropertiesString(char).Decomposition()
		if parts == nil || unicode.Is(laterDecompositions, r) {
			add(char, r)
			continue
		}
		for len(parts) > 0 {
			r, n := utf8.DecodeRune(parts)
			add(string(parts[:n]), r)
			parts = parts[n:]
		}
	}
	return chars
}

// order sorts each run of marks by class, keeping the order within a class.
func order(chars []combining) {
	for i := 0; i < len(chars); i++ {
		if chars[i].class == 0 {
			continue
		}
		end := i
		sorted := true
		for end < len(chars) && chars[end].class != 0 {
			sorted = sorted && (end == i || chars[end-1].class <= chars[end].class)
			end++
		}
		if !sorted {
			slices.SortStableFunc(chars[i:end],
				func(a, b combining) int { return int(a.class) - int(b.class) })
		}
		i = end
	}
}

// compose joins each character with the last starter before it if nothing
// blocks it.
func compose(chars []combining) []combining {
	loadPairs()
	starter, n := -1, 0
	last := -1 // class of the last character kept after the starter; -1 if there is none
	for _, c := range chars {
		if starter >= 0 && (last == -1 || last != 0 && last < int(c.class)) {
			if r, ok := composePair(chars[starter].r, c.r); ok {
				chars[starter].r = r
				continue
			}
		}
		if c.class == 0 {
			starter, last = n, -1
		} else {
			last = int(c.class)
		}
		chars[n] = c
		n++
	}
	return chars[:n]
}

// Hangul syllables compose by arithmetic.
const (
	hangulBase = 0xac00
	hangulEnd  = 0xd7a4
	leadBase   = 0x1100
	leads      = 19
	vowelBase  = 0x1161
	vowels     = 21
	trailBase  = 0x11a7 // no trail; the first one is the next
	trails     = 28
)

func composePair(a, b rune) (rune, bool) {
	switch {
	case a >= leadBase && a < leadBase+leads && b >= vowelBase && b < vowelBase+vowels:
		return hangulBase + ((a-leadBase)*vowels+(b-vowelBase))*trails, true
	case a >= hangulBase && a < hangulEnd && (a-hangulBase)%trails == 0 && b > trailBase &&
		b < trailBase+trails:
		return a + b - trailBase, true
	}
	r, ok := pairs[uint64(a)<<32|uint64(b)]
	return r, ok
}

// pairs maps two characters to their composition. x/text does not export its
// own.
var pairs map[uint64]rune

var loadPairs = sync.OnceFunc(func() {
	pairs = map[uint64]rune{}
	for r := rune(0xa0); r < 0x30000; r++ {
		if r >= 0xac00 && r < 0xe000 || unicode.Is(laterDecompositions, r) {
			continue // Hangul, surrogates
		}
		s := string(r)
		parts := norm.NFC.PropertiesString(s).Decomposition()
		if parts == nil || norm.NFC.String(string(parts)) != s {
			continue // not composed again: an exclusion, or a single character
		}
		b, n := utf8.DecodeLastRune(parts)
		rest := norm.NFC.String(string(parts[:len(parts)-n]))
		if a, n := utf8.DecodeRuneInString(rest); n == len(rest) {
			pairs[uint64(a)<<32|uint64(b)] = r
		}
	}
})

// laterMarks are the characters with a combining class that came after Unicode
// 9.
var laterMarks = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x07fd, 0x07fd, 1}, {0x0898, 0x089f, 1}, {0x08ca, 0x08d3, 1}, {0x09fe, 0x09fe, 1},
		{0x0c3c, 0x0c3c, 1},
		{0x0d3b, 0x0d3c, 1}, {0x0eba, 0x0eba, 1}, {0x1715, 0x1715, 1}, {0x1abf, 0x1ace, 1},
		{0x1df6, 0x1dfa, 1},
		{0xa82c, 0xa82c, 1},
	},
	R32: []unicode.Range32{
		{0x10d24, 0x10d27, 1}, {0x10eab, 0x10eac, 1}, {0x10efd, 0x10eff, 1}, {0x10f46, 0x10f50, 1},
		{0x10f82, 0x10f85, 1},
		{0x11070, 0x11070, 1}, {0x1133b, 0x1133b, 1}, {0x1145e, 0x1145e, 1}, {0x11839, 0x1183a, 1},
		{0x1193d, 0x1193e, 1},
		{0x11943, 0x11943, 1}, {0x119e0, 0x119e0, 1}, {0x11a34, 0x11a34, 1}, {0x11a47, 0x11a47, 1},
		{0x11a99, 0x11a99, 1},
		{0x11d42, 0x11d42, 1}, {0x11d44, 0x11d45, 1}, {0x11d97, 0x11d97, 1}, {0x11f41, 0x11f42, 1},
		{0x16ff0, 0x16ff1, 1},
		{0x1e08f, 0x1e08f, 1}, {0x1e130, 0x1e136, 1}, {0x1e2ae, 0x1e2ae, 1}, {0x1e2ec, 0x1e2ef, 1},
		{0x1e4ec, 0x1e4ef, 1},
	},
}

// laterDecompositions are the characters that are decomposed since Unicode 10
// or later.
var laterDecompositions = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x32ff, 0x32ff, 1}, {0xa7f2, 0xa7f4, 1}, {0xab69, 0xab69, 1},
	},
	R32: []unicode.Range32{
		{0x10781, 0x10785, 1}, {0x10787, 0x107b0, 1}, {0x107b2, 0x107ba, 1}, {0x11938, 0x11938, 1},
		{0x1e030, 0x1e06d, 1}, {0x1f16c, 0x1f16c, 1}, {0x1fbf0, 0x1fbf9, 1},
	},
}
