package tokenizer

import (
	"slices"
	"sync"
	"testing"
)

// One Tokenizer serves many goroutines.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	tok := O200kBase()
	texts := []string{"", "a", "the quick brown fox", "1234 5678", "naïve 日本語 <|endoftext|>"}
	for _, r := range longRuns {
		texts = append(texts, r.text(300))
	}
	want := make([][]int32, len(texts))
	for i, s := range texts {
		want[i] = tok.Encode(s)
	}
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			for n := range 50 * len(texts) {
				i := (n*7 + k) % len(texts)
				if ids := tok.Encode(texts[i]); !slices.Equal(ids, want[i]) ||
					tok.Count(texts[i]) != len(want[i]) {
					t.Errorf("%.40q: %v, want %v", texts[i], ids, want[i])
					return
				}
			}
		})
	}
	wg.Wait()
}

// A splitter or a merge that looks at a long run again and again would show
// here as minutes.
func TestLongRuns(t *testing.T) {
	t.Parallel()
	tok := O200kBase()
	marks, err := Parse(patch(t, "marks", nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range longRuns {
		text := r.text(60_000)
		if got := tok.Decode(tok.Encode(text), false); got != validUTF8(text) {
			t.Errorf("%s: the text does not survive", r.name)
		}
		if marks.Count(text) == 0 {
			t.Errorf("%s: no tokens", r.name)
		}
	}
}
