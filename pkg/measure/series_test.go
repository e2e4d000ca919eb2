package measure

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// play makes a series of n clusters of 6 to 9 values, 6 of them at a time, as a
// run of conversations is: each value is e^(own + cluster + state), and the state
// is what all share, correlated over tau of the whole.
func play(rng *rand.Rand, n int, own, cluster, state, tau float64) *Series {
	var (
		left, of []int
		index    []int32
		values   []float64
		names    []string
		offset   []float64
		queue    []int
	)
	for c := range n {
		left = append(left, 6+rng.IntN(4))
		offset = append(offset, cluster*rng.NormFloat64())
		if c < 6 {
			queue = append(queue, c)
		}
	}
	at := make([]int, n)
	for next := min(6, n); len(queue) > 0; {
		c := queue[0]
		queue = queue[1:]
		of, index = append(of, c), append(index, int32(at[c]))
		if at[c]++; at[c] < left[c] {
			queue = append(queue, c)
		} else if next < n {
			queue = append(queue, next)
			next++
		}
	}
	level, keep := rng.NormFloat64(), 0.0
	if tau > 0 {
		keep = math.Exp(-1 / (tau * float64(len(of))))
	}
	for _, c := range of {
		level = keep*level + math.Sqrt(1-keep*keep)*rng.NormFloat64()
		values = append(values, 50*math.Exp(own*rng.NormFloat64()+offset[c]+state*level))
		names = append(names, strconv.Itoa(c))
	}
	return NewSeries(Observations{Values: values, Clusters: names, Index: index})
}

// The short form of what scripts/calibrate measures: seeds are fixed, so the
// shares do not change, and the bounds are wide.
func TestSeriesCovers(t *testing.T) {
	t.Parallel()
	lognormal := func(s, p float64) float64 {
		if p == 0 {
			return 50 * math.Exp(s*s/2)
		}
		return 50 * math.Exp(s*map[float64]float64{50: 0, 90: 1.281552, 99: 2.326348}[p])
	}
	for _, world := range []struct {
		name                     string
		own, cluster, state, tau float64
		least, most              float64 // share of intervals that hold the truth
		foundLeast, foundMost    float64
	}{
		{"independent", 1, 0, 0, 0, 0.91, 0.99, 0, 0.08},
		{"clusters differ", 0.7, 0.7, 0, 0, 0.91, 0.99, 0, 0.08},
		{"all share a state", 0.3, 0, 0.3, 0.1, 0.83, 1, 0.9, 1},
	} {
		for _, n := range []int{24, 100} {
			t.Run(fmt.Sprintf("%s/%d", world.name, n), func(t *testing.T) {
				t.Parallel()
				const runs = 400
				rng := rand.New(rand.NewPCG(1, uint64(n)))
				sd := math.Sqrt(world.own*world.own + world.cluster*world.cluster + world.state*world.state)
				held, found := make(map[float64]int), 0
				for range runs {
					s := play(rng, n, world.own, world.cluster, world.state, world.tau)
					for _, p := range []float64{0, 50, 90, 99} {
						e := s.Mean(0)
						if p > 0 {
							e = s.Percentile(p, 0)
						}
						if e.Contains(lognormal(sd, p)) {
							held[p]++
						}
					}
					if s.Autocorrelation().Found() {
						found++
					}
				}
				for p, k := range held {
					most := world.most
					if p == 99 {
						most = 1 // one-sided
					}
					if share := float64(k) / runs; share < world.least || share > most {
						t.Errorf("percentile %g (0: mean) held in %.3f", p, share)
					}
				}
				if share := float64(found) / runs; share < world.foundLeast || share > world.foundMost {
					t.Errorf("autocorrelation found in %.3f", share)
				}
			})
		}
	}
}

func TestPercentileOfFewIsOneSided(t *testing.T) {
	t.Parallel()
	s := play(rand.New(rand.NewPCG(3, 4)), 24, 0.5, 0, 0, 0)
	e := s.Percentile(99, 0)
	if !math.IsNaN(e.Value) || !math.IsInf(e.High, 1) || !(e.Low > 50) || e.Needed(0.05) != 0 {
		t.Errorf("p99 of %d values is %+v", s.N(), e)
	}
	if e := s.Percentile(90, 0); math.IsNaN(e.Value) || !e.Contains(e.Value) || math.IsInf(e.High, 1) {
		t.Errorf("p90 of %d values is %+v", s.N(), e)
	}
	if e := s.Percentile(0.5, 0); !math.IsInf(e.Low, -1) || math.IsInf(e.High, 1) {
		t.Errorf("p0.5 of %d values is %+v", s.N(), e)
	}
}

func TestSeriesOfLittle(t *testing.T) {
	t.Parallel()
	for _, s := range []*Series{
		NewSeries(Observations{}),
		NewSeries(Observations{
			Values: []float64{1, math.NaN(), 2}, Clusters: []string{"a", "a", "b"},
		}),
		NewSeries(Observations{Values: []float64{math.NaN()}, Clusters: []string{"a"},
			Work: []float64{1}}),
		NewSeries(Observations{make([]float64, 50), make([]string, 50), make([]int32, 50), nil, nil}),
	} {
		if e := s.Mean(0); e.OK() {
			t.Errorf("%d values have the interval %+v", s.N(), e)
		}
		if e := s.Percentile(50, 0); e.OK() {
			t.Errorf("%d values have the median %+v", s.N(), e)
		}
		if a := s.Autocorrelation(); !math.IsNaN(a.R) || a.Found() || a.Suspected() {
			t.Errorf("%d values have %+v", s.N(), a)
		}
	}
	gap := Observations{Values: []float64{1, math.NaN(), 2}, Clusters: []string{"a", "a", "b"}}
	if m := NewSeries(gap).Mean(0); m.Value != 1.5 {
		t.Errorf("mean %v", m.Value)
	}
}

// Values that are all the same have intervals of no width, and nothing divides by 0.
func TestSeriesOfConstants(t *testing.T) {
	t.Parallel()
	names, index := make([]string, 80), make([]int32, 80)
	values := make([]float64, 80)
	for i := range names {
		values[i], names[i], index[i] = 7, strconv.Itoa(i%10), int32(i/10)
	}
	s := NewSeries(Observations{Values: values, Clusters: names, Index: index})
	for _, e := range []Estimated{s.Mean(0), s.Percentile(50, 0), s.Percentile(90, 0)} {
		if e.Value != 7 || e.Low != 7 || e.High != 7 {
			t.Errorf("%+v", e)
		}
	}
	if a := s.Autocorrelation(); a.Found() {
		t.Errorf("%+v", a)
	}
}

// Times as many clusters as Needed says have about the interval that was asked for.
func TestNeeded(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	var need, width float64
	const runs = 200
	for range runs {
		need += float64(play(rng, 24, 0.5, 0.3, 0, 0).Mean(0).Needed(0.05)) / runs
	}
	for range runs {
		e := play(rng, int(need), 0.5, 0.3, 0, 0).Mean(0)
		width += (e.High - e.Low) / 2 / e.Value / runs
	}
	if width < 0.04 || width > 0.055 {
		t.Errorf("%.0f clusters give +-%.1f %%", need, 100*width)
	}
}

func TestMinSamples(t *testing.T) {
	t.Parallel()
	for p, want := range map[float64]int{50: 6, 90: 36, 95: 72, 99: 368, 99.9: 3688, 1: 368} {
		if got := MinSamples(p, 0); got != want {
			t.Errorf("p%g needs %d, want %d", p, got, want)
		}
	}
}

func ExampleSeries() {
	var (
		ttft          []float64
		conversations []string
		turns         []int32
	)
	for turn := range 6 {
		for c := range 10 {
			ttft = append(ttft, float64(40+3*((7*turn+5*c)%11)))
			conversations = append(conversations, strconv.Itoa(c))
			turns = append(turns, int32(turn))
		}
	}
	s := NewSeries(Observations{Values: ttft, Clusters: conversations, Index: turns})
	mean, p90, p99 := s.Mean(0), s.Percentile(90, 0), s.Percentile(99, 0)
	fmt.Printf("mean %.1f [%.1f, %.1f]; +-1 %% needs %d conversations\n",
		mean.Value, mean.Low, mean.High, mean.Needed(0.01))
	fmt.Printf("p90 %.1f [%.1f, %.1f]\n", p90.Value, p90.Low, p90.High)
	fmt.Printf("p99 %.1f [%.1f, %.1f]\n", p99.Value, p99.Low, p99.High)
	fmt.Println("autocorrelated:", s.Autocorrelation().Found())
	// Output:
	// mean 55.0 [53.2, 56.7]; +-1 % needs 78 conversations
	// p90 67.3 [67.0, 70.0]
	// p99 NaN [70.0, +Inf]
	// autocorrelated: false
}

func BenchmarkSeries(b *testing.B) {
	for _, n := range []int{13_333, 133_333} {
		rng := rand.New(rand.NewPCG(7, 8))
		s := play(rng, n, 0.5, 0.3, 0.2, 0.1)
		names := make([]string, s.N())
		for i, c := range s.of {
			names[i] = strconv.Itoa(int(c))
		}
		b.Run(strconv.Itoa(s.N()), func(b *testing.B) {
			for b.Loop() {
				s := NewSeries(Observations{Values: s.values, Clusters: names, Index: s.index})
				s.Mean(0)
				for _, p := range []float64{50, 75, 90, 95, 99} {
					s.Percentile(p, 0)
				}
			}
		})
	}
}

func TestUnseen(t *testing.T) {
	t.Parallel()
	const runs = 400
	rng := rand.New(rand.NewPCG(11, 12))
	held, alike := 0, 0.0
	for range runs {
		var values []float64
		var names []string
		most := 0.0
		for c := range 24 {
			for range 7 {
				v := rng.Float64()
				values, names, most = append(values, v), append(names, strconv.Itoa(c)), max(most, v)
			}
		}
		u := NewSeries(Observations{Values: values, Clusters: names}).Unseen()
		if 1-most <= u {
			held++
		}
		// All values of a cluster are its first one.
		for i := range values {
			values[i] = values[i/7*7]
		}
		alike += NewSeries(Observations{Values: values, Clusters: names}).Unseen() / u / runs
	}
	if share := float64(held) / runs; share < 0.92 {
		t.Errorf("held in %.3f", share)
	}
	if alike < 4 || alike > 10 {
		t.Errorf("%.1f times as much where values of a cluster are equal, want about 7", alike)
	}
	if u := NewSeries(Observations{Values: []float64{1, 2}, Clusters: []string{"a", "b"}}).Unseen(); !math.IsNaN(u) {
		t.Errorf("%v of two clusters", u)
	}
}

// A burst at the start is of a part of its own, and what takes longer because there
// is more to do is not slower: neither makes a series autocorrelated. Without that
// the same values are.
func TestPartAndWorkAreNoSlowness(t *testing.T) {
	t.Parallel()
	const runs = 200
	rng := rand.New(rand.NewPCG(13, 14))
	found := make(map[string]int)
	width := make(map[string]float64)
	for range runs {
		s := play(rng, 24, 0.3, 0, 0, 0)
		n := s.N()
		burst := Observations{Values: slices.Clone(s.values), Index: s.index, Part: make([]int8, n)}
		busy := Observations{Values: slices.Clone(s.values), Index: s.index, Work: make([]float64, n)}
		for i, c := range s.of {
			burst.Clusters = append(burst.Clusters, strconv.Itoa(int(c)))
			if i < 12 {
				burst.Values[i] *= 10
				burst.Part[i] = -1
			}
			busy.Work[i] = rng.Float64()
			if i > n/3 && i < n/2 {
				busy.Work[i] += 2
			}
			busy.Values[i] *= math.Exp(busy.Work[i])
		}
		busy.Clusters = burst.Clusters
		for name, o := range map[string]Observations{
			"burst of a part": burst, "burst": {burst.Values, burst.Clusters, burst.Index, nil, nil},
			"explained": busy, "busy": {busy.Values, busy.Clusters, busy.Index, nil, nil},
		} {
			s := NewSeries(o)
			if s.Autocorrelation().Found() {
				found[name]++
			}
			e := s.Mean(0)
			width[name] += (e.High - e.Low) / e.Value / runs
		}
	}
	if found["burst of a part"] > runs/10 || found["explained"] > runs/10 ||
		found["burst"] < runs/2 || found["busy"] < runs*9/10 {
		t.Errorf("autocorrelation is found in %v of %d", found, runs)
	}
	if width["burst of a part"] > width["burst"]/2 || width["explained"] > width["busy"]/2 {
		t.Errorf("widths of intervals: %v", width)
	}
}
