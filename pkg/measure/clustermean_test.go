package measure

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// With one value in each cluster it is the textbook's interval.
func TestMeanOfClustersIsStudents(t *testing.T) {
	t.Parallel()
	in := MeanOfClusters([]float64{1, 2, 3, 4, 5}, []string{"a", "b", "c", "d", "e"}, 0)
	// mean 3, s = 1.5811, t(4) = 2.776445: 3 -+ 1.963243
	if math.Abs(in.Low-1.036757) > 1e-5 || math.Abs(in.High-4.963243) > 1e-5 {
		t.Errorf("%+v", in)
	}
	if in := MeanOfClusters([]float64{1, 2, 3}, []string{"a", "a", "b"}, 0); !math.IsNaN(in.Low) {
		t.Errorf("two clusters give %+v", in)
	}
}

// With six clusters that each have an error of their own, the interval misses
// the truth about once in twenty times.
func TestMeanOfClustersCovers(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	const runs = 2000
	missed := 0
	for range runs {
		var values []float64
		var names []string
		for c := range 6 {
			drift := rng.NormFloat64()
			for range 10 {
				values, names = append(values, drift+rng.NormFloat64()),
					append(names, strconv.Itoa(c))
			}
		}
		if in := MeanOfClusters(values, names, 0); in.Low > 0 || in.High < 0 {
			missed++
		}
	}
	if share := float64(missed) / runs; share < 0.03 || share > 0.07 {
		t.Errorf("missed in %.3f of runs", share)
	}
}
