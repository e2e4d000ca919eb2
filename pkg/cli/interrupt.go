package cli

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// interrupts returns the channel of the signals that interrupt a command: those of
// the keyboard, of the end of a terminal, and of kill. What the parent process has
// turned off stays so, as by nohup and for commands in the background of a script.
// A pipe without a reader is an error of the write from here on, no signal: it
// would end the process in the middle of its files.
func interrupts() <-chan os.Signal {
	list := []os.Signal{syscall.SIGTERM}
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			list = append(list, s)
		}
	}
	c := make(chan os.Signal, 4)
	signal.Notify(c, list...)
	signal.Ignore(syscall.SIGPIPE)
	return c
}

// interrupt counts the signals of a process.
type interrupt struct {
	count atomic.Int32
	drain context.Context
	gone  chan struct{} // closed when Main stops waiting for Run
	said  chan struct{} // closed when the remark about the first is written
}

// How long Main waits after an interrupt that is to end the command: for Run,
// which may hang reading stdin, which nothing can end, and for the last line on
// stderr, which may be a full pipe. Together they are a second at most, which is
// ample for everything else.
const (
	patience     = 800 * time.Millisecond
	lastPatience = 200 * time.Millisecond
)

// Drain ends with the first interrupt. In a command that drains, the context of
// Run goes on until the second: after the first there is no new work, and what
// is under way may finish. Run need not wait for a goroutine that reads stdin,
// which nobody may ever end: it may return the error of Drain, and Main returns
// too.
func (c *Call) Drain() context.Context { return c.interrupt.drain }

func (c *Call) interrupted() bool { return c.interrupt != nil && c.interrupt.count.Load() > 0 }

// watch returns the context of Run and a function that ends the watching. If Run
// hangs for longer than patience once its context has ended, or an interrupt comes
// then, Main stops waiting for it.
func (c *Call) watch(signals <-chan os.Signal) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	drain, cancelDrain := context.WithCancel(ctx)
	in := &interrupt{drain: drain, gone: make(chan struct{}), said: make(chan struct{})}
	c.interrupt = in
	last := int32(1) // the interrupt that ends ctx
	if c.leaf.Drain {
		last = 2
	}
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
			case n < last:
				go func() { // as stderr may be a full pipe
					c.Remarkf("interrupted: finishing what is under way; " +
						"interrupt again to stop now")
					close(in.said)
				}()
			case n == last:
				cancel()
				late = time.After(patience)
			default:
				close(in.gone)
				return
			}
		}
	}()
	return ctx, func() { close(over); <-done; cancelDrain(); cancel() }
}

// wait runs the command until it returns or is given up. Unfinished outputs do
// not stay, not even if it panics.
func (c *Call) wait(ctx context.Context) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				c.files.giveUp()
				panic(p)
			}
		}()
		err := c.leaf.Run(ctx, c)
		if broken := c.TokenizerErr(); broken != nil {
			err = broken // whatever else is wrong follows from that
		}
		done <- err
	}()
	defer c.files.giveUp()
	select {
	case err := <-done:
		return err
	case <-c.interrupt.gone:
		return context.Canceled
	}
}

// last calls say, which writes the last line to stderr. After an interrupt, it is
// not waited for for long.
func (c *Call) last(say func()) {
	if !c.interrupted() {
		say()
		return
	}
	said := make(chan struct{})
	go func() {
		defer close(said)
		if c.leaf.Drain {
			<-c.interrupt.said
		}
		say()
	}()
	select {
	case <-said:
	case <-time.After(lastPatience):
	}
}
