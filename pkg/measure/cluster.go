package measure

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Interval is a confidence interval. Both ends are NaN if there are too few
// data.
type Interval struct{ Low, High float64 }

// OK reports whether the interval exists.
func (i Interval) OK() bool { return !math.IsNaN(i.Low) && !math.IsNaN(i.High) }

// Contains reports whether v lies in the interval.
func (i Interval) Contains(v float64) bool { return i.Low <= v && v <= i.High }

// MinClusters is the least number of clusters for the intervals of [Clusters],
// [Series] and [Regress]. With fewer, they are clearly too short.
const MinClusters = 8

// Clusters are values in groups, such as the turns of conversations. Values
// within a group may depend on each other; groups must be independent.
type Clusters struct {
	values []float64 // ascending
	of     []int32   // the cluster of each value
	n      int       // clusters
}

// NewClusters groups values: values[i] belongs to the cluster names[i]. NaN
// values are left out.
func NewClusters(values []float64, names []string) *Clusters {
	if len(values) != len(names) {
		panic("measure: different numbers of values and of cluster names")
	}
	type member struct {
		value   float64
		cluster int32
	}
	var (
		number  = make(map[string]int32)
		members = make([]member, 0, len(values))
	)
	for i, v := range values {
		if math.IsNaN(v) {
			continue
		}
		id, ok := number[names[i]]
		if !ok {
			id = int32(len(number))
			number[names[i]] = id
		}
		members = append(members, member{v, id})
	}
	slices.SortStableFunc(members, func(a, b member) int {
		switch {
		case a.value < b.value:
			return -1
		case a.value > b.value:
			return 1
		}
		return 0
	})
	c := &Clusters{n: len(number), values: make([]float64, len(members)),
		of: make([]int32, len(members))}
	for i, m := range members {
		c.values[i], c.of[i] = m.value, m.cluster
	}
	return c
}

// Resample is a draw of clusters with replacement, as many as there are.
type Resample struct {
	c     *Clusters
	times []int32 // how often each cluster was drawn
	total int     // number of values drawn, with repetitions
}

// Statistic computes a number from a resample.
type Statistic func(*Resample) float64

// Mean returns the mean of a resample.
func Mean(r *Resample) float64 {
	var sum float64
	for i, v := range r.c.values {
		sum += v * float64(r.times[r.c.of[i]])
	}
	return sum / float64(r.total)
}

// Bootstrap has the parameters of bootstrap intervals. Zero fields mean 1,000
// resamples, which make the ends of an interval repeatable to about 2 % of its
// width, and a level of 0.95.
type Bootstrap struct {
	Resamples int
	Level     float64
	Seed      uint64
}

func (b Bootstrap) withDefaults() Bootstrap {
	if b.Resamples <= 0 {
		b.Resamples = 1000
	}
	b.Level = orDefault(b.Level)
	return b
}

// Intervals returns an interval for each statistic, by the percentile bootstrap
// over clusters. The same values and seed give the same intervals. With fewer
// than MinClusters clusters the intervals do not exist.
func (c *Clusters) Intervals(b Bootstrap, of ...Statistic) []Interval {
	out := make([]Interval, len(of))
	if c.n < MinClusters {
		for i := range out {
			out[i] = Interval{math.NaN(), math.NaN()}
		}
		return out
	}
	b = b.withDefaults()
	drawn := make([][]float64, len(of))
	c.resample(b, func(r *Resample) {
		for i, stat := range of {
			drawn[i] = append(drawn[i], stat(r))
		}
	})
	tail := 100 * (1 - b.Level) / 2
	for i := range out {
		s := New(drawn[i])
		out[i] = Interval{s.Percentile(tail), s.Percentile(100 - tail)}
	}
	return out
}

// resample calls each with every resample. It passes the same Resample every
// time.
func (c *Clusters) resample(b Bootstrap, each func(*Resample)) {
	var (
		rng  = rand.New(rand.NewPCG(b.Seed, 0x6d756c7469747572))
		size = make([]int, c.n)
		r    = Resample{c: c, times: make([]int32, c.n)}
	)
	for _, cluster := range c.of {
		size[cluster]++
	}
	for range b.Resamples {
		clear(r.times)
		r.total = 0
		for range c.n {
			cluster := rng.IntN(c.n)
			r.times[cluster]++
			r.total += size[cluster]
		}
		each(&r)
	}
}
