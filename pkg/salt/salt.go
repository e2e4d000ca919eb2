// Package salt makes texts that no prompt has begun with, all of one length: put at the start of a prompt, such a text
// keeps a KV cache from finding anything of the prompt, and changes nothing else.
//
// A salt is Words words out of 64 and an empty line, so there are up to 2^60 of them, and two differ from the first word
// on as a rule. All words have four letters and are, with and without a space before them, one token in the vocabularies in
// use; so salts are equally long in bytes and in tokens, whichever is drawn. Where a tokenizer is given, words that it takes
// apart are not used.
package salt

import (
	"math/rand/v2"
	"strings"
	"sync"
)

// Words is how many words a salt has.
const Words = 10

// Counter counts tokens of a text, without special tokens.
type Counter interface {
	Count(text string) int
}

// list is 64 common words of four letters.
var list = strings.Fields(`
	able area away back best body book both call case city come days down each even
	face fact feel find form four free full game give good hand head help high home
	idea keep kind know last left life line list live long look make mind name need
	next open over part play real room side take talk time tree turn walk week word`)

// Source draws salts. It is safe for any number of goroutines.
type Source struct {
	words  []string
	tokens int

	mu  sync.Mutex
	rng *rand.Rand
}

// New makes a source. Two sources of one seed draw the same salts; seeds that are to share none are drawn by chance
// themselves. The counter may be nil.
func New(seed [32]byte, c Counter) *Source {
	s := &Source{words: list, rng: rand.New(rand.NewChaCha8(seed))}
	if c == nil {
		return s
	}
	var whole []string
	for _, w := range list {
		if c.Count(w) == 1 && c.Count(" "+w) == 1 {
			whole = append(whole, w)
		}
	}
	if len(whole) >= len(list)/2 { // else the tokenizer is a strange one, and bytes have to do
		s.words = whole
	}
	s.tokens = c.Count(text(s.words[:Words]))
	return s
}

// Next draws a salt.
func (s *Source) Next() string { return text(s.Draw(Words)) }

// Draw is n words by chance.
func (s *Source) Draw(n int) []string {
	words := make([]string, n)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range words {
		words[i] = s.words[s.rng.IntN(len(s.words))]
	}
	return words
}

// Tokens is the length of a salt by the counter; 0 without one.
func (s *Source) Tokens() int { return s.tokens }

func text(words []string) string { return strings.Join(words, " ") + "\n\n" }
