package report

import (
	"cmp"
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
	required, optional := m.required(fitted), m.optional(fitted)
	if need := max(minFitTurns, minFitTurnsPerTerm*len(required)); len(fitted) < need {
		m.Why = fmt.Sprintf("%d turns qualify and %d are needed", len(fitted), need)
		if len(fitted) < m.Of {
			m.Why += "; with one request at a time all do"
		}
		return
	}
	y := column(fitted, func(o *observation) float64 { return o.ttft })
	columns := columnsOf(fitted, required)
	chosen, r, err := measure.Choose(y, columns, columnsOf(fitted, optional), names, 0.95)
	if rest := m.withoutRare(c, fitted); errors.Is(err, measure.ErrDependent) && len(rest) < len(fitted) {
		m.loadsUnpriced = true
		m.tiers = nil
		m.fit(c, rest)
		return
	}
	if err != nil {
		m.Why = "there are too few turns"
		if errors.Is(err, measure.ErrDependent) {
			m.Why = "computed and loaded tokens always change together, so their costs cannot be separated"
		}
		return
	}
	m.terms = required
	for _, j := range chosen {
		m.terms = append(m.terms, optional[j])
	}
	m.estimate(c, r, fitted)
	m.noise = noiseOfMean(r.Residuals, names)
	m.judge()
	if m.Fit && len(m.terms) == 2 {
		m.curvature(y, columns, names)
	}
}

// withoutRare leaves out the turns that loaded from a tier that only few of them, or
// those of one conversation, loaded from: they do not tell what its loads take.
func (m *CostModel) withoutRare(c *Collector, fitted []observation) []observation {
	for _, tier := range m.tiers {
		loads, conversations := 0, make(map[string]bool)
		for i := range fitted {
			if o := &fitted[i]; o.loaded[tier] > 0 {
				loads++
				conversations[c.turns[o.turn].conversation] = true
			}
		}
		if loads < minFitTurnsPerTerm || len(conversations) < 2 {
			fitted = keep(fitted, func(o observation) bool { return o.loaded[tier] == 0 })
		}
	}
	return fitted
}

// column returns one value of each observation.
func column(fitted []observation, of func(*observation) float64) []float64 {
	values := make([]float64, len(fitted))
	for i := range fitted {
		values[i] = of(&fitted[i])
	}
	return values
}

func columnsOf(fitted []observation, terms []costTerm) [][]float64 {
	columns := make([][]float64, len(terms))
	for j := range terms {
		columns[j] = column(fitted, terms[j].of)
	}
	return columns
}

// required returns the terms that the model always has: base, computed, and the
// loads from each tier that has any, which are kept in tiers.
func (m *CostModel) required(fitted []observation) []costTerm {
	terms := []costTerm{
		{termBase, func(*observation) float64 { return 1 }},
		{termComputed, func(o *observation) float64 { return float64(o.computed) }},
	}
	for tier := kvcache.CPU; tier < kvcache.NumTiers; tier++ {
		if slices.ContainsFunc(fitted, func(o observation) bool { return o.loaded[tier] > 0 }) {
			terms = append(terms, costTerm{tier.String(),
				func(o *observation) float64 { return float64(o.loaded[tier]) }})
			m.tiers = append(m.tiers, tier)
		}
	}
	return terms
}

// optional returns the terms that need evidence. Decoding is less its mean, so
// that the base does not depend on whether it is chosen.
func (m *CostModel) optional(fitted []observation) []costTerm {
	mean := measure.New(column(fitted, func(o *observation) float64 { return o.decoding })).Mean()
	m.Decoding = Number(mean)
	return []costTerm{
		{termAttention, (*observation).pairs},
		{termCached, func(o *observation) float64 { return float64(o.kept()) }},
		{termDecoding, func(o *observation) float64 { return o.decoding - mean }},
	}
}

// estimate takes over the regression's numbers.
func (m *CostModel) estimate(c *Collector, r *measure.Regression, fitted []observation) {
	m.r = r
	m.Conversations, m.R2, m.ResidualStd = r.Clusters, Number(r.R2), Number(r.Sigma)
	size := make([]float64, len(r.Residuals))
	for i, e := range r.Residuals {
		size[i] = math.Abs(e)
	}
	s := measure.New(size)
	m.Residual50, m.Residual95 = Number(s.Median()), Number(s.Percentile(95))
	m.ResidualMax = Number(s.Max())
	for j := range m.terms {
		in := r.Interval(j)
		m.Terms = append(m.Terms, Estimate{m.terms[j].name, Number(r.Coefficients[j]), Number(in.Low),
			Number(in.High)})
	}
	m.outliers(c, r, fitted)
}

// outliers takes over which turns were left out.
func (m *CostModel) outliers(c *Collector, r *measure.Regression, fitted []observation) {
	m.Outliers = len(r.Outliers)
	far := slices.Clone(r.Outliers)
	slices.SortStableFunc(far, func(a, b int) int {
		return cmp.Compare(math.Abs(r.Residuals[b]), math.Abs(r.Residuals[a]))
	})
	for _, i := range far[:min(len(far), maxListed)] {
		o := &fitted[i]
		t := &c.turns[o.turn]
		m.Outlying = append(m.Outlying, Outlier{t.conversation, int(t.index) + 1, Number(o.ttft),
			Number(o.ttft - r.Residuals[i])})
	}
}

// index returns the place of a term, -1 if the model lacks it.
func (m *CostModel) index(name string) int {
	return slices.IndexFunc(m.terms, func(t costTerm) bool { return t.name == name })
}

// weights returns what each term is multiplied with in a turn's cost.
func (m *CostModel) weights(o *observation) []float64 {
	w := make([]float64, len(m.terms))
	for j := range m.terms {
		w[j] = m.terms[j].of(o)
	}
	return w
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
	r, err := measure.Robust(y, append(columns[:2:2], square), names, 0.95)
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
