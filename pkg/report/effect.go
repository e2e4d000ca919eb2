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
	row := func(from, to int) EffectRow {
		part := slices.DeleteFunc(slices.Clone(list), func(d difference) bool {
			return d.index < from-1 || to > 0 && d.index > to-1
		})
		r := EffectRow{Difference: noEstimate("ttft_ms"), Relative: unknown}
		switch {
		case len(part) == 0:
		case paired:
			r.paired(part, boot, e.Batches > 0)
		default:
			r.unpaired(part, boot)
		}
		r.From, r.To = from, to
		return r
	}
	e.All, e.Later = row(1, 0), row(2, 0)
	last := 0
	for p := range two {
		last = max(last, p.index)
	}
	for n := 1; n <= last+1; {
		from, to := turnRange(n)
		if r := row(from, to); r.N > 0 {
			e.Turns = append(e.Turns, r)
		}
		if to == 0 {
			break
		}
		n = to + 1
	}
	return e
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

// paired sets the difference of pairs. With batches its interval is Student's:
// there are too few of them to resample.
func (r *EffectRow) paired(part []difference, boot measure.Bootstrap, batches bool) {
	diff, names := make([]float64, len(part)), make([]string, len(part))
	base := 0.0
	for i, d := range part {
		diff[i], names[i] = d.control-d.measured, d.cluster
		if batches {
			names[i] = strconv.Itoa(d.batch)
		}
		base += d.control / float64(len(part))
	}
	var in measure.Interval
	if batches {
		in = measure.MeanOfClusters(diff, names, boot.Level)
	} else {
		in = measure.NewClusters(diff, names).Intervals(boot, measure.Mean)[0]
	}
	r.set(len(part), measure.New(diff).Mean(), base, in)
}

// unpaired sets the difference of turns of different conversations.
func (r *EffectRow) unpaired(part []difference, boot measure.Bootstrap) {
	s := newStrata(part)
	if value, base, ok := s.difference(s.once()); ok {
		r.set(min(s.n[0], s.n[1]), value, base, s.interval(boot))
	}
}

func (r *EffectRow) set(n int, value, base float64, in measure.Interval) {
	r.N, r.Relative = n, Number(value/base)
	r.Difference.Value = Number(value)
	r.Difference.Low, r.Difference.High = Number(in.Low), Number(in.High)
}
