package measure

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/montanaflynn/stats"
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

// written returns the values of a resample, with repetitions.
func written(r *Resample) []float64 {
	var all []float64
	for i, v := range r.c.values {
		for range r.times[r.c.of[i]] {
			all = append(all, v)
		}
	}
	return all
}

func TestStatisticsOfResamples(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	for n := 1; n < 40; n += 3 {
		var (
			values []float64
			names  []string
		)
		for range n * 2 {
			values = append(values, rng.ExpFloat64())
			names = append(names, fmt.Sprint(rng.IntN(n)))
		}
		c := NewClusters(values, names)
		c.resample(Bootstrap{Resamples: 50}, func(r *Resample) {
			all := written(r)
			if len(all) != r.total {
				t.Fatalf("%d values, total says %d", len(all), r.total)
			}
			if want, _ := stats.Mean(all); !near(Mean(r), want) {
				t.Errorf("mean %v, want %v", Mean(r), want)
			}
		})
	}
}

func TestIntervalsHoldTheTruth(t *testing.T) {
	t.Parallel()
	// 60 conversations of 8 turns that share a level: the true mean is 10. Intervals that
	// took turns for independent would hold it in about half of the cases.
	const trials = 200
	var holds, holdsNaive int
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(trial), 9))
		var (
			values       []float64
			names, alone []string
		)
		for conv := range 60 {
			level := 10 + 2*rng.NormFloat64()
			for range 8 {
				values = append(values, level+0.5*rng.NormFloat64())
				names = append(names, fmt.Sprint(conv))
				alone = append(alone, fmt.Sprint(len(alone)))
			}
		}
		b := Bootstrap{Resamples: 300, Seed: uint64(trial)}
		if NewClusters(values, names).Intervals(b, Mean)[0].Contains(10) {
			holds++
		}
		if NewClusters(values, alone).Intervals(b, Mean)[0].Contains(10) {
			holdsNaive++
		}
	}
	if holds < trials*88/100 || holds > trials*99/100 {
		t.Errorf("%d of %d 95 %% intervals hold the true mean", holds, trials)
	}
	if holdsNaive > trials*75/100 {
		t.Errorf("intervals from single turns hold as often (%d): the test proves nothing",
			holdsNaive)
	}
}

func TestIntervals(t *testing.T) {
	t.Parallel()
	var (
		values []float64
		names  []string
	)
	for i := range 100 {
		values = append(values, float64(i))
		names = append(names, fmt.Sprint(i/10))
	}
	c := NewClusters(append(values, math.NaN()), append(names, "other"))
	if c.n != 10 {
		t.Errorf("%d clusters, want 10: NaN makes no cluster", c.n)
	}
	one := c.Intervals(Bootstrap{}, Mean)
	two := c.Intervals(Bootstrap{}, Mean)
	if !slices.Equal(one, two) {
		t.Errorf("the same seed gave %v and %v", one, two)
	}
	if other := c.Intervals(Bootstrap{Seed: 1}, Mean); slices.Equal(one, other) {
		t.Errorf("another seed gave the same %v", other)
	}
	if !one[0].OK() || !one[0].Contains(49.5) || one[0].Low == one[0].High {
		t.Errorf("%v", one[0])
	}
	if wide := c.Intervals(Bootstrap{Level: 0.99}, Mean)[0]; wide.Low >= one[0].Low ||
		wide.High <= one[0].High {
		t.Errorf("the 99 %% interval %v is not wider than the 95 %% one %v", wide, one[0])
	}
	if few := NewClusters(values[:70], names[:70]).Intervals(Bootstrap{}, Mean)[0]; few.OK() {
		t.Errorf("seven clusters gave an interval: %v", few)
	}
	if none := NewClusters(nil, nil).Intervals(Bootstrap{}, Mean)[0]; none.OK() {
		t.Errorf("nothing gave an interval: %v", none)
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

func BenchmarkIntervals(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	var (
		values []float64
		names  []string
	)
	for i := range 10000 {
		values = append(values, rng.ExpFloat64())
		names = append(names, fmt.Sprint(i/8))
	}
	c := NewClusters(values, names)
	for b.Loop() {
		c.Intervals(Bootstrap{}, Mean)
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
