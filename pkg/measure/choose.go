package measure

import (
	"math"
	"slices"
)

// Choose fits y by the required columns and by those of the optional ones for
// which there is evidence. It returns the indexes of these, ascending. Optional
// columns are costs: their coefficients are above 0.
//
// Of all sets of optional columns it takes the one with the least penalised loss,
// among those in which the interval of each optional coefficient is above 0. The
// loss is Huber's, in units of the errors of the fit with all columns. The penalty
// of a column is the logarithm of the number of observations, twice that of
// Schwarz's criterion (1978): so 1 % of simulated fits take a column without
// effect, and all take a column that would bias others by 14 %.
func Choose(
	y []float64, required, optional [][]float64, names []string, level float64,
) ([]int, *Regression, error) {
	chosen := chooseOf(thin(y, required, optional, names))
	r, err := Robust(y, with(required, optional, chosen), names, level)
	return chosen, r, err
}

// with returns the required columns and the chosen ones.
func with(required, optional [][]float64, chosen []int) [][]float64 {
	columns := slices.Clone(required)
	for _, j := range chosen {
		columns = append(columns, optional[j])
	}
	return columns
}

// chooseOf returns the best set of optional columns.
func chooseOf(y []float64, required, optional [][]float64, names []string) (best []int) {
	type fit struct {
		chosen []int
		r      *Regression
	}
	var fits []fit
	for set := range 1 << len(optional) {
		var chosen []int
		for j := range optional {
			if set>>j&1 == 1 {
				chosen = append(chosen, j)
			}
		}
		columns := with(required, optional, chosen)
		if set > 0 && len(y) < minPerColumn*len(columns) {
			continue
		}
		if r, err := Robust(y, columns, names, 0); err == nil {
			fits = append(fits, fit{chosen, r})
		}
	}
	if len(fits) == 0 {
		return nil
	}
	sigma := spread(y, fits[len(fits)-1].r.Residuals, math.SmallestNonzeroFloat64)
	least := math.Inf(1)
	for _, f := range fits {
		loss := math.Log(float64(len(y))) * float64(len(f.chosen))
		for i, e := range f.r.Residuals {
			loss += huberLoss(e / sigma[i])
		}
		if loss < least && costs(f.r, len(required)) {
			best, least = f.chosen, loss
		}
	}
	return best
}

// thin keeps about maxChosen of the observations: every nth cluster.
func thin(
	y []float64, required, optional [][]float64, names []string,
) ([]float64, [][]float64, [][]float64, []string) {
	every := len(y) / maxChosen
	id := make([]int32, len(y))
	if names == nil {
		for i := range id {
			id[i] = int32(i)
		}
	} else if every > 1 {
		var clusters int
		id, clusters = numbered(names)
		every = min(every, clusters/minChosenClusters)
	}
	if every < 2 {
		return y, required, optional, names
	}
	var keep []int
	for i := range y {
		if int(id[i])%every == 0 {
			keep = append(keep, i)
		}
	}
	columns := func(of [][]float64) (out [][]float64) {
		for _, c := range of {
			out = append(out, pick(c, keep))
		}
		return out
	}
	if names != nil {
		names = pick(names, keep)
	}
	return pick(y, keep), columns(required), columns(optional), names
}

func pick[T any](of []T, keep []int) []T {
	out := make([]T, len(keep))
	for k, i := range keep {
		out[k] = of[i]
	}
	return out
}

const (
	// minPerColumn is how many observations each column of a fit with optional
	// columns needs: with fewer, chance looks like an effect.
	minPerColumn = 20
	// maxChosen is the number of observations from which on the choice is made from
	// a part of them: it takes a fit for each set, and more observations hardly change
	// it. minChosenClusters is the least number of clusters of that part.
	maxChosen         = 10_000
	minChosenClusters = 100
)

func huberLoss(u float64) float64 {
	if u = math.Abs(u); u > huberK {
		return huberK * (u - huberK/2)
	}
	return u * u / 2
}

// costs reports whether all coefficients from number first on are above 0.
func costs(r *Regression, first int) bool {
	for j := first; j < len(r.Coefficients); j++ {
		if !(r.Interval(j).Low > 0) {
			return false
		}
	}
	return true
}
