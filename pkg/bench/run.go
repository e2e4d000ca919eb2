package bench

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"multiturn/pkg/chat"
	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// Run plays the conversations and returns how the run ended. Once drain is
// closed, no more requests are sent and those in flight are waited for;
// cancelling ctx ends those too. The error is that of a sink (OnFinished,
// OnConversation), of Reset or of the options, or an AllFailedError. Requests
// that failed are in the records.
func Run(ctx context.Context, o Options, s Sender, conversations []chat.Conversation,
	drain <-chan struct{}) (*record.End, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	asked := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, err := newRun(o, s, conversations)
	if err != nil {
		return nil, err
	}
	// A broken sink ends the run: what cannot be kept need not be measured.
	r.fail = func(err error) {
		r.stop(record.WhyFailed)
		cancel(err)
	}
	r.ledger = newLedger(asked, &r.opt, len(r.plays), r.fail)
	r.ledger.giveUp = func() { r.stop(record.WhyFailed) }
	self := watch()
	stopWatching := context.AfterFunc(ctx, func() { r.stop(record.WhyCancelled) })
	defer stopWatching()

	// Plays that begin at once are prepared before the clocks matter, the others
	// while these are played.
	atOnce := r.load.AtOnce()
	r.prepareAll(r.plays[:atOnce])
	done := make(chan struct{})
	var side sync.WaitGroup
	side.Go(func() { r.prepareUntil(done, r.plays[atOnce:]) })
	side.Go(func() {
		select {
		case <-drain:
			r.stop(record.WhyInterrupted)
		case <-done:
		}
	})
	r.phases(ctx)
	close(done)
	side.Wait()
	r.ledger.close()
	end := r.end()
	end.Certificate = self.certificate()
	if o.OnPlayed != nil {
		o.OnPlayed()
	}
	sink := r.ledger.count(ctx)
	return end, errors.Join(r.broken, sink, r.ledger.early.failed)
}

// run is the state that clients share.
type run struct {
	opt    Options
	sender Sender
	plays  []*play
	ledger *ledger
	fail   func(error) // ends the run
	broken error       // of Reset, which only a run of one client calls

	warmupMS float64
	halt     chan struct{} // closed when the run is stopped

	mu    sync.Mutex
	load  *load.Scheduler
	seats []chan load.Dispatch // by client
	open  bool                 // seats are not closed
	timer *time.Timer          // calls tick when the scheduler has something due
	alarm time.Duration        // when the timer fires; 0 = it does not
}

func newRun(o Options, s Sender, conversations []chat.Conversation) (*run, error) {
	r := &run{opt: o, sender: s, halt: make(chan struct{})}
	var err error
	if r.load, err = load.New(o.Options, conversations); err != nil {
		return nil, err
	}
	if r.plays, err = o.plays(r.load.Plays(), conversations); err != nil {
		return nil, err
	}
	// It is set when there is something to wait for.
	r.timer = time.AfterFunc(time.Hour, r.tick)
	r.timer.Stop()
	return r, nil
}

// phases plays the warm-up, if there is one, and the measured turns.
func (r *run) phases(ctx context.Context) {
	if r.opt.Warmup {
		from := r.now()
		r.phase(ctx, true)
		r.warmupMS = r.now().MS() - from.MS()
	}
	if r.stopped() {
		return
	}
	if r.opt.OnMeasured != nil {
		r.opt.OnMeasured()
	}
	r.phase(ctx, false)
}

func (r *run) now() record.Clock { return record.At(r.opt.Start, time.Now()) }

// prepareAll prepares plays on all processors.
func (r *run) prepareAll(plays []*play) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range plays {
		g.Go(func() error {
			r.prepare(p)
			return nil
		})
	}
	_ = g.Wait() // preparing cannot fail
}

// prepareUntil prepares plays one after the other until done is closed.
func (r *run) prepareUntil(done <-chan struct{}, plays []*play) {
	for _, p := range plays {
		select {
		case <-done:
			return
		default:
			r.prepare(p)
		}
	}
}

func (r *run) prepare(p *play) { p.prepare(r.opt.Counter, r.opt.needsLengths()) }

// end returns what was planned and what came of it.
func (r *run) end() *record.End {
	r.mu.Lock() // a cancelled context may stop the run at any time
	defer r.mu.Unlock()
	e := &record.End{
		Type: record.TypeEnd, At: r.now(), Why: r.load.Why(), WarmupMS: r.warmupMS,
		Conversations: r.load.Conversations(),
	}
	l, planned := r.ledger, r.load.PlannedTurns()
	e.Turns = record.Tally{
		Planned: planned, Started: l.turns, Finished: l.turnsOK,
		Failed: l.turns - l.turnsOK, Abandoned: planned - l.turns,
	}
	return e
}
