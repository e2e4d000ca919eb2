package measure

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Ratio is how large values are beside the values that they are paired with.
type Ratio struct {
	// Value is the geometric mean of the ratios of the pairs. It is NaN if there are
	// none.
	Value float64
	// Both ends are NaN with fewer than three groups of pairs.
	Interval
	// P is the p-value of a ratio of 1, two-sided. It is NaN where there is no
	// interval.
	P float64
}

// RatioOfPairs compares above[i] with below[i], a pair of the group groups[i]: a
// turn that was played twice, in a pair of batches. Groups must be independent.
// The interval is Student's t of the groups' mean logarithms of ratios. A slow
// phase of a server multiplies times, so what multiplies both of a pair cancels,
// and one slow turn does not hide all others, as it does in a mean of
// differences. Pairs with a value of 0 or less are left out. Level 0 means 0.95.
func RatioOfPairs(above, below []float64, groups []string, level float64) Ratio {
	r := Ratio{Value: math.NaN(), Interval: unknown, P: math.NaN()}
	var (
		logs  []float64
		names []string
	)
	for i := range above {
		if above[i] > 0 && below[i] > 0 {
			logs, names = append(logs, math.Log(above[i]/below[i])), append(names, groups[i])
		}
	}
	if len(logs) == 0 {
		return r
	}
	center := mean(logs)
	r.Value = math.Exp(center)
	sums := groupSums(logs, center, names)
	if len(sums) < minMeanClusters {
		return r
	}
	se := standardError(sums, float64(len(logs)))
	in := linear(center, level, se, len(sums))
	r.Interval = Interval{math.Exp(in.Low), math.Exp(in.High)}
	r.P = twoSided(center/se, len(sums)-1)
	return r
}

// groupSums returns the sums of each group's differences from center.
func groupSums(values []float64, center float64, names []string) []float64 {
	of, n := numbered(names)
	sums := make([]float64, n)
	for i, v := range values {
		sums[of[i]] += v - center
	}
	return sums
}

// twoSided returns the probability of a value of Student's t as far from 0 as t.
func twoSided(t float64, degrees int) float64 {
	if math.IsNaN(t) {
		return 1 // no difference, and no spread
	}
	return 2 * distuv.StudentsT{Sigma: 1, Nu: float64(degrees)}.Survival(math.Abs(t))
}

// Holm corrects p-values for their number (Holm 1979): if none of the tested
// effects exists, a corrected p-value is below 0.05 in at most 5 % of the cases,
// whatever the number of tests. NaN is no test and stays.
func Holm(p []float64) []float64 {
	out := slices.Clone(p)
	var order []int
	for i := range p {
		if !math.IsNaN(p[i]) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	least := 0.0
	for k, i := range order {
		least = max(least, min(1, float64(len(order)-k)*p[i]))
		out[i] = least
	}
	return out
}

// MinPairs is the least number of groups of pairs for an interval.
const MinPairs = minMeanClusters

// AssumedSpread is the standard deviation of the logarithm of a turn's time to
// the first token, less what its conversation and its number explain, before any
// was measured: between a quiet server (0.3) and one whose queue makes times vary
// (0.8).
const AssumedSpread = 0.5

// Detectable returns the smallest change that a comparison of so many groups of
// so many pairs each finds in 8 of 10 runs, as a share: 0.1 is 10 % faster. spread
// is the standard deviation of the logarithm of a value; values are taken to be
// independent. It returns 1 with fewer than MinPairs groups: no change is found.
func Detectable(groups int, pairs, spread float64) float64 {
	if groups < MinPairs {
		return 1
	}
	const power = 0.8
	t := distuv.StudentsT{Sigma: 1, Nu: float64(groups - 1)}
	se := spread * math.Sqrt(2/pairs/float64(groups))
	return -math.Expm1(-(studentsT(0, t.Nu) + t.Quantile(power)) * se)
}
