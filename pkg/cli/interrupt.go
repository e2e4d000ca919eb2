package cli

import (
	"context"
	"os"
	"sync/atomic"
)

// interrupt follows the signals of a process.
type interrupt struct {
	count atomic.Int32
	drain context.Context
}

// Drain ends with the first interrupt. In a command that drains, the context of Run goes on until the second one: no
// new work after the first, what is under way may finish.
func (c *Call) Drain() context.Context { return c.interrupt.drain }

func (c *Call) interrupted() bool { return c.interrupt != nil && c.interrupt.count.Load() > 0 }

// watch returns the context of Run. One more interrupt than the command needs to be cancelled means that it hangs: the
// process ends at once.
func (c *Call) watch(signals <-chan os.Signal) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	drain, cancelDrain := context.WithCancel(ctx)
	in := &interrupt{drain: drain}
	c.interrupt = in
	cancels := int32(1)
	if c.leaf.Drain {
		cancels = 2
	}
	over := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-over:
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
			case n > cancels:
				os.Exit(int(Interrupted))
			case n == cancels:
				cancel()
			default:
				c.Remarkf("interrupted: finishing what is under way; interrupt again to stop now")
			}
		}
	}()
	return ctx, func() { close(over); <-done; cancelDrain(); cancel() }
}
