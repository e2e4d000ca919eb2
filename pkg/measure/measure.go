// Package measure is the arithmetic of measurements: the statistics of a
// sample, confidence intervals, and least squares. It knows nothing of
// requests, tokens or servers.
//
// A [Sample] keeps its values and is exact. Its statistics are those of pandas'
// describe: percentiles interpolate linearly between neighbours (type 7 of
// Hyndman and Fan), and the standard deviation divides by n-1. A [Histogram] is
// for values that are too many to keep, such as the gaps between tokens; its
// percentiles have three significant digits. A [Series] has values in the order of
// time that come in clusters, such as the turns of conversations, which are not
// independent; its intervals allow for what all clusters share. [RatioOfPairs]
// compares values with those that they are paired with. [Regress] fits a line,
// [Robust] one without outliers, and [Choose] one by the columns for which there
// is evidence.
//
// Statistics that do not exist are NaN: the mean of an empty sample, the
// standard deviation of one value.
package measure

import (
	"math"
	"slices"

	"github.com/montanaflynn/stats"
)

// Sample is a set of values. The zero value is an empty sample.
type Sample struct {
	sorted stats.Float64Data
	mean   float64
	std    float64
}

// New returns a sample of values, which it sorts in place and keeps. NaN values
// are left out.
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

// mean compensates for what each addition rounds away (Neumaier's summation),
// so that the order of a large sample does not change any digit that is shown.
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
		return sum / float64(len(values)) // lost is NaN then
	}
	return (sum + lost) / float64(len(values))
}

// N returns the number of values.
func (s Sample) N() int { return len(s.sorted) }

// Mean returns the arithmetic mean; NaN for an empty sample.
func (s Sample) Mean() float64 {
	if len(s.sorted) == 0 {
		return math.NaN()
	}
	return s.mean
}

// Sum returns the sum of all values; 0 for an empty sample.
func (s Sample) Sum() float64 {
	if len(s.sorted) == 0 {
		return 0
	}
	return s.mean * float64(len(s.sorted))
}

// Std returns the standard deviation of the sample, with n-1; NaN for fewer
// than two values.
func (s Sample) Std() float64 {
	if len(s.sorted) < 2 {
		return math.NaN()
	}
	return s.std
}

// Min returns the smallest value; NaN for an empty sample.
func (s Sample) Min() float64 { return s.Percentile(0) }

// Max returns the largest value; NaN for an empty sample.
func (s Sample) Max() float64 { return s.Percentile(100) }

// Median returns Percentile(50).
func (s Sample) Median() float64 { return s.Percentile(50) }

// Percentile returns the value below which p percent of the sample lie, for p
// from 0 to 100, interpolated; NaN for an empty sample.
func (s Sample) Percentile(p float64) float64 {
	switch {
	case len(s.sorted) == 0 || math.IsNaN(p) || p < 0 || p > 100:
		return math.NaN()
	case p == 0: // the library's percentiles begin above 0
		return s.sorted[0]
	}
	// The library sorts a copy, which takes linear time for sorted values.
	v, err := stats.Percentile(s.sorted, p)
	if err != nil {
		return math.NaN()
	}
	return v
}
