package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"multiturn/internal/field"
	"multiturn/pkg/openai"
	"multiturn/pkg/record"
)

// Pauses of a wait: between two questions, and between two remarks.
const (
	waitPause  = time.Second
	waitRemark = 10 * time.Second
)

// waiting is the wait for a server that is not ready, before the first turn that
// succeeds. A server that says that it is loading is waited for; one that cannot
// be reached, or whose gateway answers in its place, only if the user asked for
// a wait: else a wrong port would not fail at once.
type waiting struct {
	limit time.Duration
	asked bool            // the user asked for a wait
	stop  context.Context // ends it
	say   func(format string, args ...any)

	mu    sync.Mutex
	since time.Time // zero: there was no wait
	said  time.Time // the last remark
	over  bool      // the limit was reached
	done  bool      // a turn succeeded: there is no other wait
}

// again waits for a moment and reports whether to ask the server again.
func (w *waiting) again(ctx context.Context, e *openai.NotReadyError) bool {
	if !e.Loading && !w.asked || !w.next(e, time.Now()) {
		return false
	}
	select {
	case <-time.After(waitPause):
		return true
	case <-ctx.Done():
	case <-w.stop.Done():
	}
	return false
}

// next reports whether there is time for one more pause, and says what is waited
// for.
func (w *waiting) next(e *openai.NotReadyError, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return false
	}
	if w.since.IsZero() {
		w.since = now
	}
	if w.over = w.over || now.Add(waitPause).After(w.since.Add(w.limit)); w.over {
		return false
	}
	if w.said.IsZero() {
		w.say("waiting up to %v for the server: %s", w.limit, plainText(e))
		w.said = now
	} else if now.Sub(w.said) >= waitRemark {
		w.say("the server is not ready after %v: %s", now.Sub(w.since).Round(time.Second),
			plainText(e))
		w.said = now
	}
	return true
}

// plainText is an error without the name of the field that it is about, which a
// remark has no flag for.
func plainText(err error) string {
	if about := (*field.Error)(nil); errors.As(err, &about) {
		return about.Problem
	}
	return err.Error()
}

// until asks until the answer is not one of a server that is not ready. waited
// reports whether it asked more than once.
func (w *waiting) until(ctx context.Context, ask func() error) (waited bool, err error) {
	for {
		err := ask()
		e := (*openai.NotReadyError)(nil)
		switch {
		case !errors.As(err, &e):
			if err == nil {
				w.ready(false)
			}
			return waited, err
		case !w.again(ctx, e):
			return waited, w.explain(err, e)
		}
		waited = true
	}
}

// explain adds to the error of a server what --wait has to do with it: nothing
// once a turn has succeeded.
func (w *waiting) explain(err error, e *openai.NotReadyError) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.done:
	case w.over && w.limit > 0:
		return fmt.Errorf("%w; not ready after %v: --wait TIME waits longer", err, w.limit)
	case e.Loading:
		return fmt.Errorf("%w; --wait TIME waits for it", err)
	}
	return err
}

// ready ends a wait. Once a turn has succeeded there is no other one.
func (w *waiting) ready(turn bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.said.IsZero() && !w.over {
		w.say("the server is ready after %v", time.Since(w.since).Round(time.Second))
	}
	w.since, w.said, w.done = time.Time{}, time.Time{}, w.done || turn
}

// notReady is bench's question about a turn that failed.
func (w *waiting) notReady(ctx context.Context, x *record.Exchange) bool {
	e := openai.NotReady(x)
	return e != nil && w.again(ctx, e)
}
