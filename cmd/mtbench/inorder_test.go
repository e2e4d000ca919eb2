package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// If several tasks fail, the error of the most important one is returned,
// whichever came first.
func TestInOrder(t *testing.T) {
	t.Parallel()
	server, file := errors.New("server down"), errors.New("dataset wrong")
	after := func(d time.Duration, err error) func(context.Context) error {
		return func(context.Context) error {
			time.Sleep(d)
			return err
		}
	}
	for _, c := range []struct {
		name  string
		tasks []func(context.Context) error
		want  error
		took  time.Duration
	}{
		{"no error", []func(context.Context) error{after(2, nil), after(1, nil)}, nil, 2},
		{"both, the first is slow",
			[]func(context.Context) error{after(2, server), after(1, file)}, server, 2},
		{"both, the first is fast",
			[]func(context.Context) error{after(1, server), after(2, file)}, server, 1},
		{"the last fails", []func(context.Context) error{after(2, nil), after(1, file)}, file, 2},
		{"the first does not wait",
			[]func(context.Context) error{after(1, server), after(9, nil)}, server, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			if err := inOrder(t.Context(), c.tasks...); err != c.want {
				t.Errorf("%s: error %v, want %v", c.name, err, c.want)
			}
			if d := time.Since(start); d != c.took {
				t.Errorf("%s: took %v, want %v", c.name, d, c.took)
			}
			time.Sleep(10 * time.Nanosecond) // until the last task has ended
		})
	}
}

// The first error cancels the contexts of later tasks, and an interrupt does not
// wait for a task that hangs.
func TestInOrderStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		wrong := errors.New("wrong")
		err := inOrder(t.Context(),
			func(context.Context) error { return wrong },
			func(ctx context.Context) error { <-ctx.Done(); ended <- ctx.Err(); return nil })
		if err != wrong || <-ended != context.Canceled {
			t.Errorf("error %v", err)
		}

		stop, interrupt := context.WithCancel(t.Context())
		stdin := make(chan struct{})
		time.AfterFunc(1, interrupt)
		err = inOrder(stop, func(context.Context) error { <-stdin; return nil })
		if err != context.Canceled {
			t.Errorf("interrupted: error %v", err)
		}
		close(stdin)
	})
}
