package tokenizer

import "unicode/utf8"

// A splitter returns the end of the piece that starts at s[i], i < len(s), as
// its regular expression would match it. The pieces cover the text.
type splitter func(s string, i int) int

// The patterns with a splitter, as the files have them.
const (
	patternGPT2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

	// cl100k, digits up to three (Llama 3) or one by one (Qwen 2 and 3).
	patternCL100k = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|` +
		` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternCL100kDigits = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|` +
		` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	patternO200k = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` +
		`(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
		`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*` +
		`(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
		`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	// Mistral's tekken: o200k's without contractions, and digits one by one.
	patternTekken = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|` +
		`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|` +
		`\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	// Kimi's: Chinese characters apart, and no slash behind punctuation.
	patternKimi = `[\p{Han}]+|` +
		`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*` +
		`[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
		`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+` +
		`[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
		`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	// DeepSeek V3 splits three times.
	patternDeepSeekDigits = `\p{N}{1,3}`
	patternDeepSeekCJK    = "[一-龥\u3040-ゟ゠-ヿ]+"
	patternDeepSeekWords  = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|" +
		"[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n" +
		"]+|\\s+(?!\\S)|\\s+"
)

// The patterns that tiktoken has for OpenAI's older vocabularies. They mean the
// same in no other engine: see tiktokenSplitters.
const (
	patternTiktokenR50k = `'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|` +
		`\s++$|\s+(?!\S)|\s`
	patternTiktokenCL100k = `'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+|` +
		` ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`
)

// splitters are of patterns that mean the same in tokenizer.json and in
// tiktoken.
var splitters = map[string]splitter{
	patternGPT2:           splitGPT2,
	patternCL100k:         func(s string, i int) int { return splitCL100k(s, i, 3, lines) },
	patternCL100kDigits:   func(s string, i int) int { return splitCL100k(s, i, 1, lines) },
	patternO200k:          o200kRules.split,
	patternTekken:         tekkenRules.split,
	patternKimi:           kimiRules.split,
	patternDeepSeekDigits: splitDigits,
	patternDeepSeekCJK:    splitCJK,
	patternDeepSeekWords:  splitDeepSeek,
}

// tiktokenSplitters are of patterns that only tiktoken reads so: elsewhere $ also
// stands before a line break, and {1,3}+ takes more than three.
var tiktokenSplitters = map[string]splitter{
	patternTiktokenR50k:   splitGPT2,
	patternTiktokenCL100k: func(s string, i int) int { return splitCL100k(s, i, 3, linesInside) },
}

// contraction returns the length of 's|'t|'re|'ve|'m|'ll|'d at s[i], or 0.
func contraction(s string, i int, fold bool) int {
	if i+1 >= len(s) || s[i] != '\'' {
		return 0
	}
	lower := func(b byte) byte {
		if fold && b >= 'A' && b <= 'Z' {
			return b + 'a' - 'A'
		}
		return b
	}
	switch lower(s[i+1]) {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if i+2 < len(s) && lower(s[i+2]) == 'e' {
			return 3
		}
	case 'l':
		if i+2 < len(s) && lower(s[i+2]) == 'l' {
			return 3
		}
	case 0xc5: // U+017F, the long s, folds to s
		if fold && i+2 < len(s) && s[i+2] == 0xbf {
			return 3
		}
	}
	return 0
}

// breaking is what a pattern makes of line breaks in white space.
type breaking int

const (
	noLines     breaking = iota // \s+(?!\S)|\s+
	lines                       // \s*[\r\n]+ before these
	linesInside                 // \s++$|\s*[\r\n] before these
)

// whitespace matches what the pattern has for white space, at the white space
// s[i].
func whitespace(s string, i int, b breaking) int {
	j, line, last := i, -1, i
	for j < len(s) {
		c, n := classAt(s, j)
		if c&classSpace == 0 {
			break
		}
		last = j
		j += n
		if c&classLine != 0 {
			line = j
		}
	}
	if line >= 0 && (b == lines || b == linesInside && j < len(s)) {
		return line
	}
	// The last space belongs to the word after it, unless it is the only one.
	if j == len(s) || last == i {
		return j
	}
	return last
}

// digits returns the end of up to most numbers at s[i]. The first is n bytes
// long.
func digits(s string, i, n, most int) int {
	for i += n; most > 1 && i < len(s); most-- {
		c, n := classAt(s, i)
		if c&classNumber == 0 {
			break
		}
		i += n
	}
	return i
}

func splitGPT2(s string, i int) int {
	if n := contraction(s, i, false); n > 0 {
		return i + n
	}
	j := i
	c, _ := classAt(s, i)
	if s[i] == ' ' && i+1 < len(s) {
		if next, _ := classAt(s, i+1); next&classSpace == 0 {
			j, c = i+1, next
		}
	}
	switch {
	case c&classLetter != 0:
		return run(s, j, classLetter)
	case c&classNumber != 0:
		return run(s, j, classNumber)
	case c&classSpace == 0:
		return runNot(s, j, classLetter|classNumber|classSpace)
	}
	return whitespace(s, i, noLines)
}

func splitCL100k(s string, i, most int, b breaking) int {
	if n := contraction(s, i, true); n > 0 {
		return i + n
	}
	c, n := classAt(s, i)
	switch {
	case c&classLetter != 0:
		return run(s, i+n, classLetter)
	case c&classNumber != 0:
		return digits(s, i, n, most)
	}
	if c&classLine == 0 && i+n < len(s) {
		next, width := classAt(s, i+n)
		if next&classLetter != 0 {
			return run(s, i+n+width, classLetter)
		}
		if s[i] == ' ' && next&(classSpace|classNumber) == 0 {
			return run(s, runNot(s, i+1, classLetter|classNumber|classSpace), classLine)
		}
	}
	if c&classSpace == 0 {
		return run(s, runNot(s, i, classLetter|classNumber|classSpace), classLine)
	}
	return whitespace(s, i, b)
}

// cased are the rules of o200k's pattern, which cuts words where the case
// changes, and of its relatives.
type cased struct {
	contractions bool // belong to the word before them
	digits       int  // the most in one piece
	slash        bool // follows punctuation as line breaks do
	han          bool // Chinese characters are pieces of their own
}

var (
	o200kRules  = cased{contractions: true, digits: 3, slash: true}
	tekkenRules = cased{digits: 1, slash: true}
	kimiRules   = cased{contractions: true, digits: 3, han: true}
)

func (r cased) split(s string, i int) int {
	if r.han {
		if end := han(s, i); end > i {
			return end
		}
	}
	c, n := classAt(s, i)
	if c&(classNumber|classLine) == 0 {
		if c&classLetter != 0 {
			if end := r.capitalized(s, i); end > 0 {
				return end
			}
			return r.capitals(s, i)
		}
		// One character of another kind may precede the word; a mark may also
		// be part of it.
		if end := r.capitalized(s, i+n); end > 0 {
			return end
		}
		if c&classMark != 0 {
			if end := r.capitalized(s, i); end > 0 {
				return end
			}
		}
		if end := r.capitals(s, i+n); end > 0 {
			return end
		}
		if c&classMark != 0 {
			if end := r.capitals(s, i); end > 0 {
				return end
			}
		}
	}
	if c&classNumber != 0 {
		return digits(s, i, n, r.digits)
	}
	j := -1
	if c&classSpace == 0 {
		j = i
	} else if s[i] == ' ' && i+1 < len(s) {
		if next, _ := classAt(s, i+1); next&(classSpace|classLetter|classNumber) == 0 {
			j = i + 1
		}
	}
	if j < 0 {
		return whitespace(s, i, lines)
	}
	j = runNot(s, j, classLetter|classNumber|classSpace)
	for j < len(s) && (s[j] == '\r' || s[j] == '\n' || s[j] == '/' && r.slash) {
		j++
	}
	return j
}

const (
	o200kUpper = classUpper | classOther | classMark
	o200kLower = classLower | classOther | classMark
)

// classAt is the class of the character at s[i] as part of a word: none if the
// rules have Chinese characters apart and it is one.
func (r cased) classAt(s string, i int) (class uint8, width int) {
	class, width = classAt(s, i)
	if r.han && width > 2 && isHanAt(s, i) {
		class = 0
	}
	return class, width
}

// run is run for the characters of words.
func (r cased) run(s string, i int, classes uint8) int {
	if !r.han {
		return run(s, i, classes)
	}
	for i < len(s) {
		c, n := r.classAt(s, i)
		if c&classes == 0 {
			break
		}
		i += n
	}
	return i
}

// contraction returns the end of a contraction at s[i] if it belongs to the word
// before it.
func (r cased) contraction(s string, i int) int {
	if r.contractions {
		return i + contraction(s, i, true)
	}
	return i
}

// capitalized matches
// [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+ and a contraction;
// 0 is no match.
func (r cased) capitalized(s string, i int) int {
	j, both := i, -1 // both is the end of the last character that is in both classes
	for j < len(s) {
		c, n := r.classAt(s, j)
		if c&o200kUpper == 0 {
			break
		}
		j += n
		if c&o200kLower != 0 {
			both = j
		}
	}
	end := both
	if j < len(s) {
		if c, n := r.classAt(s, j); c&o200kLower != 0 {
			end = r.run(s, j+n, o200kLower)
		}
	}
	if end < 0 {
		return 0
	}
	return r.contraction(s, end)
}

// capitals matches [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*
// and a contraction; 0 is no match.
func (r cased) capitals(s string, i int) int {
	j := r.run(s, i, o200kUpper)
	if j == i {
		return 0
	}
	return r.contraction(s, r.run(s, j, o200kLower))
}

// han returns the end of the Chinese characters at s[i].
func han(s string, i int) int {
	for i < len(s) && s[i] >= 0xe2 && isHanAt(s, i) {
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
	}
	return i
}

func isHanAt(s string, i int) bool {
	r, _ := utf8.DecodeRuneInString(s[i:])
	return isHan(r)
}

func splitDigits(s string, i int) int {
	if c, n := classAt(s, i); c&classNumber != 0 {
		return digits(s, i, n, 3)
	}
	return runNot(s, i, classNumber)
}

func splitCJK(s string, i int) int {
	in := isCJK(s, i)
	for i < len(s) && isCJK(s, i) == in {
		_, n := utf8.DecodeRuneInString(s[i:])
		i += n
	}
	return i
}

func isCJK(s string, i int) bool {
	if s[i] < utf8.RuneSelf {
		return false
	}
	r, _ := utf8.DecodeRuneInString(s[i:])
	return r >= 0x4e00 && r <= 0x9fa5 || r >= 0x3040 && r <= 0x30ff
}

// splitDeepSeek matches patternDeepSeekWords. The pattern does not match
// control characters; a run of them is one piece.
func splitDeepSeek(s string, i int) int {
	if end := deepSeekWord(s, i); end > 0 {
		return end
	}
	for {
		_, n := classAt(s, i)
		i += n
		if i >= len(s) || deepSeekWord(s, i) > 0 {
			return i
		}
	}
}

func deepSeekWord(s string, i int) int {
	b := s[i]
	if isPunct(b) && i+1 < len(s) && isLetter(s[i+1]) {
		for i += 2; i < len(s) && isLetter(s[i]); i++ {
		}
		return i
	}
	c, n := classAt(s, i)
	if c&(classLine|classLetter|classPunct) == 0 && i+n < len(s) {
		if next, width := classAt(s, i+n); next&(classLetter|classMark) != 0 {
			return run(s, i+n+width, classLetter|classMark)
		}
	}
	if c&(classLetter|classMark) != 0 {
		return run(s, i+n, classLetter|classMark)
	}
	j := -1
	if c&classPunct != 0 {
		j = i
	} else if b == ' ' && i+1 < len(s) {
		if next, _ := classAt(s, i+1); next&classPunct != 0 {
			j = i + 1
		}
	}
	switch {
	case j >= 0:
		return run(s, run(s, j, classPunct), classLine)
	case c&classSpace != 0:
		return whitespace(s, i, lines)
	}
	return 0
}

// isPunct and isLetter report the class of an ASCII character.
func isPunct(b byte) bool {
	return b >= '!' && b <= '/' || b >= ':' && b <= '@' || b >= '[' && b <= '`' ||
		b >= '{' && b <= '~'
}

func isLetter(b byte) bool { return b|32 >= 'a' && b|32 <= 'z' }
