package cli

import (
	"context"
	"os"
	"sync/atomic"
	"time"
)

// interrupt counts the signals of a process.
type interrupt struct {
	count atomic.Int32
	drain context.Context
	gone  chan struct{} // closed when Main stops waiting for Run
}

// patience is how long Main waits for a cancelled Run in a command that does not
// drain. Run may hang reading stdin, which nothing can end; a second is ample
// for everything else.
const patience = time.Second

// Drain ends with the first interrupt. In a command that drains, the context of
// Run goes on until the second: after the first there is no new work, and what
// is under way may finish. Run need not wait for a goroutine that reads stdin,
// which nobody may ever end: it may return the error of Drain, and Main returns
// too.
func (c *Call) Drain() context.Context { return c.interrupt.drain }

func (c *Call) interrupted() bool { return c.interrupt != nil && c.interrupt.count.Load() > 0 }

// watch returns the context of Run and a function that ends the watching. If an
// interrupt comes after the context has ended, Run hangs, and Main stops waiting
// for it.
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

// wait runs the command until it returns or is given up.
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
