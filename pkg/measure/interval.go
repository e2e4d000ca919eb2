package measure

import "math"

// Interval is a confidence interval. Both ends are NaN if there are too few
// data.
type Interval struct{ Low, High float64 }

// OK reports whether the interval exists.
func (i Interval) OK() bool { return !math.IsNaN(i.Low) && !math.IsNaN(i.High) }

// Contains reports whether v lies in the interval.
func (i Interval) Contains(v float64) bool { return i.Low <= v && v <= i.High }

// MinClusters is the least number of clusters for the intervals of [Series]
// and [Regress]. With fewer, they are clearly too short.
const MinClusters = 8

// numbered returns the number of each name, from 0 in the order in which they first
// appear, and how many names there are.
func numbered(names []string) (of []int32, n int) {
	number := make(map[string]int32)
	of = make([]int32, len(names))
	for i, name := range names {
		k, ok := number[name]
		if !ok {
			k = int32(len(number))
			number[name] = k
		}
		of[i] = k
	}
	return of, len(number)
}
