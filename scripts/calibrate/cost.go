package main

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// costWorld makes times to the first token that are sums of costs.
type costWorld struct {
	name                          string
	conversations, flight, active int
	base, token                   float64 // ms, and ms a computed token
	pair                          float64 // ms for each computed token and each one before it
	cached                        float64 // ms a cached token
	neighbour                     float64 // ms for each request that is decoding
	cpu                           float64 // ms a token of the CPU tier
	onCPU                         float64 // share of later turns whose cached tokens are there
	told                          bool    // usage has tiers
	noise, factor, level          float64 // normal in ms; lognormal of a turn; lognormal of a conversation
	queue                         bool    // one prefill at a time
	queueTold                     bool    // the server says how long it was
	first, stalls                 float64 // ms more for the first turn; share of turns that take 500 ms more
	gap                           float64 // ms between tokens
}

var costWorlds = func() []costWorld {
	world := func(name string, change func(w *costWorld)) costWorld {
		w := costWorld{name: name, conversations: 24, flight: 1, active: 6, base: 15, token: 0.04, noise: 2, gap: 8}
		change(&w)
		return w
	}
	busy := func(w *costWorld) { w.flight, w.active, w.queue = 4, 8, true }
	return []costWorld{
		world("noise 2 ms", func(*costWorld) {}),
		world("noise 2 ms, 10 conversations", func(w *costWorld) { w.conversations = 10 }),
		world("noise 2 ms, 6 conversations", func(w *costWorld) { w.conversations = 6 }),
		world("noise 20 %", func(w *costWorld) { w.noise, w.factor = 0, 0.2 }),
		world("noise 20 %, conversations 20 %", func(w *costWorld) { w.noise, w.factor, w.level = 0, 0.2, 0.2 }),
		world("1 % stalls of 500 ms", func(w *costWorld) { w.stalls = 0.01 }),
		world("first turn +1 s", func(w *costWorld) { w.first = 1000 }),
		world("4 in flight, queue", busy),
		world("8 in flight, queue, busy", func(w *costWorld) { busy(w); w.flight, w.active, w.gap = 8, 16, 1 }),
		world("8 in flight, queue told", func(w *costWorld) {
			busy(w)
			w.flight, w.active, w.gap, w.queueTold = 8, 16, 1, true
		}),
		world("4 in flight, 3 ms a neighbour", func(w *costWorld) { busy(w); w.neighbour = 3 }),
		world("attention 4e-5 ms a pair", func(w *costWorld) { w.pair = 4e-5 }),
		world("attention 1e-5 ms a pair", func(w *costWorld) { w.pair = 1e-5 }),
		world("cached tokens .004 ms", func(w *costWorld) { w.cached = 0.004 }),
		world("CPU tier .02 ms, half, told", func(w *costWorld) { w.cpu, w.onCPU, w.told = 0.02, 0.5, true }),
		world("CPU tier .02 ms, half, not told", func(w *costWorld) { w.cpu, w.onCPU = 0.02, 0.5 }),
		world("CPU tier .02 ms, all, not told", func(w *costWorld) { w.cpu, w.onCPU = 0.02, 1 }),
		world("tokens cost nothing", func(w *costWorld) { w.token = 0 }),
		world("attention of long prompts, noise 5 %", func(w *costWorld) {
			w.pair, w.noise, w.factor = 8*3.3e-5*0.04, 0, 0.05
		}),
		world("first turn +150 ms", func(w *costWorld) { w.first = 150 }),
		world("tokens cost .002 ms, noise 5 ms", func(w *costWorld) { w.token, w.noise = 0.002, 5 }),
	}
}()

// need is the tokens of a turn that its cost depends on.
type need struct{ computed, cached, cpu float64 }

func (n need) pairs() float64 { return n.computed * (n.cached + n.computed/2) }

func (w *costWorld) cost(n need) float64 {
	return w.base + w.token*n.computed + w.pair*n.pairs() + w.cached*n.cached + w.cpu*n.cpu
}

// play sends turns as soon as fewer than flight are in flight, in the order in
// which their conversations became free.
func (w *costWorld) play(rng *rand.Rand) (out []*record.Turn) {
	type conversation struct {
		id, at, context, turns int
		factor                 float64
	}
	type answer struct {
		c          *conversation
		first, end float64
	}
	var (
		waiting, open []*conversation
		flying        []answer
		now, free     = 10.0, 0.0
	)
	for id := range w.conversations {
		c := &conversation{id: id, turns: 6 + rng.IntN(4)}
		c.factor = math.Exp(w.level * rng.NormFloat64())
		waiting = append(waiting, c)
	}
	for len(waiting)+len(open)+len(flying) > 0 {
		for len(open)+len(flying) < max(w.active, w.flight) && len(waiting) > 0 {
			open, waiting = append(open, waiting[0]), waiting[1:]
		}
		if len(flying) == w.flight || len(open) == 0 {
			i := 0
			for j := range flying {
				if flying[j].end < flying[i].end {
					i = j
				}
			}
			a := flying[i]
			flying = slices.Delete(flying, i, i+1)
			if now = a.end; a.c.at < a.c.turns {
				open = append(open, a.c)
			}
			continue
		}
		c := open[0]
		open = open[1:]
		added, cached := 80+rng.IntN(120), 0
		if c.at == 0 {
			added = 300 + rng.IntN(1500)
		} else {
			cached = c.context / 16 * 16
		}
		prompt, cpu := c.context+added, 0
		if c.at > 0 && w.onCPU > 0 && rng.Float64() < w.onCPU {
			cpu = cached
		}
		decoding := 0
		for _, a := range flying {
			if a.first < now {
				decoding++
			}
		}
		t := w.cost(need{float64(prompt - cached), float64(cached), float64(cpu)}) + w.neighbour*float64(decoding)
		t *= c.factor * math.Exp(w.factor*rng.NormFloat64()-w.factor*w.factor/2)
		if t = max(t+w.noise*rng.NormFloat64(), 0.2); len(out) == 0 {
			t += w.first
		}
		if w.stalls > 0 && rng.Float64() < w.stalls {
			t += 500
		}
		wait := 0.0
		if w.queue {
			wait = max(0, free-now)
			free = now + wait + t
		}
		tokens := 80 + rng.IntN(40)
		first := now + wait + t
		end := first + float64(tokens)*w.gap
		r := turn("C"+strconv.Itoa(c.id), c.at, now, first, end, tokens)
		r.Usage = &record.Usage{Prompt: prompt, Completion: tokens, Cached: &cached}
		if w.told {
			r.Usage.Tiers = map[string]int{"device": cached - cpu, "host": cpu}
		}
		if w.queueTold {
			r.ServerTimings = fmt.Appendf(nil, `{"queue_time_ms":%g}`, wait)
		}
		out = append(out, r)
		c.context = prompt + tokens - 1
		c.at++
		flying = append(flying, answer{c, first, end})
		now += 0.05
	}
	return out
}

// costHeader names a server whose tiers a report knows.
func costHeader() *record.Run {
	return &record.Run{Seed: 1, Server: record.Server{Kind: "vllm", BlockSize: 16, GPUBlocks: 1 << 20}}
}

func costTable(o *options) table {
	t := table{
		name: "Cost model",
		header: "world\tfit %\tbase bias %\tbase holds %\ttoken bias %\ttoken holds %\tsaved bias %\tsaved holds %\t" +
			"whole bias %\toutliers a run\toptional terms",
	}
	for id, w := range costWorlds {
		if !o.worlds.MatchString(w.name) {
			continue
		}
		t.cells = append(t.cells, func(o *options) ([]string, error) { return w.count(id, o) })
	}
	return t
}

// offset sums how far estimates are from the truth.
type offset struct {
	bias  float64
	holds int
}

func (b *offset) add(e measure.Estimated, truth float64) {
	b.bias += e.Value/truth - 1
	if e.Contains(truth) {
		b.holds++
	}
}

func (w *costWorld) count(id int, o *options) ([]string, error) {
	var base, token, saved, whole offset
	fits, outliers := 0, 0
	terms := make(map[string]int)
	for run := range o.runs {
		turns := w.play(rand.New(rand.NewPCG(uint64(run)+11, uint64(id))))
		s, err := summary(costHeader(), turns)
		if err != nil {
			return nil, err
		}
		f := reportedCosts(s)
		if !f.fit {
			continue
		}
		fits++
		outliers += f.outliers
		terms[f.terms]++
		var savedMS, wholeMS float64
		for _, t := range turns {
			prompt, hit, host := float64(t.Usage.Prompt), float64(*t.Usage.Cached), float64(t.Usage.Tiers["host"])
			if !w.told && w.onCPU > 0 {
				host = hit * w.onCPU // on average
			}
			savedMS += w.cost(need{computed: prompt}) - w.cost(need{prompt - hit, hit, host})
			wholeMS += w.cost(need{computed: prompt}) - w.base
		}
		base.add(f.base, w.base+w.neighbour*f.decoding)
		token.add(f.token, w.token)
		saved.add(f.saved, savedMS)
		whole.add(f.whole, wholeMS)
	}
	var names []string
	for name, n := range terms {
		names = append(names, fmt.Sprintf("%s x%d", cmp.Or(strings.TrimPrefix(name, "+"), "none"), n))
	}
	slices.Sort(names)
	mean := "-"
	if fits > 0 {
		mean = strconv.FormatFloat(float64(outliers)/float64(fits), 'f', 1, 64)
	}
	row := []string{w.name, percent(fits, o.runs)}
	for _, b := range []offset{base, token, saved} {
		row = append(row, average(b.bias, fits), percent(b.holds, fits))
	}
	row = append(row, average(whole.bias, fits), mean, strings.Join(names, ", "))
	return []string{strings.Join(row, "\t")}, nil
}
