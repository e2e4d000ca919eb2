package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// wordMark is SentencePiece's space. Models made from its files often have no pre-tokenizer: a whole book is one word.
const wordMark = "▁"

// findWordStarts looks whether such a text can be cut before a ▁: it can where no token joins the ▁ to the character
// before it. What is cut there merges as it would in one piece, and small pieces merge faster and are cached.
func (m *model) findWordStarts() {
	// With ignore_merges a whole piece may be a token that no merge makes. A ▁ that is not a token may fuse with
	// unknown characters before it.
	if m.byteLevel || m.ignoreMerges || m.id(wordMark) == none {
		return
	}
	m.cutWords = true
	m.joins = map[rune]bool{}
	for _, id := range m.made {
		s := m.token(id)
		for at := 1; at < len(s); {
			k := strings.Index(s[at:], wordMark)
			if k < 0 {
				break
			}
			at += k
			if before, _ := utf8.DecodeLastRuneInString(s[:at]); before != '▁' {
				m.joins[before] = true
			}
			at += len(wordMark)
		}
	}
}

// words appends the ids of a piece, word by word where that makes no difference.
func (w *worker) words(s string) {
	m := &w.model
	if !m.cutWords {
		w.word(s)
		return
	}
	from := 0
	for at := 1; at < len(s); {
		k := strings.Index(s[at:], wordMark)
		if k < 0 {
			break
		}
		at += k
		before, _ := utf8.DecodeLastRuneInString(s[:at])
		if before != '▁' && !m.joins[before] {
			w.word(s[from:at])
			from = at
		}
		at += len(wordMark)
	}
	if from < len(s) {
		w.word(s[from:])
	}
}
