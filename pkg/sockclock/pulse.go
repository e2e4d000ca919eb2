package sockclock

import (
	"sync"
	"time"
)

// pulsePeriod is how often a watched clock notes that the process runs. It is
// below a tenth of most times to the first token, and costs half a percent of a
// processor.
const pulsePeriod = 2 * time.Millisecond

// pulseSlack is how much longer than the period the pause between two notes may
// be. The runtime sleeps in whole milliseconds, so a timer is up to one late on
// a machine that has nothing else to do.
const pulseSlack = 1500 * time.Microsecond

// pulse knows when the process did not run: it was stopped, or waited for a
// processor.
type pulse struct {
	mu     sync.Mutex
	on     bool
	beat   time.Duration // when the process was last seen to run
	pauses [16]pause     // the newest ones; a question is about the last read
	next   int           // place of the next pause
}

// pause is a time in which the process was not seen to run.
type pause struct{ from, to time.Duration }

// Watch begins to note when the process runs, until stop is called.
func (c *Clock) Watch() (stop func()) {
	c.pulse.mu.Lock()
	c.pulse.on, c.pulse.beat = true, c.Now()
	c.pulse.mu.Unlock()
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(pulsePeriod)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.pulse.note(c.Now())
			case <-quit:
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(quit)
		<-done
	})
}

// note notes that the process runs at now.
func (p *pulse) note(now time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now-p.beat > pulsePeriod+pulseSlack {
		p.pauses[p.next] = pause{p.beat, now}
		p.next = (p.next + 1) % len(p.pauses)
	}
	p.beat = now
}

// before returns how long before at the process had not run, as seen at now. It
// reports false if nobody notes that.
func (p *pulse) before(at, now time.Duration) (d time.Duration, watched bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at > p.beat { // the end of a pause may not be noted yet
		if now-p.beat > pulsePeriod+pulseSlack {
			d = at - p.beat
		}
		return d, p.on
	}
	for _, q := range p.pauses {
		if at > q.from && at <= q.to {
			return at - q.from, p.on
		}
	}
	return 0, p.on
}

// readSlack is how long after their arrival bytes are read by a process that is
// not late: a wake-up takes less than that, even beside others.
const readSlack = 2 * time.Millisecond

// Early returns how much earlier than arrived bytes may have arrived that were
// read at seen together with later ones: the time before arrived in which nobody
// read. It is 0 if the process ran and read at once: what came in one read was
// then sent together. If the process ran and read late, or on a clock that is not
// watched, all the time since the start counts.
func (c *Clock) Early(arrived, seen time.Duration) time.Duration {
	d, watched := c.pulse.before(arrived, seen)
	if d == 0 && (!watched || seen-arrived > readSlack) {
		return arrived
	}
	return d
}
