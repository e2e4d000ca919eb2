package sockclock

import (
	"testing"
	"testing/synctest"
	"time"
)

// A process that ran at given times, and reads with the stamps and times given.
func TestEarly(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	c := New(time.Now())
	if got := c.Early(7*ms, 8*ms); got != 7*ms {
		t.Errorf("a clock that nobody watches: %v, want all the time", got)
	}
	c.pulse.on = true
	for _, at := range []time.Duration{2, 4, 6, 9, 60, 62, 64, 110, 112} {
		c.pulse.note(at * ms)
	}
	for _, x := range []struct {
		name          string
		arrived, seen time.Duration
		want          time.Duration
	}{
		{"at once", 8 * ms, 8*ms + 100*time.Microsecond, 0},
		{"in a pause", 40 * ms, 61 * ms, 31 * ms},
		{"at the end of a pause", 60 * ms, 60*ms + 50*time.Microsecond, 51 * ms},
		{"after a pause", 61 * ms, 61*ms + 50*time.Microsecond, 0},
		{"in the second pause", 70 * ms, 111 * ms, 6 * ms},
		{"read late by a process that ran", 61 * ms, 64 * ms, 61 * ms},
		{"after the newest note", 113 * ms, 113*ms + 100*time.Microsecond, 0},
		{"in a pause that is not noted yet", 150 * ms, 151 * ms, 38 * ms},
	} {
		if got := c.Early(x.arrived, x.seen); got != x.want {
			t.Errorf("%s: %v, want %v", x.name, got, x.want)
		}
	}
}

// The newest pauses are known, however many there were.
func TestManyPauses(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	c := New(time.Now())
	c.pulse.on = true
	for i := range time.Duration(100) {
		c.pulse.note(i * 100 * ms)
		c.pulse.note(i*100*ms + 50*ms)
	}
	if got := c.Early(9840*ms, 9851*ms); got != 40*ms {
		t.Errorf("%v, want 40ms", got)
	}
}

// In a bubble the process always runs.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New(time.Now())
		stop := c.Watch()
		time.Sleep(time.Second)
		if got := c.Early(c.Now()-time.Millisecond, c.Now()); got != 0 {
			t.Errorf("%v, want 0", got)
		}
		stop()
		stop()
		time.Sleep(time.Second)
		if got := c.Early(c.Now(), c.Now()); got < 999*time.Millisecond {
			t.Errorf("after the watch ended: %v, want a second", got)
		}
	})
}
