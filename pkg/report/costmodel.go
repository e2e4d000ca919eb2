package report

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"multiturn/internal/human"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/measure"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// The cost model's thresholds.
const (
	// maxQueueShare and maxQueueMS are how long a fitted turn may have waited
	// in the server before its prefill, where the server tells it: at most the
	// larger of a share of its time to the first token and a time. Elsewhere
	// the share is that of its time to the first token during which others
	// waited for theirs.
	maxQueueShare = 0.10
	maxQueueMS    = 5.0
	// minFitTurns is how many turns a fit needs, and how many for each of its
	// terms.
	minFitTurns, minFitTurnsPerTerm = 8, 4
	// minR2 is the share of the variance that a fit must explain.
	minR2 = 0.5
	// maxCurvature is how much a fit with a square may differ, at the longest
	// prompt, from the fit without one.
	maxCurvature = 0.10
)

// CostModel is what a first token costs: a base, so much for each prompt token
// that is computed, and so much for each that is loaded from a tier below the
// GPU. It is fitted by least squares to turns that did not queue, and its
// intervals are of 95 %, with conversations as clusters where there are enough
// of them (see measure.Regress).
type CostModel struct {
	// Fit says that the numbers can be used; Why says why not.
	Fit bool   `json:"fit"`
	Why string `json:"unfit_because,omitempty"`
	// Rule says in words which turns were fitted: N of the Of that have the
	// numbers.
	Rule          string `json:"rule"`
	N             int    `json:"turns"`
	Of            int    `json:"of_turns"`
	Conversations int    `json:"clusters"` // of the intervals; 0: turns are taken for independent
	// Terms are base (ms), computed (ms a token), and one (ms a token) for each
	// tier that was loaded from.
	Terms []Estimate `json:"terms"`
	R2    Number     `json:"r2"`
	// Residuals: their standard deviation, and percentiles of their size, in ms.
	ResidualStd Number `json:"residual_ms_std"`
	Residual50  Number `json:"residual_ms_p50"`
	Residual95  Number `json:"residual_ms_p95"`
	ResidualMax Number `json:"residual_ms_max"`
	// TiersFrom says who tells which tier cached tokens came from: usage, or
	// prediction where it agrees with usage on their number; empty: nobody,
	// cached tokens are taken to cost nothing.
	TiersFrom string `json:"tiers_from,omitempty"`

	// What follows is of a fit only. Prefill is tokens per second; a tier that
	// is slower is worth nothing, so it is the break-even, and BreakEvenBytes
	// the same in bytes per second where the size of a token is known.
	Prefill        Estimate   `json:"prefill_tokens_per_sec"`
	BreakEvenBytes Estimate   `json:"break_even_bytes_per_sec"`
	Tiers          []TierRate `json:"tiers,omitempty"`
	// Saved is the prefill time that the cache saved over the measured turns
	// whose cached tokens are known, loads paid for; Whole what computing all
	// their prompt tokens would have cost.
	Saved Estimate `json:"prefill_sec_saved"`
	Whole Estimate `json:"prefill_sec_without_cache"`
	Notes []string `json:"notes,omitempty"`

	r     *measure.Regression
	names []string // of terms
}

// TierRate is how fast a tier was loaded from. High is infinite, null in JSON,
// where a load costs too little to tell.
type TierRate struct {
	Tier   string   `json:"tier"`
	Tokens Estimate `json:"tokens_per_sec"`
	// of one GPU; does not exist where the size of a token is not known
	Bytes  Estimate `json:"bytes_per_sec"`
	Loaded int64    `json:"loaded_tokens"` // of the fitted turns
}

// observation is a turn as the model sees it.
type observation struct {
	turn     int
	ttft     float64
	computed int
	loaded   [kvcache.NumTiers]int
}

// costModel fits; nil if no turn tells its time to the first token and its
// cached tokens. The turns are in the order of their sending.
func (c *Collector) costModel(p *CachePlan) *CostModel {
	m := &CostModel{
		R2: unknown, ResidualStd: unknown, Residual50: unknown, Residual95: unknown,
		ResidualMax: unknown, Prefill: noEstimate("tokens/s"),
		BreakEvenBytes: noEstimate("bytes/s"), Saved: noEstimate("s"), Whole: noEstimate("s"),
	}
	split := c.tierSplit(p)
	m.TiersFrom = split.from
	var all []observation
	for i := range c.turns {
		t := &c.turns[i]
		first, ok := t.firstToken.Since(t.sent)
		if !t.good || !t.streamed || !t.usage || t.cached < 0 || t.prompt < t.cached || !ok {
			continue
		}
		o := observation{turn: i, ttft: first.Seconds() * 1000, computed: int(t.prompt - t.cached)}
		if o.loaded, ok = split.of(i); ok {
			all = append(all, o)
		}
	}
	m.Of = len(all)
	if m.Of == 0 {
		return nil
	}
	var fitted []observation
	fitted, m.Rule = c.unqueued(all)
	m.N = len(fitted)
	m.fit(c, fitted)
	if m.Fit {
		m.apply(c, p, split, fitted)
	}
	return m
}

func noEstimate(name string) Estimate {
	return Estimate{Name: name, Value: unknown, Low: unknown, High: unknown}
}

// tierSplit tells what a turn's cached tokens were loaded from.
type tierSplit struct {
	c    *Collector
	p    *CachePlan
	from string
}

// Sources of a split by tiers.
const (
	tiersFromUsage      = "usage"
	tiersFromPrediction = "prediction"
)

func (c *Collector) tierSplit(p *CachePlan) tierSplit {
	s := tierSplit{c: c, p: p}
	for i := range c.turns {
		if c.turns[i].tiers != nil {
			s.from = tiersFromUsage
			return s
		}
	}
	if p != nil && p.Shape.Config != nil && len(p.Shape.Tiers) > 1 {
		s.from = tiersFromPrediction
	}
	return s
}

// of is what turn i loaded from each tier, and whether that is known.
func (s tierSplit) of(i int) (loaded [kvcache.NumTiers]int, ok bool) {
	t := &s.c.turns[i]
	switch s.from {
	case tiersFromUsage:
		if t.tiers == nil {
			return loaded, t.cached == 0
		}
		for name, n := range t.tiers {
			switch tierName(name) {
			case kvcache.CPU.String():
				loaded[kvcache.CPU] += n
			case kvcache.Disk.String():
				loaded[kvcache.Disk] += n
			}
		}
	case tiersFromPrediction:
		k := s.p.by[i]
		if t.cached == 0 {
			return loaded, true
		}
		if k == nil || abs(k.Predicted()-int(t.cached)) > s.p.Shape.BlockSize {
			return loaded, false
		}
		loaded[kvcache.CPU], loaded[kvcache.Disk] = k.Hit[kvcache.CPU], k.Hit[kvcache.Disk]
	}
	return loaded, true
}

func abs(n int) int { return max(n, -n) }

// unqueued are the turns whose first token was not held up by others: by the
// server's own word where it gives one, else those during whose wait hardly any
// other request of the run waited for its first token.
func (c *Collector) unqueued(all []observation) ([]observation, string) {
	told := !slices.ContainsFunc(all,
		func(o observation) bool { return math.IsNaN(c.turns[o.turn].queueMS) })
	if told {
		rule := fmt.Sprintf("the server says it waited at most %g ms, or %g %% of its TTFT, before its "+
			"prefill", maxQueueMS, 100*maxQueueShare)
		return keep(all, func(o observation) bool {
			return c.turns[o.turn].queueMS <= max(maxQueueMS, maxQueueShare*o.ttft)
		}), rule
	}
	shared := c.waitedBeside()
	return keep(all, func(o observation) bool { return shared[o.turn] <= maxQueueShare*o.ttft }),
		fmt.Sprintf("other requests waited for their first token during at most %g %% of its own wait",
			100*maxQueueShare)
}

// waitedBeside is for how long other requests waited for their first token
// while each turn did, in ms, added over them.
func (c *Collector) waitedBeside() []float64 {
	type edge struct {
		at   record.Clock
		turn int
		step int
	}
	var edges []edge
	for i := range c.turns {
		t := &c.turns[i]
		first := t.firstToken
		if !first.OK() {
			first = t.end // it waited in vain
		}
		if t.sent.OK() && first > t.sent {
			edges = append(edges, edge{t.sent, i, 1}, edge{first, i, -1})
		}
	}
	slices.SortStableFunc(edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.at, b.at),
			a.step-b.step)
	})
	var (
		beside  = make([]float64, len(c.turns))
		waited  float64 // request-milliseconds until now
		waiting int
		last    record.Clock
	)
	for _, e := range edges {
		waited += float64(waiting) * (e.at - last).MS()
		last = e.at
		waiting += e.step
		beside[e.turn] -= float64(e.step) * waited
		if e.step < 0 {
			beside[e.turn] -= (e.at - c.turns[e.turn].sent).MS() // its own
		}
	}
	return beside
}

func keep(all []observation, ok func(observation) bool) []observation {
	return slices.DeleteFunc(slices.Clone(all), func(o observation) bool { return !ok(o) })
}

// fit estimates the terms, and says whether they can be used.
func (m *CostModel) fit(c *Collector, fitted []observation) {
	var (
		n     = len(fitted)
		y     = make([]float64, n)
		ones  = make([]float64, n)
		x     = make([]float64, n)
		names = make([]string, n)
		terms = []string{"base", "computed"}
	)
	for i, o := range fitted {
		y[i], ones[i], x[i], names[i] = o.ttft, 1, float64(o.computed), c.turns[o.turn].conversation
	}
	columns := [][]float64{ones, x}
	for tier := kvcache.CPU; tier < kvcache.NumTiers; tier++ {
		load := make([]float64, n)
		some := 0
		for i, o := range fitted {
			if load[i] = float64(o.loaded[tier]); o.loaded[tier] > 0 {
				some++
			}
		}
		if some > 0 {
			columns, terms = append(columns, load), append(terms, tier.String())
		}
	}
	if need := max(minFitTurns, minFitTurnsPerTerm*len(columns)); n < need {
		if m.Why = fmt.Sprintf("%d turns qualify and %d are needed", n, need); n < m.Of {
			m.Why += "; with one request at a time all do"
		}
		return
	}
	r, err := measure.Regress(y, columns, names, 0.95)
	if err != nil {
		if m.Why = "there are too few turns"; errors.Is(err, measure.ErrDependent) {
			m.Why = "computed and loaded tokens do not vary by themselves, so their costs cannot be told " +
				"apart"
		}
		return
	}
	m.Conversations, m.R2, m.ResidualStd = r.Clusters, Number(r.R2), Number(r.Sigma)
	size := make([]float64, n)
	for i, e := range r.Residuals {
		size[i] = math.Abs(e)
	}
	s := measure.New(size)
	m.Residual50, m.Residual95, m.ResidualMax = Number(s.Median()), Number(s.Percentile(95)),
		Number(s.Max())
	for j, name := range terms {
		in := r.Interval(j)
		m.Terms = append(m.Terms, Estimate{name, Number(r.Coefficients[j]), Number(in.Low),
			Number(in.High)})
	}
	m.r, m.names = r, terms
	a := m.Terms[1]
	switch {
	case !(a.Low > 0):
		m.Why = fmt.Sprintf("the first token does not surely come later when more is computed (%s ms a "+
			"token, [%s, %s])",
			significant(a.Value), significant(a.Low), significant(a.High))
	case !(r.R2 >= minR2):
		m.Why = fmt.Sprintf("it explains %s %% of the variance of TTFT, and %g %% are asked for: "+
			"something else decides", fixed(100*m.R2, 0), 100*minR2)
	default:
		m.Fit = true
	}
	if m.Fit && len(columns) == 2 {
		m.curvature(y, columns, names)
	}
}

// curvature notes when a square of the computed tokens changes what the longest
// prompt fitted would take.
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
		m.Notes = append(m.Notes, fmt.Sprintf("the cost of a token is not constant: with a square, "+
			"computing %d tokens takes %s ms, without %s", int(most), render.Short(curve),
			render.Short(line)))
	}
}

// apply computes what follows from the fit.
func (m *CostModel) apply(c *Collector, p *CachePlan, split tierSplit, fitted []observation) {
	bytes := int64(0)
	if p != nil {
		bytes = p.Shape.BytesPerToken
	}
	inBytes := func(e Estimate) Estimate {
		if bytes == 0 {
			return noEstimate("bytes/s")
		}
		f := Number(bytes)
		return Estimate{"bytes/s", e.Value * f, e.Low * f, e.High * f}
	}
	m.Prefill = rate(m.Terms[1])
	m.BreakEvenBytes = inBytes(m.Prefill)
	for j, name := range m.names[2:] {
		t := TierRate{Tier: name, Tokens: rate(m.Terms[2+j])}
		t.Bytes = inBytes(t.Tokens)
		for _, o := range fitted {
			for tier, n := range o.loaded {
				if kvcache.Tier(tier).String() == name {
					t.Loaded += int64(n)
				}
			}
		}
		m.Tiers = append(m.Tiers, t)
	}

	// Weights of the terms: tokens that were not computed, and those that were
	// loaded instead.
	saved, whole := make([]float64, len(m.names)), make([]float64, len(m.names))
	longest, unsplit := 0, 0
	for i := range c.turns {
		t := &c.turns[i]
		if !t.measured || !t.usage || t.cached < 0 {
			continue
		}
		loaded, ok := split.of(i)
		if !ok {
			unsplit++
		}
		longest = max(longest, int(t.prompt))
		whole[1] += float64(t.prompt)
		saved[1] += float64(t.cached)
		for j, name := range m.names[2:] {
			for tier, n := range loaded {
				if kvcache.Tier(tier).String() == name {
					saved[2+j] -= float64(n)
				}
			}
		}
	}
	seconds := func(w []float64) Estimate {
		v, in := m.r.Combine(w)
		return Estimate{"s", Number(v / 1000), Number(in.Low / 1000), Number(in.High / 1000)}
	}
	m.Saved, m.Whole = seconds(saved), seconds(whole)
	if unsplit > 0 {
		m.Notes = append(m.Notes, fmt.Sprintf("the loads of %s are not known and cost nothing in what "+
			"was saved", human.Count(unsplit, "turn")))
	}
	switch {
	case m.TiersFrom == tiersFromPrediction:
		m.Notes = append(m.Notes, "which tier tokens were loaded from is the prediction's word, for "+
			"turns where it agrees with usage on their number")
	case m.TiersFrom == "" && (p == nil || p.Shape.Config == nil):
		m.Notes = append(m.Notes, "usage does not tell tiers apart: cached tokens are taken to cost "+
			"nothing")
	}
	most := 0
	for _, o := range fitted {
		most = max(most, o.computed)
	}
	if float64(longest) > 1.5*float64(most) {
		m.Notes = append(m.Notes, fmt.Sprintf("recomputing is extrapolated: no fitted turn computed "+
			"more than %s tokens, prompts have up to %s",
			human.Thousands(int64(most)), human.Thousands(int64(longest))))
	}
	if p == nil {
		return
	}
	for _, row := range p.rows() {
		var ms []float64
		for _, i := range row.members {
			if t := &c.turns[i]; t.usage {
				w := make([]float64, len(m.names))
				w[0], w[1] = 1, float64(t.prompt)
				v, _ := m.r.Combine(w)
				ms = append(ms, v)
			}
		}
		row.Recompute50 = Number(measure.New(ms).Median())
	}
}

// rate turns milliseconds a token into tokens a second. Where the cost may be
// nothing there is no upper end.
func rate(cost Estimate) Estimate {
	inverse := func(ms Number) Number {
		if ms <= 0 {
			return Number(math.Inf(1))
		}
		return 1000 / ms
	}
	return Estimate{"tokens/s", inverse(cost.Value), inverse(cost.High), inverse(cost.Low)}
}
