package measure

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// batches returns pairs of batches of 20 turns. Those above take ratio times as
// long; slow phases last for a whole pair.
func batches(
	rng *rand.Rand, pairs int, spread, ratio float64,
) (above, below []float64, names []string) {
	for p := range pairs {
		phase := rng.NormFloat64()
		for range 20 {
			above = append(above, ratio*math.Exp(phase+spread*rng.NormFloat64()))
			below = append(below, math.Exp(phase+spread*rng.NormFloat64()))
			names = append(names, strconv.Itoa(p))
		}
	}
	return above, below, names
}

func TestRatioOfPairs(t *testing.T) {
	t.Parallel()
	const runs, pairs, spread = 1000, 5, 0.4
	rng := rand.New(rand.NewPCG(1, 2))
	effect := Detectable(pairs, 20, spread)
	held, found := 0, 0
	for range runs {
		above, below, names := batches(rng, pairs, spread, 1-effect)
		r := RatioOfPairs(above, below, names, 0)
		if r.Contains(1 - effect) {
			held++
		}
		if (r.P < 0.05) != !r.Contains(1) {
			t.Fatalf("P %v and interval %v disagree", r.P, r.Interval)
		}
		if r.P < 0.05 {
			found++
		}
	}
	if share := float64(held) / runs; share < 0.93 || share > 0.97 {
		t.Errorf("held in %.3f", share)
	}
	if share := float64(found) / runs; share < 0.75 || share > 0.87 {
		t.Errorf("an effect of %.1f %% was found in %.3f, not 8 of 10", 100*effect, share)
	}
}

func TestRatioOfLittle(t *testing.T) {
	t.Parallel()
	if r := RatioOfPairs(nil, nil, nil, 0); !math.IsNaN(r.Value) || r.OK() {
		t.Errorf("%+v", r)
	}
	r := RatioOfPairs([]float64{2, 8, -1}, []float64{1, 1, 1}, []string{"a", "b", "c"}, 0)
	if r.Value != 4 || r.OK() || !math.IsNaN(r.P) {
		t.Errorf("%+v", r)
	}
	same := RatioOfPairs([]float64{2, 2, 2}, []float64{2, 2, 2}, []string{"a", "b", "c"}, 0)
	if same.Value != 1 || same.Low != 1 || same.High != 1 || same.P != 1 {
		t.Errorf("%+v", same)
	}
	if d := Detectable(2, 20, 0.1); d != 1 {
		t.Errorf("two pairs detect %v", d)
	}
}

func TestHolm(t *testing.T) {
	t.Parallel()
	got := Holm([]float64{0.01, 0.04, math.NaN(), 0.03, 0.005})
	want := []float64{0.03, 0.06, math.NaN(), 0.06, 0.02}
	if !slices.EqualFunc(got, want, func(a, b float64) bool {
		return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) < 1e-15
	}) {
		t.Errorf("%v, want %v", got, want)
	}
}

func ExampleRatioOfPairs() {
	withCache := []float64{20, 22, 30, 31, 19, 21}
	without := []float64{41, 43, 62, 60, 40, 41}
	batch := []string{"1", "1", "2", "2", "3", "3"}
	r := RatioOfPairs(withCache, without, batch, 0)
	fmt.Printf("%.2f [%.2f, %.2f], p %.1g\n", r.Value, r.Low, r.High, r.P)
	// Output: 0.50 [0.49, 0.51], p 4e-05
}
