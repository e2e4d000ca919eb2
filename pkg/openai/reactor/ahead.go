package reactor

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// maxAhead is the number of connections that are opened ahead at the same time:
// below the 128 that old kernels let wait for a server's accept.
const maxAhead = 64

// pauses are those between the tries to open a connection ahead: a server whose
// queue of new connections is full has emptied it by then.
var pauses = []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond}

// Ahead calls open n times, to open connections ahead of the requests. One that is
// refused is tried again; if that does not help, the rest is left to the requests,
// whose failures are counted. It is an error only if no connection could be opened,
// or if the process may open no more files.
func Ahead(ctx context.Context, n int, open func(context.Context) error) error {
	var g errgroup.Group
	g.SetLimit(maxAhead)
	var (
		opened atomic.Bool
		failed atomic.Pointer[error]
	)
	for range n {
		g.Go(func() error {
			if failed.Load() != nil {
				return nil
			}
			if err := openAgain(ctx, open); err != nil {
				failed.CompareAndSwap(nil, &err)
				return nil
			}
			opened.Store(true)
			return nil
		})
	}
	_ = g.Wait() // the error is in failed
	err := failed.Load()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil, opened.Load() && !tooManyFiles(*err):
		return nil
	}
	return *err
}

// openAgain opens one connection, in several tries if it is refused.
func openAgain(ctx context.Context, open func(context.Context) error) error {
	for _, pause := range pauses {
		err := open(ctx)
		if err == nil || !passing(err) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return open(ctx)
}

// passing reports whether a connection may be opened in another try.
func passing(err error) bool {
	timeout := net.Error(nil)
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

func tooManyFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
