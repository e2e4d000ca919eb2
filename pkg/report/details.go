package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"multiturn/internal/human"
	"multiturn/pkg/record"
)

// maxListed is how many kinds of failure a report lists.
const maxListed = 5

// details makes the blocks. The turns are in the order of their sending.
func (c *Collector) details() *Details {
	d := &Details{Work: c.work(), Outcomes: c.outcomes(), Failures: c.failures()}
	d.failed, d.sent = c.failed()
	d.RetryPauses = Number(c.pausedMS / 1000)
	d.Histories = c.histories()
	d.prompts = c.prompts()
	var match Verify
	for i := range c.turns {
		t := &c.turns[i]
		if t.retried() {
			d.Retried++
		}
		switch t.verify {
		case record.VerifyMatch:
			match.Match++
		case record.VerifyMismatch:
			match.Mismatch++
		}
	}
	if match != (Verify{}) {
		d.Verify = &match
	}
	d.Tokens, d.Lengths = c.tokens()
	d.FirstEvents = c.firstEvents()
	d.Throughput = c.throughput()
	d.Window, d.Steady = c.windowUsed(), c.steadyPart()
	d.Distributions = c.distributions()
	d.First, d.Later, d.Turns, d.Contexts = c.groups()
	d.Cache = c.cache()
	d.Connections = c.connections()
	d.Intervals = c.intervals(d.Steady)
	c.cacheDetails(d)
	d.Goodput = c.goodput(d)
	if c.end != nil {
		d.Certificate = c.end.Certificate
	}
	// A run that was killed has no certificate, but its turns have a part of it;
	// an old one has one verdict for all numbers.
	if len(d.Certificate.Verdicts) == 0 {
		if c.run != nil && d.Certificate.Clocks == "" {
			d.Certificate.Clocks = c.run.Clocks
		}
		d.Certificate = c.Certificate(d.Certificate)
	}
	return d
}

func (c *Collector) work() Work {
	var w Work
	for i := range c.turns {
		if c.turns[i].warmup {
			w.Warmup++
		}
	}
	if c.end != nil {
		w.Why, w.Error, w.Conversations, w.Turns = c.end.Why, c.end.Error, c.end.Conversations,
			c.end.Turns
		if n := c.end.Unwritten; n > 0 {
			w.Error = fmt.Sprintf("%s not in the records, %s", human.Count(n, "turn"), w.Error)
		}
		return w
	}
	if c.run != nil {
		w.Conversations.Planned, w.Turns.Planned = c.run.Dataset.Conversations, c.run.Dataset.Turns
	}
	failed := make(map[[2]string]bool) // by conversation and arm
	for i := range c.turns {
		t := &c.turns[i]
		if t.warmup {
			continue
		}
		w.Turns.Started++
		if t.outcome.OK() {
			w.Turns.Finished++
		} else {
			w.Turns.Failed++
		}
		dialogue := [2]string{t.conversation, t.arm}
		failed[dialogue] = failed[dialogue] || !t.outcome.OK()
	}
	w.Conversations.Started = len(failed)
	for _, f := range failed {
		if f {
			w.Conversations.Failed++
		}
	}
	return w
}

func (c *Collector) outcomes() []OutcomeCount {
	n := make(map[record.Outcome]int)
	for i := range c.turns {
		n[c.turns[i].outcome]++
	}
	var out []OutcomeCount
	for _, o := range record.Outcomes {
		if n[o] > 0 {
			out = append(out, OutcomeCount{o, n[o]})
			delete(n, o)
		}
	}
	for _, o := range slices.Sorted(maps.Keys(n)) { // of a newer program
		out = append(out, OutcomeCount{o, n[o]})
	}
	return out
}

func (c *Collector) failures() []Failure {
	var out []Failure
	for _, f := range c.errors {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Status,
			b.Status), cmp.Compare(a.Error, b.Error))
	})
	return out[:min(len(out), maxListed)]
}

func (c *Collector) tokens() (TokenCounts, Lengths) {
	var (
		n TokenCounts
		l Lengths
	)
	if c.run != nil {
		n.Tokenizer, n.OutputLength = c.run.Tokenizer, c.run.OutputLength
	}
	for i := range c.turns {
		t := &c.turns[i]
		if !t.measured {
			continue
		}
		switch {
		case t.count().output < 0:
			n.Unknown++
			continue
		case t.count().estimated:
			n.Estimated++
		default:
			n.Usage++
		}
		if t.asked == 0 {
			continue
		}
		l.Asked++
		switch {
		case t.count().output < int(t.asked):
			l.Shorter++
		case t.count().output > int(t.asked):
			l.Longer++
		default:
			l.Met++
		}
	}
	return n, l
}

func (c *Collector) cache() Cache {
	k := Cache{Share: unknown}
	for i := range c.turns {
		t := &c.turns[i]
		if !t.measured {
			continue
		}
		k.Of++
		for tier, n := range t.tiers {
			if k.Tiers == nil {
				k.Tiers = make(map[string]int64)
			}
			k.Tiers[tier] += int64(n)
		}
		if t.cached >= 0 && t.count().input >= 0 {
			k.Known++
			k.Cached += int64(t.cached)
			k.Input += int64(t.count().input)
		}
	}
	if k.Known > 0 {
		k.Share = Number(float64(k.Cached) / float64(k.Input))
	}
	return k
}

func (c *Collector) connections() Connections {
	var (
		n  Connections
		ms []float64
	)
	for i := range c.turns {
		t := &c.turns[i]
		switch t.connection {
		case record.ConnectionReused:
			n.Reused++
		case record.ConnectionNew:
			n.New++
		case record.ConnectionRetried:
			n.Retried++
		default:
			n.Unknown++
		}
		if t.connectMS > 0 {
			ms = append(ms, t.connectMS)
		}
	}
	n.ConnectMS = row("connect_ms", ms)
	return n
}
