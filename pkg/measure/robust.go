package measure

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Constants of Robust.
const (
	// huberK is the number of standard errors from which on an observation weighs
	// less (Huber 1964). With it a fit of normal errors needs 5 % more observations
	// than least squares.
	huberK = 1.345
	// outlierSigmas is the number of standard errors from which on an observation
	// is an outlier. Of normal errors 2 in a billion are that large; times are skewed,
	// so with a smaller number the fit would be biased.
	outlierSigmas = 6.0
	// robustRounds bounds the rounds of each step. robustChange is the relative
	// change of the coefficients at which a step ends: that is precise enough to find
	// outliers, and the last fit has the coefficients.
	robustRounds = 30
	robustChange = 1e-3
	// madNormal is the standard deviation of normal errors divided by the median of
	// their sizes.
	madNormal = 1.4826
	// spreadParts is the number of parts, by fitted value, whose errors have a
	// standard deviation of their own: errors of times grow with the time.
	spreadParts = 8
)

// Robust fits y by columns as [Regress] does, without outliers: a first request to
// a cold server, a stall. A fit of least absolute errors finds where most
// observations lie, and Huber's fit goes on from there. Least squares over the
// observations that are not outliers of that fit give the coefficients (the
// reweighted least squares of Rousseeuw and Leroy 1987; Huber's fit alone is
// biased by skewed errors). Intervals come from the fits without one cluster each.
//
// The regression has all observations; R2 and Sigma are without outliers.
func Robust(y []float64, columns [][]float64, names []string, level float64) (*Regression, error) {
	first, err := Regress(y, columns, names, level)
	if err != nil {
		return nil, err
	}
	f := &robustFit{
		y: y, columns: columns, c: slices.Clone(first.Coefficients),
		e: slices.Clone(first.Residuals), weights: make([]float64, len(y)),
		floor: 1e-9 + 1e-6*math.Abs(first.Sigma),
	}
	f.repeat(func(i int) float64 { return 1 / max(math.Abs(f.e[i]), f.floor) })
	f.repeat(func(i int) float64 {
		return min(1, huberK*f.sigma[i]/max(math.Abs(f.e[i]), f.floor))
	})
	return without(y, columns, names, level, func(i int) bool {
		return math.Abs(f.e[i]) > outlierSigmas*f.sigma[i]
	})
}

// robustFit is a fit by weighted least squares whose weights depend on its
// errors.
type robustFit struct {
	y       []float64
	columns [][]float64
	c       []float64 // coefficients
	e       []float64 // errors
	sigma   []float64 // their standard deviations; see spread
	weights []float64
	floor   float64 // smaller errors and deviations count as this
}

// repeat fits until the coefficients hardly change.
func (f *robustFit) repeat(weigh func(i int) float64) {
	for range robustRounds {
		f.sigma = spread(f.y, f.e, f.floor)
		for i := range f.weights {
			f.weights[i] = weigh(i)
		}
		next, ok := weighted(f.y, f.columns, f.weights)
		if !ok {
			break
		}
		change := 0.0
		for j := range next {
			change = max(change, math.Abs(next[j]-f.c[j])/(math.Abs(f.c[j])+1e-12))
		}
		f.c = next
		residuals(f.e, f.y, f.columns, f.c)
		if change <= robustChange {
			break
		}
	}
	f.sigma = spread(f.y, f.e, f.floor)
}

// without fits the observations for which out is false.
func without(
	y []float64, columns [][]float64, names []string, level float64, out func(int) bool,
) (*Regression, error) {
	var (
		outliers []int
		kept     = make([][]float64, len(columns))
		keptY    []float64
		keptName []string
	)
	for i := range y {
		if out(i) {
			outliers = append(outliers, i)
			continue
		}
		keptY = append(keptY, y[i])
		for j := range columns {
			kept[j] = append(kept[j], columns[j][i])
		}
		if names != nil {
			keptName = append(keptName, names[i])
		}
	}
	r, err := Regress(keptY, kept, keptName, level)
	if err != nil {
		return nil, err
	}
	if r.Clusters > 0 && !r.jackknife(keptY, kept, keptName) {
		return nil, ErrDependent
	}
	r.Outliers, r.N = outliers, len(y)
	r.Residuals = make([]float64, len(y))
	residuals(r.Residuals, y, columns, r.Coefficients)
	return r, nil
}

func residuals(e, y []float64, columns [][]float64, c []float64) {
	for i := range y {
		e[i] = y[i]
		for j := range columns {
			e[i] -= c[j] * columns[j][i]
		}
	}
}

// spread returns the standard deviation of the errors of observations whose fitted
// values are about as large as that of each, from the median size of errors.
func spread(y, e []float64, floor float64) []float64 {
	n := len(y)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(y[a]-e[a], y[b]-e[b]) })
	sigma := make([]float64, n)
	all := medianSize(e, order)
	for p := range spreadParts {
		part := order[p*n/spreadParts : (p+1)*n/spreadParts]
		if len(part) == 0 {
			continue
		}
		// A part that a fit goes through exactly is chance.
		s := max(madNormal*max(medianSize(e, part), all/2), floor)
		for _, i := range part {
			sigma[i] = s
		}
	}
	return sigma
}

func medianSize(e []float64, of []int) float64 {
	size := make([]float64, len(of))
	for k, i := range of {
		size[k] = math.Abs(e[i])
	}
	slices.Sort(size)
	return percentile(size, 50)
}

// weighted solves weighted least squares, by the normal equations of columns that
// are scaled to length 1. The result ok is false if they are singular.
func weighted(y []float64, columns [][]float64, weights []float64) (c []float64, ok bool) {
	k := len(columns)
	scale := make([]float64, k)
	for j := range columns {
		scale[j] = norm(columns[j])
	}
	a, b := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil)
	for j := range k {
		var sum float64
		for i, w := range weights {
			sum += w * columns[j][i] * y[i]
		}
		b.SetVec(j, sum/scale[j])
		for l := j; l < k; l++ {
			sum = 0
			for i, w := range weights {
				sum += w * columns[j][i] * columns[l][i]
			}
			a.SetSym(j, l, sum/scale[j]/scale[l])
		}
	}
	var chol mat.Cholesky
	var x mat.VecDense
	if !chol.Factorize(a) || chol.SolveVecTo(&x, b) != nil {
		return nil, false
	}
	out := make([]float64, k)
	for j := range out {
		out[j] = x.AtVec(j) / scale[j]
	}
	return out, true
}
