package splitmix

import (
	"testing"
	"time"
)

// The first numbers of seed 1234567, as published with the algorithm.
func TestNext(t *testing.T) {
	t.Parallel()
	r := Rand(1234567)
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423,
		4593380528125082431, 16408922859458223821} {
		if got := r.Next(); got != want {
			t.Errorf("number %d is %d, want %d", i, got, want)
		}
	}
	a, b := Rand(5), Rand(5)
	for range 3 {
		a.Next()
	}
	for range 3 {
		b += Step
	}
	if a.Next() != b.Next() {
		t.Error("a stream cannot be gone into")
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	r := Rand(1)
	hits := 0
	for range 10000 {
		if n := r.Below(7); n < 0 || n > 6 {
			t.Fatal(n)
		}
		if d := r.Jitter(time.Second, 0.1); d < 900*time.Millisecond || d > 1100*time.Millisecond {
			t.Fatal(d)
		}
		if r.Chance(0.3) {
			hits++
		}
	}
	if hits < 2800 || hits > 3200 {
		t.Errorf("%d of 10,000, want 3,000", hits)
	}
	if r.Jitter(time.Second, 0) != time.Second {
		t.Error("jitter of nothing")
	}
}
