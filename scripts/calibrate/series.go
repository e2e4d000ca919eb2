package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// seriesWorld makes times to the first token: 50 ms times e to the power of a
// conversation's level, of an autoregression along its turns, of the turn's own
// error and of a state that all share; times a drift and a growth by turn; and a
// second more where the server stalls. The turns that are sent at once at the start
// may be slower, and turns that no tier helps. While the cache is full, in the
// middle third of the run, turns may have more tokens to compute.
type seriesWorld struct {
	name          string
	active        int     // conversations at a time
	conversation  float64 // standard deviations of logarithms
	within, along float64 // the autoregression's, and its correlation from turn to turn
	own           float64
	state, tau    float64 // an Ornstein-Uhlenbeck process; tau is a share of the run
	drift         float64 // of the whole run
	growth        float64 // a turn
	stalls        float64 // share of turns
	burst         float64 // how many times as long the first turns of the start take
	misses        float64 // share of later turns that take 3 times as long
	full          float64 // how many times as much is computed while the cache is full
}

// correlated has turns that share half of their variance with those of the same
// conversation.
var correlated = seriesWorld{active: 6, conversation: 0.5, within: 0.5, along: 0.6, own: 0.7}

var seriesWorlds = func() []seriesWorld {
	drifting, hidden, bursting := correlated, correlated, correlated
	bursting.active, bursting.burst = 8, 10
	drifting.drift = 0.5
	hidden.state, hidden.tau = 0.3, 0.1
	named := func(name string, w seriesWorld) seriesWorld { w.name = name; return w }
	at := func(active int, w seriesWorld) seriesWorld {
		w.name, w.active = fmt.Sprintf("%s, -k %d", w.name, active), active
		return w
	}
	differ := named("conversations differ (ICC .5) s=1", correlated)
	shared := seriesWorld{name: "shared state only s=.3 tau=.1", active: 6, own: 0.3, state: 0.3, tau: 0.1}
	worlds := []seriesWorld{
		{name: "independent s=.5", active: 6, own: 0.5},
		{name: "independent s=1", active: 6, own: 1},
		differ,
		named("same, drift +50 %", drifting),
		named("same, shared state s=.3 tau=.1", hidden),
		shared,
		{name: "shared state only s=.3 tau=.03", active: 12, own: 0.3, state: 0.3, tau: 0.03},
		{name: "shared state only s=.3 tau=.01", active: 12, own: 0.3, state: 0.3, tau: 0.01},
		{name: "turns grow 20 % each", active: 6, own: 0.3, growth: 0.2},
		{name: "1 % stalls of 1 s", active: 6, own: 0.3, stalls: 0.01},
		{name: "burst of 8, 10 times slower", active: 8, own: 0.3, burst: 10},
		{name: "burst of 8, half of later turns miss", active: 8, own: 0.3, burst: 10, misses: 0.5},
		named("burst of 8, conversations differ (ICC .5)", bursting),
		{name: "cache full for a third, 4 times the tokens", active: 6, own: 0.3, full: 4},
		{name: "same, and shared state s=.3 tau=.1", active: 6, own: 0.3, full: 4, state: 0.3, tau: 0.1},
	}
	for _, active := range []int{1, 24} {
		worlds = append(worlds, at(active, differ), at(active, shared))
	}
	return worlds
}()

// played is a turn of a simulated run.
type played struct {
	conversation, turn int
	ms                 float64
	start              bool    // sent at once at the start
	computed           float64 // tokens; 0 is not told
}

// promptTokens is the length of all prompts whose computed tokens are told, and
// computedTokens how many these are while the cache is not full.
const promptTokens, computedTokens = 2000, 100

// roundRobin returns the order in which conversations take turns. turns[c] is the
// number of turns of conversation c.
func roundRobin(turns []int, active int) (order []played) {
	var queue []int
	at := make([]int, len(turns))
	next := min(active, len(turns))
	for c := range next {
		queue = append(queue, c)
	}
	for len(queue) > 0 {
		c := queue[0]
		queue = queue[1:]
		order = append(order, played{conversation: c, turn: at[c]})
		if at[c]++; at[c] < turns[c] {
			queue = append(queue, c)
		} else if next < len(turns) {
			queue = append(queue, next)
			next++
		}
	}
	return order
}

func (w *seriesWorld) play(conversations int, rng *rand.Rand) []played {
	turns := lengths(conversations, rng)
	all := roundRobin(turns, w.active)
	level, walk := make([]float64, conversations), make([]float64, conversations)
	for c := range level {
		level[c], walk[c] = rng.NormFloat64(), rng.NormFloat64()
	}
	state := newState(w.tau*float64(len(all)), rng)
	for i := range all {
		p := &all[i]
		c := p.conversation
		if p.turn > 0 {
			walk[c] = w.along*walk[c] + math.Sqrt(1-w.along*w.along)*rng.NormFloat64()
		}
		at := (float64(i) + 0.5) / float64(len(all))
		l := w.conversation*level[c] + w.within*walk[c] + w.own*rng.NormFloat64() + w.state*state.next()
		p.ms = 50 * math.Exp(l) * (1 + w.drift*at) * (1 + w.growth*float64(p.turn))
		if w.stalls > 0 && rng.Float64() < w.stalls {
			p.ms += 1000
		}
		if w.misses > 0 && p.turn > 0 && rng.Float64() < w.misses {
			p.ms *= 3
		}
		if p.start = c < w.active && p.turn == 0; p.start && w.burst > 0 {
			p.ms *= w.burst
		}
		if w.full > 0 {
			p.computed = computedTokens
			if at > 1.0/3 && at < 2.0/3 {
				p.computed *= w.full
			}
			p.ms *= p.computed / computedTokens
		}
	}
	return all
}

// lengths draws 6 to 9 turns for each conversation.
func lengths(conversations int, rng *rand.Rand) []int {
	out := make([]int, conversations)
	for c := range out {
		out[c] = 6 + rng.IntN(4)
	}
	return out
}

// state is an Ornstein-Uhlenbeck process in steps, standard normal.
type state struct {
	at, keep float64
	rng      *rand.Rand
}

// newState returns a state that is correlated over tau steps; 0 means not at all.
func newState(tau float64, rng *rand.Rand) *state {
	s := &state{at: rng.NormFloat64(), rng: rng}
	if tau > 0 {
		s.keep = math.Exp(-1 / tau)
	}
	return s
}

func (s *state) next() float64 {
	s.at = s.keep*s.at + math.Sqrt(1-s.keep*s.keep)*s.rng.NormFloat64()
	return s.at
}

// records returns the turns of a run, in their order. Each is sent when its client
// is free, and not before the turn that is before it in the order. A client plays
// one conversation after another.
func records(all []played, active int) []*record.Turn {
	var (
		out    []*record.Turn
		sent   = 9.0
		last   = make(map[int]int) // by conversation
		client = make(map[int]int)
		free   = make([]float64, active) // when clients are
		idle   []int                     // clients without a conversation
	)
	for i, p := range all {
		last[p.conversation] = i
	}
	for c := range active {
		idle = append(idle, c)
	}
	for i, p := range all {
		if p.turn == 0 {
			client[p.conversation], idle = idle[0], idle[1:]
		}
		c := client[p.conversation]
		sent = max(sent+1, free[c])
		free[c] = sent + p.ms + 100
		if i == last[p.conversation] {
			idle = append(idle, c)
		}
		name := "C" + strconv.Itoa(p.conversation)
		t := turn(name, p.turn, sent, sent+p.ms, free[c], 10)
		if p.computed > 0 {
			cached := promptTokens - int(p.computed)
			t.Usage = &record.Usage{Prompt: promptTokens, Completion: 10, Cached: &cached}
		}
		out = append(out, t)
	}
	return out
}

// statistics are the percentiles of the table; 0 is the mean.
var statistics = []float64{0, 50, 90, 99}

func statisticName(p float64) string {
	if p == 0 {
		return "mean"
	}
	return strconv.FormatFloat(p, 'f', -1, 64) + "%"
}

// truth has the statistics of many runs of a world.
type truth struct{ whole, steady []float64 }

func (w *seriesWorld) truth(conversations, turns int) truth {
	rng := rand.New(rand.NewPCG(77, uint64(conversations)))
	var whole, steady []float64
	for len(whole) < turns {
		for _, p := range w.play(conversations, rng) {
			if whole = append(whole, p.ms); !p.start {
				steady = append(steady, p.ms)
			}
		}
	}
	return truth{statisticsOf(whole), statisticsOf(steady)}
}

func statisticsOf(values []float64) []float64 {
	s := measure.New(values)
	out := make([]float64, len(statistics))
	for k, p := range statistics {
		if out[k] = s.Percentile(p); p == 0 {
			out[k] = s.Mean()
		}
	}
	return out
}

// tally counts the intervals of one statistic.
type tally struct {
	below, above, none, open int
	width                    float64
}

func (t *tally) add(e measure.Estimated, truth float64) {
	switch {
	case !e.OK():
		t.none++
		return
	case truth < e.Low:
		t.below++
	case truth > e.High:
		t.above++
	}
	if math.IsInf(e.High-e.Low, 0) {
		t.open++
		return
	}
	t.width += (e.High - e.Low) / truth
}

// seriesTable returns the table of the worlds that the options name.
func seriesTable(o *options) table {
	t := table{
		name: "Intervals of TTFT",
		header: "world\tconversations\tstatistic\tholds %\ttruth below / above %\twidth %\t" +
			"one-sided %\tnone %\tautocorrelation found %\tof the steady part %",
	}
	for id, w := range seriesWorlds {
		if !o.worlds.MatchString(w.name) {
			continue
		}
		for _, n := range o.sizes {
			t.cells = append(t.cells, func(o *options) ([]string, error) { return w.count(id, n, o) })
		}
	}
	return t
}

func (w *seriesWorld) count(id, conversations int, o *options) ([]string, error) {
	truth := w.truth(conversations, o.truth)
	tallies := make([]tally, len(statistics))
	found, steady := 0, 0
	for run := range o.runs {
		rng := rand.New(rand.NewPCG(uint64(run)+1, uint64(conversations*1000+id)))
		s, err := summary(&record.Run{}, records(w.play(conversations, rng), w.active))
		if err != nil {
			return nil, err
		}
		r := reportedIntervals(s)
		at := truth.whole
		if r.steady {
			at = truth.steady
			steady++
		}
		for k := range r.statistics {
			tallies[k].add(r.statistics[k], at[k])
		}
		if r.autocorrelated {
			found++
		}
	}
	var rows []string
	for k, t := range tallies {
		n := o.runs - t.none
		row := fmt.Sprintf("%s\t%d\t%s\t%s\t%s / %s\t%s\t%s\t%s\t", w.name, conversations,
			statisticName(statistics[k]), percent(n-t.below-t.above, n), percent(t.below, n), percent(t.above, n),
			average(t.width, n-t.open), percent(t.open, n), percent(t.none, o.runs))
		if k == 0 {
			row += percent(found, o.runs) + "\t" + percent(steady, o.runs)
		}
		rows = append(rows, row)
	}
	return rows, nil
}
