package pyrand

import (
	"math"
	"math/bits"
)

// Numpy is the stream of numpy's legacy generator, numpy.random.RandomState
// (frozen by numpy since 1.17). It is not safe for concurrent use.
type Numpy struct {
	mersenne
	// spare is the second value of the last pair of normals, kept across calls
	// and across distributions.
	spare    float64
	hasSpare bool
}

// NewNumpy returns the stream of numpy.random.seed(seed). numpy refuses seeds
// that do not fit in 32 bits.
func NewNumpy(seed uint32) *Numpy {
	n := new(Numpy)
	n.seedWord(seed)
	return n
}

// Integers returns randint(lo, hi): an integer in [lo, hi), lo < hi. A range of
// one value takes nothing from the stream.
func (n *Numpy) Integers(lo, hi int64) int64 {
	span := uint64(hi) - uint64(lo) - 1
	mask := uint64(1)<<bits.Len64(span) - 1
	switch {
	case span == 0:
		return lo
	case span <= math.MaxUint32:
		r := n.Uint32() & uint32(mask)
		for r > uint32(span) {
			r = n.Uint32() & uint32(mask)
		}
		return lo + int64(r)
	}
	r := n.uint64() & mask
	for r > span {
		r = n.uint64() & mask
	}
	return lo + int64(r)
}

func (n *Numpy) uint64() uint64 {
	hi := uint64(n.Uint32())
	return hi<<32 | uint64(n.Uint32())
}

// Uniform returns uniform(lo, hi): a real in [lo, hi).
func (n *Numpy) Uniform(lo, hi float64) float64 {
	return lo + float64((hi-lo)*n.Float64())
}

// Exponential returns exponential(scale), whose mean is scale.
func (n *Numpy) Exponential(scale float64) float64 {
	return scale * -log(1-n.Float64())
}

// Normal returns normal(mean, sigma).
func (n *Numpy) Normal(mean, sigma float64) float64 {
	return mean + float64(sigma*n.gauss())
}

// gauss draws a standard normal by the polar form of Box and Muller, which
// makes two values at a time. As numpy does, it returns the second of them
// first.
func (n *Numpy) gauss() float64 {
	if n.hasSpare {
		n.hasSpare = false
		return n.spare
	}
	for {
		x1 := float64(2*n.Float64()) - 1
		x2 := float64(2*n.Float64()) - 1
		r2 := float64(x1*x1) + float64(x2*x2)
		if r2 >= 1 || r2 == 0 {
			continue
		}
		f := math.Sqrt(-2 * log(r2) / r2)
		n.spare, n.hasSpare = f*x1, true
		return f * x2
	}
}

// Lognormal returns lognormal(mean, sigma): the exponential of a normal.
func (n *Numpy) Lognormal(mean, sigma float64) float64 {
	return exp(n.Normal(mean, sigma))
}

// Poisson returns poisson(lam), 0 <= lam < about 9.2e18.
func (n *Numpy) Poisson(lam float64) int64 {
	switch {
	case lam >= 10:
		return n.poissonLarge(lam)
	case lam == 0:
		return 0
	}
	// Counts arrivals until their exponential gaps fill the interval. A product
	// of uniforms stands for the sum of the gaps.
	limit, product := exp(-lam), 1.0
	for k := int64(0); ; k++ {
		if product *= n.Float64(); product <= limit {
			return k
		}
	}
}

// poissonLarge is the transformed rejection PTRS of W. Hoermann, "The
// transformed rejection method for generating Poisson random variables",
// Insurance: Mathematics and Economics 12 (1993).
func (n *Numpy) poissonLarge(lam float64) int64 {
	logLam := log(lam)
	b := 0.931 + float64(2.53*math.Sqrt(lam))
	a := -0.059 + float64(0.02483*b)
	invAlpha := 1.1239 + 1.1328/(b-3.4)
	vr := 0.9277 - 3.6224/(b-2)
	for {
		u := n.Float64() - 0.5
		v := n.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor(float64((2*a/us+b)*u) + lam + 0.43)
		if us >= 0.07 && v <= vr {
			return int64(k)
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		if log(v)+log(invAlpha)-log(a/float64(us*us)+b) <= -lam+float64(k*logLam)-logGamma(k+1) {
			return int64(k)
		}
	}
}

// stirling holds B(2k)/(2k(2k-1)) for k = 1 to 10: Stirling's series for the
// logarithm of the gamma function. The last term is rounded as in numpy.
var stirling = [...]float64{
	8.333333333333333e-02, -2.777777777777778e-03, 7.936507936507937e-04, -5.952380952380952e-04,
	8.417508417508418e-04,
	-1.917526917526918e-03, 6.410256410256410e-03, -2.955065359477124e-02, 1.796443723688307e-01,
	-1.39243221690590e+00,
}

// logGamma sums the series above 7 and steps down from there. math.Lgamma is as
// exact, but for a large mean the test above is a small difference of large
// terms, so the rounding errors have to be numpy's.
func logGamma(x float64) float64 {
	if x == 1 || x == 2 {
		return 0
	}
	steps := 0
	if x < 7 {
		steps = int(7 - x)
	}
	x0 := x + float64(steps)
	r2 := float64((1 / x0) * (1 / x0))
	sum := stirling[len(stirling)-1]
	for i := len(stirling) - 2; i >= 0; i-- {
		sum = float64(sum*r2) + stirling[i]
	}
	const logTwoPi = 1.8378770664093453
	lg := sum/x0 + 0.5*logTwoPi + float64((x0-0.5)*log(x0)) - x0
	for range steps {
		x0--
		lg -= log(x0)
	}
	return lg
}

// Zipf returns zipf(a), 1 < a < 1025: an integer k of 1 or more with a
// probability proportional to k^-a. As a nears 1, most tries exceed an int64
// and are rejected: a value takes about 23,000 tries at 1.000001.
func (n *Numpy) Zipf(a float64) int64 {
	a1 := a - 1
	b := pow(2, a1)
	// Below least the value is sure to be too large, and need not be computed.
	// For a near 1 that is nearly every try.
	least := pow(2, -63*a1) * (1 - 1e-9)
	for {
		u := 1 - n.Float64()
		v := n.Float64()
		if u < least {
			continue
		}
		x := math.Floor(pow(u, -1/a1))
		if x < 1 || x >= 1<<63 {
			continue
		}
		t := pow(1+1/x, a1)
		if v*x*(t-1)/(b-1) <= t/b {
			return int64(x)
		}
	}
}
