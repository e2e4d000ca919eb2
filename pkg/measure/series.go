package measure

import (
	"math"
	"slices"
)

// Series are values in the order of time that come in clusters: the turns of
// conversations, in the order of their sending. Values of one cluster may
// depend on each other. Clusters are independent unless something that all of
// them share changes with time, a server that slows down for a while;
// [Series.Autocorrelation] finds that, and the intervals of [Series.Mean] and
// [Series.Percentile] allow for it.
type Series struct {
	values   []float64 // in the order of time
	of       []int32   // the cluster of each
	index    []int32   // which value of its cluster each is; nil: not known
	work     []float64 // the midranks of what each took; nil: not known
	part     []int8    // nil: all of one part
	clusters int
	sorted   []float64
	batches  [timeBatches][]float64 // of the levels, the values of each quarter, ascending
	levels   []float64              // the values less what work explains
	auto     Autocorrelation
	steady   *Series // the values of part 0
}

// timeBatches is the number of batches of equal size that show how much the
// level of a series changes with time. Neighbouring batches should hardly depend
// on each other: in runs ten times as long as their slow phases, intervals by
// Student's t of 4 batches hold the mean in about 90 % of the runs, of 8 in 80 %.
const timeBatches = 4

// compareInTime computes what shows whether the level changes with time.
func (s *Series) compareInTime() {
	s.levels = s.lessWork()
	for b := range s.batches {
		from, to := s.batch(b)
		s.batches[b] = slices.Clone(s.levels[from:to])
		slices.Sort(s.batches[b])
	}
}

// batch returns where batch b begins and ends.
func (s *Series) batch(b int) (from, to int) {
	n := len(s.values)
	return b * n / timeBatches, (b + 1) * n / timeBatches
}

// N returns the number of values.
func (s *Series) N() int { return len(s.values) }

// Max returns the largest value; NaN if there is none.
func (s *Series) Max() float64 { return percentile(s.sorted, 100) }

// Clusters returns the number of clusters.
func (s *Series) Clusters() int { return s.clusters }

// Autocorrelation returns how much values depend on what was measured just
// before in other clusters. The parts may differ in their level.
func (s *Series) Autocorrelation() Autocorrelation { return s.auto }

// Estimated is a statistic and its interval.
type Estimated struct {
	// Value is NaN if the sample is too small.
	Value float64
	// Both ends are NaN if there are too few clusters. An end is infinite if the
	// sample is too small for a bound on that side.
	Interval
	// Clusters is the number of clusters. Batches reports whether the interval was
	// widened to that of batches in time.
	Clusters int
	Batches  bool
}

// Mean returns the mean and its interval. Level 0 means 0.95.
//
// The interval is Student's t of the clusters' sums (as [MeanOfClusters] has it,
// the ratio estimator of cluster sampling), on the logarithmic scale if all values
// are above 0, and widened for few and for skewed clusters (see fewClusters):
// times are skewed to the right, and so is the error of their mean. If the series
// may be autocorrelated, it is the wider one of that and of Student's t of four
// batches in time.
func (s *Series) Mean(level float64) Estimated {
	e := Estimated{Value: mean(s.values), Interval: unknown, Clusters: s.clusters}
	if len(s.values) == 0 {
		e.Value = math.NaN()
	}
	if s.clusters < MinClusters {
		return e
	}
	sums := s.deviations(s.values)
	scale := linear
	if s.sorted[0] > 0 {
		scale = logarithmic
	}
	se := standardError(sums, float64(len(s.values))) * fewClusters(s.clusters)
	e.Interval = scale(e.Value, level, se, len(sums))
	e.skew(sums, level, se)
	if s.Autocorrelation().Suspected() {
		e.widen(scale(e.Value, level, s.batchError(e.Value), timeBatches))
	}
	return e
}

// deviations returns the clusters' sums of how much values differ from the mean of
// their part.
func (s *Series) deviations(values []float64) []float64 {
	type part struct{ sum, n float64 }
	of := func(i int) int8 {
		if s.part == nil {
			return 0
		}
		return s.part[i]
	}
	parts := make(map[int8]part)
	for i, v := range values {
		p := parts[of(i)]
		parts[of(i)] = part{p.sum + v, p.n + 1}
	}
	sums := make([]float64, s.clusters)
	for i, v := range values {
		p := parts[of(i)]
		sums[s.of[i]] += v - p.sum/p.n
	}
	return sums
}

// batchError returns the standard error of a mean by batches in time, which are of
// the steady part: what makes the server slower there would make the rest slower by
// the same factor.
func (s *Series) batchError(value float64) float64 {
	var (
		steady = s.steady
		level  = mean(steady.levels)
		sums   = make([]float64, timeBatches)
	)
	for b := range sums {
		for _, v := range steady.batches[b] {
			sums[b] += v - level
		}
	}
	se := standardError(sums, float64(len(steady.values)))
	if steady.sorted[0] > 0 {
		se *= value / level
	}
	return se
}

// fewClusters returns the factor of a standard error of the mean of skewed sums,
// sqrt((g+1)/(g-1)) for g clusters. Where the sums are skewed, their variance is
// too low in the same runs in which their mean is. Without the factor and
// [Estimated.skew], intervals hold the mean of 24 conversations whose levels differ
// (half of the variance) in 92 % of simulated runs, with them in 94, and that of
// independent turns in 95 and 96 (scripts/calibrate).
func fewClusters(g int) float64 { return math.Sqrt(float64(g+1) / float64(g-1)) }

// skew moves the end on the side of the longer tail of the sums farther out, to
// where the correction for skewness has it (Johnson 1978, Hall 1992).
func (e *Estimated) skew(sums []float64, level, se float64) {
	var squares, cubes float64
	for _, v := range sums {
		squares += v * v
		cubes += v * v * v
	}
	if squares == 0 {
		return
	}
	g := float64(len(sums))
	skewness := cubes / g / math.Pow(squares/g, 1.5)
	t := studentsT(level, g-1)
	shift := skewness / (6 * math.Sqrt(g)) * (1 + 2*t*t)
	if skewness < 0 {
		e.Low = min(e.Low, e.Value+(shift-t)*se)
	} else {
		e.High = max(e.High, e.Value+(shift+t)*se)
	}
}

var unknown = Interval{math.NaN(), math.NaN()}

// standardError returns the standard error of a mean of n values, from the sums
// of their deviations in independent groups.
func standardError(sums []float64, n float64) float64 {
	var squares float64
	for _, s := range sums {
		squares += s * s
	}
	g := float64(len(sums))
	return math.Sqrt(g/(g-1)*squares) / n
}

// linear returns the interval value +- t*se, with groups-1 degrees of freedom.
func linear(value, level, se float64, groups int) Interval {
	half := studentsT(level, float64(groups-1)) * se
	return Interval{value - half, value + half}
}

// logarithmic does the same for the value's logarithm. se is the value's.
func logarithmic(value, level, se float64, groups int) Interval {
	ratio := math.Exp(studentsT(level, float64(groups-1)) * se / value)
	return Interval{value / ratio, value * ratio}
}

// widen makes the interval reach as far as other does on both sides.
func (e *Estimated) widen(other Interval) {
	if other.Low < e.Low || other.High > e.High {
		e.Batches = true
	}
	e.Low, e.High = min(e.Low, other.Low), max(e.High, other.High)
}

// Needed returns the number of clusters for an interval of +-share of the value
// (0.05 means within 5 %), if further clusters are like these: intervals shrink
// with the root of the number of clusters. It returns 0 if an end of the interval
// is unknown or infinite.
func (e Estimated) Needed(share float64) int {
	half := (e.High - e.Low) / 2 / math.Abs(e.Value)
	if !(half >= 0) || math.IsInf(half, 1) || !(share > 0) {
		return 0
	}
	n := float64(e.Clusters)
	need := n * half / share * half / share
	if !e.Batches && e.Clusters > 1 && need >= 2 {
		// Student's t of more clusters is closer to the normal one.
		t := studentsT(0, need-1) / studentsT(0, n-1)
		need *= t * t
	}
	return int(math.Ceil(max(need, MinClusters)))
}
