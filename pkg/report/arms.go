package report

import (
	"maps"
	"slices"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// Arms compares the arms of a run with control arms: what its cache did for the
// time to the first token.
type Arms struct {
	// Measured is the arm that the rest of the report describes, except for work,
	// outcomes, connections, counters and the cost model, which cover all arms.
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
	// Cached is the cached tokens by usage, of the Known turns that have them;
	// CachedShare is their share of the prompt tokens of those turns.
	Cached      Number `json:"cached_tokens"`
	Known       int    `json:"cached_known"`
	CachedShare Number `json:"cached_share"`
	TTFT50      Number `json:"ttft_ms_p50"`
	TTFTMean    Number `json:"ttft_ms_mean"`
	// Seconds is the time of the arm: of its batches, if arms were played one after
	// the other. Requests are its good turns per second of that.
	Seconds  Number `json:"seconds"`
	Requests Number `json:"requests_per_sec"`
}

// Effect is how much later the first token of a control arm came than that of
// the measured one.
type Effect struct {
	Control string `json:"control"`
	// Paired reports whether both arms played the same conversations. If so,
	// differences are between equal turns, otherwise between the means of turns of
	// the same number.
	Paired        bool `json:"paired"`
	Conversations int  `json:"conversations"`
	// Batches is the number of pairs of batches if arms were played one after the
	// other, else 0. The server's drift from batch to batch is then part of the
	// difference, so its interval comes from batches, not from conversations.
	Batches int          `json:"batches,omitempty"`
	Later   EffectRow    `json:"later_turns"`
	All     EffectRow    `json:"all_turns"`
	Turns   []EffectRow  `json:"by_turn"`
	Cached  CachedEffect `json:"cached_tokens"`
}

// CachedEffect is the mean number of cached tokens a turn in both arms.
type CachedEffect struct {
	Measured Number `json:"measured_mean"`
	Control  Number `json:"control_mean"`
}

// EffectRow is the effect over turns From to To, from 1; To 0 is without end.
type EffectRow struct {
	From int `json:"from"`
	To   int `json:"to"`
	// N is the number of pairs, or of turns of the arm that has fewer.
	N int `json:"n"`
	// Difference is the control's mean ttft_ms less the measured arm's, with its
	// 95 % interval.
	Difference Estimate `json:"difference_ms"`
	// Ratio is the measured arm's ttft_ms divided by the control's, with its 95 %
	// interval: the geometric mean of the ratios of pairs, or the ratio of means of
	// turns that are not paired. A slow turn hides less in it than in a difference.
	Ratio Estimate `json:"ratio"`
	// P is the p-value of a ratio of 1; unknown where there is no interval. Those of
	// the rows by turn are corrected for the number of rows (measure.Holm).
	P Number `json:"p"`
}

// significant reports whether the arms differ by more than chance.
func (r *EffectRow) significant() bool { return r.P < maxP }

// maxP is the p-value below which arms differ by more than chance. It is that of
// intervals of 95 %.
const maxP = 0.05

// primaryArm returns the arm that tables describe: the measured one, or the first
// one of an A/A run.
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

// arms compares the arms. It returns nil for a run without control arms.
func (c *Collector) arms() *Arms {
	byArm := make(map[string][]*turn)
	for i := range c.turns {
		if t := &c.turns[i]; !t.warmup && !t.outside {
			byArm[t.arm] = append(byArm[t.arm], t)
		}
	}
	if len(byArm) == 0 || len(byArm) == 1 && c.arm == "" {
		return nil
	}
	a := &Arms{Measured: c.arm}
	names := slices.Sorted(maps.Keys(byArm))
	if i := slices.Index(names, c.arm); i > 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, c.arm)
	}
	for _, name := range names {
		a.Arms = append(a.Arms, c.describeArm(name, byArm[name]))
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

// perTurn returns the mean number of cached tokens a turn.
func perTurn(a *Arm) Number { return share(a.Cached, int64(a.Known)) }

// describeArm reduces the turns of one arm.
func (c *Collector) describeArm(name string, turns []*turn) Arm {
	a := Arm{Name: name, Seconds: unknown, Requests: unknown}
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
	if sec := length(c.stretches(name, 0)) / 1e6 / 1000; sec > 0 {
		a.Seconds, a.Requests = Number(sec), Number(float64(a.Turns)/sec)
	}
	return a
}
