package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"multiturn/pkg/openai"
	"multiturn/pkg/record"
)

func TestWaiting(t *testing.T) {
	t.Parallel()
	loading := &openai.NotReadyError{Err: errors.New("loading"), Status: 503, Loading: true}
	refused := &openai.NotReadyError{Err: errors.New("refused")}
	gateway := &openai.NotReadyError{Err: errors.New("bad gateway"), Status: 502}
	other := errors.New("other")
	for _, c := range []struct {
		name  string
		limit time.Duration
		asked bool
		err   error         // until
		ready time.Duration // 0: never
		stop  time.Duration // the interrupt; 0: none
		took  time.Duration
		said  int
		want  string
	}{
		{"loading", 30 * time.Second, false, loading, 5 * time.Second, 0, 5 * time.Second, 2, ""},
		{"loading for longer than the limit", 30 * time.Second, false, loading, 0, 0,
			30 * time.Second, 3, "loading; not ready after 30s: --wait TIME waits longer"},
		{"no wait", 0, true, loading, 0, 0, 0, 0, "loading; --wait TIME waits for it"},
		{"refused, unasked", 30 * time.Second, false, refused, time.Second, 0, 0, 0, "refused"},
		{"refused, asked", 5 * time.Minute, true, refused, time.Minute, 0, time.Minute, 7, ""},
		{"a gateway, unasked", 30 * time.Second, false, gateway, time.Second, 0, 0, 0, "bad gateway"},
		{"a gateway, asked", time.Minute, true, gateway, time.Second, 0, time.Second, 2, ""},
		{"interrupted", time.Minute, true, refused, 0, 1500 * time.Millisecond,
			1500 * time.Millisecond, 1, "refused"},
		{"another error", time.Minute, true, other, 0, 0, 0, 0, "other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var said []string
				stop, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				if c.stop > 0 {
					time.AfterFunc(c.stop, interrupt)
				}
				w := &waiting{limit: c.limit, asked: c.asked, stop: stop,
					say: func(format string, args ...any) {
						said = append(said, fmt.Sprintf(format, args...))
					}}
				start := time.Now()
				waited, err := w.until(t.Context(), func() error {
					if c.ready > 0 && time.Since(start) >= c.ready {
						return nil
					}
					return c.err
				})
				got := ""
				if err != nil {
					got = err.Error()
				}
				took := time.Since(start)
				if got != c.want || took != c.took || len(said) != c.said {
					t.Errorf("error %q after %v with %q; want %q after %v", got, took, said, c.want,
						c.took)
				}
				if c.want == "" && (!waited || !strings.Contains(said[len(said)-1], "is ready after")) {
					t.Errorf("waited %v, %q", waited, said)
				}
			})
		})
	}
}

// Once a turn has succeeded, no other one waits.
func TestNoWaitAfterSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &waiting{limit: time.Minute, stop: t.Context(), say: func(string, ...any) {}}
		x := &record.Exchange{
			Outcome: record.HTTPStatus, Status: 503, Error: "HTTP 503: Loading model",
		}
		if start := time.Now(); !w.notReady(t.Context(), x) || time.Since(start) != waitPause {
			t.Error("there was no wait before the first turn")
		}
		if w.ready(false); !w.notReady(t.Context(), x) {
			t.Error("there was no wait after a question was answered")
		}
		if w.ready(true); w.notReady(t.Context(), x) {
			t.Error("there was a wait after a turn")
		}
	})
}

// A server that fails after turns have succeeded was not waited for.
func TestNoAdviceAfterSuccess(t *testing.T) {
	t.Parallel()
	w := &waiting{limit: time.Minute, stop: t.Context(), say: func(string, ...any) {}}
	w.ready(true)
	err := errors.New("1 of 2 turns failed")
	for _, e := range []*openai.NotReadyError{
		{Err: err, Status: 502}, {Err: err, Status: 503, Loading: true}, {Err: err},
	} {
		if got := w.explain(err, e); got.Error() != err.Error() {
			t.Errorf("status %d: %q", e.Status, got)
		}
	}
}
