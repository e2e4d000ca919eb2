package cli

import (
	"context"
	"os"
	"sync/atomic"
	"time"
)

// interrupt follows the signals of a process.
type interrupt struct {
	count atomic.Int32
	drain context.Context
	gone  chan struct{} // closed when Run is no longer waited for
}

// patience is how long a cancelled Run is waited for in a command that does not drain. It may hang in the reading of
// stdin, which nothing can end.
const patience = time.Second

// Drain ends with the first interrupt. In a command that drains, the context of Run goes on until the second one: no
// new work after the first, what is under way may finish. A reading of stdin that nobody may ever end is not worth
// waiting for: Run may return while another goroutine still hangs in it, with the error of Drain for one, and Main
// returns with it.
func (c *Call) Drain() context.Context { return c.interrupt.drain }

func (c *Call) interrupted() bool { return c.interrupt != nil && c.interrupt.count.Load() > 0 }

// watch returns the context of Run. One more interrupt than it takes to cancel it means that Run hangs: it is left.
func (c *Call) watch(signals <-chan os.Signal) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	drain, cancelDrain := context.WithCancel(ctx)
	in := &interrupt{drain: drain, gone: make(chan struct{})}
	c.interrupt = in
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var late <-chan time.Time
		for {
			select {
			case <-over:
				return
			case <-late:
				close(in.gone)
				return
			case _, ok := <-signals:
				if !ok {
					signals = nil
					continue
				}
			}
			n := in.count.Add(1)
			cancelDrain()
			switch {
			case n == 1 && c.leaf.Drain:
				c.Remarkf("interrupted: finishing what is under way; interrupt again to stop now")
			case n == 1:
				cancel()
				late = time.After(patience)
			case n == 2 && c.leaf.Drain:
				cancel()
			default:
				close(in.gone)
				return
			}
		}
	}()
	return ctx, func() { close(over); <-done; cancelDrain(); cancel() }
}

// wait runs the command and waits for it, or until an interrupt says to leave it.
func (c *Call) wait(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- c.leaf.Run(ctx, c) }()
	select {
	case err := <-done:
		return err
	case <-c.interrupt.gone:
		c.files.giveUp()
		return context.Canceled
	}
}
