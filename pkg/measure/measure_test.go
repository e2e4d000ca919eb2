package measure

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// near reports whether a and b are equal up to rounding. NaN equals NaN.
func near(a, b float64) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.IsNaN(a) && math.IsNaN(b)
	}
	return a == b || math.Abs(a-b) <= 1e-12*max(math.Abs(a), math.Abs(b))
}

func TestSample(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for _, tc := range []struct {
		name   string
		values []float64
		n      int
		// mean, std, min, and the percentiles 10 25 50 75 90 99, max: what pandas' describe says
		want [10]float64
	}{
		{"none", nil, 0, [10]float64{nan, nan, nan, nan, nan, nan, nan, nan, nan, nan}},
		{"only what does not exist", []float64{nan, nan}, 0,
			[10]float64{nan, nan, nan, nan, nan, nan, nan, nan, nan, nan}},
		{"one", []float64{50}, 1, [10]float64{50, nan, 50, 50, 50, 50, 50, 50, 50, 50}},
		{"two", []float64{60.5, 50}, 2,
			[10]float64{55.25, 7.424621202458749, 50, 51.05, 52.625, 55.25, 57.875, 59.45,
				60.395, 60.5}},
		{"four", []float64{4, 1, 3, 2}, 4,
			[10]float64{2.5, 1.2909944487358056, 1, 1.3, 1.75, 2.5, 3.25, 3.7, 3.97, 4}},
		{"one does not exist", []float64{4, 1, nan, 3, 2}, 4,
			[10]float64{2.5, 1.2909944487358056, 1, 1.3, 1.75, 2.5, 3.25, 3.7, 3.97, 4}},
		{"all the same", []float64{0.1, 0.1, 0.1}, 3,
			[10]float64{0.1, 0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}},
		{"small beside large", []float64{1e16, 1, -1e16}, 3,
			[10]float64{1. / 3, 1e16, -1e16, -8e15, -5e15, 1, 5e15, 8e15, 9.8e15, 1e16}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := New(slices.Clone(tc.values))
			if s.N() != tc.n {
				t.Errorf("N %d, want %d", s.N(), tc.n)
			}
			got := [10]float64{s.Mean(), s.Std(), s.Min()}
			for i, p := range []float64{10, 25, 50, 75, 90, 99} {
				got[3+i] = s.Percentile(p)
			}
			got[9] = s.Max()
			for i := range got {
				if !near(got[i], tc.want[i]) && !(tc.want[i] == 0 && math.Abs(got[i]) < 1e-16) {
					t.Errorf("got  %v\nwant %v", got, tc.want)
					break
				}
			}
		})
	}
	var zero Sample
	if zero.N() != 0 || !math.IsNaN(zero.Mean()) || !math.IsNaN(zero.Std()) ||
		!math.IsNaN(zero.Max()) || zero.Sum() != 0 {
		t.Error("the zero value is not an empty sample")
	}
	for _, p := range []float64{-1, 101, nan} {
		if v := New([]float64{1, 2}).Percentile(p); !math.IsNaN(v) {
			t.Errorf("Percentile(%v) = %v", p, v)
		}
	}
}

// The file holds samples and their statistics by pandas 2.2.3.
func TestSampleIsPandas(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/pandas.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name     string
		Values   []float64
		Describe map[string]*float64
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, tc := range cases {
		s := New(slices.Clone(tc.Values))
		for column, got := range map[string]float64{
			"count": float64(s.N()), "mean": s.Mean(), "std": s.Std(), "min": s.Min(),
			"25%": s.Percentile(25), "50%": s.Median(), "75%": s.Percentile(75),
			"90%": s.Percentile(90), "max": s.Max(),
		} {
			want := math.NaN()
			if v, ok := tc.Describe[column]; !ok {
				t.Errorf("%s: the file lacks %s", tc.Name, column)
			} else if v != nil {
				want = *v
			}
			if !near(got, want) {
				t.Errorf("%s: %s is %v, want %v", tc.Name, column, got, want)
			}
		}
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	h := NewHistogram()
	if h.N() != 0 || !math.IsNaN(h.Mean()) || !math.IsNaN(h.Min()) || !math.IsNaN(h.Max()) ||
		!math.IsNaN(h.Percentile(50)) {
		t.Error("an empty histogram has statistics")
	}
	rng := rand.New(rand.NewPCG(2, 2))
	var all []float64
	for range 20000 {
		v := int64(rng.ExpFloat64() * 20000)
		h.Add(v, 1)
		all = append(all, float64(v))
	}
	s := New(all)
	if h.N() != 20000 || !near(h.Mean(), s.Mean()) || h.Min() != s.Min() || h.Max() != s.Max() {
		t.Errorf("%d %v %v %v; want %d %v %v %v exactly",
			h.N(), h.Mean(), h.Min(), h.Max(), s.N(), s.Mean(), s.Min(), s.Max())
	}
	for _, p := range []float64{1, 50, 90, 99, 99.9, 100} {
		if want := s.Percentile(p); math.Abs(h.Percentile(p)-want) > 1+want/400 {
			t.Errorf("percentile %v: %v, want %v", p, h.Percentile(p), want)
		}
	}
	odd := NewHistogram()
	odd.Add(-5, 2)
	odd.Add(2*maxValue, 1)
	odd.Add(7, 0)
	if odd.N() != 3 || odd.Min() != 0 || odd.Max() != 2*maxValue || odd.Percentile(50) != 0 {
		t.Errorf("%d values from %v to %v", odd.N(), odd.Min(), odd.Max())
	}
}

func BenchmarkSample(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	values := make([]float64, 100000)
	for i := range values {
		values[i] = rng.ExpFloat64()
	}
	buf := make([]float64, len(values))
	for b.Loop() {
		copy(buf, values)
		s := New(buf)
		for _, p := range []float64{25, 50, 75, 90, 99, 99.9, 99.99} {
			s.Percentile(p)
		}
	}
}
