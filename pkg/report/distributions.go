package report

import (
	"math"
	"slices"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// detailPercentiles are those of distributions that the reference does not have.
var detailPercentiles = []float64{50, 90, 99}

// distributions are what has no row in the table.
func (c *Collector) distributions() []Row {
	var (
		rows []Row
		add  = func(name string, values []float64) {
			rows = append(rows, Row{name, describe(measure.New(values), detailPercentiles)})
		}
		ofTurns = func(name string, value func(*turn) float64) {
			var values []float64
			for i := range c.turns {
				if t := &c.turns[i]; t.measured {
					values = append(values, value(t))
				}
			}
			add(name, values)
		}
	)
	if g := c.gaps[c.arm]; g != nil {
		rows = append(rows, Row{"chunk_gap_ms", describeGaps(g.chunk)}, Row{"inter_token_ms",
			describeGaps(g.token)})
	}
	ofTurns("headers_ms", func(t *turn) float64 { return since(t.headers, t.sent) })
	if slices.ContainsFunc(c.turns, func(t turn) bool { return t.measured && t.reasoned() }) {
		ofTurns("first_answer_ms", func(t *turn) float64 { return since(t.firstAnswer, t.sent) })
	}
	ofTurns("latency_from_scheduled_ms", func(t *turn) float64 { return since(t.end, t.scheduled) })
	ofTurns("reasoning_tokens", func(t *turn) float64 {
		if t.reasoning < 0 {
			return math.NaN()
		}
		return float64(t.reasoning)
	})

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
	var length, turns []float64
	for _, k := range talks {
		if !k.failed && k.last.OK() {
			length = append(length, float64(k.last-k.first)/1e9)
			turns = append(turns, float64(k.turns))
		}
	}
	// Which conversations were finished is known only of a run that finished
	// all it could.
	if c.end != nil && c.end.Why == record.WhyDone {
		add("conversation_sec", length)
		add("conversation_turns", turns)
	}

	var away, between, reading []float64
	for _, r := range c.reuses() {
		away, between, reading = append(away, r.seconds), append(between, float64(r.turns)),
			append(reading, float64(r.tokens))
	}
	add("reuse_sec", away)
	add("reuse_turns", between)
	add("reuse_tokens", reading)
	return slices.DeleteFunc(rows, func(r Row) bool { return r.Count == 0 })
}

// describeGaps turns microseconds into milliseconds. A histogram has no std.
func describeGaps(h *measure.Histogram) Description {
	d := Description{
		Count: int(h.N()), Mean: Number(h.Mean() / 1000), Std: unknown, Min: Number(h.Min() / 1000),
		Max: Number(h.Max() / 1000),
	}
	for _, p := range detailPercentiles {
		d.Percentiles = append(d.Percentiles, Percentile{p, Number(h.Percentile(p) / 1000)})
	}
	return d
}
