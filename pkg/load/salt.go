package load

import (
	"math/rand/v2"
	"strings"
	"sync"
)

// SaltWords is the number of words of a salt: 64^10 of them are 2^60 salts.
const SaltWords = 10

// Counter counts the tokens of a text, without special tokens.
type Counter interface {
	Count(text string) int
}

// saltWords are 64 common words of four letters. In the vocabularies in use each
// is one token, with and without a space before it.
var saltWords = strings.Fields(`
	able area away back best body book both call case city come days down each even
	face fact feel find form four free full game give good hand head help high home
	idea keep kind know last left life line list live long look make mind name need
	next open over part play real room side take talk time tree turn walk week word`)

// Salts draws texts that no prompt has begun with, all of one length. Put at the
// start of a prompt, such a text keeps a KV cache from hitting anything of the
// prompt, and changes nothing else.
//
// A salt is SaltWords words and an empty line. All words have the same length in
// bytes and are one token each, so salts do not differ in length. Two of them
// differ in the first word as a rule. Salts is safe for concurrent use.
type Salts struct {
	words  []string
	tokens int

	mu  sync.Mutex
	rng *rand.Rand
}

// NewSalts returns a source of salts. Two sources of one seed draw the same
// salts; seeds of sources that are to share none have to be random themselves.
// If counter is not nil, words that are not one token to it are left out.
func NewSalts(seed [32]byte, counter Counter) *Salts {
	s := &Salts{words: saltWords, rng: rand.New(rand.NewChaCha8(seed))}
	if counter != nil {
		s.words = wholeWords(counter)
		s.tokens = counter.Count(salt(s.words[:SaltWords]))
	}
	return s
}

// wholeWords returns the words that are one token.
func wholeWords(counter Counter) (whole []string) {
	for _, w := range saltWords {
		if counter.Count(w) == 1 && counter.Count(" "+w) == 1 {
			whole = append(whole, w)
		}
	}
	// With fewer than half of the words the tokenizer is an unusual one, and equal
	// length in bytes has to do: from 32 words there are still 2^50 salts.
	if len(whole) < len(saltWords)/2 {
		return saltWords
	}
	return whole
}

// SaltTexts returns the texts that NewSalts counts, for a counter that has to
// learn their counts first. The last one depends on the counts of the others.
func SaltTexts(counter Counter) (texts []string) {
	for _, w := range saltWords {
		texts = append(texts, w, " "+w)
	}
	return append(texts, salt(wholeWords(counter)[:SaltWords]))
}

// Next draws a salt.
func (s *Salts) Next() string { return salt(s.Draw(SaltWords)) }

// Draw draws n words.
func (s *Salts) Draw(n int) []string {
	words := make([]string, n)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range words {
		words[i] = s.words[s.rng.IntN(len(s.words))]
	}
	return words
}

// Tokens returns the length of a salt by the counter; 0 without one.
func (s *Salts) Tokens() int { return s.tokens }

func salt(words []string) string { return strings.Join(words, " ") + "\n\n" }
