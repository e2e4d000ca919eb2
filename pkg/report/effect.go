package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"multiturn/pkg/measure"
)

// effect compares the turns of two arms.
func (c *Collector) effect(measured, control []*turn) Effect {
	one, two := places(measured), places(control)
	list, paired := differences(one, two)
	e := Effect{Paired: paired}
	e.count(list)
	boot := c.bootstrap(len(one) + len(two))
	e.All, e.Later = e.row(list, 1, 0, boot), e.row(list, 2, 0, boot)
	last := 0
	for p := range two {
		last = max(last, p.index)
	}
	for n := 1; n <= last+1; {
		from, to := turnRange(n)
		if r := e.row(list, from, to, boot); r.N > 0 {
			e.Turns = append(e.Turns, r)
		}
		if to == 0 {
			break
		}
		n = to + 1
	}
	e.correct()
	return e
}

// row returns the effect over turns from to to.
func (e *Effect) row(list []difference, from, to int, boot Bootstrap) EffectRow {
	part := slices.DeleteFunc(slices.Clone(list), func(d difference) bool {
		return d.index < from-1 || to > 0 && d.index > to-1
	})
	r := EffectRow{
		From: from, To: to, Difference: noEstimate(ttftMS), Ratio: noEstimate("ratio"), P: unknown,
	}
	switch {
	case len(part) == 0:
	case e.Paired:
		r.paired(part, boot.Level, e.Batches > 0)
	default:
		r.unpaired(part, boot)
	}
	return r
}

// correct corrects the p-values of the rows by turn for their number: without it,
// 15 to 39 % of the runs whose arms do not differ had a row that says they do.
func (e *Effect) correct() {
	p := make([]float64, len(e.Turns))
	for i := range e.Turns {
		p[i] = float64(e.Turns[i].P)
	}
	for i, v := range measure.Holm(p) {
		e.Turns[i].P = Number(v)
	}
}

// place is a turn of a conversation.
type place struct {
	conversation string
	index        int
}

// places returns the good turns by place.
func places(turns []*turn) map[place]*turn {
	m := make(map[place]*turn)
	for _, t := range turns {
		if t.good {
			m[place{t.conversation, int(t.index)}] = t
		}
	}
	return m
}

// difference is a turn of one arm, or a pair of both.
type difference struct {
	cluster           string
	index             int
	batch             int     // 0 if arms were side by side
	measured, control float64 // NaN if the turn is of the other arm
}

// differences returns the turns of two arms in pairs if both played the same
// conversations, which is so if at least half of the places of the smaller arm
// are in both: some turns of a pair fail. Otherwise each turn stands alone.
func differences(one, two map[place]*turn) (list []difference, paired bool) {
	pairs := 0
	for p := range two {
		if one[p] != nil {
			pairs++
		}
	}
	if pairs > 0 && 2*pairs >= min(len(one), len(two)) {
		return pair(one, two), true
	}
	return single(one, two), false
}

// pair returns the places that both arms have.
func pair(one, two map[place]*turn) (list []difference) {
	for p, t := range two {
		if m := one[p]; m != nil {
			batch := t.batch
			if m.batch != t.batch {
				batch = 0
			}
			list = append(list, difference{p.conversation, p.index, int(batch), m.sample().TTFTMS,
				t.sample().TTFTMS})
		}
	}
	return inPlace(list)
}

// single returns the turns of both arms. A conversation is a cluster of its arm.
func single(one, two map[place]*turn) (list []difference) {
	for p, t := range one {
		list = append(list, difference{"m" + p.conversation, p.index, 0, t.sample().TTFTMS, math.NaN()})
	}
	for p, t := range two {
		list = append(list, difference{"c" + p.conversation, p.index, 0, math.NaN(), t.sample().TTFTMS})
	}
	return inPlace(list)
}

// inPlace sorts, so that the same turns give the same intervals.
func inPlace(list []difference) []difference {
	slices.SortFunc(list, func(a, b difference) int {
		return cmp.Or(cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.index, b.index))
	})
	return list
}

// count sets how many conversations and batches are compared.
func (e *Effect) count(list []difference) {
	conversations, batches := make(map[string]bool), make(map[int]bool)
	for _, d := range list {
		conversations[d.cluster] = true
		batches[d.batch] = true
	}
	e.Conversations = len(conversations)
	if e.Paired && !batches[0] {
		e.Batches = len(batches)
	}
}

// paired sets the effect of pairs. Pairs of batches are independent, or
// conversations if arms were side by side.
func (r *EffectRow) paired(part []difference, level float64, batches bool) {
	n := len(part)
	one, two, diff := make([]float64, n), make([]float64, n), make([]float64, n)
	names, groups := make([]string, n), make(map[string]bool)
	for i, d := range part {
		one[i], two[i], diff[i], names[i] = d.measured, d.control, d.control-d.measured, d.cluster
		if batches {
			names[i] = strconv.Itoa(d.batch)
		}
		groups[names[i]] = true
	}
	ratio := measure.RatioOfPairs(one, two, names, level)
	in := measure.MeanOfClusters(diff, names, level)
	// The distribution of a few conversations' means may be far from normal.
	if !batches && len(groups) < measure.MinClusters {
		in, ratio.Interval, ratio.P = noInterval, noInterval, math.NaN()
	}
	r.set(n, measure.New(diff).Mean(), in, ratio)
}

var noInterval = measure.Interval{Low: math.NaN(), High: math.NaN()}

// unpaired sets the effect of turns of different conversations.
func (r *EffectRow) unpaired(part []difference, boot Bootstrap) {
	s := newStrata(part)
	if diff, control, ok := s.difference(s.once()); ok {
		in, ratio := s.intervals(boot)
		ratio.Value = 1 - diff/control
		r.set(min(s.n[0], s.n[1]), diff, in, ratio)
	}
}

func (r *EffectRow) set(n int, diff float64, in measure.Interval, ratio measure.Ratio) {
	r.N, r.P = n, Number(ratio.P)
	r.Difference.Value = Number(diff)
	r.Difference.Low, r.Difference.High = Number(in.Low), Number(in.High)
	r.Ratio.Value = Number(ratio.Value)
	r.Ratio.Low, r.Ratio.High = Number(ratio.Low), Number(ratio.High)
}
