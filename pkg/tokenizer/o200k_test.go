package tokenizer

import (
	"slices"
	"strings"
	"testing"
)

func TestO200kBase(t *testing.T) {
	t.Parallel()
	tok := O200kBase()
	if tok.Name() != "o200k_base" || tok.Source() != "embedded" || tok.Size() != 200019 ||
		tok.SpecialTokensAdded() != 0 {
		t.Errorf("name %q, source %q, size %d", tok.Name(), tok.Source(), tok.Size())
	}
	// From tiktoken's own documentation and tests.
	for _, c := range []struct {
		text string
		ids  []int32
	}{
		{"hello world", []int32{24912, 2375}},
		{"antidisestablishmentarianism", []int32{493, 129901, 376, 160388, 21203, 2367}},
		{"2 + 2 = 4", []int32{17, 659, 220, 17, 314, 220, 19}},
		{"お誕生日おめでとう", []int32{8930, 9697, 243, 128225, 8930, 17693, 4344, 48669}},
		{"a<|endoftext|>b", []int32{64, 199999, 65}},
	} {
		if ids := tok.Encode(c.text); !slices.Equal(ids, c.ids) {
			t.Errorf("%q: %v, want %v", c.text, ids, c.ids)
		}
		if got := tok.Decode(c.ids, false); got != c.text {
			t.Errorf("%v: %q, want %q", c.ids, got, c.text)
		}
	}
	if text := opticks(t); tok.Decode(tok.Encode(text), true) != text {
		t.Error("a book does not survive")
	}
}

// gpt-oss is o200k_base with a table of merges and more special tokens: two
// ways to the same ids.
func TestO200kIsGPTOSS(t *testing.T) {
	t.Parallel()
	gptoss := shared(t, "gptoss")
	tok := O200kBase()
	texts := strings.SplitAfter(opticks(t), "\n")
	for _, r := range longRuns {
		texts = append(texts, r.text(20), r.text(95), r.text(200), r.text(5000))
	}
	for _, s := range texts {
		if have, want := tok.Encode(s), gptoss.Encode(s); !slices.Equal(have, want) {
			t.Errorf("%.100q: %v, want %v", s, have, want)
		}
	}
}
