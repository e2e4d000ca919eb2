package measure

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// jackknife replaces the covariance by that of the fits without one cluster each
// (CV3 of MacKinnon, Nielsen and Webb, 2023). The sandwich of [Regress] is too
// small where a few clusters decide a coefficient. The result is false if there is
// no fit without one of the clusters.
func (r *Regression) jackknife(y []float64, columns [][]float64, names []string) bool {
	k := len(columns)
	scale := make([]float64, k)
	for j := range columns {
		scale[j] = norm(columns[j])
	}
	whole := newNormal(k)
	of, n := numbered(names)
	parts := make([]*normal, n)
	for g := range parts {
		parts[g] = newNormal(k)
	}
	row := make([]float64, k)
	for i := range y {
		for j := range columns {
			row[j] = columns[j][i] / scale[j]
		}
		parts[of[i]].add(row, y[i])
		whole.add(row, y[i])
	}
	r.covariance = mat.NewDense(k, k, nil)
	diff := mat.NewVecDense(k, nil)
	g := float64(n)
	for _, part := range parts {
		c, ok := whole.less(part)
		if !ok {
			return false
		}
		for j := range k {
			diff.SetVec(j, c.AtVec(j)/scale[j]-r.Coefficients[j])
		}
		r.covariance.RankOne(r.covariance, (g-1)/g, diff, diff)
	}
	return true
}

// normal is the normal equations of some observations, X'X and X'y.
type normal struct {
	xx, xy []float64
	k      int
}

func newNormal(k int) *normal { return &normal{make([]float64, k*k), make([]float64, k), k} }

func (n *normal) add(x []float64, y float64) {
	for j, v := range x {
		n.xy[j] += v * y
		for l, w := range x {
			n.xx[j*n.k+l] += v * w
		}
	}
}

// less returns the coefficients without the observations of part, and whether they
// exist.
func (n *normal) less(part *normal) (*mat.VecDense, bool) {
	a, b := mat.NewSymDense(n.k, nil), mat.NewVecDense(n.k, nil)
	for j := range n.k {
		b.SetVec(j, n.xy[j]-part.xy[j])
		for l := j; l < n.k; l++ {
			a.SetSym(j, l, n.xx[j*n.k+l]-part.xx[j*n.k+l])
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(a) || !(chol.Cond() < math.Sqrt(maxCondition)*1e4) {
		return nil, false
	}
	var c mat.VecDense
	return &c, chol.SolveVecTo(&c, b) == nil
}
