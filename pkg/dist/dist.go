// Package dist draws numbers from named distributions, as a config names them:
//
//	{"distribution": "lognormal", "average": 1000, "max": 5000}
//
// # The format
//
//	constant     value              the value itself; takes nothing from the stream
//	uniform      min, max           0 < min <= max. Both integers: an integer from min to max; else a real in [min, max)
//	zipf         alpha, max?        1 or more, k as likely as k^-alpha; 1.000001 <= alpha < 1025
//	poisson      alpha, max?        a count whose mean is alpha >= 0
//	lognormal    average, median_ratio?, max?     average >= 1, 0 < median_ratio < 1 (0.85)
//	lognormal    mean, sigma, max?                e to the power of a normal; mean > 0, sigma >= 0
//	exponential  mean, max?         a real, the wait for an event of a Poisson process; mean > 0
//
// A lognormal by average and median_ratio r has the average A and the median A*r: e to the power of a normal of mean
// ln(A*r) and deviation sqrt(2*ln(1/r)). The values drawn together are then scaled so that their own mean is A: one
// drawn alone is A always. Given both, average goes before mean and sigma. Lognormal values are rounded to whole
// numbers, halves to even. max caps each value (lognormal: before rounding); 0 or none is no cap, a negative one is a
// cap.
//
// A constant's value may be text that is a whole number ("30"), which then stands for tokens only.
//
// But for exponential, which is ours, these are the distributions of the generator inside vLLM's
// benchmarks/multi_turn: the same values from the same stream (pyrand.Numpy), to the last draw. What differs: a key that the
// distribution does not have is an error and not ignored; a config that would end it with an exception is an error; and
// so is a zipf with an alpha nearer to 1, which would draw for hours.
package dist

import (
	"math"

	"multiturn/internal/pyrand"
)

// Distribution is a way to draw numbers.
type Distribution interface {
	// Fill draws as many values as dst holds, together and in order.
	Fill(r *pyrand.Numpy, dst []float64)
	// Whole says whether the values are integers, as Python distinguishes them: 3 is one and 3.0 is not.
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

// Cap is the largest value that a distribution gives; the zero Cap is none.
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

// whole says whether integers stay integers under the cap.
func (c Cap) whole() bool { return c.Value == 0 || !c.Real }

// Constant is one value.
type Constant struct {
	Value float64
	Real  bool
	// Text: the config gives the value as text ("30"), which stands for a number of tokens and nothing else.
	Text bool
}

// Fill puts the value everywhere, without a draw.
func (d Constant) Fill(_ *pyrand.Numpy, dst []float64) {
	for i := range dst {
		dst[i] = d.Value
	}
}

// Whole implements Distribution.
func (d Constant) Whole() bool { return !d.Real && !d.Text }

// Uniform is an integer from Min to Max, which are integers, or a real in [Min, Max).
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

// Zipf is 1 or more, k with a probability proportional to k to the power of -Alpha.
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

// Lognormal is e to the power of a normal of the given mean and deviation, rounded.
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

// DefaultMedianRatio is the ratio of a lognormal's median to its average where a config gives none.
const DefaultMedianRatio = 0.85

// LognormalAverage is a lognormal by its average and the ratio of its median to it, scaled so that the values drawn
// together have just that average, then capped and rounded.
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

// Exponential is a real: the wait for the next event of those that come one in Scale on the average.
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

// pairwise adds n values in the order in which numpy adds an array: blocks of eight sums side by side, and the blocks
// two by two. The order decides the last bits of a mean.
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
