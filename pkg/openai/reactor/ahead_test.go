package reactor

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// dialled is an error as package net returns it.
func dialled(number syscall.Errno) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", number)}
}

func TestAhead(t *testing.T) {
	t.Parallel()
	other := errors.New("no certificate")
	for name, c := range map[string]struct {
		result     func(call int) error // of a call of open, from 0
		want       error
		calls      int // at most
		atLeast    int
		waitedMost time.Duration
	}{
		"all open": {func(int) error { return nil }, nil, 200, 200, 0},
		"one refused": {func(n int) error { return errIf(n == 7, dialled(syscall.ECONNREFUSED)) },
			nil, 201, 201, 50 * time.Millisecond},
		"one reset": {func(n int) error { return errIf(n == 0, dialled(syscall.ECONNRESET)) },
			nil, 201, 201, 50 * time.Millisecond},
		"one timed out": {func(n int) error { return errIf(n == 3, os.ErrDeadlineExceeded) },
			nil, 201, 201, 50 * time.Millisecond},
		"a server of 100 connections": {
			func(n int) error { return errIf(n >= 100, dialled(syscall.ECONNREFUSED)) },
			nil, 100 + maxAhead*4, 104, 750 * time.Millisecond},
		"no server": {func(int) error { return dialled(syscall.ECONNREFUSED) }, syscall.ECONNREFUSED,
			maxAhead * 4, 4, 750 * time.Millisecond},
		"no certificate": {func(int) error { return other }, other, maxAhead, 1, 0},
		"too many files": {func(n int) error { return errIf(n >= 20, dialled(syscall.EMFILE)) },
			syscall.EMFILE, 20 + maxAhead, 21, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				calls, start := 0, time.Now()
				err := Ahead(t.Context(), 200, func(context.Context) error {
					mu.Lock()
					defer mu.Unlock()
					calls++
					return c.result(calls - 1)
				})
				if !errors.Is(err, c.want) {
					t.Errorf("error %v, want %v", err, c.want)
				}
				if calls > c.calls || calls < c.atLeast {
					t.Errorf("%d calls, want %d to %d", calls, c.atLeast, c.calls)
				}
				if waited := time.Since(start); waited > c.waitedMost {
					t.Errorf("waited %v, want at most %v", waited, c.waitedMost)
				}
			})
		})
	}
}

func errIf(yes bool, err error) error {
	if yes {
		return err
	}
	return nil
}

// A pause between two tries ends with the context.
func TestAheadCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := Ahead(ctx, 3, func(context.Context) error { return dialled(syscall.ECONNREFUSED) })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 10*time.Millisecond {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
	})
}
