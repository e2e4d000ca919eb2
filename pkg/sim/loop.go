package sim

import (
	"sync"
	"time"

	"multiturn/pkg/sim/engine"
	"multiturn/pkg/sockclock"
)

// loop ties the engine to the real clock. One goroutine owns the engine: it hands over what arrived, sleeps until the
// next token is due, and writes the chunks of all streams itself. A goroutine and a timer for each stream would cost more
// than the writes do, and would be late in bunches whenever many streams are due at once.
type loop struct {
	engine  engine.Engine
	metrics *metrics
	clock   *sockclock.Clock
	start   time.Time
	encoder encoder

	once  sync.Once
	sleep sleeper
	done  chan struct{}

	mu      sync.Mutex
	inbox   []*stream // arrived
	gone    []*stream // their client left
	calls   []func()  // to be run where the engine may be touched
	closing bool
}

// sleeper waits for a moment or to be woken, whichever comes first. wake may be called from anywhere and is not lost when
// nobody sleeps.
type sleeper interface {
	sleep(until time.Time) // zero: until woken
	wake()
	close()
}

func newLoop(e engine.Engine, m *metrics, c *sockclock.Clock) *loop {
	return &loop{engine: e, metrics: m, clock: c, start: c.Start(), done: make(chan struct{})}
}

// begin starts the loop with the sleeper of the first who calls.
func (l *loop) begin(make func() sleeper) {
	l.once.Do(func() {
		l.sleep = make()
		go l.run()
	})
}

// since is t in the engine's time.
func (l *loop) since(t time.Time) time.Duration { return t.Sub(l.start) }

// submit hands over a stream; false = the loop ends.
func (l *loop) submit(st *stream) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return false
	}
	l.inbox = append(l.inbox, st)
	if len(l.inbox) == 1 {
		l.sleep.wake()
	}
	return true
}

// abort says that nobody waits for st any longer.
func (l *loop) abort(st *stream) {
	l.mu.Lock()
	if !l.closing {
		l.gone = append(l.gone, st)
		l.sleep.wake()
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	<-l.done
	st.finish(!st.over)
}

// call runs f in the loop and waits for it. When the loop has ended f is not run.
func (l *loop) call(f func()) {
	ran := make(chan struct{})
	l.mu.Lock()
	if !l.closing {
		l.calls = append(l.calls, func() { f(); close(ran) })
		l.sleep.wake()
	}
	l.mu.Unlock()
	select {
	case <-ran:
	case <-l.done:
	}
}

func (l *loop) close() {
	l.begin(newTimerSleeper)
	l.mu.Lock()
	l.closing = true
	l.sleep.wake()
	l.mu.Unlock()
	<-l.done
	l.sleep.close()
}

// arriving is how many streams were handed over and not yet looked at.
func (l *loop) arriving() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.inbox))
}

func (l *loop) run() {
	defer close(l.done)
	emit := l.emit
	var inbox, gone []*stream
	for {
		l.mu.Lock()
		inbox, l.inbox = l.inbox, inbox[:0]
		gone, l.gone = l.gone, gone[:0]
		calls := l.calls
		l.calls = nil
		closing := l.closing
		l.mu.Unlock()
		if closing {
			for _, st := range gone {
				st.finish(!st.over)
			}
			return
		}
		for _, st := range inbox {
			l.engine.Submit(st.truth.arrived, &st.seq)
		}
		now := l.clock.Now()
		for _, f := range calls {
			f()
		}
		for _, st := range gone {
			if !st.seq.Done() {
				l.engine.Abort(now, &st.seq)
				l.metrics.end(&st.seq, "abort")
			}
			st.finish(!st.over)
		}
		clear(inbox)
		clear(gone)
		l.engine.Advance(now, emit)
		l.metrics.seen(l.engine)

		if next, ok := l.engine.Next(); !ok {
			l.sleep.sleep(time.Time{})
		} else if until := l.start.Add(next); time.Until(until) > 0 {
			l.sleep.sleep(until)
		}
	}
}

// emit passes tokens on to their stream.
func (l *loop) emit(s *engine.Sequence, at time.Duration, n int) {
	st := s.Owner.(*stream)
	l.metrics.made(s, at, n, st)
	st.emit(&l.encoder, at, n)
}

// timerSleeper is the portable sleeper, and the one for tests with a clock of their own.
type timerSleeper struct {
	woken chan struct{}
	timer *time.Timer
}

func newTimerSleeper() sleeper {
	t := &timerSleeper{woken: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	t.timer.Stop()
	return t
}

func (t *timerSleeper) sleep(until time.Time) {
	if until.IsZero() {
		<-t.woken
		return
	}
	t.timer.Reset(time.Until(until))
	select {
	case <-t.woken:
		t.timer.Stop()
	case <-t.timer.C:
	}
}

func (t *timerSleeper) wake() {
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

func (t *timerSleeper) close() {}
