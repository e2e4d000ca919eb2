package measure

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// MinMeanClusters is how many clusters MeanOfClusters needs.
const MinMeanClusters = 3

// MeanOfClusters is the interval of the mean of values that come in few clusters, by Student's t of the clusters' sums: for
// so few that resampling them would give too short a one. Level 0 is 0.95. Below MinMeanClusters clusters there is none.
func MeanOfClusters(values []float64, clusters []string, level float64) Interval {
	if level <= 0 || level >= 1 {
		level = 0.95
	}
	none := Interval{Low: math.NaN(), High: math.NaN()}
	n := float64(len(values))
	mean := 0.0
	for _, v := range values {
		mean += v / n
	}
	sums := make(map[string]float64)
	for i, v := range values {
		sums[clusters[i]] += v - mean
	}
	g := float64(len(sums))
	if len(sums) < MinMeanClusters {
		return none
	}
	var squares float64
	for _, s := range sums {
		squares += s * s
	}
	half := distuv.StudentsT{Sigma: 1, Nu: g - 1}.Quantile((1+level)/2) * math.Sqrt(g/(g-1)*squares) / n
	return Interval{Low: mean - half, High: mean + half}
}
