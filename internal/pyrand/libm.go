package pyrand

import "math"

// The exponential, logarithm and power below are computed to about 95 bits and
// rounded once. Those of package math are wrong in the last bit much more often
// than a C library's and differ between processors. A Zipf draw near 1e15 would
// then be another integer, and the same seed would give other data on another
// machine.

// double is the unevaluated sum of two floats, the second no more than half a
// unit in the last place of the first.
type double struct{ hi, lo float64 }

// ln2 is the natural logarithm of 2.
var ln2 = double{0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56}

// norm adds two floats exactly. The first must be the larger or zero.
func norm(hi, lo float64) double {
	s := hi + lo
	return double{s, lo - (s - hi)}
}

func (a double) add(b double) double {
	s := a.hi + b.hi
	t := s - a.hi
	lost := (a.hi - (s - t)) + (b.hi - t)
	return norm(s, lost+a.lo+b.lo)
}

func (a double) mul(b double) double {
	p := a.hi * b.hi
	lost := math.FMA(a.hi, b.hi, -p)
	return norm(p, lost+(float64(a.hi*b.lo)+float64(a.lo*b.hi)))
}

func (a double) scale(f float64) double {
	p := a.hi * f
	return norm(p, math.FMA(a.hi, f, -p)+float64(a.lo*f))
}

// twice doubles exactly, n times.
func (a double) twice(n int) double {
	return double{math.Ldexp(a.hi, n), math.Ldexp(a.lo, n)}
}

// halvings is how often expm1 halves its argument before the series and squares
// the result after it. Each loses one bit of precision; nine keep the series at
// nine terms.
const halvings = 9

// inverse holds 1/k for the terms of the exponential series that arguments
// below 2^-halvings need.
var inverse = func() (r [10]double) {
	for k := 1; k < len(r); k++ {
		f := float64(k)
		q := 1 / f
		r[k] = double{q, math.FMA(-q, f, 1) / f}
	}
	return r
}()

// expm1 returns e^x - 1 for |x| < 0.4. The relative error is about 2^-97, also
// for tiny x.
func expm1(x double) double {
	x = x.twice(-halvings)
	term, sum := x, x
	for k := 2; k < len(inverse); k++ {
		term = term.mul(x).mul(inverse[k])
		sum = sum.add(term)
	}
	for range halvings { // (1+s)^2 - 1 = 2s + s^2
		sum = sum.twice(1).add(sum.mul(sum))
	}
	return sum
}

// expDouble returns the exponential of x, rounded to a float.
func expDouble(x double) float64 {
	switch {
	case math.IsNaN(x.hi):
		return x.hi
	case x.hi > 710:
		return math.Inf(1)
	case x.hi < -746:
		return 0
	}
	k := math.Round(x.hi / ln2.hi)
	e := expm1(x.add(ln2.scale(-k))).add(double{1, 0})
	return math.Ldexp(e.hi, int(k))
}

// logDouble returns the logarithm of x, which is positive and finite.
func logDouble(x float64) double {
	m, k := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, k = 2*m, k-1
	}
	// One step of Halley's method triples the 50 bits of the approximation. m-1
	// is exact, so this holds near 1 too.
	y := math.Log(m)
	e := expm1(double{y, 0})
	miss := double{m - 1, 0}.add(double{-e.hi, -e.lo})
	l := norm(y, 2*miss.hi/(m+1+e.hi))
	return ln2.scale(float64(k)).add(l)
}

func exp(x float64) float64 { return expDouble(double{x, 0}) }

func log(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return math.Log(x)
	}
	return logDouble(x).hi
}

// pow returns x to the power of y for positive, finite x.
func pow(x, y float64) float64 {
	l := logDouble(x)
	// Beyond 1000 the result is 0 or infinite, and the exact product could overflow.
	if rough := l.hi * y; math.Abs(rough) > 1000 {
		return exp(rough)
	}
	return expDouble(l.scale(y))
}
