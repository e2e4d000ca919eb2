package measure

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Regression is a fit of y = sum of c_j * x_j by least squares.
type Regression struct {
	// Coefficients are c, in the order of the columns.
	Coefficients []float64
	N            int
	// Clusters is how many clusters the intervals are of; 0 when they take every observation for independent.
	Clusters int
	// R2 is the share of y's variance that the fit explains; NaN when y does not vary.
	R2 float64
	// Residuals are y less the fit, in the order of y; Sigma is their standard deviation with N less columns in the divisor.
	Residuals []float64
	Sigma     float64

	covariance *mat.Dense // of the coefficients
	t          float64    // quantile for intervals
}

// Reasons for which there is no fit.
var (
	// ErrTooFew is fewer observations than columns and one more.
	ErrTooFew = errors.New("too few observations for a fit")
	// ErrDependent is columns of which one follows from the others: nothing can tell their coefficients apart.
	ErrDependent = errors.New("columns depend on each other")
)

// maxCondition is the condition number, of columns scaled to length 1, from which on they count as dependent.
const maxCondition = 1e8

// Regress fits y by columns, all as long as y; a constant is a column of ones. Intervals have the given level (0 = 0.95).
//
// Observations of one cluster (names[i] is y[i]'s; nil: none) may depend on each other: from MinClusters clusters on,
// intervals come from the clusters' sums of errors (the sandwich estimator with the usual correction for small samples) and
// Student's t with clusters-1 degrees of freedom, and also hold when errors grow with x. With fewer they are the classical
// ones, for independent errors of one size.
func Regress(y []float64, columns [][]float64, names []string, level float64) (*Regression, error) {
	n, k := len(y), len(columns)
	if n <= k || k == 0 {
		return nil, ErrTooFew
	}
	if level <= 0 || level >= 1 {
		level = 0.95
	}
	x, scale := mat.NewDense(n, k, nil), make([]float64, k)
	for j, column := range columns {
		if scale[j] = norm(column); scale[j] == 0 {
			return nil, ErrDependent
		}
		for i, v := range column {
			x.Set(i, j, v/scale[j])
		}
	}
	var qr mat.QR
	qr.Factorize(x)
	if !(qr.Cond() < maxCondition) {
		return nil, ErrDependent
	}
	var c mat.VecDense
	if err := qr.SolveVecTo(&c, false, mat.NewVecDense(n, y)); err != nil {
		return nil, ErrDependent
	}
	r := &Regression{N: n, Residuals: make([]float64, n), R2: math.NaN()}
	var fit mat.VecDense
	fit.MulVec(x, &c)
	var rss, tss, mean float64
	for _, v := range y {
		mean += v / float64(n)
	}
	for i, v := range y {
		e := v - fit.AtVec(i)
		r.Residuals[i] = e
		rss += e * e
		tss += (v - mean) * (v - mean)
	}
	if tss > 0 {
		r.R2 = 1 - rss/tss
	}
	r.Sigma = math.Sqrt(rss / float64(n-k))

	// (X'X)^-1 is R^-1 R^-T.
	var upper, inverse mat.Dense
	qr.RTo(&upper)
	if err := inverse.Inverse(upper.Slice(0, k, 0, k)); err != nil {
		return nil, ErrDependent
	}
	var bread mat.Dense
	bread.Mul(&inverse, inverse.T())
	r.covariance = &bread
	degrees := n - k
	if sums := clusterSums(x, r.Residuals, names); len(sums) >= MinClusters {
		r.Clusters, degrees = len(sums), len(sums)-1
		meat := mat.NewDense(k, k, nil)
		for _, s := range sums {
			v := mat.NewVecDense(k, s)
			meat.RankOne(meat, 1, v, v)
		}
		g := float64(len(sums))
		var left, whole mat.Dense
		left.Mul(&bread, meat)
		whole.Mul(&left, &bread)
		whole.Scale(g/(g-1)*float64(n-1)/float64(n-k), &whole)
		r.covariance = &whole
	} else {
		bread.Scale(r.Sigma*r.Sigma, &bread)
	}
	for j := range k {
		r.Coefficients = append(r.Coefficients, c.AtVec(j)/scale[j])
		for l := range k {
			r.covariance.Set(j, l, r.covariance.At(j, l)/scale[j]/scale[l])
		}
	}
	r.t = distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(degrees)}.Quantile(1 - (1-level)/2)
	return r, nil
}

func norm(v []float64) float64 {
	var most float64
	for _, f := range v {
		most = max(most, math.Abs(f))
	}
	if most == 0 {
		return 0
	}
	var sum float64
	for _, f := range v {
		sum += f / most * (f / most)
	}
	return most * math.Sqrt(sum)
}

// clusterSums are the sums of x*e over each cluster.
func clusterSums(x *mat.Dense, e []float64, names []string) [][]float64 {
	if names == nil {
		return nil
	}
	_, k := x.Dims()
	number := make(map[string]int)
	var sums [][]float64
	for i, name := range names {
		g, ok := number[name]
		if !ok {
			g = len(sums)
			number[name] = g
			sums = append(sums, make([]float64, k))
		}
		for j := range k {
			sums[g][j] += x.At(i, j) * e[i]
		}
	}
	return sums
}

// Interval is where coefficient j lies.
func (r *Regression) Interval(j int) Interval {
	weights := make([]float64, len(r.Coefficients))
	weights[j] = 1
	_, in := r.Combine(weights)
	return in
}

// Combine is the sum of w_j * c_j, and where it lies: the fit at a point, say, or the difference of two.
func (r *Regression) Combine(w []float64) (float64, Interval) {
	var value, variance float64
	for j, c := range r.Coefficients {
		value += w[j] * c
		for l := range r.Coefficients {
			variance += w[j] * w[l] * r.covariance.At(j, l)
		}
	}
	half := r.t * math.Sqrt(max(0, variance))
	return value, Interval{value - half, value + half}
}
