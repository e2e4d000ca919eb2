package bench

import (
	"fmt"
	"math"
	"testing"
	"time"

	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// refusing is a server that takes a second for each request and whose first n
// answers are changed.
func refusing(n int, change func(*Reply)) *fake {
	return &fake{take: time.Second, reply: func(i int, _ *Request, rep *Reply) {
		if i < n {
			rep.Text, rep.First = "", ""
			change(rep)
		}
	}}
}

func status(code int) func(*Reply) {
	return func(rep *Reply) { rep.Outcome, rep.Status = record.HTTPStatus, code }
}

func ended(o record.Outcome) func(*Reply) { return func(rep *Reply) { rep.Outcome = o } }

// What is sent again, and that the clocks are those of the last try.
func TestRetriesByKind(t *testing.T) {
	t.Parallel()
	type kind struct {
		name   string
		change func(*Reply)
		again  bool
	}
	kinds := []kind{
		{"broken before an answer", ended(record.Connect), true},
		{"broken in the answer", ended(record.Truncated), false},
		{"an error in the stream", ended(record.ErrorInStream), false},
		{"not an answer", ended(record.BadEvent), false},
		{"nothing in time", ended(record.Timeout), false},
		{"silence", ended(record.IdleTimeout), false},
		{"an empty answer", ended(record.Empty), false},
	}
	for code, again := range map[int]bool{
		400: false, 401: false, 402: false, 403: false, 404: false, 405: false, 408: true, 409: true,
		410: false, 413: false, 415: false, 422: false, 424: false, 425: true, 429: true, 301: false,
		204: false, 500: true, 501: false, 502: true, 503: true, 504: true, 505: false, 520: true,
		529: true,
	} {
		kinds = append(kinds, kind{fmt.Sprint("status ", code), status(code), again})
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			out := playAll(t, Options{Retries: 3}, refusing(2, k.change), conversations(1, 4))
			got := out.turns[0]
			if !k.again {
				if got.Attempts != 1 || got.FirstIssued != 0 || got.PausedMS != 0 {
					t.Errorf("%d attempts, paused %v ms", got.Attempts, got.PausedMS)
				}
				return
			}
			if got.Attempts != 3 || got.Outcome != record.OK || out.end.Turns.Finished != 2 {
				t.Fatalf("%d attempts, %s", got.Attempts, got.Outcome)
			}
			// Two answers of a second, with 1 and 2 seconds between, 10 % more or less.
			took := (got.Sent - got.FirstIssued).MS()
			if got.PausedMS < 2700 || got.PausedMS > 3300 || math.Abs(took-got.PausedMS-2000) > 1e-6 {
				t.Errorf("paused %v ms of %v", got.PausedMS, took)
			}
			if lag, _ := got.Sent.Since(got.Scheduled); lag != 0 {
				t.Errorf("a pause shows as lag: %v", lag)
			}
			if latency, _ := got.End.Since(got.Sent); latency != time.Second {
				t.Errorf("a pause shows in the latency: %v", latency)
			}
			if next := out.turns[1]; next.Attempts != 1 || next.FirstIssued != 0 || next.PausedMS != 0 {
				t.Errorf("the next turn: %+v", next)
			}
		})
	}
	t.Run("used up", func(t *testing.T) {
		t.Parallel()
		out := playAll(t, Options{Retries: 1}, refusing(2, status(503)), conversations(2, 4))
		got := out.turns[0]
		if got.Attempts != 2 || got.Status != 503 || out.end.Turns.Finished != 2 {
			t.Errorf("%d attempts, status %d; %+v", got.Attempts, got.Status, out.end.Turns)
		}
	})
}

// Retry-After is the least pause, up to a limit.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		asked    time.Duration
		from, to time.Duration // of the pause; 0 = no retry
	}{
		{0, 900 * time.Millisecond, 1100 * time.Millisecond},
		{10 * time.Millisecond, 900 * time.Millisecond, 1100 * time.Millisecond},
		{3 * time.Second, 3 * time.Second, 3300 * time.Millisecond},
		{maxPause, maxPause, maxPause * 11 / 10},
		{maxPause + time.Second, 0, 0},
	} {
		for seed := range uint32(5) {
			after := func(rep *Reply) {
				status(429)(rep)
				rep.RetryAfter = tc.asked
			}
			out := playAll(t, Options{Options: load.Options{Seed: seed}, Retries: 1},
				refusing(1, after), conversations(1, 2))
			got := out.turns[0]
			paused := time.Duration(got.PausedMS * 1e6)
			if paused < tc.from || paused > tc.to || (got.Outcome == record.OK) != (tc.to > 0) {
				t.Errorf("asked for %v: paused %v, %s", tc.asked, paused, got.Outcome)
			}
		}
	}
}

// The back-off grows to a limit, not to days.
func TestBackOffIsLimited(t *testing.T) {
	t.Parallel()
	out := playAll(t, Options{Retries: 12}, refusing(12, ended(record.Connect)), conversations(1, 2))
	// 1, 2, 4, ... 256, three times the limit, and 13 tries of a second.
	want := 511*time.Second + 3*maxPause + 13*time.Second
	if got := out.turns[0]; got.Attempts != 13 || out.took < want*9/10 || out.took > want*11/10 {
		t.Errorf("%d attempts in %v, want 13 in %v, a tenth more or less", got.Attempts, out.took, want)
	}
}

// The end of a run ends the pauses at once, whatever the server asked for.
func TestInterruptEndsAPause(t *testing.T) {
	t.Parallel()
	after := func(rep *Reply) {
		status(503)(rep)
		rep.RetryAfter = time.Minute
	}
	for _, tc := range []struct{ drain, cancel time.Duration }{
		{10 * time.Second, 0}, {0, 10 * time.Second},
	} {
		out := interrupted(t, of(load.Options{Clients: 3, Active: 3}), refusing(100, after),
			conversations(3, 4), tc.drain, tc.cancel)
		if len(out.asked) != 3 {
			t.Fatalf("%d requests without retries", len(out.asked))
		}
		o := Options{Options: load.Options{Clients: 3, Active: 3}, Retries: 5}
		out = interrupted(t, o, refusing(100, after), conversations(3, 4), tc.drain, tc.cancel)
		if out.took != 10*time.Second || len(out.asked) != 3 {
			t.Errorf("took %v, %d requests; want 10s and 3", out.took, len(out.asked))
		}
		for _, turn := range out.turns {
			// The pause that was cut short was before no try.
			if turn.Attempts != 1 || turn.PausedMS != 0 || turn.FirstIssued != 0 || turn.Status != 503 {
				t.Errorf("%+v", turn)
			}
		}
	}
}

// While one client pauses, the others go on.
func TestAPauseHoldsOneClient(t *testing.T) {
	t.Parallel()
	after := func(rep *Reply) {
		status(429)(rep)
		rep.RetryAfter = 100 * time.Second
	}
	o := Options{Options: load.Options{Clients: 2, Active: 2}, Retries: 1}
	out := playAll(t, o, refusing(1, after), conversations(10, 4))
	// 19 turns of a second are played by the other client meanwhile.
	if out.took < 100*time.Second || out.took > 113*time.Second || out.end.Turns.Finished != 20 {
		t.Errorf("took %v, %+v", out.took, out.end.Turns)
	}
	if last := out.turns[len(out.turns)-1]; last.Attempts+out.turns[len(out.turns)-2].Attempts != 3 {
		t.Errorf("the last turns have %d and %d attempts", last.Attempts,
			out.turns[len(out.turns)-2].Attempts)
	}
}
