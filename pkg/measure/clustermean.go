package measure

// minMeanClusters is the least number of clusters for MeanOfClusters. The
// quantile of Student's t for two clusters is so large (12.7) that an interval
// tells nothing.
const minMeanClusters = 3

// MeanOfClusters returns the interval of the mean of values in few clusters, by
// Student's t of the clusters' sums. With few clusters, intervals from
// resampling would be too short. Level 0 means 0.95. With fewer than three
// clusters the interval does not exist.
func MeanOfClusters(values []float64, clusters []string, level float64) Interval {
	n := float64(len(values))
	mean := 0.0
	for _, v := range values {
		mean += v / n
	}
	sums := groupSums(values, mean, clusters) // in an order that is always the same
	if len(sums) < minMeanClusters {
		return unknown
	}
	return linear(mean, level, standardError(sums, n), len(sums))
}
