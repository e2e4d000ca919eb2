package measure

import (
	"math"
	"slices"
	"sort"
)

// lessWork returns the values as they were with the same work and numbers in their
// clusters, by a regression of their logarithms. They are the values themselves if
// work is not known, or not all values are above 0.
func (s *Series) lessWork() []float64 {
	if s.work == nil || s.sorted[0] <= 0 {
		return s.values
	}
	out := make([]float64, len(s.values))
	for i, v := range s.values {
		out[i] = math.Log(v)
	}
	level := mean(out)
	out = s.unexplained(out)
	for i, v := range out {
		out[i] = math.Exp(level + v)
	}
	return out
}

// unexplained returns values less what their numbers in their clusters and their
// work explain.
func (s *Series) unexplained(values []float64) []float64 {
	out := s.lessIndex(values)
	for _, w := range s.workColumns() {
		subtract(out, w)
	}
	return out
}

// workKnots is the number of pieces of the line by which work explains values: what
// takes longer from some work on, and work of two kinds, are not on one line.
const workKnots = 8

// workColumns returns columns that are uncorrelated, whose sums with any factors are
// lines with a bend at each of the work's eighths; nothing if work is not known.
func (s *Series) workColumns() (columns [][]float64) {
	if s.work == nil {
		return nil
	}
	for k := range workKnots {
		knot := float64(k)/workKnots - 0.5
		w := make([]float64, len(s.work))
		for i, rank := range s.work {
			w[i] = max(0, rank-knot)
		}
		w = s.lessIndex(w)
		for _, before := range columns {
			subtract(w, before)
		}
		columns = append(columns, w)
	}
	return columns
}

// subtract takes off y what x explains of it, by least squares. Both are less their
// means.
func subtract(y, x []float64) {
	var xx, xy float64
	for i := range x {
		xx += x[i] * x[i]
		xy += x[i] * y[i]
	}
	if xx == 0 {
		return
	}
	for i := range y {
		y[i] -= xy / xx * x[i]
	}
}

// lessIndex returns values less what their numbers in their clusters explain: the
// first value has a level of its own (the first prompt of a conversation is nowhere
// cached), later ones lie on a line. Without numbers it is what is above the mean.
// Each part but the steady one has a level of its own.
func (s *Series) lessIndex(values []float64) []float64 {
	const first = math.MinInt // the key of first values of the steady part
	type level struct{ sum, n float64 }
	var (
		r                   = slices.Clone(values)
		levels              = make(map[int]level)
		n, sx, sy, sxx, sxy float64
	)
	key := func(i int) int {
		switch {
		case s.part != nil && s.part[i] != 0:
			return int(s.part[i])
		case s.index != nil && s.index[i] == 0:
			return first
		}
		return 0
	}
	x := func(i int) float64 {
		if s.index == nil {
			return 0
		}
		return float64(s.index[i])
	}
	for i, v := range r {
		k := key(i)
		levels[k] = level{levels[k].sum + v, levels[k].n + 1}
		if k == 0 {
			n, sx, sy, sxx, sxy = n+1, sx+x(i), sy+v, sxx+x(i)*x(i), sxy+x(i)*v
		}
	}
	per := 0.0
	if d := n*sxx - sx*sx; d > 0 {
		per = (n*sxy - sx*sy) / d
	}
	for i := range r {
		if k := key(i); k == 0 {
			r[i] -= (sy-per*sx)/n + per*x(i)
		} else {
			r[i] -= levels[k].sum / levels[k].n
		}
	}
	return r
}

// midranks returns the ranks of values, scaled to -1/2 to 1/2. Equal values
// share a rank.
func midranks(values, sorted []float64) []float64 {
	n := float64(len(values))
	out := make([]float64, len(values))
	for i, v := range values {
		below := sort.SearchFloat64s(sorted, v)
		upTo := below
		if below+1 < len(sorted) && sorted[below+1] == v {
			upTo = sort.Search(len(sorted), func(k int) bool { return sorted[k] > v }) - 1
		}
		out[i] = (float64(below+upTo)/2+0.5)/n - 0.5
	}
	return out
}
