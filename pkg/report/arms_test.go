package report

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// The table and throughput are of the measured arm; work and counters are of all.
func TestArmsAreApart(t *testing.T) {
	t.Parallel()
	w := small()
	// the measured one need not be the first
	w.arms = []string{record.ArmNoReuse, record.ArmMeasured}
	s := w.summary(Options{})
	d := s.Details
	if len(s.Samples()) != 72 || s.Tables[0].Rows[0].Count != 72 || d.Work.Turns.Finished != 144 ||
		d.First.N+d.Later.N != 72 || d.Cache.Of != 72 {
		t.Errorf("%d samples, %+v", len(s.Samples()), d.Work)
	}
	if d.Counters.Turns != 144 || d.countersOf(d.Prediction).OK() {
		t.Errorf("%+v", d.Counters)
	}
	if want := 72 / float64(d.Throughput.Seconds); math.Abs(float64(d.Throughput.Requests)-want) > 1e-9 {
		t.Errorf("%v requests/s, want %v", d.Throughput.Requests, want)
	}
	a := d.Arms
	if a.Measured != record.ArmMeasured || len(a.Arms) != 2 ||
		a.Arms[0].Name != record.ArmMeasured || a.Arms[0].Turns != 72 || a.Arms[1].Turns != 72 ||
		a.Arms[1].Cached != 0 || a.Arms[0].Cached != d.Prediction.All.Cached ||
		a.Arms[0].Conversations != 12 {
		t.Errorf("%+v", a)
	}
	for _, r := range d.Distributions {
		if r.Name == "conversation_turns" && (r.Count != 12 || r.Max != 6) {
			t.Errorf("%+v", r)
		}
	}
	var b bytes.Buffer
	if err := write(&b, render.Text, []*Summary{s}); err != nil ||
		!strings.Contains(strings.Join(strings.Fields(b.String()), " "), `is of "measured" only`) {
		t.Errorf("%v\n%s", err, &b)
	}
	if one := small().summary(Options{}).Details.Arms; one != nil {
		t.Errorf("arms of a run without any: %+v", one)
	}
}

// Arms that were played one after the other have their own time each: the control
// arm takes three times as long, and the run pauses between batches.
func TestRatesOfArms(t *testing.T) {
	t.Parallel()
	var recs []any
	at := 10.0
	for batch := range 4 {
		for half := range 2 {
			arm, ms := record.ArmMeasured, 100.0
			if half == 1 {
				arm, ms = record.ArmNoReuse, 300
			}
			for turn := range 5 {
				clock := func(ms float64) record.Clock { return record.Clock(ms * 1e6) }
				recs = append(recs, &record.Turn{
					Conversation: fmt.Sprintf("C%d", batch), Turn: turn, Arm: arm, Batch: batch + 1,
					Exchange: record.Exchange{
						Outcome: record.OK, Stream: true, Chunks: 2, Sent: clock(at),
						FirstToken: clock(at + ms/2), End: clock(at + ms),
					},
				})
				at += ms
			}
			at += 1000
		}
	}
	s := collected(Options{}, recs...).Summary()
	d := s.Details
	if got := d.Throughput.Requests; math.Abs(float64(got)-10) > 1e-9 {
		t.Errorf("%v requests/s, want 10", got)
	}
	if got := s.Tables[0].RequestsPerSec; math.Abs(float64(got)-10) > 1e-9 {
		t.Errorf("%v requests/s in the table, want 10", got)
	}
	if a := d.Arms.Arms[1]; math.Abs(float64(a.Requests)-10./3) > 1e-9 || a.Seconds != 6 {
		t.Errorf("%+v", a)
	}
	e := d.Arms.Effects[0]
	if e.Batches != 4 || math.Abs(float64(e.Later.Ratio.Value)-1./3) > 1e-9 || !e.Later.significant() {
		t.Errorf("%+v", e)
	}
}

// A row by turn is held to the number of rows.
func TestRowsAreCorrected(t *testing.T) {
	t.Parallel()
	w := small()
	w.noise, w.arms = 5, []string{record.ArmAA1, record.ArmAA2}
	c := collected(Options{}, w.play()...)
	c.settle()
	e := c.arms().Effects[0]
	byArm := map[string][]*turn{}
	for i := range c.turns {
		byArm[c.turns[i].arm] = append(byArm[c.turns[i].arm], &c.turns[i])
	}
	list, _ := differences(places(byArm[record.ArmAA1]), places(byArm[record.ArmAA2]))
	raised := 0
	for _, r := range e.Turns {
		raw := e.row(list, r.From, r.To, Bootstrap{})
		if r.P < raw.P {
			t.Errorf("turn %d: p %v, %v without correction", r.From, r.P, raw.P)
		}
		if r.P > raw.P {
			raised++
		}
	}
	if raised == 0 {
		t.Error("nothing is corrected")
	}
}

// The effect is what the cost model says it must be: each pair's difference is
// the cost of the cached tokens.
func TestEffectIsPaired(t *testing.T) {
	t.Parallel()
	w := small()
	w.arms, w.noise = []string{record.ArmMeasured, record.ArmNoReuse}, 0
	d := w.summary(Options{}).Details
	e := d.Arms.Effects[0]
	if !e.Paired || e.Control != record.ArmNoReuse || e.Conversations != 12 || len(e.Turns) != 6 ||
		e.All.N != 72 || e.Later.N != 60 {
		t.Fatalf("%+v", e)
	}
	want := 0.05 * float64(d.Prediction.Later.Cached) / 60
	if got := float64(e.Later.Difference.Value); math.Abs(got-want) > 1e-4 ||
		!e.Later.significant() || e.Later.Difference.Low > e.Later.Difference.Value {
		t.Errorf("%+v, want %v", e.Later, want)
	}
	if first := e.Turns[0]; first.Difference.Value != 0 || first.significant() {
		t.Errorf("first turns: %+v", first)
	}
	off := float64(e.Cached.Measured) - float64(d.Prediction.All.Cached)/72
	if math.Abs(off) > 1e-9 || e.Cached.Control != 0 {
		t.Errorf("%+v", e.Cached)
	}
}

// Arms that are the same differ in about as many runs as the level of the
// intervals lets them, and a difference that is there is found.
func TestEffectsAgainstChance(t *testing.T) {
	t.Parallel()
	const runs = 60
	effect := func(o Options, recs []any) Effect {
		c := collected(o, recs...)
		c.settle()
		return c.arms().Effects[0]
	}
	var alarms, found, alarmsApart, foundApart int
	for seed := range runs {
		w := small()
		w.seed, w.noise, w.conversations, w.turns = uint64(seed+1), 5, 24, 4
		w.arms = []string{record.ArmAA1, record.ArmAA2}
		recs := w.play()
		o := Options{Bootstrap: Bootstrap{Resamples: 300}}
		if e := effect(o, recs); e.Later.significant() {
			alarms++
		}
		// The same turns as arms of different conversations.
		apart := func() {
			for _, turn := range turnsOf(recs) {
				if turn.Arm == record.ArmAA2 {
					turn.Conversation += "'"
				}
			}
		}
		apart()
		e := effect(o, recs)
		if e.Paired || e.Conversations != 48 {
			t.Fatalf("%+v", e)
		}
		if e.Later.significant() {
			alarmsApart++
		}

		w.arms = []string{record.ArmMeasured, record.ArmNoReuse}
		w.computed = 0.003 // about 3 ms on later turns
		recs = w.play()
		if e := effect(o, recs).Later; e.significant() && e.Difference.Value > 0 {
			found++
		}
		for _, turn := range turnsOf(recs) {
			if turn.Arm == record.ArmNoReuse {
				turn.Conversation += "'"
			}
		}
		if e := effect(o, recs); !e.Paired && e.Later.significant() &&
			e.Later.Difference.Value > 0 {
			foundApart++
		}
	}
	if alarms > runs/8 || alarmsApart > runs/8 {
		t.Errorf("%d and %d false alarms in %d", alarms, alarmsApart, runs)
	}
	if found < runs*8/10 || foundApart < runs*6/10 {
		t.Errorf("a difference was found in %d and %d of %d", found, foundApart, runs)
	}
}

func TestEffectOfFew(t *testing.T) {
	t.Parallel()
	w := small()
	w.arms, w.conversations, w.active = []string{record.ArmMeasured, record.ArmNoReuse},
		measure.MinClusters-1, 4
	s := w.summary(Options{})
	e := s.Details.Arms.Effects[0]
	if !e.Later.Difference.Value.OK() || e.Later.Difference.Low.OK() || e.Later.significant() {
		t.Errorf("%+v", e.Later)
	}
	const few = " earlier (71.2 ms), which may be chance: 7 conversations are too few for an interval; " +
		"use several times as many conversations."
	if f := s.Details.Findings[0]; f.Kind != effectNotFound || !strings.Contains(f.Text, few) {
		t.Errorf("%+v", f)
	}
	// An arm of which no turn went well.
	recs := w.play()
	for _, turn := range turnsOf(recs) {
		if turn.Arm == record.ArmNoReuse {
			turn.Outcome = record.Timeout
		}
	}
	e = collected(Options{}, recs...).Summary().Details.Arms.Effects[0]
	if e.All.N != 0 || e.All.Difference.Value.OK() || len(e.Turns) != 0 {
		t.Errorf("%+v", e)
	}
}

// The short text and the finding say an effect in the same words, also where a few
// slow turns turn the mean.
func TestEffectInWords(t *testing.T) {
	t.Parallel()
	row := func(ratio, ms Number) *EffectRow {
		return &EffectRow{
			Difference: Estimate{ttftMS, ms, ms - 10, ms + 10},
			Ratio:      Estimate{"ratio", ratio, ratio - 0.1, ratio + 0.1},
		}
	}
	for want, r := range map[string]*EffectRow{
		"40 % [30, 50] earlier (30.0 [20, 40] ms)":                      row(0.6, 30),
		"40 % [30, 50] later (30.0 [20, 40] ms)":                        row(1.4, -30),
		"40 % [30, 50] earlier (but 30.0 [20, 40] ms later on average)": row(0.6, -30),
		"40 % [30, 50] later (but 30.0 [20, 40] ms earlier on average)": row(1.4, 30),
	} {
		if got := r.words(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	w := small()
	w.arms = []string{record.ArmMeasured, record.ArmNoReuse}
	s := w.summary(Options{})
	words := s.Details.Arms.Effects[0].Later.words()
	text := strings.Join(strings.Fields(shortOf(t, s)), " ")
	if strings.Count(text, words) != 2 || !strings.Contains(words, "earlier") {
		t.Errorf("%q in\n%s", words, text)
	}
}
