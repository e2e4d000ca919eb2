package openai

import (
	"testing"
	"testing/synctest"
	"time"

	"multiturn/pkg/record"
	"multiturn/pkg/sockclock"
)

// reading is a read of some chunks: when its bytes arrived and when it returned.
type reading struct {
	arrived, seen time.Duration
	chunks        int
	exact         bool
}

// answered feeds an answer whose head came after a millisecond.
func answered(c *sockclock.Clock, reads ...reading) *Result {
	a := newAnswer(&Options{MaxEvent: 1 << 20}, &endpoint{api: &chatCompletions}, c)
	defer a.free()
	a.res.Sent = record.Clock(200 * time.Microsecond)
	a.read(record.Clock(time.Millisecond), record.Clock(time.Millisecond), false)
	a.head(200, map[string][]string{"Content-Type": {"text/event-stream"}},
		record.Clock(time.Millisecond))
	frame := 0
	for _, r := range reads {
		a.read(record.Clock(r.arrived), record.Clock(r.seen), r.exact)
		for range r.chunks {
			frame++
			a.body([]byte(textEvent("x")), frame)
		}
	}
	a.body([]byte(stopEvent+doneEvent), frame+1)
	return a.finish(nil, record.Clock(time.Second))
}

// What waited for a late client is counted, and the first token's share in it is
// told: no more than the time in which nobody read, no more than the chunks that
// waited with it take at the pace of the others.
func TestMerged(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	soon := 50 * time.Microsecond
	for _, tc := range []struct {
		name    string
		reads   []reading
		merged  int
		first   int
		earlyUS int64
	}{
		{"one by one", []reading{{20 * ms, 20*ms + soon, 1, false}, {24 * ms, 24*ms + soon, 1, false}},
			0, 0, 0},
		{"late, but alone: the stamp is its own",
			[]reading{{20 * ms, 90 * ms, 1, false}, {94 * ms, 94*ms + soon, 1, false}}, 0, 0, 0},
		{"the first with two others, at the pace of the two that follow",
			[]reading{{28 * ms, 50 * ms, 3, false}, {32 * ms, 50 * ms, 1, false},
				{36 * ms, 50 * ms, 1, false}}, 2, 2, 8000},
		{"two in one read 3 ms after the head",
			[]reading{{4 * ms, 50 * ms, 2, false}, {24 * ms, 50 * ms, 1, false}}, 1, 1, 3000},
		{"all in one read: the head is the only limit", []reading{{28 * ms, 50 * ms, 5, false}},
			4, 4, 27000},
		{"later ones only", []reading{{20 * ms, 20*ms + soon, 1, false}, {40 * ms, 50 * ms, 4, false}},
			3, 0, 0},
		{"packets have stamps of their own", []reading{{28 * ms, 50 * ms, 3, true}}, 0, 0, 0},
		{"two reads under one stamp",
			[]reading{{28 * ms, 50 * ms, 2, false}, {28 * ms, 50 * ms, 2, false},
				{32 * ms, 50 * ms, 1, false}}, 3, 3, 12000},
		{"the head came with it, so the limit is the request",
			[]reading{{time.Millisecond, 50 * ms, 2, false}}, 1, 1, 800},
		{"without the kernel's stamp it is as late as the client",
			[]reading{{28 * ms, 28 * ms, 1, false}, {32 * ms, 32 * ms, 1, false}}, 0, 0, 27000},
	} {
		// Nobody watches this clock, so every read may have been late.
		r := answered(sockclock.New(time.Now()), tc.reads...)
		if r.MergedLate != tc.merged || r.FirstMerged != tc.first || r.FirstEarlyUS != tc.earlyUS {
			t.Errorf("%s: %d merged, %d with the first, %d us early; want %d, %d, %d", tc.name,
				r.MergedLate, r.FirstMerged, r.FirstEarlyUS, tc.merged, tc.first, tc.earlyUS)
		}
	}
}

// A client that runs and reads at once was not late: what came in one read was
// sent together.
func TestSentTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := sockclock.New(time.Now())
		defer c.Watch()()
		time.Sleep(time.Second + time.Millisecond) // between two notes of the watch
		at := c.Now()
		r := answered(c, reading{at - time.Millisecond/2, at - time.Millisecond/4, 3, false},
			reading{at - time.Millisecond/8, at, 2, false})
		if r.Merged != 3 || r.MergedLate != 0 || r.FirstMerged != 0 || r.FirstEarlyUS != 0 {
			t.Errorf("%+v", r.Exchange)
		}
	})
}
