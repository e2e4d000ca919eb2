package tokenizer

import (
	_ "embed"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Classes of characters, as bits: those that \p{…} and \s of the known patterns
// distinguish.
const (
	classLower  uint8 = 1 << iota // Ll
	classUpper                    // Lu, Lt
	classOther                    // Lm, Lo
	classMark                     // M
	classNumber                   // N
	classPunct                    // P, S
	classSpace                    // White_Space
	classLine                     // \r, \n

	classLetter = classLower | classUpper | classOther
)

// The classes are those of Unicode 16, as in the regular expressions of Hugging
// Face's tokenizers. Go's unicode package has another version, which changes.
// The file holds runs in the order of code points: a varint length, then the
// class. scripts/oracle/unicode.js writes it.
//
//go:embed unicode16.rle
var classRuns string

// A look-up has two steps: the block of 256 code points, then the code point.
// Most blocks are alike, so the tables fit in a few dozen kilobytes of cache; a
// flat table would take a megabyte.
var (
	classBlock [(utf8.MaxRune + 1) >> 8]uint8
	classTable [][256]uint8
)

// loadClasses fills the tables. Every function that makes a Tokenizer calls it
// first.
var loadClasses = sync.OnceFunc(func() {
	blocks := map[[256]uint8]uint8{}
	var block [256]uint8
	c := 0
	for i := 0; i < len(classRuns); {
		n, shift := 0, 0
		for ; classRuns[i] > 127; i++ {
			n |= int(classRuns[i]&127) << shift
			shift += 7
		}
		n |= int(classRuns[i]) << shift
		class := classRuns[i+1]
		i += 2
		for ; n > 0; n-- {
			block[c&255] = class
			if c++; c&255 == 0 {
				k, ok := blocks[block]
				if !ok {
					k = uint8(len(classTable))
					blocks[block] = k
					classTable = append(classTable, block)
				}
				classBlock[c>>8-1] = k
			}
		}
	}
})

// classOf returns the class of r.
func classOf(r rune) uint8 { return classTable[classBlock[r>>8]][r&255] }

// classAt returns the class and the width of the character at s[i]; i < len(s).
func classAt(s string, i int) (class uint8, width int) {
	if b := s[i]; b < utf8.RuneSelf {
		return classTable[0][b], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return classOf(r), n
}

// run returns the end of the characters of the given classes that start at
// s[i].
func run(s string, i int, classes uint8) int {
	for i < len(s) {
		c, n := classAt(s, i)
		if c&classes == 0 {
			break
		}
		i += n
	}
	return i
}

// runNot returns the end of the characters of other classes that start at s[i].
func runNot(s string, i int, classes uint8) int {
	for i < len(s) {
		c, n := classAt(s, i)
		if c&classes != 0 {
			break
		}
		i += n
	}
	return i
}

// isNumeric, isSpace, isPunctuation and isWord are Rust's is_numeric and
// is_whitespace, the punctuation of Hugging Face's pre-tokenizers, and \w of
// Rust's regular expressions.
func isNumeric(r rune) bool { return classOf(r)&classNumber != 0 }

func isSpace(r rune) bool { return classOf(r)&classSpace != 0 }

func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return isPunct(byte(r))
	}
	return unicode.Is(unicode.P, r) && !unicode.Is(laterPunct, r) || r == 0x166d || r == 0x111c9
}

// isHan reports whether r is of the script Han in Unicode 16.
func isHan(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r >= 0x2e80 && unicode.Is(hanScript, r)
}

var hanScript = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x2e80, 0x2e99, 1}, {0x2e9b, 0x2ef3, 1}, {0x2f00, 0x2fd5, 1}, {0x3005, 0x3005, 1},
		{0x3007, 0x3007, 1}, {0x3021, 0x3029, 1}, {0x3038, 0x303b, 1}, {0x3400, 0x4dbf, 1},
		{0x4e00, 0x9fff, 1}, {0xf900, 0xfa6d, 1}, {0xfa70, 0xfad9, 1},
	},
	R32: []unicode.Range32{
		{0x16fe2, 0x16fe3, 1}, {0x16ff0, 0x16ff1, 1}, {0x20000, 0x2a6df, 1}, {0x2a700, 0x2b739, 1},
		{0x2b740, 0x2b81d, 1}, {0x2b820, 0x2cea1, 1}, {0x2ceb0, 0x2ebe0, 1}, {0x2ebf0, 0x2ee5d, 1},
		{0x2f800, 0x2fa1d, 1}, {0x30000, 0x3134a, 1}, {0x31350, 0x323af, 1},
	},
}

// laterPunct holds the punctuation that is newer than Unicode 8, the version of
// Hugging Face's Punctuation.
var laterPunct = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x061d, 0x061d, 1}, {0x09fd, 0x09fd, 1}, {0x0a76, 0x0a76, 1}, {0x0c77, 0x0c77, 1},
		{0x0c84, 0x0c84, 1},
		{0x1b7d, 0x1b7e, 1}, {0x2e43, 0x2e4f, 1}, {0x2e52, 0x2e5d, 1},
	},
	R32: []unicode.Range32{
		{0x10ead, 0x10ead, 1}, {0x10f55, 0x10f59, 1}, {0x10f86, 0x10f89, 1}, {0x1144b, 0x1144f, 1},
		{0x1145a, 0x1145b, 1}, {0x1145d, 0x1145d, 1}, {0x11660, 0x1166c, 1}, {0x116b9, 0x116b9, 1},
		{0x1183b, 0x1183b, 1}, {0x11944, 0x11946, 1}, {0x119e2, 0x119e2, 1}, {0x11a3f, 0x11a46, 1},
		{0x11a9a, 0x11a9c, 1}, {0x11a9e, 0x11aa2, 1}, {0x11b00, 0x11b09, 1}, {0x11c41, 0x11c45, 1},
		{0x11c70, 0x11c71, 1}, {0x11ef7, 0x11ef8, 1}, {0x11f43, 0x11f4f, 1}, {0x11fff, 0x11fff, 1},
		{0x12ff1, 0x12ff2, 1}, {0x16e97, 0x16e9a, 1}, {0x16fe2, 0x16fe2, 1}, {0x1e95e, 0x1e95f, 1},
	},
}

func isWord(r rune) bool {
	c := classOf(r)
	return c&(classLetter|classMark) != 0 || c&classNumber != 0 && !unicode.Is(unicode.No, r) ||
		unicode.In(r, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}

// words calls match with the matches of \w+|[^\w\s]+.
func words(s string, match func(from, to int)) {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		from := i
		i += n
		if isSpace(r) {
			continue
		}
		for word := isWord(r); i < len(s); i += n {
			if r, n = utf8.DecodeRuneInString(s[i:]); isSpace(r) || isWord(r) != word {
				break
			}
		}
		match(from, i)
	}
}
