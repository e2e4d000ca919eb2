package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"multiturn/pkg/record"
)

// costOfWorld fits the world's run and returns the model.
func costOfWorld(w world) *CostModel {
	return w.summary(Options{Cache: stated(w.config)}).Details.Cost
}

// Without noise the model is found to the last digits, wherever the tiers come from.
func TestCostModelFindsTheTruth(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*world)
		terms  map[string]float64
		n      int // fitted; 0 = some
		from   string
	}{
		{"one tier", func(*world) {}, map[string]float64{"base": 12, "computed": 0.05}, 72, ""},
		{"two tiers by usage", func(w *world) { w.config, w.tiers = shape(400, 2000, 0), true },
			map[string]float64{"base": 12, "computed": 0.05, "cpu": 0.008}, 72, tiersFromUsage},
		{"two tiers by prediction", func(w *world) { w.config = shape(400, 2000, 0) },
			map[string]float64{"base": 12, "computed": 0.05, "cpu": 0.008}, 72,
			tiersFromPrediction},
		{"three tiers", func(w *world) { w.config, w.tiers = shape(400, 600, 2000), true },
			map[string]float64{"base": 12, "computed": 0.05, "cpu": 0.008, "disk": 0.02}, 72,
			tiersFromUsage},
		{"those that overlap are left out", func(w *world) {
			w.clients = 3
		}, map[string]float64{"base": 12, "computed": 0.05}, 0, ""},
		{"a control arm helps", func(w *world) {
			w.arms = []string{record.ArmMeasured, record.ArmNoReuse}
		},
			map[string]float64{"base": 12, "computed": 0.05}, 144, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := small()
			w.noise = 0
			tc.change(&w)
			s := w.summary(Options{Cache: stated(w.config)})
			m := s.Details.Cost
			if !m.Fit || m.TiersFrom != tc.from || len(m.Terms) != len(tc.terms) ||
				tc.n > 0 && m.N != tc.n || m.N > m.Of {
				t.Fatalf("%+v", m)
			}
			for _, term := range m.Terms {
				if want := tc.terms[term.Name]; math.Abs(float64(term.Value)-want) > 1e-4*want {
					t.Errorf("%s is %v, want %v", term.Name, term.Value, want)
				}
				if !(term.Low <= term.Value && term.Value <= term.High) {
					t.Errorf("%s: %v is not in [%v, %v]", term.Name, term.Value,
						term.Low, term.High)
				}
			}
			if math.Abs(float64(m.Prefill.Value)-20000) > 3 || !(m.R2 > 0.9999) {
				t.Errorf("prefill %v tokens/s, R2 %v", m.Prefill.Value, m.R2)
			}
			// 128 KiB a token.
			if want := float64(m.Prefill.Value) * 131072; math.Abs(float64(m.BreakEvenBytes.Value)-want) > 1e-6*want {
				t.Errorf("break-even %v", m.BreakEvenBytes)
			}
			// What was saved follows from the cached tokens of the measured turns.
			saved, whole := 0.0, 0.0
			p := s.Details.Prediction
			saved += 0.05 * float64(p.All.Cached)
			for tier, n := range p.All.PredictedTier {
				saved -= map[string]float64{"cpu": 0.008, "disk": 0.02}[tier] * float64(n)
			}
			whole = 0.05 * float64(p.All.Prompt)
			if got := float64(m.Saved.Value) * 1000; math.Abs(got-saved) > 1e-3*saved {
				t.Errorf("saved %v ms, want %v", got, saved)
			}
			if got := float64(m.Whole.Value) * 1000; math.Abs(got-whole) > 1e-3*whole {
				t.Errorf("whole %v ms, want %v", got, whole)
			}
			for _, r := range p.rows() {
				if !r.Recompute50.OK() || r.Recompute50 < r.TTFT50-0.01 && tc.n == 72 {
					t.Errorf("turns %d to %d: ttft %v, recomputed %v", r.From, r.To, r.TTFT50,
						r.Recompute50)
				}
			}
		})
	}
}

// With noise, intervals hold the truth about as often as they promise.
func TestCostModelCoverage(t *testing.T) {
	t.Parallel()
	const runs = 150
	held := make(map[string]int)
	for seed := range runs {
		w := small()
		w.seed, w.noise, w.tiers, w.config = uint64(seed+1), 4, true, shape(400, 2000, 0)
		m := costOfWorld(w)
		if !m.Fit {
			t.Fatalf("seed %d: unfit, %s", seed, m.Why)
		}
		for _, term := range m.Terms {
			if truth := map[string]float64{"base": 12, "computed": 0.05,
				"cpu": 0.008}[term.Name]; float64(term.Low) <= truth &&
				truth <= float64(term.High) {
				held[term.Name]++
			}
		}
		if m.Prefill.Low <= 20000 && 20000 <= m.Prefill.High {
			held["rate"]++
		}
	}
	for _, name := range []string{"base", "computed", "cpu", "rate"} {
		if share := float64(held[name]) / runs; share < 0.87 {
			t.Errorf("%s: %.2f of intervals hold the truth", name, share)
		}
	}
}

// Where the model does not hold, it is said.
func TestCostModelUnfit(t *testing.T) {
	t.Parallel()
	each := func(recs []any, do func(int, *record.Turn)) []any {
		n := 0
		for _, r := range recs {
			if turn, ok := r.(*record.Turn); ok {
				do(n, turn)
				n++
			}
		}
		return recs
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for _, tc := range []struct {
		name string
		w    func(*world)
		do   func(int, *record.Turn)
		why  string
	}{
		{"too few", func(w *world) {
			w.conversations, w.turns, w.active = 1, 4, 1
		}, nil, "4 turns qualify and 8 are needed"},
		{"always at once", func(w *world) {
			w.clients = 6
		}, func(_ int, t *record.Turn) { t.FirstToken = t.End - 1 }, "with one request at a time all do"},
		{"nothing to do with tokens", nil, func(_ int, t *record.Turn) {
			t.FirstToken = t.Sent + record.Clock(1e6*(1+20*rng.Float64()))
		}, "may not come later"},
		{"mostly something else", func(w *world) {
			w.noise, w.conversations, w.base = 25, 60, 80
		}, nil, "of the variance of TTFT"},
		{"always as many computed", nil, func(_ int, t *record.Turn) {
			c := t.Usage.Prompt - 100
			t.Usage.Cached = &c
		}, "cannot be separated"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := small()
			if tc.w != nil {
				tc.w(&w)
			}
			recs := w.play()
			if tc.do != nil {
				recs = each(recs, tc.do)
			}
			s := collected(Options{}, recs...).Summary()
			m := s.Details.Cost
			if m.Fit || !strings.Contains(m.Why, tc.why) {
				t.Fatalf("fit %v, %q (R2 %v), want %q", m.Fit, m.Why, m.R2, tc.why)
			}
			if m.Saved.Value.OK() || m.Prefill.Value.OK() ||
				s.Details.Prediction.All.Recompute50.OK() {
				t.Errorf("concluded from an unfit model: %+v", m)
			}
		})
	}
}

// The server's queueing times go before the client's rule.
func TestCostModelQueue(t *testing.T) {
	t.Parallel()
	w := small()
	w.clients, w.noise = 6, 0
	queued := 0
	recs := w.play()
	n := 0
	for _, r := range recs {
		turn, ok := r.(*record.Turn)
		if !ok {
			continue
		}
		turn.ServerTimings = []byte(`{"queue_time_ms":0.2}`)
		if n%3 == 0 {
			turn.ServerTimings = []byte(`{"queue_time_ms":400}`)
			turn.FirstToken += 400e6
			queued++
		}
		n++
	}
	m := collected(Options{}, recs...).Summary().Details.Cost
	if !m.Fit || m.N != n-queued || !strings.Contains(m.Rule, "the server says it waited") ||
		math.Abs(float64(m.Terms[1].Value)-0.05) > 1e-4 {
		t.Errorf("%+v", m)
	}
	// llama.cpp says how long the prefill took.
	for _, r := range recs {
		if turn, ok := r.(*record.Turn); ok {
			first, _ := turn.FirstToken.Since(turn.Sent)
			prompt := first.Seconds() * 1000
			if strings.Contains(string(turn.ServerTimings), "400") {
				prompt -= 400
			}
			turn.ServerTimings = fmt.Appendf(nil,
				`{"cache_n":0,"prompt_n":1,"prompt_ms":%f}`, prompt)
		}
	}
	if m := collected(Options{}, recs...).Summary().Details.Cost; !m.Fit || m.N != n-queued {
		t.Errorf("%+v", m)
	}
}

// Waits that overlap are added up, whoever began first, and a turn's own wait is not.
func TestWaitedBeside(t *testing.T) {
	t.Parallel()
	c := collected(Options{},
		&record.Turn{Conversation: "A",
			Exchange: record.Exchange{Sent: 10e6, FirstToken: 20e6, End: 30e6}},
		&record.Turn{Conversation: "B",
			Exchange: record.Exchange{Sent: 15e6, FirstToken: 18e6, End: 40e6}},
		&record.Turn{Conversation: "C", Exchange: record.Exchange{Sent: 17e6, End: 25e6}}, // failed
		&record.Turn{Conversation: "D",
			Exchange: record.Exchange{Sent: 25e6, FirstToken: 30e6, End: 40e6}},
		&record.Turn{Conversation: "E"},
	)
	got := c.waitedBeside()
	for i, want := range []float64{3 + 3, 3 + 1, 1 + 3, 0, 0} {
		if math.Abs(got[i]-want) > 1e-9 {
			t.Errorf("turn %d: %v ms, want %v", i, got[i], want)
		}
	}
}

// A cost that grows with the square is noted.
func TestCostModelCurvature(t *testing.T) {
	t.Parallel()
	w := small()
	recs := w.play()
	for _, r := range recs {
		if turn, ok := r.(*record.Turn); ok {
			computed := float64(turn.Usage.Prompt - *turn.Usage.Cached)
			turn.FirstToken = turn.Sent + record.Clock(1e6*(12+1e-4*computed*computed))
			turn.End = turn.FirstToken + 1e6
		}
	}
	m := collected(Options{Cache: stated(w.config)}, recs...).Summary().Details.Cost
	if !m.Fit || !strings.Contains(strings.Join(m.Notes, "\n"), "the cost of a token is not "+
		"constant") {
		t.Errorf("%+v", m)
	}
	if m := costOfWorld(w); strings.Contains(strings.Join(m.Notes, "\n"), "not constant") {
		t.Errorf("of a line: %q", m.Notes)
	}
}

// A tier whose cost may be 0 has no upper end.
func TestRates(t *testing.T) {
	t.Parallel()
	r := rate(Estimate{"cpu", 0.01, -0.01, 0.03})
	if r.Value != 100000 || math.Abs(float64(r.Low)-1000/0.03) > 1e-6 || r.High.OK() {
		t.Errorf("%+v", r)
	}
	if got := perSecond(rate(Estimate{"cpu", -0.001, -0.01,
		0.03})); got != "too fast to measure, at least 33,333 tokens/s" {
		t.Error(got)
	}
	if got := perSecond(r); got != "100,000 tokens/s [33,333, no end]" {
		t.Error(got)
	}
}

// A cold first request is left out and named; attention is a term of its own.
func TestCostModelWithoutOutliers(t *testing.T) {
	t.Parallel()
	w := small()
	recs := w.play()
	turns := turnsOf(recs)
	var shift record.Clock // one request at a time
	for i, turn := range turns {
		pairs := float64(turn.Usage.Prompt-*turn.Usage.Cached) *
			float64(turn.Usage.Prompt+*turn.Usage.Cached) / 2
		turn.Sent += shift
		shift += record.Clock(4e-5 * pairs * 1e6)
		if i == 0 {
			shift += 1e9
		}
		turn.FirstToken, turn.End = turn.FirstToken+shift, turn.End+shift
	}
	s := collected(Options{Cache: stated(w.config)}, recs...).Summary()
	m := s.Details.Cost
	if !m.Fit || m.Outliers != 1 || len(m.Outlying) != 1 || len(m.Terms) != 3 ||
		m.Terms[2].Name != "attention" {
		t.Fatalf("%+v", m)
	}
	if o := m.Outlying[0]; o.Conversation != turns[0].Conversation || o.Turn != turns[0].Turn+1 ||
		o.TTFT < 1000 || o.Expected > 200 {
		t.Errorf("%+v", o)
	}
	for i, want := range []float64{12, 0.05, 4e-5} {
		if got := float64(m.Terms[i].Value); math.Abs(got-want) > 0.1*want {
			t.Errorf("%s is %v, want %v", m.Terms[i].Name, got, want)
		}
	}
	text := strings.Join(m.text(), "\n")
	for _, want := range []string{
		"1 turn is an outlier, left out of the fit: " + turns[0].Conversation + " turn 1 took 1",
		"ms x pairs of a computed token and one before it", "ms a pair",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
