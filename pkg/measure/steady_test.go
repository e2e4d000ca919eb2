package measure

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// closed plays n groups of 5 spans, k at a time, on a server of p places.
func closed(n, k int, rng *rand.Rand) (spans []Span) {
	type active struct {
		group, left int
		free        float64
	}
	var now []active
	for c := range k {
		now = append(now, active{c, 5, 0})
	}
	for next := k; len(now) > 0; {
		at := 0
		for i := range now {
			if now[i].free < now[at].free {
				at = i
			}
		}
		a := &now[at]
		end := a.free + 1 + rng.Float64()
		if a.left == 5 && a.group < k {
			end += 3 // the burst of the start
		}
		spans = append(spans, Span{strconv.Itoa(a.group), a.free, end})
		a.free = end
		if a.left--; a.left == 0 {
			if next < n {
				*a = active{next, 5, end}
				next++
			} else {
				now = append(now[:at], now[at+1:]...)
			}
		}
	}
	return spans
}

func TestSteady(t *testing.T) {
	t.Parallel()
	spans := closed(24, 8, rand.New(rand.NewPCG(1, 2)))
	from, to, ok := Steady(spans)
	burst, drained := 0.0, 0.0
	for _, s := range spans {
		if s.Start == 0 {
			burst = max(burst, s.End)
		}
		drained = max(drained, s.End)
	}
	if !ok || from != burst || to >= drained || to < drained-8*2 {
		t.Errorf("%v to %v, %v; the burst ends at %.1f, the run at %.1f", from, to, ok, burst, drained)
	}
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(spans), func(i, j int) {
		spans[i], spans[j] = spans[j], spans[i]
	})
	if f, t2, _ := Steady(spans); f != from || t2 != to {
		t.Errorf("in another order %v to %v", f, t2)
	}
}

func TestSteadyOfLittle(t *testing.T) {
	t.Parallel()
	if _, _, ok := Steady(nil); ok {
		t.Error("nothing is steady")
	}
	if _, _, ok := Steady([]Span{{"a", 1, 2}}); ok {
		t.Error("one span is steady")
	}
	// One conversation at a time is steady from its first answer on.
	one := []Span{{"a", 0, 1}, {"a", 1, 2}, {"b", 2, 3}, {"b", 3, 4}, {"c", 4, 5}, {"c", 5, 6}}
	if from, to, ok := Steady(one); !ok || from != 1 || to != 6 {
		t.Errorf("%v to %v, %v", from, to, ok)
	}
}

func ExampleSteady() {
	fmt.Println(Steady([]Span{
		{"a", 0, 4}, {"b", 0, 5}, // both begin at once
		{"a", 4, 6}, {"b", 5, 7}, {"a", 6, 8}, {"b", 7, 9},
		{"c", 8, 10}, {"c", 10, 12}, // alone from 9 on
	}))
	// Output: 5 9 true
}
