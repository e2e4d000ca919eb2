package bench

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// A server that is not ready is waited for, which is no attempt and in no time of
// the turn.
func TestNotReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{start: time.Now(), take: time.Second,
			reply: func(n int, _ *Request, rep *Reply) {
				if n < 3 || n == 4 {
					rep.Outcome, rep.Status = record.HTTPStatus, 503
				}
			}}
		o := of(load.Options{Clients: 1, Active: 1})
		asked := 0
		o.Start, o.Retries = f.start, 1
		o.NotReady = func(_ context.Context, x *record.Exchange) bool {
			asked++
			time.Sleep(time.Minute)
			return x.Status == 503 && asked <= 3
		}
		var turns []record.Turn
		o.OnFinished = func(e *Finished) error {
			turns = append(turns, *e.Turn)
			return nil
		}
		end, err := Run(t.Context(), o, f, conversations(1, 4), nil)
		if err != nil || end.Turns.Failed != 0 || len(turns) != 2 || asked != 4 {
			t.Fatalf("%+v, %v, %d turns, asked %d times", end, err, len(turns), asked)
		}
		first, second := &turns[0], &turns[1]
		if waited := 3 * (time.Minute + time.Second); first.Attempts != 1 ||
			time.Duration(first.Issued) < waited || first.Scheduled > first.Issued ||
			time.Duration(first.Issued-first.Scheduled) > time.Second {
			t.Errorf("first turn: %d attempts, scheduled %v, issued %v", first.Attempts,
				first.Scheduled, first.Issued)
		}
		if second.Attempts != 2 {
			t.Errorf("second turn: %d attempts", second.Attempts)
		}
	})
}

// A run is given up if all of its first turns failed, and not because of later
// ones.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		ok     int // the request that succeeds, from 0; -1 = none
		giveUp int
		warmup bool
		sent   int // requests
		why    string
	}{
		{"all fail", -1, 5, false, 5, record.WhyFailed},
		{"all fail, in the warm-up", -1, 5, true, 5, record.WhyFailed},
		{"the last of them succeeds", 4, 5, false, 31, record.WhyDone},
		{"never", -1, 0, false, 30, record.WhyDone},
		{"fewer turns than that", -1, 31, false, 30, record.WhyDone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &fake{start: time.Now(), take: time.Second,
					reply: func(n int, _ *Request, rep *Reply) {
						if n != tc.ok {
							rep.Outcome, rep.Exchange.Error = record.HTTPStatus, "HTTP 500"
						}
					}}
				o := of(load.Options{Clients: 1, Active: 1})
				o.Start, o.GiveUp, o.Warmup = f.start, tc.giveUp, tc.warmup
				end, err := Run(t.Context(), o, f, conversations(30, 4), nil)
				const text = "the first 5 turns all failed, the last one so: HTTP 500"
				failed := tc.why == record.WhyFailed
				if all := new(AllFailedError); errors.As(err, &all) != failed ||
					failed && err.Error() != text {
					t.Errorf("error %v", err)
				}
				// The next turn may be on its way before the run is given up.
				n := len(f.asked)
				if end.Why != tc.why || n != tc.sent && !(failed && n == tc.sent+1) {
					t.Errorf("%s after %d requests; want %s after %d", end.Why, n, tc.why, tc.sent)
				}
			})
		})
	}
}
