package measure

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Regression is a fit of y = sum of c_j * x_j by least squares.
type Regression struct {
	// Coefficients are c, in the order of the columns.
	Coefficients []float64
	N            int // observations
	// Clusters is the number of clusters that the intervals are based on; 0 if they treat every
	// observation as independent.
	Clusters int
	// R2 is the share of y's variance that the fit explains; NaN if y does not vary.
	R2 float64
	// Residuals are y minus the fit, in the order of y. Sigma is their standard deviation, with N
	// minus the number of columns in the divisor.
	Residuals []float64
	Sigma     float64
	// Outliers are the indexes of observations that Robust left out, ascending.
	Outliers []int

	covariance *mat.Dense // of the coefficients
	t          float64    // quantile for intervals
}

var (
	// ErrTooFew means that there are no more observations than columns.
	ErrTooFew = errors.New("too few observations for a fit")
	// ErrDependent means that a column is a combination of others, so their coefficients cannot be
	// told apart.
	ErrDependent = errors.New("columns depend on each other")
)

// maxCondition is the condition number, with columns scaled to length 1, from
// which on columns count as dependent. Rounding errors grow with it: at 1e8
// half of a float64's sixteen digits are lost.
const maxCondition = 1e8

// Regress fits y by columns, each as long as y. A constant term is a column of
// ones. Intervals have the given level; 0 means 0.95.
//
// Observations of one cluster may depend on each other; names[i] is the cluster
// of y[i], and nil means that all are independent. From MinClusters clusters
// on, intervals come from the clusters' sums of errors (the sandwich estimator
// with the usual correction for small samples) and Student's t with clusters-1
// degrees of freedom; they also hold if errors grow with x. With fewer clusters
// they are the classical intervals, for independent errors of equal size.
func Regress(y []float64, columns [][]float64, names []string, level float64) (*Regression, error) {
	n, k := len(y), len(columns)
	if n <= k || k == 0 {
		return nil, ErrTooFew
	}
	x, scale, err := design(columns, n)
	if err != nil {
		return nil, err
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
	r := &Regression{N: n}
	var fit mat.VecDense
	fit.MulVec(x, &c)
	r.explain(y, &fit, k)
	// (X'X)^-1 is R^-1 R^-T.
	var upper, inverse, bread mat.Dense
	qr.RTo(&upper)
	if err := inverse.Inverse(upper.Slice(0, k, 0, k)); err != nil {
		return nil, ErrDependent
	}
	bread.Mul(&inverse, inverse.T())
	degrees := r.spread(x, &bread, names)
	for j := range k {
		r.Coefficients = append(r.Coefficients, c.AtVec(j)/scale[j])
		for l := range k {
			r.covariance.Set(j, l, r.covariance.At(j, l)/scale[j]/scale[l])
		}
	}
	r.t = studentsT(level, float64(degrees))
	return r, nil
}

// design returns the columns as a matrix, each scaled to length 1, and their
// lengths.
func design(columns [][]float64, n int) (x *mat.Dense, scale []float64, err error) {
	x, scale = mat.NewDense(n, len(columns), nil), make([]float64, len(columns))
	for j, column := range columns {
		if scale[j] = norm(column); scale[j] == 0 {
			return nil, nil, ErrDependent
		}
		for i, v := range column {
			x.Set(i, j, v/scale[j])
		}
	}
	return x, scale, nil
}

// explain sets the residuals of a fit with k columns, and what follows from
// them.
func (r *Regression) explain(y []float64, fit *mat.VecDense, k int) {
	r.Residuals, r.R2 = make([]float64, len(y)), math.NaN()
	var rss, tss, mean float64
	for _, v := range y {
		mean += v / float64(len(y))
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
	r.Sigma = math.Sqrt(rss / float64(len(y)-k))
}

// spread sets the covariance of the scaled coefficients and returns the degrees
// of freedom of their intervals. bread is (X'X)^-1.
func (r *Regression) spread(x *mat.Dense, bread *mat.Dense, names []string) int {
	n, k := x.Dims()
	sums := clusterSums(x, r.Residuals, names)
	if len(sums) < MinClusters {
		bread.Scale(r.Sigma*r.Sigma, bread)
		r.covariance = bread
		return n - k
	}
	r.Clusters = len(sums)
	meat := mat.NewDense(k, k, nil)
	for _, s := range sums {
		v := mat.NewVecDense(k, s)
		meat.RankOne(meat, 1, v, v)
	}
	g := float64(len(sums))
	var left, whole mat.Dense
	left.Mul(bread, meat)
	whole.Mul(&left, bread)
	whole.Scale(g/(g-1)*float64(n-1)/float64(n-k), &whole)
	r.covariance = &whole
	return len(sums) - 1
}

// norm returns the Euclidean length of v without overflow.
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

// clusterSums returns the sums of x*e over each cluster.
func clusterSums(x *mat.Dense, e []float64, names []string) [][]float64 {
	if names == nil {
		return nil
	}
	_, k := x.Dims()
	of, n := numbered(names)
	sums := make([][]float64, n)
	for g := range sums {
		sums[g] = make([]float64, k)
	}
	for i, g := range of {
		for j := range k {
			sums[g][j] += x.At(i, j) * e[i]
		}
	}
	return sums
}

// Interval returns the confidence interval of coefficient j.
func (r *Regression) Interval(j int) Interval {
	weights := make([]float64, len(r.Coefficients))
	weights[j] = 1
	_, in := r.Combine(weights)
	return in
}

// Combine returns the sum of w_j * c_j and its confidence interval: the fit at
// a point, for example, or the difference of two fits.
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
