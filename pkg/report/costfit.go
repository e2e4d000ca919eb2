package report

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/measure"
	"multiturn/pkg/render"
)

// fit estimates the terms. It sets Fit if they can be used, and Why if not.
func (m *CostModel) fit(c *Collector, fitted []observation) {
	names := make([]string, len(fitted))
	for i, o := range fitted {
		names[i] = c.turns[o.turn].conversation
	}
	y := column(fitted, func(o *observation) float64 { return o.ttft })
	columns := m.columns(fitted)
	if need := max(minFitTurns, minFitTurnsPerTerm*len(columns)); len(fitted) < need {
		m.Why = fmt.Sprintf("%d turns qualify and %d are needed", len(fitted), need)
		if len(fitted) < m.Of {
			m.Why += "; with one request at a time all do"
		}
		return
	}
	r, err := measure.Regress(y, columns, names, 0.95)
	if err != nil {
		m.Why = "there are too few turns"
		if errors.Is(err, measure.ErrDependent) {
			m.Why = "computed and loaded tokens always change together, so their costs cannot be separated"
		}
		return
	}
	m.estimate(r)
	m.noise = noiseOfMean(r.Residuals, names)
	m.judge()
	if m.Fit && len(columns) == 2 {
		m.curvature(y, columns, names)
	}
}

// column returns one value of each observation.
func column(fitted []observation, of func(*observation) float64) []float64 {
	values := make([]float64, len(fitted))
	for i := range fitted {
		values[i] = of(&fitted[i])
	}
	return values
}

// columns returns the terms' values: base, computed, and the loads from each
// tier that has any, which are kept in tiers.
func (m *CostModel) columns(fitted []observation) [][]float64 {
	columns := [][]float64{
		column(fitted, func(*observation) float64 { return 1 }),
		column(fitted, func(o *observation) float64 { return float64(o.computed) }),
	}
	for tier := kvcache.CPU; tier < kvcache.NumTiers; tier++ {
		if slices.ContainsFunc(fitted, func(o observation) bool { return o.loaded[tier] > 0 }) {
			columns = append(columns,
				column(fitted, func(o *observation) float64 { return float64(o.loaded[tier]) }))
			m.tiers = append(m.tiers, tier)
		}
	}
	return columns
}

// estimate takes over the regression's numbers.
func (m *CostModel) estimate(r *measure.Regression) {
	m.r = r
	m.Conversations, m.R2, m.ResidualStd = r.Clusters, Number(r.R2), Number(r.Sigma)
	size := make([]float64, len(r.Residuals))
	for i, e := range r.Residuals {
		size[i] = math.Abs(e)
	}
	s := measure.New(size)
	m.Residual50, m.Residual95 = Number(s.Median()), Number(s.Percentile(95))
	m.ResidualMax = Number(s.Max())
	names := []string{"base", "computed"}
	for _, tier := range m.tiers {
		names = append(names, tier.String())
	}
	for j, name := range names {
		in := r.Interval(j)
		m.Terms = append(m.Terms,
			Estimate{name, Number(r.Coefficients[j]), Number(in.Low), Number(in.High)})
	}
}

// judge decides whether the estimates can be used.
func (m *CostModel) judge() {
	a := m.Terms[1]
	switch {
	case !(a.Low > 0):
		m.Why = fmt.Sprintf("the first token may not come later when more is computed (%s ms a token, "+
			"[%s, %s])", significant(a.Value), significant(a.Low), significant(a.High))
	case !(m.R2 >= minR2):
		m.Why = fmt.Sprintf("it explains %s %% of the variance of TTFT, less than %g %%: something else "+
			"decides", fixed(100*m.R2, 0), 100*minR2)
	default:
		m.Fit = true
	}
}

// curvature adds a note if a square of the computed tokens changes the cost of
// the longest fitted prompt.
func (m *CostModel) curvature(y []float64, columns [][]float64, names []string) {
	square := make([]float64, len(y))
	for i, v := range columns[1] {
		square[i] = v * v
	}
	r, err := measure.Regress(y, append(columns[:2:2], square), names, 0.95)
	if err != nil || r.Interval(2).Contains(0) {
		return
	}
	most := slices.Max(columns[1])
	line, _ := m.r.Combine([]float64{1, most})
	curve, _ := r.Combine([]float64{1, most, most * most})
	if math.Abs(curve-line) > maxCurvature*line {
		m.Notes = append(m.Notes, fmt.Sprintf("the cost of a token is not constant: computing %d tokens "+
			"takes %s ms by a fit with a square, %s by the fit without", int(most), render.Short(curve),
			render.Short(line)))
	}
}
