package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"multiturn/pkg/record"
)

// unqueued returns the turns whose first token did not wait for other requests,
// and the rule that chose them. The server's own queueing time goes first. If a
// turn lacks it, the turns are chosen by how long other requests of the run
// waited for their first token at the same time.
func (c *Collector) unqueued(all []observation) ([]observation, string) {
	missing := slices.ContainsFunc(all,
		func(o observation) bool { return math.IsNaN(c.turns[o.turn].queueMS) })
	if !missing {
		return keep(all, func(o observation) bool {
				return c.turns[o.turn].queueMS <= max(maxQueueMS, maxQueueShare*o.ttft)
			}), fmt.Sprintf("the server says it waited at most %g ms, or %g %% of its TTFT, before its "+
				"prefill", maxQueueMS, 100*maxQueueShare)
	}
	shared := c.waitedBeside()
	return keep(all, func(o observation) bool { return shared[o.turn] <= maxQueueShare*o.ttft }),
		fmt.Sprintf("other requests waited for their first token during at most %g %% of its own wait",
			100*maxQueueShare)
}

func keep(all []observation, ok func(observation) bool) []observation {
	return slices.DeleteFunc(slices.Clone(all), func(o observation) bool { return !ok(o) })
}

// wait is the start or the end of a turn's wait for its first token.
type wait struct {
	at   record.Clock
	turn int
	step int // 1 or -1
}

// waits returns the waits of all turns in order of time, ends first.
func (c *Collector) waits() []wait {
	var waits []wait
	for i := range c.turns {
		t := &c.turns[i]
		first := t.firstToken
		if !first.OK() {
			first = t.end // it waited in vain
		}
		if t.sent.OK() && first > t.sent {
			waits = append(waits, wait{t.sent, i, 1}, wait{first, i, -1})
		}
	}
	slices.SortStableFunc(waits, func(a, b wait) int {
		return cmp.Or(cmp.Compare(a.at, b.at), a.step-b.step)
	})
	return waits
}

// waitedBeside returns for each turn the time in ms that other requests waited
// for their first token while it did, summed over them.
func (c *Collector) waitedBeside() []float64 {
	var (
		beside  = make([]float64, len(c.turns))
		waited  float64 // request-milliseconds until now
		waiting int
		last    record.Clock
	)
	for _, w := range c.waits() {
		waited += float64(waiting) * (w.at - last).MS()
		last = w.at
		waiting += w.step
		beside[w.turn] -= float64(w.step) * waited
		if w.step < 0 {
			beside[w.turn] -= (w.at - c.turns[w.turn].sent).MS() // its own
		}
	}
	return beside
}

// decoding returns how many requests are between their first token and their end
// at a time.
func (c *Collector) decoding() func(record.Clock) float64 {
	var begins, ends []record.Clock
	for i := range c.turns {
		if t := &c.turns[i]; t.firstToken.OK() && t.end >= t.firstToken {
			begins, ends = append(begins, t.firstToken), append(ends, t.end)
		}
	}
	slices.Sort(begins)
	slices.Sort(ends)
	upTo := func(of []record.Clock, at record.Clock) int {
		n, _ := slices.BinarySearch(of, at+1)
		return n
	}
	return func(at record.Clock) float64 { return float64(upTo(begins, at) - upTo(ends, at)) }
}
