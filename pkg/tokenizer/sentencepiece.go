package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// wordMark is SentencePiece's space. Models made from its files often have no
// pre-tokenizer: a whole book is one word.
const wordMark = "▁"

// findWordStarts finds out where text of such a model can be cut before a ▁:
// after each character that no token joins to a ▁. The cut pieces merge as the
// whole would, faster, and are cached.
func (m *model) findWordStarts() {
	// With ignore_merges a whole piece may be a token that no merge makes. A ▁
	// that is not a token may fuse with unknown characters before it.
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

// words appends the ids of a piece, word by word if that gives the same ids.
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
