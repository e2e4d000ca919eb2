package report

import (
	"math"
	"testing"
)

// A cache that holds some of the conversations hits those that come back soon
// and misses the others.
func TestReuseBuckets(t *testing.T) {
	t.Parallel()
	w := small()
	w.conversations, w.active, w.config = 24, 12, shape(900, 0, 0)
	d := w.summary(Options{Cache: stated(w.config)}).Details
	for name, list := range map[string][]ReuseBucket{"seconds": d.Reuse.Seconds,
		"turns": d.Reuse.Turns, "tokens": d.Reuse.Tokens} {
		n := 0
		last := Number(0)
		for i, b := range list {
			n += b.N
			if b.Share <= last || b.N == 0 || b.Known != b.N ||
				i > 0 && b.From < float64(list[i-1].To) || !(b.From < float64(b.To)) {
				t.Errorf("%s: %+v", name, b)
			}
			if math.Abs(float64(b.OfPossible-b.PredictedOfPossible)) > 1e-12 {
				t.Errorf("%s: hit %v of possible, predicted %v", name, b.OfPossible, b.PredictedOfPossible)
			}
			last = b.Share
		}
		if n != 24*5 || last != 1 {
			t.Errorf("%s: %d turns, %v", name, n, last)
		}
	}
	near, far := d.Reuse.Tokens[0], d.Reuse.Tokens[len(d.Reuse.Tokens)-1]
	if !(near.OfPossible > 0.5) || !(far.OfPossible < 0.1) {
		t.Errorf("near %+v\nfar %+v", near, far)
	}
}

func TestReuseSpans(t *testing.T) {
	t.Parallel()
	for want, b := range map[string]ReuseBucket{
		"below 1": {To: 1}, "below 0.01": {To: 0.01}, "1024 to 2048": {From: 1024, To: 2048},
		"3000 or more": {From: 3000, To: unknown},
	} {
		if got := b.span(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if none := (&Collector{}).reuseDistance(nil); none != nil {
		t.Errorf("%+v", none)
	}
}
