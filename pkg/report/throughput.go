package report

import (
	"slices"

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
	var drain record.Clock
	for i := range busy {
		drain += busy[i].to - busy[i].lastSent
	}
	p.Seconds, p.DrainSec = Number(busyTime.MS()/1000), Number(drain.MS()/1000)
	p.InFlight = Number(inFlight(beside, busy)) / Number(busyTime)
	p.rates(c.turns)
	return p
}

// inFlight returns how long turns were in flight within stretches, added.
func inFlight(turns []turn, busy []stretch) (open record.Clock) {
	for i := range turns {
		t := &turns[i]
		for k := range busy {
			open += max(0, min(t.end, busy[k].to)-max(t.sent, busy[k].from))
		}
	}
	return open
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
	first := c.limits.from
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
	if c.limits != (limits{}) && len(out) == 1 {
		out[0].from, out[0].to = first, c.limits.to
	}
	return out
}

// length returns the length of all stretches.
func length(of []stretch) (d record.Clock) {
	for i := range of {
		d += of[i].to - of[i].from
	}
	return d
}
