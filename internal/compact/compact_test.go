package compact

import (
	"math"
	"testing"
)

func TestNarrow(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]int32{
		0: 0, -1: -1, math.MaxInt32: math.MaxInt32, math.MaxInt32 + 1: math.MaxInt32,
		math.MaxInt64: math.MaxInt32, math.MinInt64: math.MinInt32,
	} {
		if got := Narrow(n); got != want {
			t.Errorf("Narrow(%d) = %d, want %d", n, got, want)
		}
	}
}

func TestPool(t *testing.T) {
	t.Parallel()
	var p Pool[string]
	a, again, b := p.Share("a"), p.Share("a"), p.Share("b")
	if a != again || a == b || *a != "a" || *b != "b" {
		t.Errorf("shared %p %q, %p %q, %p %q", a, *a, again, *again, b, *b)
	}
}
