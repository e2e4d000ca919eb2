package report

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// Arms compares the arms of a run with control arms: what its cache did for the
// time to the first token.
type Arms struct {
	// Measured is the arm that every other number of the report is of,
	// throughput, work and counters left out.
	Measured string   `json:"measured"`
	Arms     []Arm    `json:"arms"` // the measured one first, the others by name
	Effects  []Effect `json:"effects"`
}

// Arm is the good turns of one arm, warm-up left out.
type Arm struct {
	Name          string `json:"name"`
	Conversations int    `json:"conversations"`
	Turns         int    `json:"turns"`
	Failed        int    `json:"failed"`
	Prompt        int64  `json:"prompt_tokens"`
	// Cached is what usage says was cached, of the Known turns for which it
	// says so; CachedShare by their prompt tokens.
	Cached      Number `json:"cached_tokens"`
	Known       int    `json:"cached_known"`
	CachedShare Number `json:"cached_share"`
	TTFT50      Number `json:"ttft_ms_p50"`
	TTFTMean    Number `json:"ttft_ms_mean"`
}

// Effect is how much later the first token of a control arm came than that of
// the measured one.
type Effect struct {
	Control string `json:"control"`
	// Paired says that both arms played the same conversations: differences are
	// between equal turns then, and otherwise between the means of turns of the
	// same number.
	Paired        bool `json:"paired"`
	Conversations int  `json:"conversations"`
	// Batches is how many pairs of batches there are when arms were played one
	// after the other. The server's own drift from batch to batch is then part
	// of the difference, so batches, not conversations, are what its interval
	// comes from.
	Batches int          `json:"batches,omitempty"`
	Later   EffectRow    `json:"later_turns"`
	All     EffectRow    `json:"all_turns"`
	Turns   []EffectRow  `json:"by_turn"`
	Cached  CachedEffect `json:"cached_tokens"`
}

// CachedEffect is the mean of cached tokens a turn in both arms.
type CachedEffect struct {
	Measured Number `json:"measured_mean"`
	Control  Number `json:"control_mean"`
}

// EffectRow is the effect over turns From to To, from 1; To 0 is without end.
type EffectRow struct {
	From int `json:"from"`
	To   int `json:"to"`
	// N is how many pairs there are, or turns of the arm that has fewer.
	N int `json:"n"`
	// Difference is the control's mean ttft_ms less the measured arm's, with
	// its 95 % interval; Relative is it by the control's.
	Difference Estimate `json:"difference_ms"`
	Relative   Number   `json:"relative"`
}

// significant reports whether the interval leaves 0 out.
func (r *EffectRow) significant() bool { return beyondChance(r.Difference.Low, r.Difference.High) }

func beyondChance(low, high Number) bool { return low.OK() && high.OK() && (low > 0 || high < 0) }

// primaryArm is the arm that tables are of: the measured one, in an A/A run the
// first one.
func primaryArm(turns []turn) string {
	first := -1
	for i := range turns {
		t := &turns[i]
		if t.arm == record.ArmMeasured || t.arm == record.ArmAA1 {
			return t.arm
		}
		if t.sent.OK() && (first < 0 || t.sent < turns[first].sent) {
			first = i
		}
	}
	if first < 0 {
		return ""
	}
	return turns[first].arm
}

// arms is nil for a run without any.
func (c *Collector) arms() *Arms {
	byArm := make(map[string][]*turn)
	for i := range c.turns {
		if t := &c.turns[i]; !t.warmup {
			byArm[t.arm] = append(byArm[t.arm], t)
		}
	}
	if len(byArm) == 0 || len(byArm) == 1 && c.arm == "" {
		return nil
	}
	a := &Arms{Measured: c.arm}
	var names []string
	for name := range byArm {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		if (x == c.arm) != (y == c.arm) {
			if x == c.arm {
				return -1
			}
			return 1
		}
		return cmp.Compare(x, y)
	})
	for _, name := range names {
		a.Arms = append(a.Arms, describeArm(name, byArm[name]))
	}
	for i, name := range names {
		if name == c.arm {
			continue
		}
		e := c.effect(byArm[c.arm], byArm[name])
		e.Control = name
		e.Cached = CachedEffect{Measured: perTurn(&a.Arms[0]), Control: perTurn(&a.Arms[i])}
		a.Effects = append(a.Effects, e)
	}
	return a
}

func perTurn(a *Arm) Number { return share(a.Cached, int64(a.Known)) }

func describeArm(name string, turns []*turn) Arm {
	a := Arm{Name: name}
	var (
		ttft          []float64
		conversations = make(map[string]bool)
		known         int64
	)
	for _, t := range turns {
		conversations[t.conversation] = true
		if !t.good {
			a.Failed++
			continue
		}
		a.Turns++
		ttft = append(ttft, t.sample().TTFTMS)
		a.Prompt += int64(max(0, t.count().input))
		if t.cached >= 0 && t.count().input >= 0 {
			a.Known++
			a.Cached += Number(t.cached)
			known += int64(t.count().input)
		}
	}
	a.Conversations = len(conversations)
	a.CachedShare = share(a.Cached, known)
	if a.Known == 0 {
		a.Cached = unknown
	}
	s := measure.New(ttft)
	a.TTFT50, a.TTFTMean = Number(s.Median()), Number(s.Mean())
	return a
}

// place is a turn of a conversation.
type place struct {
	conversation string
	index        int
}

func (c *Collector) effect(measured, control []*turn) Effect {
	at := func(turns []*turn) map[place]*turn {
		m := make(map[place]*turn)
		for _, t := range turns {
			if t.good {
				m[place{t.conversation, int(t.index)}] = t
			}
		}
		return m
	}
	one, two := at(measured), at(control)
	pairs := 0
	last := 0
	for p := range two {
		if one[p] != nil {
			pairs++
		}
		last = max(last, p.index)
	}
	e := Effect{Paired: 2*pairs >= min(len(one), len(two)) && pairs > 0}
	var list []difference
	if e.Paired {
		list = paired(one, two)
	} else {
		list = unpaired(one, two)
	}
	boot := c.bootstrap(len(one) + len(two))
	row := func(from, to int) EffectRow {
		r := effectOf(list, from-1, to-1, boot, e.Paired, e.Batches > 0)
		r.From, r.To = from, to
		return r
	}
	conversations, batches := make(map[string]bool), make(map[int]bool)
	for _, d := range list {
		conversations[d.cluster] = true
		batches[d.batch] = true
	}
	e.Conversations = len(conversations)
	if e.Paired && !batches[0] {
		e.Batches = len(batches)
	}
	e.All, e.Later = row(1, 0), row(2, 0)
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

// difference is a turn of one arm, or a pair of both.
type difference struct {
	cluster           string
	index             int
	batch             int     // 0: arms were side by side
	measured, control float64 // NaN: not of this arm
}

func paired(one, two map[place]*turn) (list []difference) {
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

// unpaired keeps the turns of both arms as they are. A conversation is a
// cluster of its arm.
func unpaired(one, two map[place]*turn) (list []difference) {
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

// effectOf is the difference over turns from to to (from 0; to below 0: all),
// with its interval.
func effectOf(list []difference, from, to int, boot measure.Bootstrap, paired,
	batches bool) EffectRow {
	var part []difference
	for _, d := range list {
		if d.index >= from && (to < 0 || d.index <= to) {
			part = append(part, d)
		}
	}
	r := EffectRow{Difference: noEstimate("ttft_ms"), Relative: unknown}
	var base float64
	var value float64
	if paired {
		diff, names := make([]float64, len(part)), make([]string, len(part))
		for i, d := range part {
			diff[i], names[i] = d.control-d.measured, d.cluster
			if batches {
				names[i] = strconv.Itoa(d.batch)
			}
			base += d.control / float64(len(part))
		}
		r.N = len(part)
		var in measure.Interval
		if batches { // too few for a bootstrap
			in = measure.MeanOfClusters(diff, names, boot.Level)
		} else {
			in = measure.NewClusters(diff, names).Intervals(boot, measure.Mean)[0]
		}
		value = measure.New(diff).Mean()
		r.Difference.Low, r.Difference.High = Number(in.Low), Number(in.High)
	} else {
		s := newStrata(part)
		var ok bool
		if value, base, ok = s.difference(s.once()); !ok {
			return r
		}
		r.N = min(s.n[0], s.n[1])
		in := s.interval(boot)
		r.Difference.Low, r.Difference.High = Number(in.Low), Number(in.High)
	}
	r.Difference.Value, r.Relative = Number(value), Number(value/base)
	if r.N == 0 {
		r.Difference, r.Relative = noEstimate("ttft_ms"), unknown
	}
	return r
}

// strata are turns of two arms that played different conversations, by their
// number: turns are compared with turns of the same number, which are about as
// long.
type strata struct {
	clusters [2][][]value // by arm
	weight   map[int]float64
	n        [2]int
}

type value struct {
	index int
	ttft  float64
}

func newStrata(list []difference) *strata {
	s := &strata{weight: make(map[int]float64)}
	at := make(map[string]int)
	var count [2]map[int]int
	count[0], count[1] = make(map[int]int), make(map[int]int)
	for _, d := range list {
		arm, v := 0, d.measured
		if math.IsNaN(v) {
			arm, v = 1, d.control
		}
		i, ok := at[d.cluster]
		if !ok {
			i = len(s.clusters[arm])
			at[d.cluster] = i
			s.clusters[arm] = append(s.clusters[arm], nil)
		}
		s.clusters[arm][i] = append(s.clusters[arm][i], value{d.index, v})
		count[arm][d.index]++
		s.n[arm]++
	}
	for index, n := range count[0] {
		s.weight[index] = float64(min(n, count[1][index]))
	}
	return s
}

// once draws every cluster one time.
func (s *strata) once() [2][]int {
	var times [2][]int
	for arm := range times {
		for range s.clusters[arm] {
			times[arm] = append(times[arm], 1)
		}
	}
	return times
}

// difference is the control's mean less the measured arm's over turn numbers
// that both have, and the control's mean.
func (s *strata) difference(times [2][]int) (diff, control float64, ok bool) {
	type cell struct {
		sum [2]float64
		n   [2]int
	}
	cells := make(map[int]*cell)
	for arm := range s.clusters {
		for i, cluster := range s.clusters[arm] {
			for _, v := range cluster {
				k := cells[v.index]
				if k == nil {
					k = &cell{}
					cells[v.index] = k
				}
				k.sum[arm] += v.ttft * float64(times[arm][i])
				k.n[arm] += times[arm][i]
			}
		}
	}
	var indexes []int
	for index := range cells {
		indexes = append(indexes, index)
	}
	slices.Sort(indexes) // sums do not depend on the order of a map
	var weight float64
	for _, index := range indexes {
		k := cells[index]
		w := s.weight[index]
		if w == 0 || k.n[0] == 0 || k.n[1] == 0 {
			continue
		}
		c := k.sum[1] / float64(k.n[1])
		diff += w * (c - k.sum[0]/float64(k.n[0]))
		control += w * c
		weight += w
	}
	return diff / weight, control / weight, weight > 0
}

// interval resamples the conversations of each arm.
func (s *strata) interval(b measure.Bootstrap) measure.Interval {
	if min(len(s.clusters[0]), len(s.clusters[1])) < measure.MinClusters {
		return measure.Interval{Low: math.NaN(), High: math.NaN()}
	}
	rng := rand.New(rand.NewPCG(b.Seed, 0x6d756c7469747572))
	var drawn []float64
	times := s.once()
	for range cmp.Or(b.Resamples, 1000) {
		for arm := range times {
			clear(times[arm])
			for range times[arm] {
				times[arm][rng.IntN(len(times[arm]))]++
			}
		}
		if d, _, ok := s.difference(times); ok {
			drawn = append(drawn, d)
		}
	}
	level := b.Level
	if level <= 0 || level >= 1 {
		level = 0.95
	}
	tail := 100 * (1 - level) / 2
	v := measure.New(drawn)
	return measure.Interval{Low: v.Percentile(tail), High: v.Percentile(100 - tail)}
}
