package measure

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// MinSamples returns the number of independent values from which on an interval
// of percentile p (0 < p < 100) has both ends: 6 for the median, 36 for p90, 368
// for p99 at a level of 0.95. Level 0 means 0.95. With fewer, the largest value
// is too often below the true percentile.
//
// This is how MLPerf's early stopping counts too: a percentile is known from n
// queries when p^n is small enough (MLPerf Inference, early stopping criterion).
func MinSamples(p, level float64) int {
	share := max(p, 100-p) / 100
	if !(share < 1) {
		return math.MaxInt
	}
	return int(math.Ceil(math.Log((1-orDefault(level))/2) / math.Log(share)))
}

// maxGain limits the number of independent values that one value is worth.
// Clusters of the same structure (each has one first turn, one second) determine
// a percentile better than independent values do; but with few clusters, more
// gain is chance.
const maxGain = 1.25

// minBeyond is the number of values of a batch in time that must lie beyond a
// percentile on average. With fewer, the percentile is about the largest value,
// and too low.
const minBeyond = 2

// Percentile returns percentile p (0 < p < 100, interpolated as
// [Sample.Percentile] does) and its interval. Level 0 means 0.95.
//
// The ends are order statistics (Woodruff 1952) for the effective number of
// independent values (Korn and Graubard 1998): p(1-p) divided by the variance
// between clusters of the share of values up to the percentile. An end that no
// order statistic gives is infinite, and then the value is NaN: see [MinSamples]. If
// the series may be autocorrelated, it is the wider one of that and of Student's t
// of the logarithms of four batches' percentiles.
func (s *Series) Percentile(p, level float64) Estimated {
	e := Estimated{Value: percentile(s.sorted, p), Interval: unknown, Clusters: s.clusters}
	if !(p > 0 && p < 100) || s.clusters < MinClusters {
		if len(s.values) < MinSamples(p, level) {
			e.Value = math.NaN()
		}
		return e
	}
	value := e.Value
	n := s.effective(value, p/100, level)
	e.Interval = orderInterval(s.sorted, p/100, n, level)
	if math.IsInf(e.High-e.Low, 1) {
		e.Value = math.NaN()
	}
	in := s.steady.batchPercentile(value, p, level)
	if s.auto.Found() || s.auto.Suspected() && !math.IsInf(in.High-in.Low, 1) {
		e.widen(in)
	}
	return e
}

// effective returns the number of independent values that would determine the
// percentile at value as well as the series does.
func (s *Series) effective(value, p, level float64) float64 {
	upTo := make([]float64, len(s.values))
	for i, v := range s.values {
		if v <= value {
			upTo[i] = 1
		}
	}
	n := float64(len(s.values))
	se := standardError(s.deviations(upTo), n)
	t := studentsT(level, float64(s.clusters-1)) / studentsT(level, n-1)
	worth := p * (1 - p) / (se * se * t * t)
	if len(s.values) < MinSamples(100*p, level) {
		return min(n, worth)
	}
	return min(maxGain*n, worth)
}

// Unseen returns the largest share of values that may be above the largest one
// that was measured, at a level of 0.95: about 3/n of n independent values (the
// rule of three), and more if values of a cluster are alike. It is NaN with fewer
// than MinClusters clusters.
func (s *Series) Unseen() float64 {
	if s.clusters < MinClusters {
		return math.NaN()
	}
	// The median shows how alike the values of a cluster are.
	n := min(float64(len(s.values)), s.effective(percentile(s.sorted, 50), 0.5, 0.95))
	return -math.Expm1(math.Log(0.05) / n)
}

// orderInterval returns the interval of percentile p between order statistics of
// sorted, which is worth n independent values.
func orderInterval(sorted []float64, p, n, level float64) Interval {
	tail := (1 - orDefault(level)) / 2
	low, high := binomialRank(n, p, 1-tail), binomialRank(n, p, tail)
	scale := float64(len(sorted)+1) / (n + 1)
	in := Interval{math.Inf(-1), math.Inf(1)}
	if low >= 1 {
		in.Low = orderStatistic(sorted, low*scale)
	}
	if high <= n {
		in.High = orderStatistic(sorted, high*scale)
	}
	return in
}

// binomialRank returns the rank r, a real number, such that at least r of n
// values are up to percentile p with the given probability.
func binomialRank(n, p, chance float64) float64 {
	low, high := 0.0, n+1
	for range 60 { // to the last bit
		r := (low + high) / 2
		if mathext.RegIncBeta(r, n+1-r, p) > chance {
			low = r
		} else {
			high = r
		}
	}
	return low
}

// orderStatistic returns the value of a rank, which starts at 1, interpolated.
func orderStatistic(sorted []float64, rank float64) float64 {
	rank = min(max(rank, 1), float64(len(sorted)))
	k := int(rank)
	if k == len(sorted) {
		return sorted[k-1]
	}
	return sorted[k-1] + (rank-float64(k))*(sorted[k]-sorted[k-1])
}

// percentile returns a percentile of sorted values, as Sample.Percentile does, but
// without the library's copy: Robust takes many.
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 || !(p >= 0 && p <= 100) {
		return math.NaN()
	}
	rank := p / 100 * float64(len(sorted)-1)
	k := int(rank)
	if k == len(sorted)-1 {
		return sorted[k]
	}
	return sorted[k] + (rank-float64(k))*(sorted[k+1]-sorted[k])
}

// batchPercentile returns the interval from the percentiles of the batches in
// time. An end is infinite if the batches are too small.
func (s *Series) batchPercentile(value, p, level float64) Interval {
	in := Interval{math.Inf(-1), math.Inf(1)}
	if s.sorted[0] <= 0 {
		return in
	}
	var at []float64
	for _, b := range s.batches {
		at = append(at, math.Log(percentile(b, p)))
	}
	sample := New(at)
	half := studentsT(level, timeBatches-1) * sample.Std() / math.Sqrt(timeBatches)
	size := float64(len(s.values)) / timeBatches
	if size*p/100 >= minBeyond {
		in.Low = value * math.Exp(-half)
	}
	if size*(1-p/100) >= minBeyond {
		in.High = value * math.Exp(half)
	}
	return in
}
