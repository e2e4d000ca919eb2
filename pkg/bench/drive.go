package bench

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// phase plays the warm-up or the measured turns.
func (r *run) phase(ctx context.Context, warmup bool) {
	r.mu.Lock()
	r.seats = make([]chan load.Dispatch, r.load.Clients())
	for i := range r.seats {
		r.seats[i] = make(chan load.Dispatch, 1)
	}
	r.open = true
	r.load.Begin(r.elapsed(), warmup)
	r.dispatch()
	seats := r.seats
	r.mu.Unlock()
	var clients sync.WaitGroup
	for i := range seats {
		clients.Go(func() { r.client(ctx, i, seats[i]) })
	}
	clients.Wait()
}

// client sends the turns that it is given, one at a time.
func (r *run) client(ctx context.Context, id int, seat <-chan load.Dispatch) {
	// The second seed is above those of package load's streams.
	jitter := rand.New(rand.NewPCG(uint64(r.opt.Seed), uint64(id)+1<<32))
	// The time until all clients have started is no lateness of the first turns.
	started := r.now()
	for d := range seat {
		end, ok := r.play(ctx, d, max(record.Clock(d.Scheduled), started), jitter)
		r.ended(d, end, ok)
	}
}

// ended lets the scheduler go on from the end of a turn. The client's next
// turn, if it has one, is in its seat already when ended returns.
func (r *run) ended(d load.Dispatch, end record.Clock, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.load.Ended(d, time.Duration(end), r.elapsed(), ok)
	r.dispatch()
}

// tick is called by the timer.
func (r *run) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.alarm = 0
	r.dispatch()
}

// stop sends no more turns. The first reason stays, but that the limit was
// reached does not hide an interrupt.
func (r *run) stop(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.load.Stopped() {
		close(r.halt)
		r.load.Stop(why)
		r.dispatch()
	}
}

func (r *run) stopped() bool {
	select {
	case <-r.halt:
		return true
	default:
		return false
	}
}

// dispatch gives clients the turns that may be sent now, and sets the timer to
// when the next one may be. When there will be none, it sends the clients home
// and no timer is left. The lock is held.
func (r *run) dispatch() {
	now := r.elapsed()
	for d, ok := r.load.Next(now); ok; d, ok = r.load.Next(now) {
		r.seats[d.Client] <- d // has room: the client was idle
	}
	at, ok := r.load.Due()
	switch {
	case !ok:
		r.timer.Stop()
		r.alarm = 0
	case at != r.alarm:
		r.timer.Reset(at - now)
		r.alarm = at
	}
	if r.open && r.load.Over() {
		r.open = false
		for _, seat := range r.seats {
			close(seat)
		}
	}
}

// elapsed is the scheduler's time. Unlike a record's clock it may be 0.
func (r *run) elapsed() time.Duration { return time.Since(r.opt.Start) }

// sleep waits for d, or until quit is closed. It reports whether all of d
// passed.
func sleep(d time.Duration, quit <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-quit:
		return false
	}
}
