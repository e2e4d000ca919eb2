package report

import (
	"math"
	"slices"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// detailPercentiles are the percentiles of distributions that are not in the
// reference.
var detailPercentiles = []float64{50, 90, 99}

// distributions returns the distributions that have no row in the reference's
// table, without those that are empty.
func (c *Collector) distributions() []Row {
	rows := c.turnDistributions()
	// Which conversations are complete is known only if the run finished all.
	if c.end != nil && c.end.Why == record.WhyDone {
		rows = append(rows, c.talkDistributions()...)
	}
	rows = append(rows, c.reuseDistributions()...)
	return slices.DeleteFunc(rows, func(r Row) bool { return r.Count == 0 })
}

// row describes a distribution.
func row(name string, values []float64) Row {
	sample := measure.New(values)
	d := describe(sample, nil)
	for _, p := range detailPercentiles {
		d.Percentiles = append(d.Percentiles, Percentile{p, tail(sample, p)})
	}
	return Row{name, d}
}

// turnDistributions returns the times and tokens of turns.
func (c *Collector) turnDistributions() (rows []Row) {
	if g := c.gaps[c.arm]; g != nil {
		rows = append(rows, Row{"chunk_gap_ms", describeGaps(g.chunk)},
			Row{"inter_token_ms", describeGaps(g.token)})
	}
	add := func(name string, value func(*turn) float64) {
		var values []float64
		for i := range c.turns {
			if t := &c.turns[i]; t.measured {
				values = append(values, value(t))
			}
		}
		rows = append(rows, row(name, values))
	}
	add("headers_ms", func(t *turn) float64 { return since(t.headers, t.sent) })
	if slices.ContainsFunc(c.turns, func(t turn) bool { return t.measured && t.reasoned() }) {
		add("first_answer_ms", func(t *turn) float64 { return since(t.firstAnswer, t.sent) })
	}
	add("latency_from_scheduled_ms", func(t *turn) float64 { return since(t.end, t.scheduled) })
	add("reasoning_tokens", func(t *turn) float64 {
		if t.reasoning < 0 {
			return math.NaN()
		}
		return float64(t.reasoning)
	})
	return rows
}

// talkDistributions returns how long the conversations of the measured arm took,
// without those that failed.
func (c *Collector) talkDistributions() []Row {
	type visit struct {
		first, last record.Clock
		turns       int
		failed      bool
	}
	talks := make(map[string]*visit)
	for i := range c.turns {
		t := &c.turns[i]
		if t.warmup || !t.sent.OK() || t.arm != c.arm {
			continue
		}
		k := talks[t.conversation]
		if k == nil {
			k = &visit{first: t.sent}
			talks[t.conversation] = k
		}
		k.last = max(k.last, t.end)
		k.turns++
		k.failed = k.failed || !t.outcome.OK()
	}
	var seconds, turns []float64
	for _, k := range talks {
		if !k.failed && k.last.OK() {
			seconds = append(seconds, float64(k.last-k.first)/1e9)
			turns = append(turns, float64(k.turns))
		}
	}
	return []Row{row("conversation_sec", seconds), row("conversation_turns", turns)}
}

// reuseDistributions returns how long conversations were away.
func (c *Collector) reuseDistributions() []Row {
	var seconds, turns, tokens []float64
	for _, r := range c.reuses() {
		seconds = append(seconds, r.seconds)
		turns = append(turns, float64(r.turns))
		tokens = append(tokens, float64(r.tokens))
	}
	return []Row{
		row("reuse_sec", seconds), row("reuse_turns", turns), row("reuse_tokens", tokens),
	}
}

// describeGaps describes a histogram of microseconds in milliseconds. It has no
// standard deviation.
func describeGaps(h *measure.Histogram) Description {
	d := Description{
		Count: int(h.N()), Mean: Number(h.Mean() / 1000), Std: unknown, Min: Number(h.Min() / 1000),
		Max: Number(h.Max() / 1000),
	}
	for _, p := range detailPercentiles {
		v := Number(h.Percentile(p) / 1000)
		if !determined(p, int(h.N())) {
			v = unknown
		}
		d.Percentiles = append(d.Percentiles, Percentile{p, v})
	}
	return d
}
