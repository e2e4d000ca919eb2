package tokenizer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// opticks is a book in plain English.
func opticks(tb testing.TB) string {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "examples", "opticks.txt"))
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// shared loads one of the tokenizers of the shared folder.
func shared(tb testing.TB, name string) *Tokenizer {
	tb.Helper()
	dir := os.Getenv("SHARED")
	if dir == "" {
		tb.Skip("SHARED does not name the folder with real tokenizers")
	}
	tok, err := Load(filepath.Join(dir, "data", "tokenizers", name+".tokenizer.json.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	return tok
}

var named = []string{O200k, "kimi", "tekken", "qwen3", "gptoss", "llama2"}

// byName returns a tokenizer; kimi and tekken have o200k_base's vocabulary, split
// by their patterns.
func byName(tb testing.TB, name string) *Tokenizer {
	pattern := map[string]string{"kimi": patternKimi, "tekken": patternTekken}[name]
	switch {
	case name == O200k:
		return O200kBase()
	case pattern == "":
		return shared(tb, name)
	}
	tok, err := parseRanks(o200kTokens)
	if err != nil {
		tb.Fatal(err)
	}
	tok.steps = []step{splitters[pattern]}
	return tok
}

// BenchmarkProse counts English prose on one core.
func BenchmarkProse(b *testing.B) {
	for _, name := range named {
		b.Run(name, func(b *testing.B) {
			tok, text := byName(b, name), opticks(b)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				tok.Count(text)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range named {
		b.Run(name, func(b *testing.B) {
			tok, text := byName(b, name), opticks(b)
			ids := tok.Encode(text)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				tok.Decode(ids, true)
			}
		})
	}
}

// BenchmarkRuns counts text that could take quadratic time: 200 kB of one class
// of characters.
func BenchmarkRuns(b *testing.B) {
	for _, name := range named {
		for _, r := range longRuns {
			b.Run(name+"/"+r.name, func(b *testing.B) {
				tok := byName(b, name)
				text := r.text(200_000)
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					tok.Count(text)
				}
			})
		}
	}
}

// longRuns have characters in a pseudo-random order, so that merges meet many
// pairs.
var longRuns = []longRun{
	{"space", " "}, {"newline", "\n"}, {"tab", "\t"}, {"blank", " \n\t"}, {"lower", "a"},
	{"upper", "A"}, {"letters", "etaoinshrdlu"},
	{"capitals", "ETAOINSHRDLU"}, {"digits", "7"}, {"dash", "-"}, {"punct", "!?.,;:"},
	{"marks", "\u0301"}, {"han", "的一是不了人我在"},
	{"kana", "かなカナ"}, {"emoji", "😀😁"}, {"nbsp", "\u00a0"}, {"control", "\x01"},
	{"quote", "'"}, {"wordmark", "▁"},
	{"unassigned", "\U000e1000"}, {"invalid", "\xff"}, {"slash", "/"}, {"angle", "<"},
}

type longRun struct{ name, chars string }

// text returns about n bytes.
func (r longRun) text(n int) string {
	chars := []rune(r.chars)
	if !utf8.ValidString(r.chars) {
		return strings.Repeat(r.chars, n/len(r.chars))
	}
	var b strings.Builder
	for state := uint32(1); b.Len() < n; {
		state = state*1664525 + 1013904223
		b.WriteRune(chars[int(state>>16)%len(chars)])
	}
	return b.String()
}

func BenchmarkLoad(b *testing.B) {
	b.Run(O200k, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parseRanks(o200kTokens); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, name := range named[3:] {
		b.Run(name, func(b *testing.B) {
			file := shared(b, name).Source()
			packed, err := readFile(file)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(packed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
