package sim

import (
	"sync"
	"time"

	"multiturn/internal/crash"
	"multiturn/pkg/sim/engine"
	"multiturn/pkg/sockclock"
)

// loop ties the engine to the real clock. One goroutine owns the engine: it
// passes it the requests that arrived, sleeps until the next token is due, and
// writes the chunks of all streams itself. A goroutine and a timer for each
// stream would cost more than the writes, and many would be late whenever many
// streams are due at once.
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
	inbox   []*stream // new streams
	gone    []*stream // streams whose client disconnected
	calls   []func()  // functions to run on the goroutine that owns the engine
	closing bool
}

// sleeper waits until a given time or until it is woken. wake may be called by
// any goroutine, and is not lost if nobody sleeps.
type sleeper interface {
	sleep(until time.Time) // the zero time: until woken
	wake()
	close()
}

func newLoop(e engine.Engine, m *metrics, c *sockclock.Clock) *loop {
	return &loop{engine: e, metrics: m, clock: c, start: c.Start(), done: make(chan struct{})}
}

// begin starts the loop. The sleeper is that of the first call.
func (l *loop) begin(make func() sleeper) {
	l.once.Do(func() {
		l.sleep = make()
		go l.run()
	})
}

// since returns t in the engine's time.
func (l *loop) since(t time.Time) time.Duration { return t.Sub(l.start) }

// submit passes a stream to the loop. It returns false if the loop has ended.
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

// abort tells the loop that nobody waits for st any more.
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

// call runs f in the loop and waits for it. It does not run f if the loop has
// ended.
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

// arriving returns how many streams were submitted and not yet taken by the
// loop.
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
			l.guard(st, func() { l.engine.Submit(st.truth.arrived, &st.seq) })
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

// emit passes tokens to their stream.
func (l *loop) emit(s *engine.Sequence, at time.Duration, n int) {
	st := s.Owner.(*stream)
	l.guard(st, func() {
		l.metrics.made(s, at, n, st)
		st.emit(&l.encoder, at, n)
	})
}

// guard calls f. If it panics, the stream is broken off, and the others go on.
func (l *loop) guard(st *stream, f func()) {
	defer func() {
		if f := crash.Caught(recover()); f != nil {
			st.srv.panicked(f)
			l.encoder = encoder{}
			st.over = true
			st.truth.setOutcome("cut")
			st.sink.do(op{close: true, reset: true, then: func() { l.abort(st) }})
		}
	}()
	f()
}

// timerSleeper is the portable sleeper. It is also used in tests with a fake
// clock.
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
