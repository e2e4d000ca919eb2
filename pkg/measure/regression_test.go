package measure

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// Longley's data are the standard test of a regression's arithmetic, because
// its columns are nearly dependent. The values are certified by NIST (StRD,
// Longley).
func TestRegressLongley(t *testing.T) {
	t.Parallel()
	data := [][]float64{
		{60323, 83.0, 234289, 2356, 1590, 107608, 1947},
		{61122, 88.5, 259426, 2325, 1456, 108632, 1948},
		{60171, 88.2, 258054, 3682, 1616, 109773, 1949},
		{61187, 89.5, 284599, 3351, 1650, 110929, 1950},
		{63221, 96.2, 328975, 2099, 3099, 112075, 1951},
		{63639, 98.1, 346999, 1932, 3594, 113270, 1952},
		{64989, 99.0, 365385, 1870, 3547, 115094, 1953},
		{63761, 100.0, 363112, 3578, 3350, 116219, 1954},
		{66019, 101.2, 397469, 2904, 3048, 117388, 1955},
		{67857, 104.6, 419180, 2822, 2857, 118734, 1956},
		{68169, 108.4, 442769, 2936, 2798, 120445, 1957},
		{66513, 110.8, 444546, 4681, 2637, 121950, 1958},
		{68655, 112.6, 482704, 3813, 2552, 123366, 1959},
		{69564, 114.2, 502601, 3931, 2514, 125368, 1960},
		{69331, 115.7, 518173, 4806, 2572, 127852, 1961},
		{70551, 116.9, 554894, 4007, 2827, 130081, 1962},
	}
	y := make([]float64, len(data))
	columns := [][]float64{ones(len(data))}
	for range 6 {
		columns = append(columns, make([]float64, len(data)))
	}
	for i, row := range data {
		y[i] = row[0]
		for j := range 6 {
			columns[j+1][i] = row[j+1]
		}
	}
	r, err := Regress(y, columns, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-6*math.Abs(want) {
			t.Errorf("%s %v, want %v", what, got, want)
		}
	}
	for j, want := range []struct{ value, deviation float64 }{
		{-3482258.63459582, 890420.383607373}, {15.0618722713733, 84.9149257747669},
		{-0.358191792925910e-1, 0.334910077722432e-1}, {-2.02022980381683, 0.488399681651699},
		{-1.03322686717359, 0.214274163161675}, {-0.511041056535807e-1, 0.226073200069370},
		{1829.15146461355, 455.478499142212},
	} {
		near(fmt.Sprint("coefficient ", j), r.Coefficients[j], want.value)
		in := r.Interval(j)
		const t9 = 2.262157162740992 // Student's t, 9 degrees of freedom, 97.5 %
		near(fmt.Sprint("half interval ", j), (in.High-in.Low)/2, t9*want.deviation)
	}
	near("R2", r.R2, 0.995479004577296)
	near("sigma", r.Sigma, 304.854073561965)
}

func TestRegressErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		y       []float64
		columns [][]float64
		want    error
	}{
		"nothing":         {nil, nil, ErrTooFew},
		"as many":         {[]float64{1, 2}, [][]float64{{1, 1}, {1, 2}}, ErrTooFew},
		"a column twice":  {[]float64{1, 2, 3}, [][]float64{{1, 2, 4}, {2, 4, 8}}, ErrDependent},
		"zeros":           {[]float64{1, 2, 3}, [][]float64{{1, 1, 1}, {0, 0, 0}}, ErrDependent},
		"constant beside": {[]float64{1, 2, 3}, [][]float64{{1, 1, 1}, {7, 7, 7}}, ErrDependent},
	} {
		if r, err := Regress(tc.y, tc.columns, nil, 0); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, %v; want %v", name, r, err, tc.want)
		}
	}
}

// Intervals hold the truth about as often as they promise if the observations
// of a cluster share an error and errors grow with x. Classical intervals would
// hold it far too seldom.
func TestRegressCoverage(t *testing.T) {
	t.Parallel()
	const base, slope, runs = 20.0, 0.05, 400
	for _, tc := range []struct {
		name        string
		clusters    int
		shared, own float64 // sizes of errors
		growing     bool
		least, most float64
	}{
		{"independent", 20, 0, 5, false, 0.90, 0.99},
		{"independent, few clusters", 5, 0, 5, false, 0.92, 0.98},
		{"shared within clusters", 30, 5, 1, false, 0.89, 0.99},
		{"growing with x", 30, 0, 5, true, 0.89, 0.99},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(3, 4))
			var held [2]int
			for range runs {
				var y, x []float64
				var names []string
				for c := range tc.clusters {
					offset := rng.NormFloat64() * tc.shared
					long := 300 + 1500*rng.Float64()
					for turn := range 6 {
						v := 100 + long*float64(turn)
						e := offset*float64(turn)/3 + tc.own*rng.NormFloat64()
						if tc.growing {
							e *= v / 2000
						}
						x, y, names = append(x, v), append(y, base+slope*v+e),
							append(names, fmt.Sprint(c))
					}
				}
				r, err := Regress(y, [][]float64{ones(len(y)), x}, names, 0.95)
				if err != nil {
					t.Fatal(err)
				}
				if (r.Clusters > 0) != (tc.clusters >= MinClusters) {
					t.Fatalf("%d clusters of %d", r.Clusters, tc.clusters)
				}
				for j, truth := range []float64{base, slope} {
					if r.Interval(j).Contains(truth) {
						held[j]++
					}
				}
			}
			for j, n := range held {
				if share := float64(n) / runs; share < tc.least || share > tc.most {
					t.Errorf("coefficient %d: %.3f of intervals hold the truth", j, share)
				}
			}
		})
	}
}

func TestCombine(t *testing.T) {
	t.Parallel()
	y := []float64{1, 3.1, 4.9, 7.2, 8.8}
	x := []float64{0, 1, 2, 3, 4}
	r, err := Regress(y, [][]float64{ones(5), x}, nil, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	// At the mean of x the fit is the mean of y, and its error that of a mean.
	v, in := r.Combine([]float64{1, 2})
	if math.Abs(v-5) > 1e-12 || math.Abs((in.High-in.Low)/2-r.t*r.Sigma/math.Sqrt(5)) > 1e-12 {
		t.Errorf("%v %v", v, in)
	}
}
