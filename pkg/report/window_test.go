package report

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"multiturn/pkg/record"
)

func TestParseWindow(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Window{
		"auto": {}, "all": {All: true}, "steady": {Steady: true}, "10..60": {From: 10, To: 60}, "..60": {To: 60},
		"1.5..": {From: 1.5},
	} {
		w, err := ParseWindow(in)
		if err != nil || w != want {
			t.Errorf("%s: %+v, %v", in, w, err)
		}
		if again, err := ParseWindow(w.String()); err != nil || again != w {
			t.Errorf("%s is written as %s", in, w)
		}
	}
	for _, in := range []string{"", "..", "60..10", "a..b", "10", "-1..2", "1..NaN", "0..Inf"} {
		if w, err := ParseWindow(in); err == nil {
			t.Errorf("%q is %+v", in, w)
		}
	}
}

// burst is a run of 8 conversations, 4 at a time, whose first turns wait for each
// other. Turns take 100 ms; those of the start up to 400.
func burst() []any { return burstOf(8, 4, func() float64 { return 1 }) }

// burstOf does so with other numbers of conversations and of clients, and with
// times to the first token that vary.
func burstOf(conversations, clients int, vary func() float64) (recs []any) {
	type talk struct {
		id, turn int
		free     float64
	}
	clock := func(ms float64) record.Clock { return record.Clock(ms * 1e6) }
	var open []talk
	for id := range clients {
		open = append(open, talk{id: id, free: 10})
	}
	for next := clients; len(open) > 0; {
		at := 0
		for i := range open {
			if open[i].free < open[at].free {
				at = i
			}
		}
		k := &open[at]
		ttft := 50.0
		if k.id < clients && k.turn == 0 {
			ttft = 100 * float64(k.id+1)
		}
		ttft *= vary()
		end := k.free + ttft + 50
		recs = append(recs, &record.Turn{
			Conversation: string(rune('a' + k.id)), Turn: k.turn,
			Exchange: record.Exchange{
				Outcome: record.OK, Stream: true, Chunks: 2, Sent: clock(k.free),
				FirstToken: clock(k.free + ttft), End: clock(end),
			},
		})
		if k.free, k.turn = end, k.turn+1; k.turn == 10 {
			if next < conversations {
				*k = talk{id: next, free: end}
				next++
			} else {
				open = append(open[:at], open[at+1:]...)
			}
		}
	}
	return recs
}

func TestWindow(t *testing.T) {
	t.Parallel()
	whole := collected(Options{}, burst()...).Summary()
	p := whole.Details.Steady
	if p == nil || math.Abs(float64(p.From)-0.45) > 1e-9 || p.Of != 80 || p.Turns >= 80 {
		t.Fatalf("%+v", p)
	}
	if r := p.Rows[0]; r.Name != "ttft_ms mean" || math.Abs(float64(r.Steady)-50) > 1e-9 || r.Whole < 58 {
		t.Errorf("%+v", r)
	}
	steady := strings.Join(whole.steadyFact().Lines, " ")
	if !strings.Contains(steady, "TTFT mean 50.0 ms, not 60.0") {
		t.Error(steady)
	}
	rate := p.Rows[len(p.Rows)-1].Steady
	if math.Abs(float64(rate)-40) > 1.5 { // four at a time, 100 ms each
		t.Errorf("%v turns/s", rate)
	}

	s := collected(Options{Window: Window{Steady: true}}, burst()...).Summary()
	d := s.Details
	if d.Steady != nil || d.Window.Turns != p.Turns || d.Window.Of != 80 || s.measured != p.Turns {
		t.Errorf("%+v", d.Window)
	}
	if got := s.Tables[0].Rows[0].Max; math.Abs(float64(got)-50) > 1e-9 {
		t.Errorf("the table has a TTFT of %v", got)
	}
	if got := d.Throughput.Requests; math.Abs(float64(got-rate)) > 1e-9 ||
		math.Abs(float64(s.Tables[0].RequestsPerSec-rate)) > 1e-9 {
		t.Errorf("%v turns/s, %v in the table, want %v", got, s.Tables[0].RequestsPerSec, rate)
	}
	if d.Throughput.InFlight < 3.8 || d.Throughput.InFlight > 4 {
		t.Errorf("%v in flight", d.Throughput.InFlight)
	}

	part := collected(Options{Window: Window{From: 0.5, To: 1}}, burst()...).Summary()
	if w := part.Details.Window; w.From != 0.5 || w.To != 1 || part.measured != w.Turns ||
		math.Abs(float64(part.Tables[0].RuntimeSec)-0.5) > 1e-9 {
		t.Errorf("%+v, %v s", w, part.Tables[0].RuntimeSec)
	}
	// Without a steady part the numbers are of the whole run, which is said.
	one := collected(Options{Window: Window{Steady: true}}, burst()[0]).Summary()
	if one.measured != 1 || !strings.Contains(one.windowFact().Lines[0], `no part "steady"`) {
		t.Errorf("%v", one.windowFact())
	}
	// A window in which nothing was sent.
	none := collected(Options{Window: Window{From: 100}}, burst()...).Summary()
	if none.measured != 0 || len(none.Tables) != 0 {
		t.Errorf("%d turns", none.measured)
	}
}

// Nothing is claimed of a window in which no turn was sent.
func TestEmptyWindow(t *testing.T) {
	t.Parallel()
	w := small()
	w.config, w.tiers = shape(400, 2000, 0), true
	text := shortOf(t, w.summary(Options{Window: Window{From: 1000, To: 2000}}))
	if !strings.Contains(text, "1000..2000: none of") || strings.Contains(text, "tier") ||
		strings.Contains(text, "Trust") {
		t.Error(text)
	}
}

// The start, at which all conversations begin at once, is in every run with these
// options: it is neither slowness that comes and goes nor chance.
func TestBurstIsNoSlowness(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	run := burstOf(32, 8, func() float64 { return math.Exp(0.3 * rng.NormFloat64()) })
	truth := 50 * math.Exp(0.3*0.3/2)
	for _, tc := range []struct {
		o      Options
		window string
		width  float64 // of the mean's interval, at most, as a share
	}{
		{Options{}, windowSteady, 0.15},
		{Options{Window: Window{Steady: true}}, windowSteady, 0.15},
		{Options{Window: Window{All: true}}, windowAll, 0.5},
	} {
		s := collected(tc.o, run...).Summary()
		in := &s.Details.Intervals[0]
		mean, needed := in.Estimates[0], 32
		if in.Window != tc.window || float64((mean.High-mean.Low)/mean.Value) > tc.width ||
			tc.window == windowSteady && (!(float64(mean.Low) <= truth && truth <= float64(mean.High)) ||
				in.Needed > needed) {
			t.Errorf("%s: %+v", tc.o.Window, in)
		}
		if tc.o.Window == (Window{}) {
			line := strings.Join(s.intervalsFact().Lines, " ")
			if !strings.Contains(line, " in the steady part (") ||
				!strings.Contains(line, "ms was seen there") {
				t.Error(line)
			}
		}
		for _, f := range s.Details.Findings {
			if f.Kind == autocorrelated {
				t.Errorf("%s: %s", tc.o.Window, f.Text)
			}
		}
	}
}

// The time in flight is that within stretches, whether they are many, overlap or
// have times at which nothing overflows but a sum of theirs.
func TestInFlight(t *testing.T) {
	t.Parallel()
	turns := []turn{{sent: 5, end: 25}, {sent: 12, end: 18}, {sent: 30, end: 40}, {sent: 9, end: 3}}
	for _, tc := range []struct {
		busy []stretch
		want float64
	}{
		{nil, 0},
		{[]stretch{{from: 0, to: 100}}, 36},
		{[]stretch{{from: 20, to: 35}, {from: 10, to: 20}}, 15 + 6 + 5},
		{[]stretch{{from: 10, to: 20}, {from: 15, to: 50}}, 10 + 10 + 6 + 3 + 10},
	} {
		if got := inFlight(turns, tc.busy); got != tc.want {
			t.Errorf("in flight in %v: %v, want %v", tc.busy, got, tc.want)
		}
	}
	long := slices.Repeat([]turn{{sent: 1, end: 1 << 53}}, 5000)
	if got := inFlight(long, []stretch{{from: 1, to: 1 << 53}}); got < 5000*(1<<53)*0.999 {
		t.Errorf("5000 turns of 104 days were in flight for %v ns", got)
	}
}
