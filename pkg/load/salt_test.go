package load

import (
	"strings"
	"testing"

	"multiturn/pkg/tokenizer"
)

func TestSaltsAreEquallyLong(t *testing.T) {
	t.Parallel()
	tok := tokenizer.O200kBase()
	s := NewSalts([32]byte{1}, tok)
	seen := map[string]bool{}
	for range 2000 {
		x := s.Next()
		if seen[x] {
			t.Fatalf("%q came twice", x)
		}
		seen[x] = true
		if len(x) != 51 || tok.Count(x) != s.Tokens() {
			t.Fatalf("%q: %d bytes, %d tokens, want 51 and %d", x, len(x), tok.Count(x), s.Tokens())
		}
		// Also in front of a message: a salt's length must not depend on the text after
		// it.
		if n := tok.Count(x+"What is it?") - tok.Count("What is it?"); n != s.Tokens() {
			t.Fatalf("%q before a text adds %d tokens, want %d", x, n, s.Tokens())
		}
	}
}

func TestSaltWords(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, w := range saltWords {
		if len(w) != 4 || known[w] {
			t.Errorf("%q is there twice or not of four letters", w)
		}
		known[w] = true
	}
	if len(saltWords) != 64 {
		t.Errorf("%d words, want 64", len(saltWords))
	}
}

// picky is a tokenizer that splits some words.
type picky struct{ apart string }

func (p picky) Count(s string) int {
	n := len(strings.Fields(s))
	for _, w := range strings.Fields(p.apart) {
		n += strings.Count(" "+s, " "+w)
	}
	return n
}

func TestWordsThatAreTakenApartAreNotUsed(t *testing.T) {
	t.Parallel()
	s := NewSalts([32]byte{}, picky{"time tree"})
	for range 1000 {
		if x := s.Next(); strings.Contains(x, "time") || strings.Contains(x, "tree") {
			t.Fatalf("%q has a word that is two tokens", x)
		}
	}
	all := NewSalts([32]byte{}, picky{strings.Join(saltWords, " ")})
	if len(all.words) != len(saltWords) {
		t.Errorf("%d words are left where each is two tokens, want all", len(all.words))
	}
}

func TestSaltSeeds(t *testing.T) {
	t.Parallel()
	if a, b := NewSalts([32]byte{1}, nil).Next(), NewSalts([32]byte{1}, nil).Next(); a != b {
		t.Error("one seed, two salts")
	}
	if NewSalts([32]byte{1}, nil).Next() == NewSalts([32]byte{2}, nil).Next() {
		t.Error("two seeds, one salt")
	}
}
