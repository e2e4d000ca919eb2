package report

import (
	"math"
	"slices"

	"multiturn/pkg/measure"
)

// singleTurns is how many turns have a line of their own, which fits a screen;
// later ones share lines.
const singleTurns = 12

// turnRange returns the range of a turn, counted from 1.
func turnRange(n int) (from, to int) {
	if n <= singleTurns {
		return n, n
	}
	return doubling(n, singleTurns+1, 20)
}

// promptRange returns the range of n input tokens: up to 1,024, then doubling.
func promptRange(n int) (from, to int) { return doubling(n, 0, 1024) }

// doubling returns the range of n: from to to, or one after it, each of which ends
// at twice the end of the one before. The last range has no end: only a broken
// record holds numbers that large.
func doubling(n, from, to int) (int, int) {
	for n > to {
		from, to = to+1, 2*to
		if to > 1<<40 {
			return from, 0
		}
	}
	return from, to
}

func (c *Collector) groups() (first, later Group, turns, contexts []Group) {
	var (
		opening  []*turn
		rest     []*turn
		byTurn   = make(map[[2]int][]*turn)
		byPrompt = make(map[[2]int][]*turn)
	)
	for i := range c.turns {
		t := &c.turns[i]
		if !t.measured {
			continue
		}
		if t.index == 0 {
			opening = append(opening, t)
		} else {
			rest = append(rest, t)
		}
		from, to := turnRange(int(t.index) + 1)
		byTurn[[2]int{from, to}] = append(byTurn[[2]int{from, to}], t)
		if t.count().input >= 0 {
			from, to = promptRange(t.count().input)
			byPrompt[[2]int{from, to}] = append(byPrompt[[2]int{from, to}], t)
		}
	}
	list := func(by map[[2]int][]*turn) (out []Group) {
		for r, ts := range by {
			out = append(out, group(r[0], r[1], ts))
		}
		slices.SortFunc(out, func(a, b Group) int { return a.From - b.From })
		return out
	}
	return group(1, 1, opening), group(2, 0, rest), list(byTurn), list(byPrompt)
}

func group(from, to int, turns []*turn) Group {
	values := func(of func(*turn) float64) measure.Sample {
		v := make([]float64, len(turns))
		for i, t := range turns {
			v[i] = of(t)
		}
		return measure.New(v)
	}
	known := func(n int) float64 {
		if n < 0 {
			return math.NaN()
		}
		return float64(n)
	}
	var (
		ttft   = values(func(t *turn) float64 { return t.sample().TTFTMS })
		cached = values(func(t *turn) float64 { return known(int(t.cached)) })
		input  float64
	)
	for _, t := range turns {
		if t.cached >= 0 && t.count().input >= 0 {
			input += float64(t.count().input)
		}
	}
	return Group{
		From: from, To: to, N: len(turns),
		TTFT50: Number(ttft.Median()), TTFT90: tail(ttft, 90),
		TPOT50:  Number(values(func(t *turn) float64 { return t.sample().TPOTMS }).Median()),
		Latency: Number(values(func(t *turn) float64 { return t.sample().LatencyMS }).Median()),
		Input:   Number(values(func(t *turn) float64 { return known(t.count().input) }).Mean()),
		Output:  Number(values(func(t *turn) float64 { return known(t.count().output) }).Mean()),
		Cached:  Number(cached.Mean()), CachedShare: Number(cached.Sum() / input),
		CachedKnown: cached.N(),
	}
}
