package measure

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// prefills are times to the first token of turns of 24 conversations: base 15 ms,
// 0.04 ms a computed token, pair ms for each pair of a computed token with one
// before it, and errors of 2 ms. The first columns are the required ones, then
// come pairs and cached tokens.
func prefills(
	rng *rand.Rand, conversations int, pair, cached float64,
) (y []float64, columns [][]float64, names []string) {
	columns = make([][]float64, 4)
	for c := range conversations {
		context := 0.0
		for turn := range 6 + rng.IntN(4) {
			added := float64(80 + rng.IntN(120))
			if turn == 0 {
				added = float64(300 + rng.IntN(1500))
			}
			hit := math.Floor(context/16) * 16
			computed := context + added - hit
			pairs := computed * (hit + computed/2)
			y = append(y, 15+0.04*computed+pair*pairs+cached*hit+2*rng.NormFloat64())
			for j, v := range []float64{1, computed, pairs, hit} {
				columns[j] = append(columns[j], v)
			}
			names = append(names, strconv.Itoa(c))
			context += added + 100
		}
	}
	return y, columns, names
}

func TestRobustLeavesOutliersOut(t *testing.T) {
	t.Parallel()
	const runs = 300
	rng := rand.New(rand.NewPCG(1, 2))
	held, bias := 0, 0.0
	for range runs {
		y, columns, names := prefills(rng, 24, 0, 0)
		y[0] += 1000 // a cold server
		y[50] += 500 // a stall
		r, err := Robust(y, columns[:2], names, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(r.Outliers, []int{0, 50}) && len(r.Outliers) > 4 {
			t.Errorf("outliers %v", r.Outliers)
		}
		if math.Abs(r.Residuals[0]-1000) > 20 || len(r.Residuals) != len(y) || !(r.R2 > 0.9) {
			t.Errorf("residual %.0f, R2 %.2f", r.Residuals[0], r.R2)
		}
		if r.Interval(1).Contains(0.04) {
			held++
		}
		bias += (r.Coefficients[1]/0.04 - 1) / runs
	}
	if share := float64(held) / runs; share < 0.92 || share > 0.98 || math.Abs(bias) > 0.004 {
		t.Errorf("held in %.3f, bias %.4f", share, bias)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	for _, world := range []struct {
		name         string
		pair, cached float64
		want         []int
	}{
		{"neither", 0, 0, nil},
		{"attention", 1e-5, 0, []int{0}},
		{"cached tokens", 0, 0.004, []int{1}},
		{"both", 2e-5, 0.004, []int{0, 1}},
	} {
		t.Run(world.name, func(t *testing.T) {
			t.Parallel()
			const runs = 100
			rng := rand.New(rand.NewPCG(3, 4))
			right, bias := 0, 0.0
			for range runs {
				y, columns, names := prefills(rng, 24, world.pair, world.cached)
				chosen, r, err := Choose(y, columns[:2], columns[2:], names, 0)
				if err != nil {
					t.Fatal(err)
				}
				if slices.Equal(chosen, world.want) {
					right++
				}
				bias += (r.Coefficients[1]/0.04 - 1) / runs
			}
			if right < 90 || math.Abs(bias) > 0.015 {
				t.Errorf("right in %d of %d, bias %.4f", right, runs, bias)
			}
		})
	}
}

func TestChooseOfLittle(t *testing.T) {
	t.Parallel()
	if _, _, err := Choose([]float64{1}, [][]float64{{1}, {2}}, nil, nil, 0); !errors.Is(err, ErrTooFew) {
		t.Error(err)
	}
	// 50 observations do not carry a third column, however good it is.
	var y, one, x, square []float64
	for i := range 50 {
		v := float64(i)
		y, one, x, square = append(y, v+v*v), append(one, 1), append(x, v), append(square, v*v)
	}
	chosen, r, err := Choose(y, [][]float64{one, x}, [][]float64{square}, nil, 0)
	if err != nil || chosen != nil || len(r.Coefficients) != 2 {
		t.Errorf("%v %v %v", chosen, r, err)
	}
	// An exact fit has errors of size 0, and they are no outliers.
	for i := range y {
		y[i] = 3 + 2*x[i]
	}
	if r, err := Robust(y, [][]float64{one, x}, nil, 0); err != nil || len(r.Outliers) != 0 ||
		math.Abs(r.Coefficients[1]-2) > 1e-9 {
		t.Errorf("%+v %v", r, err)
	}
}

func ExampleChoose() {
	y, columns, names := prefills(rand.New(rand.NewPCG(5, 6)), 24, 4e-5, 0)
	y[0] += 1000
	chosen, r, _ := Choose(y, columns[:2], columns[2:], names, 0)
	in := r.Interval(1)
	fmt.Printf("chosen %v, %.4f ms a token [%.4f, %.4f], %d outlier\n",
		chosen, r.Coefficients[1], in.Low, in.High, len(r.Outliers))
	// Output: chosen [0], 0.0398 ms a token [0.0376, 0.0419], 1 outlier
}

func BenchmarkChoose(b *testing.B) {
	for _, n := range []int{1_333, 13_333, 133_333} {
		y, columns, names := prefills(rand.New(rand.NewPCG(7, 8)), n, 1e-5, 0)
		b.Run(strconv.Itoa(len(y)), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := Choose(y, columns[:2], columns[2:], names, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
