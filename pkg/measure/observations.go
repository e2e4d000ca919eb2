package measure

import (
	"math"
	"slices"
)

// Observations are what a series is made of, in the order of time. The last three
// may be nil.
type Observations struct {
	Values   []float64 // NaN are left out
	Clusters []string
	Index    []int32 // the number of each value in its cluster, from 0
	// Work is how much each value had to do, a prompt's tokens to compute. Values
	// that are higher because there was more to do are not slower.
	Work []float64
	// Part is 0 for values of the steady part. Others are of parts that every series
	// of the kind has, a burst at the start: how their level differs is no chance.
	Part []int8
}

// only returns the observations that keep has: o itself, if it has all.
func (o Observations) only(keep func(i int) bool) Observations {
	n := 0
	for i := range o.Values {
		if keep(i) {
			n++
		}
	}
	if n == len(o.Values) {
		return o
	}
	return Observations{
		Values: kept(o.Values, n, keep), Clusters: kept(o.Clusters, n, keep),
		Index: kept(o.Index, n, keep), Work: kept(o.Work, n, keep), Part: kept(o.Part, n, keep),
	}
}

// kept returns the n items that keep has; nil if there are none.
func kept[T any](all []T, n int, keep func(i int) bool) []T {
	if all == nil || n == 0 {
		return nil
	}
	out := make([]T, 0, n)
	for i, v := range all {
		if keep(i) {
			out = append(out, v)
		}
	}
	return out
}

// Steady returns the observations of part 0.
func (o Observations) Steady() Observations {
	return o.only(func(i int) bool { return o.Part == nil || o.Part[i] == 0 })
}

// NewSeries returns a series.
func NewSeries(o Observations) *Series {
	n := len(o.Values)
	if len(o.Clusters) != n || o.Index != nil && len(o.Index) != n ||
		o.Work != nil && len(o.Work) != n || o.Part != nil && len(o.Part) != n {
		panic("measure: observations differ in number")
	}
	o = o.only(func(i int) bool { return !math.IsNaN(o.Values[i]) })
	s := newSeries(o)
	s.steady, s.auto = s, s.autocorrelation()
	if slices.ContainsFunc(o.Part, func(p int8) bool { return p != 0 }) {
		s.steady = newSeries(o.Steady())
	}
	s.steady.compareInTime()
	return s
}

func newSeries(o Observations) *Series {
	s := &Series{values: o.Values, index: o.Index, part: o.Part, sorted: slices.Clone(o.Values)}
	slices.Sort(s.sorted)
	s.of, s.clusters = numbered(o.Clusters)
	if o.Work != nil && !slices.ContainsFunc(o.Work, math.IsNaN) {
		sorted := slices.Clone(o.Work)
		slices.Sort(sorted)
		s.work = midranks(o.Work, sorted)
	}
	return s
}
