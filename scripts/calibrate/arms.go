package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// armsWorld makes times to the first token of conversations that are played in
// two arms: 50 ms times e to the power of the conversation's level, which both
// plays have, of the turn's own error, of a state that all share and of a random
// walk; times a drift; and a second more where the server stalls.
type armsWorld struct {
	name              string
	conversation, own float64
	state, tau        float64 // tau in turns
	drift             float64
	walk              float64 // standard deviation over the whole run
	stalls            float64
}

var armsWorlds = []armsWorld{
	{name: "independent, s=.3, conversations s=.3", conversation: 0.3, own: 0.3},
	{name: "heavy, s=.8, conversations s=.5", conversation: 0.5, own: 0.8},
	{name: "state s=.2 tau=20 turns", conversation: 0.3, own: 0.2, state: 0.2, tau: 20},
	{name: "state s=.2 tau=100 turns", conversation: 0.3, own: 0.2, state: 0.2, tau: 100},
	{name: "state s=.1 tau=100 turns, s=.1", conversation: 0.3, own: 0.1, state: 0.1, tau: 100},
	{name: "linear drift +50 %, s=.2", conversation: 0.3, own: 0.2, drift: 0.5},
	{name: "random walk sd .3, s=.2", conversation: 0.3, own: 0.2, walk: 0.3},
	{name: "1 % stalls of 1 s, s=.2", conversation: 0.3, own: 0.2, stalls: 0.01},
}

// armsDesigns are numbers of conversations, and of active ones.
var armsDesigns = [][2]int{{24, 6}, {24, 3}, {48, 6}, {100, 6}}

// effects are the shares by which the measured arm is faster.
var effects = []float64{0, 0.05, 0.1}

// play plays pairs of batches, each in both arms, half of them in either order.
func (w *armsWorld) play(conversations, active int, effect float64, rng *rand.Rand) []*record.Turn {
	turns := lengths(conversations, rng)
	level := make([]float64, conversations)
	total := 0
	for c := range level {
		level[c] = w.conversation * rng.NormFloat64()
		total += 2 * turns[c]
	}
	o := load.Options{Control: load.NoReuse, Active: active}
	pairs := o.Pairs(conversations)
	size := (conversations + pairs - 1) / pairs
	swapped := make([]bool, pairs)
	for i := range swapped {
		swapped[i] = i%2 == 1
	}
	rng.Shuffle(pairs, func(i, j int) { swapped[i], swapped[j] = swapped[j], swapped[i] })
	arms := []string{record.ArmMeasured, record.ArmNoReuse}
	if effect == 0 {
		arms = []string{record.ArmAA1, record.ArmAA2}
	}
	var (
		out  []*record.Turn
		walk float64
		s    = newState(w.tau, rng)
	)
	for pair := range pairs {
		from, to := pair*size, min((pair+1)*size, conversations)
		for second := range 2 {
			arm := second
			if swapped[pair] {
				arm = 1 - second
			}
			for _, p := range roundRobin(turns[from:to], active) {
				at := float64(len(out)) / float64(total)
				walk += w.walk / math.Sqrt(float64(total)) * rng.NormFloat64()
				l := level[from+p.conversation] + w.own*rng.NormFloat64() + w.state*s.next() + walk
				ms := 50 * math.Exp(l) * (1 + w.drift*at)
				if w.stalls > 0 && rng.Float64() < w.stalls {
					ms += 1000
				}
				if arm == 0 {
					ms *= 1 - effect
				}
				sent := 10 + 20*float64(len(out))
				t := turn("C"+strconv.Itoa(from+p.conversation), p.turn, sent, sent+ms, sent+ms+100, 10)
				t.Arm, t.Batch = arms[arm], pair+1
				out = append(out, t)
			}
		}
	}
	return out
}

func armsTable(o *options) table {
	t := table{
		name: "Control arms, later turns",
		header: "world\tconversations / active\tpairs\tratio holds %\thalf-width %\tfalse alarms %\t" +
			"false rows %\tfaster 5 %: found %\t10 %: found %\t10 %: found by difference %",
	}
	for id, w := range armsWorlds {
		if !o.worlds.MatchString(w.name) {
			continue
		}
		for _, d := range armsDesigns {
			t.cells = append(t.cells, func(o *options) ([]string, error) { return w.count(id, d, o) })
		}
	}
	return t
}

// armsTally counts the runs of one effect.
type armsTally struct {
	ratio, difference, rows int // beyond chance
	pairs, known, holds     int
	width                   float64
}

func (t *armsTally) add(c compared, effect float64) {
	t.pairs = c.pairs
	if c.difference {
		t.difference++
	}
	if c.rows {
		t.rows++
	}
	if !c.ratio.OK() {
		return
	}
	t.known++
	if !c.ratio.Contains(1) {
		t.ratio++
	}
	if c.ratio.Contains(1 - effect) {
		t.holds++
	}
	t.width += (c.ratio.High - c.ratio.Low) / 2
}

// count returns a row. The effect is 0, 5 and 10 %; whether ratios hold does not
// depend on it.
func (w *armsWorld) count(id int, design [2]int, o *options) ([]string, error) {
	n, k := design[0], design[1]
	tallies := make([]armsTally, len(effects))
	for i, effect := range effects {
		for run := range o.runs {
			rng := rand.New(rand.NewPCG(uint64(run)+5, uint64(n*100+k*7+id)))
			s, err := summary(&record.Run{}, w.play(n, k, effect, rng))
			if err != nil {
				return nil, err
			}
			tallies[i].add(reportedArms(s), effect)
		}
	}
	none, five, ten := &tallies[0], &tallies[1], &tallies[2]
	return []string{fmt.Sprintf("%s\t%d / %d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s", w.name, n, k,
		none.pairs, percent(none.holds, none.known), average(none.width, none.known),
		percent(none.ratio, none.known), percent(none.rows, o.runs), percent(five.ratio, five.known),
		percent(ten.ratio, ten.known), percent(ten.difference, o.runs))}, nil
}
