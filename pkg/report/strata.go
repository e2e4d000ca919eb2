package report

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"multiturn/pkg/measure"
)

// strata are the turns of two arms that played different conversations. Turns are
// compared with turns of the same number, whose prompts are about as long.
type strata struct {
	clusters [2][][]value    // by arm
	weight   map[int]float64 // by number of turn: its turns in the arm that has fewer
	n        [2]int          // turns by arm
}

type value struct {
	index int
	ttft  float64
}

func newStrata(list []difference) *strata {
	s := &strata{weight: make(map[int]float64)}
	at := make(map[string]int)
	count := [2]map[int]int{{}, {}}
	for _, d := range list {
		arm, v := 0, d.measured
		if math.IsNaN(v) {
			arm, v = 1, d.control
		}
		i, ok := at[d.cluster]
		if !ok {
			i = len(s.clusters[arm])
			at[d.cluster] = i
			s.clusters[arm] = append(s.clusters[arm], nil)
		}
		s.clusters[arm][i] = append(s.clusters[arm][i], value{d.index, v})
		count[arm][d.index]++
		s.n[arm]++
	}
	for index, n := range count[0] {
		s.weight[index] = float64(min(n, count[1][index]))
	}
	return s
}

// once returns a draw of every cluster one time.
func (s *strata) once() [2][]int {
	var times [2][]int
	for arm := range times {
		times[arm] = slices.Repeat([]int{1}, len(s.clusters[arm]))
	}
	return times
}

// cell is the turns of one number, by arm.
type cell struct {
	sum [2]float64
	n   [2]int
}

// cells sums the clusters, each the given number of times, by number of turn.
func (s *strata) cells(times [2][]int) map[int]*cell {
	cells := make(map[int]*cell)
	for arm := range s.clusters {
		for i, cluster := range s.clusters[arm] {
			for _, v := range cluster {
				k := cells[v.index]
				if k == nil {
					k = &cell{}
					cells[v.index] = k
				}
				k.sum[arm] += v.ttft * float64(times[arm][i])
				k.n[arm] += times[arm][i]
			}
		}
	}
	return cells
}

// difference returns the control's mean less the measured arm's over the numbers
// of turns that both have, and the control's mean.
func (s *strata) difference(times [2][]int) (diff, control float64, ok bool) {
	cells := s.cells(times)
	var weight float64
	// Sorted, so that sums do not depend on the order of a map.
	for _, index := range slices.Sorted(maps.Keys(cells)) {
		k := cells[index]
		w := s.weight[index]
		if w == 0 || k.n[0] == 0 || k.n[1] == 0 {
			continue
		}
		c := k.sum[1] / float64(k.n[1])
		diff += w * (c - k.sum[0]/float64(k.n[0]))
		control += w * c
		weight += w
	}
	return diff / weight, control / weight, weight > 0
}

// Bootstrap has the parameters of bootstrap intervals. Zero fields mean 1,000
// resamples, which make the ends of an interval repeatable to about 2 % of its
// width, and a level of 0.95.
type Bootstrap struct {
	Resamples int
	Level     float64
	Seed      uint64
}

// intervals returns the intervals of the difference and of the ratio, and the
// ratio's p-value, by resampling the conversations of each arm.
func (s *strata) intervals(b Bootstrap) (measure.Interval, measure.Ratio) {
	if min(len(s.clusters[0]), len(s.clusters[1])) < measure.MinClusters {
		return noInterval, measure.Ratio{Interval: noInterval, P: math.NaN()}
	}
	rng := rand.New(rand.NewPCG(b.Seed, 0x6d756c7469747572))
	var diffs, ratios []float64
	var above, below int
	times := s.once()
	for range cmp.Or(b.Resamples, 1000) {
		for arm := range times {
			clear(times[arm])
			for range times[arm] {
				times[arm][rng.IntN(len(times[arm]))]++
			}
		}
		d, control, ok := s.difference(times)
		if !ok {
			continue
		}
		diffs, ratios = append(diffs, d), append(ratios, 1-d/control)
		if d >= 0 {
			above++
		}
		if d <= 0 {
			below++
		}
	}
	r := measure.Ratio{Interval: middle(ratios, b.Level)}
	r.P = min(1, 2*float64(min(above, below)+1)/float64(len(diffs)+1))
	return middle(diffs, b.Level), r
}

// middle returns the interval between the percentiles of values that leave out
// equal shares on both sides.
func middle(values []float64, level float64) measure.Interval {
	if level <= 0 || level >= 1 {
		level = 0.95
	}
	tail := 100 * (1 - level) / 2
	v := measure.New(values)
	return measure.Interval{Low: v.Percentile(tail), High: v.Percentile(100 - tail)}
}
