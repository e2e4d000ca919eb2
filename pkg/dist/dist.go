// Package dist draws numbers from the distributions that a config names:
//
//	{"distribution": "lognormal", "average": 1000, "max": 5000}
//
// # The format
//
//	constant     value              the value itself; takes nothing from the stream
//	uniform      min, max           0 < min <= max; an integer from min to max if both
//	                                are integers, otherwise a real in [min, max)
//	zipf         alpha, max?        1 or more, k as likely as k^-alpha; 1.000001 <= alpha < 1025
//	poisson      alpha, max?        a count whose mean is alpha >= 0
//	lognormal    average, median_ratio?, max?     average >= 1, 0 < median_ratio < 1 (0.85)
//	lognormal    mean, sigma, max?                e to the power of a normal; mean > 0, sigma >= 0
//	exponential  mean, max?         a real, the wait for an event of a Poisson process; mean > 0
//
// A lognormal with average A and median_ratio r has the median A*r: it is e to
// the power of a normal with mean ln(A*r) and deviation sqrt(2*ln(1/r)). Values
// that are drawn together are scaled so that their mean is A, so a value drawn
// alone is always A. A config that gives average as well as mean and sigma
// means average. Lognormal values are rounded to whole numbers, halves to even.
// max caps each value, before the rounding of a lognormal; if it is absent or 0
// there is no cap, and a negative max is a cap.
//
// The value of a constant may be a whole number as text ("30"). It can then
// only be a number of tokens.
//
// All but exponential are the distributions of the generator in vLLM's
// benchmarks/multi_turn, and give the same values from the same stream
// (pyrand.Numpy). There are three differences: an unknown key is an error and
// not ignored, a config that ends the generator with an exception is an error,
// and so is a zipf with alpha below 1.000001, which would draw for hours.
package dist

import (
	"math"

	"multiturn/internal/pyrand"
)

// Distribution is a way to draw numbers.
type Distribution interface {
	// Fill draws as many values as dst holds, together and in order.
	Fill(r *pyrand.Numpy, dst []float64)
	// Whole reports whether the values are integers to Python: 3 is one and 3.0
	// is not.
	Whole() bool
}

var (
	_ Distribution = Constant{}
	_ Distribution = Uniform{}
	_ Distribution = Zipf{}
	_ Distribution = Poisson{}
	_ Distribution = LognormalAverage{}
	_ Distribution = Lognormal{}
	_ Distribution = Exponential{}
)

// Cap is the largest value that a distribution gives. The zero Cap means no
// limit.
type Cap struct {
	Value float64
	// Real makes the values reals: a cap of 5.0 in place of 5.
	Real bool
}

func (c Cap) apply(v float64) float64 {
	if c.Value != 0 && v > c.Value {
		return c.Value
	}
	return v
}

// whole reports whether integers stay integers under the cap.
func (c Cap) whole() bool { return c.Value == 0 || !c.Real }

// Constant is one value.
type Constant struct {
	Value float64
	Real  bool
	// Text means that the config gives the value as text ("30"), which can only
	// be a number of tokens.
	Text bool
}

// Fill sets all of dst to the value. It draws nothing.
func (d Constant) Fill(_ *pyrand.Numpy, dst []float64) {
	for i := range dst {
		dst[i] = d.Value
	}
}

// Whole implements Distribution.
func (d Constant) Whole() bool { return !d.Real && !d.Text }

// Uniform is an integer from Min to Max, which are integers, or a real in [Min,
// Max).
type Uniform struct {
	Min, Max float64
	Real     bool
}

// Fill implements Distribution.
func (d Uniform) Fill(r *pyrand.Numpy, dst []float64) {
	for i := range dst {
		if d.Real {
			dst[i] = r.Uniform(d.Min, d.Max)
		} else {
			dst[i] = float64(r.Integers(int64(d.Min), int64(d.Max)+1))
		}
	}
}

// Whole implements Distribution.
func (d Uniform) Whole() bool { return !d.Real }

// Zipf is an integer k of 1 or more with a probability proportional to
// k^-Alpha.
type Zipf struct {
	Alpha float64
	Max   Cap
}

// Fill implements Distribution.
func (d Zipf) Fill(r *pyrand.Numpy, dst []float64) {
	for i := range dst {
		dst[i] = d.Max.apply(float64(r.Zipf(d.Alpha)))
	}
}

// Whole implements Distribution.
func (d Zipf) Whole() bool { return d.Max.whole() }

// Poisson is a count whose mean is Lambda.
type Poisson struct {
	Lambda float64
	Max    Cap
}

// Fill implements Distribution.
func (d Poisson) Fill(r *pyrand.Numpy, dst []float64) {
	for i := range dst {
		dst[i] = d.Max.apply(float64(r.Poisson(d.Lambda)))
	}
}

// Whole implements Distribution.
func (d Poisson) Whole() bool { return d.Max.whole() }

// Lognormal is e to the power of a normal of the given mean and deviation,
// rounded.
type Lognormal struct {
	Mu, Sigma float64
	Max       Cap
}

// Fill implements Distribution.
func (d Lognormal) Fill(r *pyrand.Numpy, dst []float64) {
	for i := range dst {
		dst[i] = math.RoundToEven(d.Max.apply(r.Lognormal(d.Mu, d.Sigma)))
	}
}

// Whole implements Distribution.
func (d Lognormal) Whole() bool { return true }

// DefaultMedianRatio is the ratio of a lognormal's median to its average if a
// config gives none: the reference's.
const DefaultMedianRatio = 0.85

// LognormalAverage is a lognormal given by its average and the ratio of its
// median to the average. Values that are drawn together are scaled to have
// exactly that average, then capped and rounded.
type LognormalAverage struct {
	Average, MedianRatio float64
	Max                  Cap
}

func (d LognormalAverage) normal() (mu, sigma float64) {
	return math.Log(d.Average * d.MedianRatio), math.Sqrt(-2 * math.Log(d.MedianRatio))
}

// Fill implements Distribution.
func (d LognormalAverage) Fill(r *pyrand.Numpy, dst []float64) {
	mu, sigma := d.normal()
	i := 0
	sum := pairwise(len(dst), func() float64 {
		dst[i] = r.Lognormal(mu, sigma)
		i++
		return dst[i-1]
	})
	for i := range dst {
		dst[i] = d.finish(dst[i], sum/float64(len(dst)))
	}
}

func (d LognormalAverage) finish(v, mean float64) float64 {
	return math.RoundToEven(d.Max.apply(v * (d.Average / mean)))
}

// Whole implements Distribution.
func (d LognormalAverage) Whole() bool { return true }

// Exponential is a real: the wait for the next event if there is one event per
// Scale on average.
type Exponential struct {
	Scale float64
	Max   Cap
}

// Fill implements Distribution.
func (d Exponential) Fill(r *pyrand.Numpy, dst []float64) {
	for i := range dst {
		dst[i] = d.Max.apply(r.Exponential(d.Scale))
	}
}

// Whole implements Distribution.
func (d Exponential) Whole() bool { return false }

// pairwise adds n values in the order in which numpy adds an array: eight sums
// side by side in a block of up to 128, and blocks in pairs. The order decides
// the last bits of a mean.
func pairwise(n int, next func() float64) float64 {
	switch {
	case n < 8:
		sum := 0.0
		for range n {
			sum += next()
		}
		return sum
	case n <= 128:
		var s [8]float64
		for range n / 8 {
			for i := range s {
				s[i] += next()
			}
		}
		sum := ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))
		for range n % 8 {
			sum += next()
		}
		return sum
	}
	half := n / 2
	half -= half % 8
	left := pairwise(half, next)
	return left + pairwise(n-half, next)
}
