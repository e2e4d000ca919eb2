package main

import (
	"testing"
	"time"

	"multiturn/pkg/record"
)

// The line has all failures, and the median TTFT of the last ten seconds.
func TestLive(t *testing.T) {
	t.Parallel()
	l := &live{}
	l.inFlight.Add(3)
	at := time.Unix(0, 0)
	turn := func(outcome record.Outcome, ttft float64) *record.Turn {
		t := &record.Turn{Exchange: record.Exchange{Outcome: outcome, Sent: record.Clock(time.Second)}}
		if ttft > 0 {
			t.FirstToken = t.Sent + record.Clock(ttft*float64(time.Millisecond))
		}
		return t
	}
	check := func(after time.Duration, want string) {
		t.Helper()
		if got := l.text(at.Add(after)); got != want {
			t.Errorf("after %v: %q, want %q", after, got, want)
		}
	}
	check(0, "0 failed, 3 in flight, TTFT -")
	l.finished(turn(record.HTTPStatus, 0), at)
	check(0, "1 failed, 3 in flight, TTFT -")
	for i, ttft := range []float64{900, 40, 50, 60} {
		l.finished(turn(record.OK, ttft), at.Add(time.Duration(i)*time.Second))
	}
	check(4*time.Second, "1 failed, 3 in flight, TTFT 60 ms")
	check(10500*time.Millisecond, "1 failed, 3 in flight, TTFT 50 ms")
	check(time.Minute, "1 failed, 3 in flight, TTFT -")
	for range 3 * recentTurns {
		l.finished(turn(record.OK, 7), at.Add(2*time.Minute))
	}
	if check(2*time.Minute, "1 failed, 3 in flight, TTFT 7 ms"); len(l.recent) != recentTurns {
		t.Errorf("%d turns are kept", len(l.recent))
	}
}
