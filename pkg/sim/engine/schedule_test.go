package engine

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The schedule gives the same order as a sorted list, through pushes, moves and
// removals.
func TestSchedule(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	var h schedule
	var list []due
	order := uint64(0)
	less := func(a, b due) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return int(a.order) - int(b.order)
	}
	for range 20000 {
		order++
		at := time.Duration(rng.IntN(50))
		switch k := rng.IntN(10); {
		case k < 4:
			d := due{at, order, &Sequence{}}
			h.push(d)
			list = append(list, d)
		case k < 8 && len(list) > 0:
			i := rng.IntN(len(list))
			list[i].at, list[i].order = at, order
			h.move(list[i].s, at, order)
		case k < 9 && len(list) > 0:
			i := rng.IntN(len(list))
			h.remove(list[i].s)
			h.remove(list[i].s) // a second time does nothing
			list = slices.Delete(list, i, i+1)
		case len(list) > 0:
			first := slices.MinFunc(list, less)
			if h[0] != first {
				t.Fatalf("first is %v, want %v", h[0], first)
			}
		}
		if len(h) != len(list) {
			t.Fatalf("%d entries, want %d", len(h), len(list))
		}
	}
}
