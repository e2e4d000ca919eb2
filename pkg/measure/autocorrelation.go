package measure

import (
	"cmp"
	"math"
	"slices"
)

// Autocorrelation is how much the values of a series depend on those that were
// measured just before in other clusters. Independent clusters have none,
// whatever the values of one cluster have in common; a state that all clusters
// share, or a drift, gives some.
type Autocorrelation struct {
	// R is the correlation of the ranks of a value and of the values just
	// before it in other clusters, each less what its number in its cluster
	// explains. It is NaN if there are too few values.
	R float64
	// Z is R divided by its standard error: about standard normal if clusters are
	// independent. It is 0 if there are too few values.
	Z float64
}

// Thresholds of Z. A finding is at the 5 % level, one-sided: slow phases and
// drift make R positive. Intervals must not wait for proof: they allow for
// batches in time from 1 on (1 in 6 of independent series, 2 in 3 of those with
// a weak state among conversations that differ much). A higher threshold would
// miss weak states; without any, intervals would hold the mean of independent
// series in 98 % instead of 95.
const (
	AutocorrelatedZ          = 1.645
	suspectedAutocorrelatedZ = 1.0
)

// Found reports whether the series is autocorrelated, at the 5 % level.
func (a Autocorrelation) Found() bool { return a.Z > AutocorrelatedZ }

// Suspected reports whether the series may be autocorrelated, which is enough
// for its intervals to allow for it.
func (a Autocorrelation) Suspected() bool { return a.Z > suspectedAutocorrelatedZ }

// autocorrelationLag is the number of next values of other clusters that each
// value is paired with, if neighbours are of different clusters: one finds short
// phases best, several find long ones. Where clusters come one after the other,
// it is their mean number of values in a row, at most maxAutocorrelationLag, so
// that whole clusters are compared.
const (
	autocorrelationLag    = 2
	maxAutocorrelationLag = 16
)

// lag returns the number of next values that each value is paired with.
func (s *Series) lag() int {
	rows := 1
	for i := 1; i < len(s.of); i++ {
		if s.of[i] != s.of[i-1] {
			rows++
		}
	}
	inRow := int(math.Round(float64(len(s.of)) / float64(rows)))
	return max(autocorrelationLag, min(inRow, maxAutocorrelationLag))
}

// autocorrelation pairs each value with the next ones of other clusters. The
// products of two given clusters may depend on each other, but those of
// different pairs of clusters are uncorrelated if clusters are independent: so
// the sum of squares of the pairs' sums is the variance of the sum of all. (A
// dissociated sum: see Silverman, Limit theorems for dissociated random variables,
// 1976.) As ranks sum to 0, the mean product of values of different clusters is a
// little below 0; it is subtracted.
func (s *Series) autocorrelation() Autocorrelation {
	// Conversations that begin together would look alike otherwise, and a cache that
	// is full would look like a slower server.
	r := s.unexplained(midranks(s.values, s.sorted))
	square := 0.0
	for _, v := range r {
		square += v * v
	}
	if s.clusters < MinClusters || square == 0 {
		return Autocorrelation{R: math.NaN()}
	}
	sums, n := s.pairSums(r, s.productApart(r))
	var sum, variance float64
	for _, p := range sums {
		sum += p
		variance += p * p
	}
	if variance == 0 {
		return Autocorrelation{R: math.NaN()}
	}
	return Autocorrelation{
		R: sum / float64(n) / (square / float64(len(r))),
		Z: sum / math.Sqrt(variance),
	}
}

// pair is two values of different clusters, the first one before the second.
type pair struct{ i, j int32 }

// before orders pairs as neighbours makes them.
func (p pair) before(q pair) int { return cmp.Or(cmp.Compare(p.i, q.i), cmp.Compare(p.j, q.j)) }

// pairSums returns the sums of the products of neighbours, each less apart, for each
// pair of clusters in the order in which the pairs first come, and how many products
// there are. A map would take several times the memory of a million values.
func (s *Series) pairSums(r []float64, apart float64) (sums []float64, n int) {
	pairs := make([]pair, 0, autocorrelationLag*len(r))
	s.neighbours(func(i, j int) { pairs = append(pairs, pair{int32(i), int32(j)}) })
	clusters := func(p pair) uint64 {
		a, b := uint64(s.of[p.i]), uint64(s.of[p.j])
		return min(a, b)<<32 | max(a, b)
	}
	slices.SortFunc(pairs, func(p, q pair) int {
		return cmp.Or(cmp.Compare(clusters(p), clusters(q)), p.before(q))
	})
	type summed struct {
		pair
		sum float64
	}
	var all []summed
	for k, p := range pairs {
		if k == 0 || clusters(p) != clusters(all[len(all)-1].pair) {
			all = append(all, summed{pair: p})
		}
		all[len(all)-1].sum += r[p.i]*r[p.j] - apart
	}
	slices.SortFunc(all, func(p, q summed) int { return p.before(q.pair) })
	for _, p := range all {
		sums = append(sums, p.sum)
	}
	return sums, len(pairs)
}

// productApart returns the mean product of two values of different clusters.
func (s *Series) productApart(r []float64) float64 {
	sums, sizes := make([]float64, s.clusters), make([]float64, s.clusters)
	for i, v := range r {
		sums[s.of[i]] += v
		sizes[s.of[i]]++
	}
	var total, n, within, pairs float64
	for c := range sums {
		total += sums[c]
		n += sizes[c]
		within += sums[c] * sums[c]
		pairs += sizes[c] * sizes[c]
	}
	return (total*total - within) / (n*n - pairs)
}

// neighbours calls f for each value i and the next values j of other clusters.
func (s *Series) neighbours(f func(i, j int)) {
	next, lag := s.nextOther(), s.lag()
	for i := range next {
		j := int(next[i])
		for l := 0; l < lag && j < len(next); l++ {
			f(i, j)
			if j++; j < len(next) && s.of[j] == s.of[i] {
				j = int(next[j])
			}
		}
	}
}

// nextOther returns for each value the place of the next one of another cluster,
// or the number of values if no other follows.
func (s *Series) nextOther() []int32 {
	next := make([]int32, len(s.of))
	for i := len(s.of) - 1; i >= 0; i-- {
		switch {
		case i == len(s.of)-1:
			next[i] = int32(len(s.of))
		case s.of[i+1] != s.of[i]:
			next[i] = int32(i + 1)
		default:
			next[i] = next[i+1]
		}
	}
	return next
}
