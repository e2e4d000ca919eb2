package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// addedToken is an entry of added_tokens. Added tokens are found in the text
// before anything else, special or not.
type addedToken struct {
	ID         uint32 `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // only between word boundaries
	LStrip     bool   `json:"lstrip"`      // takes the white space before it
	RStrip     bool   `json:"rstrip"`      // takes the white space after it
	Normalized bool   `json:"normalized"`  // matches in the normalized text
	Special    bool   `json:"special"`
}

// addedTokens finds the leftmost, longest added token: a trie, entered only at
// the bytes that start one.
type addedTokens struct {
	next  map[uint32]int32 // node<<8 | byte
	token []*addedToken    // by node
	start [256]bool
	only  int // the byte that all tokens start with; -1 if they differ
}

func newAddedTokens() *addedTokens {
	return &addedTokens{next: map[uint32]int32{}, token: []*addedToken{nil}, only: -1}
}

func (a *addedTokens) add(content string, token *addedToken) {
	if content == "" {
		return
	}
	if len(a.token) == 1 {
		a.only = int(content[0])
	} else if a.only != int(content[0]) {
		a.only = -1
	}
	a.start[content[0]] = true
	node := int32(0)
	for i := 0; i < len(content); i++ {
		key := uint32(node)<<8 | uint32(content[i])
		next, ok := a.next[key]
		if !ok {
			next = int32(len(a.token))
			a.token = append(a.token, nil)
			a.next[key] = next
		}
		node = next
	}
	a.token[node] = token
}

// find returns the first token at or after s[i], and the longest if several
// start there. It returns nil if there is no token.
func (a *addedTokens) find(s string, i int) (from, to int, token *addedToken) {
	for ; i < len(s); i++ {
		if a.only >= 0 {
			k := strings.IndexByte(s[i:], byte(a.only))
			if k < 0 {
				break
			}
			i += k
		} else if !a.start[s[i]] {
			continue
		}
		node := int32(0)
		for j := i; j < len(s); j++ {
			next, ok := a.next[uint32(node)<<8|uint32(s[j])]
			if !ok {
				break
			}
			node = next
			if a.token[node] != nil {
				token, to = a.token[node], j+1
			}
		}
		if token != nil {
			return i, to, token
		}
	}
	return len(s), len(s), nil
}

func endsWithWord(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isWord(r)
}

func startsWithWord(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && isWord(r)
}
