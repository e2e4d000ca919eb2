package report

import (
	"cmp"
	"slices"
	"sort"

	"multiturn/pkg/record"
)

// throughput returns the rates of the measured arm, over its own time.
func (c *Collector) throughput() Throughput {
	p := Throughput{
		Seconds: unknown, DrainSec: unknown, Requests: unknown, Input: unknown, NewInput: unknown,
		Output: unknown, InFlight: unknown,
	}
	beside := slices.DeleteFunc(slices.Clone(c.turns), func(t turn) bool {
		return !t.beside(c.arm)
	})
	p.MaxInFlight = maxInFlight(beside)
	busy := c.stretches(c.arm, 0)
	busyTime := length(busy)
	if busyTime <= 0 {
		return p
	}
	drain := 0.0
	for i := range busy {
		drain += float64(busy[i].to - busy[i].lastSent)
	}
	p.Seconds, p.DrainSec = Number(busyTime/1e6/1000), Number(drain/1e6/1000)
	p.InFlight = Number(inFlight(beside, busy) / busyTime)
	p.rates(c.turns)
	return p
}

// inFlight returns how long turns were in flight within stretches, added, in
// nanoseconds. It takes no more time for many batches than for few.
func inFlight(turns []turn, busy []stretch) float64 {
	// The time of stretches up to some time is a sum over their ends before it.
	type edge struct {
		at    record.Clock
		open  int     // stretches that go on from here
		until float64 // time of stretches up to here
	}
	edges := make([]edge, 0, 2*len(busy))
	for i := range busy {
		edges = append(edges, edge{at: busy[i].from, open: 1}, edge{at: busy[i].to, open: -1})
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	for i := 1; i < len(edges); i++ {
		before := &edges[i-1]
		edges[i].open += before.open
		edges[i].until = before.until + float64(before.open)*float64(edges[i].at-before.at)
	}
	upTo := func(at record.Clock) float64 {
		i := sort.Search(len(edges), func(i int) bool { return edges[i].at > at }) - 1
		if i < 0 {
			return 0
		}
		return edges[i].until + float64(edges[i].open)*float64(at-edges[i].at)
	}
	sum := 0.0
	for i := range turns {
		if t := &turns[i]; t.end > t.sent {
			sum += upTo(t.end) - upTo(t.sent)
		}
	}
	return sum
}

// rates sets what went through the server in Seconds.
func (p *Throughput) rates(turns []turn) {
	sum := func(of func(*turn) int) Number {
		var total int64
		for i := range turns {
			if t := &turns[i]; t.measured {
				n := of(t)
				if n < 0 {
					return unknown
				}
				total += int64(n)
			}
		}
		return Number(total) / p.Seconds
	}
	p.Requests = sum(func(*turn) int { return 1 })
	p.Input = sum(func(t *turn) int { return t.count().input })
	p.Output = sum(func(t *turn) int { return t.count().output })
	p.NewInput = sum(func(t *turn) int {
		if t.cached < 0 || t.count().input < 0 {
			return -1
		}
		return max(0, t.count().input-int(t.cached))
	})
}

// beside reports whether the turn was load of the arm or beside it: a turn of
// its batches, or any turn if arms were played side by side. Warm-up is not.
func (t *turn) beside(arm string) bool {
	return !t.warmup && t.sent.OK() && (t.arm == arm || t.batch == 0)
}

// stretch is a part of the run's time.
type stretch struct{ from, lastSent, to record.Clock }

// stretches returns the times in which the server had the load of an arm, of the
// turns sent at from or later: the time of each of its batches, or the only one.
// Each begins with the first attempt of a turn and ends with the last end of one,
// failed ones too, since the server was busy with them, or refused them. The time of
// a window is as long as the window. The turns are in
// the order of their sending.
func (c *Collector) stretches(arm string, from record.Clock) []stretch {
	var out []stretch
	at := make(map[int32]int)
	first := c.period.from
	for i := range c.turns {
		t := &c.turns[i]
		if !t.beside(arm) || t.outside {
			continue
		}
		if t.sent < from {
			first = from
			continue
		}
		begun := t.begun()
		if first == from { // of what was before, nothing counts
			begun = max(begun, from)
		}
		k, ok := at[t.batch]
		if !ok {
			k = len(out)
			at[t.batch], out = k, append(out, stretch{from: begun})
		}
		out[k].from = min(out[k].from, begun)
		out[k].lastSent, out[k].to = t.sent, max(out[k].to, t.end, t.sent)
	}
	if c.period != (period{}) && len(out) == 1 {
		out[0].from, out[0].to = first, c.period.to
	}
	return out
}

// length returns the length of all stretches in nanoseconds.
func length(of []stretch) (ns float64) {
	for i := range of {
		ns += float64(of[i].to - of[i].from)
	}
	return ns
}
