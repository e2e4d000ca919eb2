// Package measure is the arithmetic of measurements: what a sample's numbers are, how sure they are, and whether two
// samples differ. It knows nothing of requests, tokens or servers.
//
// A [Sample] is exact: it keeps its values, and its numbers are those of pandas' describe (linear interpolation between
// neighbours, type 7 of Hyndman and Fan; standard deviation with n-1). A [Histogram] is for what is too much to keep,
// the gaps between tokens: three significant digits. [Clusters] gives intervals by resampling whole conversations,
// because the turns of one conversation are not independent. [Regress] fits a line through such values.
//
// What does not exist is NaN: the mean of nothing, the standard deviation of one value.
package measure

import (
	"math"
	"slices"

	"github.com/montanaflynn/stats"
)

// Sample is a set of values. The zero value is an empty one.
type Sample struct {
	sorted stats.Float64Data
	mean   float64
	std    float64
}

// New makes a sample of values, which it sorts in place and keeps. NaN is a value that does not exist: it is left out.
func New(values []float64) Sample {
	values = slices.DeleteFunc(values, math.IsNaN)
	slices.Sort(values)
	s := Sample{sorted: values, mean: math.NaN(), std: math.NaN()}
	if len(values) > 0 {
		s.mean = mean(values)
	}
	if len(values) > 1 {
		s.std, _ = stats.StandardDeviationSample(s.sorted)
	}
	return s
}

// mean sums with a compensation for what each addition rounds away (Neumaier), so that the order of a large sample does
// not matter to any digit that is shown.
func mean(values []float64) float64 {
	var sum, lost float64
	for _, v := range values {
		t := sum + v
		if math.Abs(sum) >= math.Abs(v) {
			lost += (sum - t) + v
		} else {
			lost += (v - t) + sum
		}
		sum = t
	}
	if math.IsInf(sum, 0) {
		return sum / float64(len(values)) // lost is then no number
	}
	return (sum + lost) / float64(len(values))
}

// N is how many values there are.
func (s Sample) N() int { return len(s.sorted) }

// Mean is the arithmetic mean; NaN of an empty sample.
func (s Sample) Mean() float64 {
	if len(s.sorted) == 0 {
		return math.NaN()
	}
	return s.mean
}

// Sum is the sum of all values; 0 of an empty sample.
func (s Sample) Sum() float64 {
	if len(s.sorted) == 0 {
		return 0
	}
	return s.mean * float64(len(s.sorted))
}

// Std is the standard deviation of a sample (n-1); NaN for fewer than two values.
func (s Sample) Std() float64 {
	if len(s.sorted) < 2 {
		return math.NaN()
	}
	return s.std
}

// Min is the smallest value; NaN of an empty sample.
func (s Sample) Min() float64 { return s.Percentile(0) }

// Max is the largest value; NaN of an empty sample.
func (s Sample) Max() float64 { return s.Percentile(100) }

// Median is Percentile(50).
func (s Sample) Median() float64 { return s.Percentile(50) }

// Percentile is the value below which p percent of the sample lie, 0 <= p <= 100, interpolated; NaN of an empty sample.
func (s Sample) Percentile(p float64) float64 {
	switch {
	case len(s.sorted) == 0 || math.IsNaN(p) || p < 0 || p > 100:
		return math.NaN()
	case p == 0: // the library's percentiles begin above 0
		return s.sorted[0]
	}
	// The library sorts a copy, which for values in order is one look at each.
	v, err := stats.Percentile(s.sorted, p)
	if err != nil {
		return math.NaN()
	}
	return v
}
