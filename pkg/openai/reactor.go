package openai

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"multiturn/internal/httpclient"
	"multiturn/pkg/openai/reactor"
	"multiturn/pkg/record"
	"multiturn/pkg/sockclock"
)

// reacting is the transport of package reactor.
type reacting struct {
	reactor *reactor.Reactor
	target  *url.URL
}

func newReacting(o *Options, clock *sockclock.Clock, target *url.URL) (*reacting, error) {
	r, err := reactor.New(clock, httpclient.HostPort(target), o.Dialer().DialContext)
	if err != nil {
		return nil, err
	}
	if o.Clocks != record.ClockKernel {
		// Only the attempt shows whether packets may be captured.
		if err := r.CapturePackets(); err != nil && o.Clocks == record.ClockPackets {
			return nil, errors.Join(err, r.Close())
		}
	}
	return &reacting{r, target}, nil
}

func (t *reacting) preconnect(ctx context.Context, n int) error {
	return t.reactor.Preconnect(ctx, n)
}
func (t *reacting) clocks() record.ClockSource { return t.reactor.Source() }
func (t *reacting) close() error               { return t.reactor.Close() }

func (t *reacting) stats() Stats {
	s := t.reactor.Stats()
	return Stats{Opened: s.Opened, Reconnects: s.Reconnects}
}

// appendHead appends the request's head.
func (t *reacting) appendHead(dst []byte, c *call) []byte {
	dst = append(append(dst, "POST "...), t.target.RequestURI()...)
	dst = append(append(dst, " HTTP/1.1\r\nHost: "...), c.host(t.target)...)
	names := make([]string, 0, 16)
	for name := range c.header {
		if name != "Host" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range c.header[name] {
			dst = append(append(append(append(dst, "\r\n"...), name...), ": "...), v...)
		}
	}
	dst = strconv.AppendInt(append(dst, "\r\nContent-Length: "...), c.body.size, 10)
	return append(dst, "\r\n\r\n"...)
}

// exchange sends the call and feeds the answer. The error is why the answer is
// incomplete.
func (t *reacting) exchange(ctx context.Context, c *call, a *answer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	h := handler{a: a, idle: c.idle, cancel: cancel}
	defer h.stop()
	request := reactor.Request{
		Before: append(t.appendHead(nil, c), c.body.before...),
		Pieces: c.body.messages, After: c.body.after,
	}
	trace, err := t.reactor.Do(ctx, &request, &h)
	r := a.res
	r.Sent, r.Written = record.Clock(trace.Sent), record.Clock(trace.Written)
	r.ConnectMS = milliseconds(trace.Connect)
	switch {
	case trace.Retried:
		r.Connection = record.ConnectionRetried
	case trace.Pooled:
		r.Connection = record.ConnectionReused
	case trace.Got:
		r.Connection = record.ConnectionNew
	}
	if err != nil {
		if r.Status == 0 {
			err = connectError(err)
		}
		return ended(ctx, err)
	}
	a.arrived = record.Clock(trace.End) // the end of a body may have come after its last event
	return nil
}

// handler feeds an answer from the reactor's goroutine.
type handler struct {
	a      *answer
	idle   time.Duration
	cancel context.CancelCauseFunc
	watch  *idleWatch
	grace  *time.Timer
}

func (h *handler) Head(status int, header http.Header, at time.Duration) error {
	return h.a.head(status, header, record.Clock(at))
}
func (h *handler) Read(arrived, seen time.Duration, exact bool) {
	h.a.read(record.Clock(arrived), record.Clock(seen), exact)
}
func (h *handler) Body(b []byte, frame int) error { return h.a.body(b, frame) }

// Wait begins a silence, which is limited.
func (h *handler) Wait() {
	switch {
	case h.a.done:
		if h.grace == nil {
			h.watch.stop()
			h.grace = time.AfterFunc(doneGrace, func() { h.cancel(errCut) })
		}
	case h.idle > 0 && h.a.res.FirstToken != 0:
		if h.watch == nil {
			h.watch = newIdleWatch(h.idle, func() { h.cancel(errIdle) })
		}
		h.watch.touch()
	}
}

// stop stops the timers. The reactor must be done with the handler.
func (h *handler) stop() {
	h.watch.stop()
	if h.grace != nil {
		h.grace.Stop()
	}
}
