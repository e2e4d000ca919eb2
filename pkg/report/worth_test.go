package report

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
)

// With every way to know the tiers of hits, a tier's worth is what computing its
// hits would have taken, less their loads. The world knows both.
func TestWorthIsTheTruth(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		w      func(*world)
		change func([]any) []any
		config kvcache.Config // stated
		from   string
	}{
		{
			name: "usage", w: func(w *world) { w.tiers = true }, from: tiersFromUsage,
			config: kvcache.Config{BlockSize: 16},
		},
		{name: "counters", from: tiersFromCounters, config: shape(400, 2000, 0)},
		{name: "counters, of a tier of unknown size", from: tiersFromCounters},
		{
			name: "prediction", change: without[*record.Scrape], from: tiersFromPrediction,
			config: shape(400, 2000, 0),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := small()
			w.config = shape(400, 2000, 0)
			if tc.w != nil {
				tc.w(&w)
			}
			recs := w.play()
			var hits, turns float64
			for _, s := range scrapesOf(recs) {
				hits = max(hits, s.Values["cached_tokens_cpu"]-1000)
			}
			turns = float64(len(turnsOf(recs)))
			if tc.change != nil {
				recs = tc.change(recs)
			}
			d := collected(Options{Cache: stated(tc.config)}, recs...).Summary().Details
			truth := hits / turns * (w.computed - w.loaded[kvcache.CPU])
			var cpu Worth
			for _, x := range d.Worth {
				if x.Tier == kvcache.CPU.String() {
					cpu = x
				}
			}
			if cpu.From != tc.from || math.Abs(float64(cpu.Tokens)-hits) > 0.5 || !(hits > 0) {
				t.Fatalf("%+v, want %v hits", cpu, hits)
			}
			if e := cpu.TTFT; !(float64(e.Low) <= truth && truth <= float64(e.High)) ||
				math.Abs(float64(e.Value)-truth) > 0.02*truth {
				t.Errorf("worth %+v, want %v", e, truth)
			}
		})
	}
}

// The interval of a worth holds the difference of two runs, with the noise of
// both.
func TestWorthHoldsTheDifferenceOfTwoRuns(t *testing.T) {
	t.Parallel()
	const pairs = 60
	held := 0
	for seed := range uint64(pairs) {
		mean := func(config kvcache.Config, noise uint64) (*Details, float64) {
			w := small()
			w.config, w.tiers, w.noise, w.seed, w.chance = config, true, 4, seed+1, noise
			s := w.summary(Options{Cache: stated(config)})
			return s.Details, float64(s.Tables[0].Rows[0].Mean)
		}
		_, without := mean(shape(400, 0, 0), 2*seed+1)
		d, with := mean(shape(400, 2000, 0), 2*seed+2)
		if e := d.Worth[1].TTFT; e.Low <= Number(without-with) && Number(without-with) <= e.High {
			held++
		}
	}
	if held < pairs*87/100 {
		t.Errorf("%d of %d intervals hold the difference", held, pairs)
	}
}

// What turns wait for other requests is said beside a worth that is small beside
// it, and not otherwise.
func TestWaitingBesideWorth(t *testing.T) {
	t.Parallel()
	const wait, load, compute = 300, 0.09, 0.05 // ms, ms a token
	w := small()
	w.config, w.tiers, w.loaded[kvcache.CPU] = shape(400, 2000, 0), true, load
	for _, tc := range []struct {
		wait float64
		said bool
	}{{wait, true}, {10, false}} {
		recs := w.play()
		// Every second turn waits, which the server says.
		waits := 0
		for i, turn := range turnsOf(recs) {
			queued := 0.0
			if i%2 == 0 {
				waits, queued = waits+1, tc.wait
				for _, at := range []*record.Clock{&turn.FirstToken, &turn.FirstAnswer, &turn.LastToken,
					&turn.End} {
					*at += record.Clock(queued * 1e6)
				}
			}
			turn.ServerTimings = fmt.Appendf(nil, `{"queue_time_ms": %g}`, queued)
		}
		d := collected(Options{Cache: stated(w.config)}, recs...).Summary().Details
		want := tc.wait * float64(waits) / 72
		if got := float64(d.Cost.Waiting); tc.said && math.Abs(got-want) > 1 {
			t.Errorf("waiting %v, want %v", got, want)
		}
		text := d.Findings[0].Text
		said := strings.Contains(text, fmt.Sprintf("; another %.0f ms of TTFT a turn is waiting for other "+
			"requests; switch it off, or give it a faster link.", d.Cost.Waiting))
		if d.Findings[0].Kind != slowTier || said != tc.said ||
			strings.Contains(text, "waiting") != tc.said {
			t.Errorf("%.0f ms: %s", tc.wait, text)
		}
	}
}

// Where only a turn or two of those that did not wait loaded from a tier, the costs of
// the others are known still: the worth has an upper end, and the loads are said.
func TestWorthOfRareLoads(t *testing.T) {
	t.Parallel()
	w := small()
	w.config, w.tiers, w.loaded[kvcache.CPU] = shape(400, 2000, 0), true, 0.9
	recs := w.play()
	left := 1
	for _, turn := range turnsOf(recs) {
		queued := 0.0
		if turn.Usage.Tiers["host"] > 0 {
			if left--; left < 0 {
				queued = 1e6
			}
		}
		turn.ServerTimings = fmt.Appendf(nil, `{"queue_time_ms": %g}`, queued)
	}
	d := collected(Options{Cache: stated(w.config)}, recs...).Summary().Details
	cpu, m := d.Worth[1], d.Cost
	loads := 0.9 * float64(cpu.PerTurn)
	if !m.Fit || cpu.known() || m.Saved.Value.OK() || math.Abs(float64(m.Waiting)-loads) > 1 {
		t.Errorf("%+v\n%+v", cpu, m)
	}
	if most := 0.05 * float64(cpu.PerTurn); !(float64(cpu.TTFT.High) > most) ||
		!(float64(cpu.TTFT.High) < 2*most) {
		t.Errorf("at most %v, computing takes %v", cpu.TTFT.High, most)
	}
	want := fmt.Sprintf("; loads and waiting for other requests take %.0f ms of TTFT a turn: a run without "+
		"the tier would tell.", m.Waiting)
	if f := d.Findings[0]; f.Kind != tierWorth || !strings.Contains(f.Text, want) {
		t.Error(f.Text)
	}
}

// A worth that is unknown has its true reason.
func TestWhyWorthIsUnknown(t *testing.T) {
	t.Parallel()
	for why, change := range map[string]func(*record.Turn){
		"answers are not streamed, so times to the first token are unknown": func(t *record.Turn) {
			t.Stream = false
		},
		"answers have no usage, so the hits of single turns are unknown": func(t *record.Turn) {
			t.Counted = record.Counted{Input: t.Usage.Prompt, Output: t.Usage.Completion}
			t.Usage = nil
		},
		"the server does not report the hits of single turns": func(t *record.Turn) {
			t.Usage.Cached, t.Usage.Tiers = nil, nil
		},
		"99.9 % of the prompt tokens were hits, so the cost of computing cannot be fitted": func(t *record.Turn) {
			*t.Usage.Cached = t.Usage.Prompt - 1
		},
	} {
		w := small()
		w.config = shape(400, 2000, 0)
		recs := w.play()
		for _, turn := range turnsOf(recs) {
			change(turn)
		}
		s := collected(Options{Cache: stated(w.config)}, recs...).Summary()
		cpu := s.Details.Worth[1]
		if cpu.Why != why {
			t.Errorf("%q, want %q", cpu.Why, why)
		}
		if _, text := cpu.verdict(false, 0); !strings.Contains(text, "is unknown, since "+why+"; it supplied") {
			t.Error(text)
		}
	}
}

// A tier whose loads nobody times has only an upper end.
func TestWorthWithoutLoads(t *testing.T) {
	t.Parallel()
	w := small()
	w.config = shape(400, 2000, 0)
	recs := w.play()
	for _, s := range scrapesOf(recs) { // what older releases of vLLM tell
		s.Values["cached_tokens_external"] = s.Values["cached_tokens_cpu"]
		delete(s.Values, "cached_tokens_cpu")
	}
	d := collected(Options{Cache: stated(shape(400, 0, 0))}, recs...).Summary().Details
	cpu := d.Worth[1]
	if cpu.Tier != "external" || cpu.Why == "" || cpu.known() || cpu.TTFT.Low.OK() || !(cpu.TTFT.High > 15) {
		t.Errorf("%+v", cpu)
	}
	for _, s := range scrapesOf(recs) {
		tokens := s.Values["cached_tokens_external"] - 1000
		s.Values["load_seconds"] = 7 + tokens*w.loaded[kvcache.CPU]/1000
	}
	d = collected(Options{Cache: stated(shape(400, 0, 0))}, recs...).Summary().Details
	if cpu := d.Worth[1]; !cpu.known() || math.Abs(float64(cpu.Loaded)-0.008) > 1e-6 {
		t.Errorf("with the server's times: %+v", cpu)
	}
}

// Counters have the hits of all arms, so without usage they say nothing of one arm.
func TestCountersOfAllArmsAreNotOfOne(t *testing.T) {
	t.Parallel()
	w := small()
	w.config, w.tiers, w.silent = shape(400, 2000, 0), true, true
	w.arms = []string{record.ArmMeasured, record.ArmNoReuse}
	d := w.summary(Options{Cache: stated(w.config)}).Details
	all := d.Counters.value("cached_tokens") / d.Counters.value("prompt_tokens")
	share := Number(0)
	for i := range d.Worth {
		if share += d.Worth[i].Share; d.Worth[i].From != tiersFromPrediction {
			t.Errorf("%s: hits from %s", d.Worth[i].Tier, d.Worth[i].From)
		}
	}
	if !(all > 0) || share < 1.5*all {
		t.Errorf("hits %v of the measured arm, %v of both", share, all)
	}
}

// Loads that only the server's counters time are no wait for other requests.
func TestWaitingIsNoLoad(t *testing.T) {
	t.Parallel()
	c := collected(Options{}, small().play()...)
	f := &finder{c: c, d: c.Summary().Details}
	w := Worth{Tier: "external", PerTurn: 1000, Loaded: 0.3, TTFT: Estimate{"ms", -10, -11, -9}}
	for all, want := range map[Number]Number{350: 50, 305: 0} {
		f.d.Cost.Waiting = all
		if got := f.waiting(&w); math.Abs(float64(got-want)) > 1e-9 {
			t.Errorf("%v above the model: %v, want %v", all, got, want)
		}
	}
}
