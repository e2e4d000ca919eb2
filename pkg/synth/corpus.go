package synth

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Corpus is the text that conversations are cut from, as tokens. Several
// Generators may use it at once after the last Add.
type Corpus struct {
	tok Tokenizer
	ids []int32
}

// NewCorpus returns an empty corpus for a tokenizer.
func NewCorpus(tok Tokenizer) *Corpus { return &Corpus{tok: tok} }

// Add appends the text of a file, with LF as line ends. It returns an error if
// the text is not UTF-8.
func (c *Corpus) Add(name, text string) error {
	if i := invalid(text); i >= 0 {
		return fmt.Errorf("%s: line %d: not UTF-8 (byte 0x%02x): convert the text to UTF-8 first",
			name, 1+strings.Count(text[:i], "\n"), text[i])
	}
	c.ids = append(c.ids, c.tok.Encode(universalNewlines(text))...)
	return nil
}

// invalid returns the index of the first byte that is not UTF-8, or -1.
func invalid(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for i, r := range text {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(text[i:]); n == 1 {
				return i
			}
		}
	}
	return -1
}

// universalNewlines replaces CR LF and CR by LF, as Python does when it reads a
// text file.
func universalNewlines(text string) string {
	if strings.IndexByte(text, '\r') < 0 {
		return text
	}
	return newlines.Replace(text)
}

var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n")
