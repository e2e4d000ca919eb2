package openai

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"multiturn/internal/crash"
	"multiturn/internal/httpclient"
	"multiturn/internal/httphead"
	"multiturn/internal/limits"
	"multiturn/pkg/openai/reactor"
	"multiturn/pkg/record"
	"multiturn/pkg/sockclock"
)

// doneGrace limits the wait for the end of the body after [DONE]. A connection
// whose body ended can be used again, and all but broken servers end it at once.
const doneGrace = time.Second

// netHTTP is the transport of the standard library's client.
type netHTTP struct {
	transport *http.Transport
	clock     *sockclock.Clock
	target    *url.URL
	net       dialFunc
	opened    atomic.Int64
	retried   atomic.Int64
	user      atomic.Bool // some connection has no kernel stamps
	proxied   bool        // a proxy stands before the target

	mu    sync.Mutex
	spare []net.Conn // opened ahead, not yet the transport's
}

// dialFunc dials a connection.
type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// dialled is a connection and the time it took to open.
type dialled struct {
	*sockclock.Conn
	took  time.Duration
	spare bool // opened ahead: it may have been closed by the server since
	head  httphead.Mender
}

// mended is a connection that takes heads with a doubled transfer coding, which
// net/http refuses. It is above TLS, except for that of a proxied connection.
type mended struct {
	net.Conn
	under *dialled
}

func (c *mended) Read(b []byte) (n int, err error) {
	defer func() { // on net/http's goroutine
		if f := crash.Caught(recover()); f != nil {
			err = f
		}
	}()
	n, err = c.Conn.Read(b)
	c.under.head.Mend(b[:n])
	return n, err
}

func newNetHTTP(o *Options, clock *sockclock.Clock, target *url.URL) *netHTTP {
	t := &netHTTP{
		clock: clock, target: target, net: o.Dialer().DialContext, proxied: o.Proxied(target),
	}
	h := o.Config.Transport()
	h.DialContext = t.dial
	h.DisableCompression = true
	h.MaxResponseHeaderBytes = limits.Head
	h.MaxIdleConns = 0 // no limit: there are as many as clients
	h.MaxIdleConnsPerHost = 1 << 20
	h.WriteBufferSize, h.ReadBufferSize = 64<<10, 8<<10
	h.ForceAttemptHTTP2 = o.HTTP2
	h.Protocols = new(http.Protocols)
	h.Protocols.SetHTTP1(true)
	h.Protocols.SetHTTP2(o.HTTP2)
	if !t.proxied {
		h.DialTLSContext = t.dialTLS
	}
	t.transport = h
	return t
}

// open dials one connection.
func (t *netHTTP) open(ctx context.Context, network, addr string) (*dialled, error) {
	start := time.Now()
	conn, err := t.net(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	t.opened.Add(1)
	c := &dialled{Conn: t.clock.Wrap(conn), took: time.Since(start)}
	if c.Source() == record.ClockUser {
		t.user.Store(true)
	}
	return c, nil
}

func (t *netHTTP) openTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := t.open(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	config := t.transport.TLSClientConfig.Clone()
	if config.ServerName == "" {
		host, _, _ := net.SplitHostPort(addr)
		config.ServerName, _, _ = strings.Cut(host, "%") // no certificate has a zone
	}
	if len(config.NextProtos) == 0 {
		config.NextProtos = []string{"http/1.1"}
		if t.transport.ForceAttemptHTTP2 {
			config.NextProtos = []string{"h2", "http/1.1"}
		}
	}
	secure := tls.Client(c, config)
	ctx, cancel := context.WithTimeout(ctx, t.transport.TLSHandshakeTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("TLS handshake with %s: %w", addr, err)
	}
	c.took += time.Since(start)
	if t.transport.ForceAttemptHTTP2 {
		return secure, nil // net/http asks it for the protocol
	}
	return &mended{secure, c}, nil
}

func (t *netHTTP) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if c := t.takeSpare(); c != nil {
		return c, nil
	}
	return t.openPlain(ctx, network, addr)
}

func (t *netHTTP) openPlain(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := t.open(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &mended{c, c}, nil
}

func (t *netHTTP) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	if c := t.takeSpare(); c != nil {
		return c, nil
	}
	return t.openTLS(ctx, network, addr)
}

func (t *netHTTP) takeSpare() net.Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.spare) == 0 {
		return nil
	}
	c := t.spare[len(t.spare)-1]
	t.spare = t.spare[:len(t.spare)-1]
	return c
}

func (t *netHTTP) preconnect(ctx context.Context, n int) error {
	if t.proxied || t.transport.ForceAttemptHTTP2 {
		return nil // the transport's own business
	}
	t.mu.Lock()
	n -= len(t.spare)
	t.mu.Unlock()
	return reactor.Ahead(ctx, n, func(ctx context.Context) error {
		var c net.Conn
		var err error
		if t.target.Scheme == "https" {
			c, err = t.openTLS(ctx, "tcp", httpclient.HostPort(t.target))
		} else {
			c, err = t.openPlain(ctx, "tcp", httpclient.HostPort(t.target))
		}
		if err != nil {
			return err
		}
		timed(c).spare = true
		t.mu.Lock()
		defer t.mu.Unlock()
		t.spare = append(t.spare, c)
		return nil
	})
}

// timed returns the timed connection under c, or nil.
func timed(c net.Conn) *dialled {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	switch c := c.(type) {
	case *mended:
		return c.under
	case *dialled:
		return c
	}
	return nil
}

// answering returns the timed connection under c, or nil. A response is what it
// reads next.
func answering(c net.Conn) *dialled {
	d := timed(c)
	if d != nil {
		d.head.Begin()
	}
	return d
}

func (t *netHTTP) clocks() record.ClockSource {
	if t.user.Load() {
		return record.ClockUser
	}
	return record.ClockKernel
}

func (t *netHTTP) stats() Stats {
	return Stats{Opened: int(t.opened.Load()), Reconnects: int(t.retried.Load())}
}

func (t *netHTTP) close() error {
	t.transport.CloseIdleConnections()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.spare {
		c.Close()
	}
	t.spare = nil
	return nil
}

// bodies are buffers for the reads of an answer.
var bodies = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

// exchange sends the call and feeds the answer. The error is why the answer is
// incomplete.
func (t *netHTTP) exchange(ctx context.Context, c *call, a *answer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var mu sync.Mutex // the hooks may come late, from the transport's goroutines
	var conn *dialled
	var pooled, answered bool
	var got record.Clock
	var sending *sockclock.Sending
	tries := 0
	trace := &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			mu.Lock()
			defer mu.Unlock()
			tries++
			got = record.Clock(t.clock.Now())
			conn = answering(info.Conn)
			pooled = info.Reused
			if conn != nil {
				pooled = pooled || conn.spare
				sending = conn.Mark()
			}
		},
		GotFirstResponseByte: func() {
			mu.Lock()
			defer mu.Unlock()
			answered = true
		},
	}
	var resp *http.Response
	var err error
	for {
		var body io.ReadCloser
		if body, err = c.body.open(); err != nil {
			return err
		}
		req := (&http.Request{
			Method: http.MethodPost, URL: t.target, Host: c.host(t.target),
			Header: c.header.Clone(),
			Body:   body, GetBody: c.body.open, ContentLength: c.body.size,
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		}).WithContext(httptrace.WithClientTrace(ctx, trace))
		before := tries
		resp, err = t.transport.RoundTrip(req)
		mu.Lock()
		again := err != nil && ctx.Err() == nil && tries > before && pooled && !answered
		mu.Unlock()
		if !again {
			break
		}
		// A pooled connection that the server had closed. Each try uses one up,
		// so this ends with a fresh one.
	}
	mu.Lock()
	r := a.res
	used, sent := conn, sending
	if tries > 0 {
		r.Connection = record.ConnectionNew
		if pooled {
			r.Connection = record.ConnectionReused
		}
		if tries > 1 {
			r.Connection = record.ConnectionRetried
			t.retried.Add(1)
		}
	}
	h2 := resp != nil && resp.ProtoMajor == 2
	if used != nil && !pooled {
		r.ConnectMS = milliseconds(used.took)
	}
	mu.Unlock()
	if used != nil {
		used.spare = false
	}
	// Over HTTP/2 the connection's times belong to all its streams together.
	if used == nil || h2 {
		r.Sent = got
	} else {
		defer sentAt(ctx, sent, r)
	}
	if err != nil {
		return ended(ctx, connectError(err))
	}
	defer resp.Body.Close()
	stamps := func() (arrived, seen record.Clock) {
		if used == nil || h2 {
			now := record.Clock(t.clock.Now())
			return now, now
		}
		return record.Clock(used.Arrived()), record.Clock(used.Seen())
	}
	at, _ := stamps()
	if err := a.head(resp.StatusCode, resp.Header, at); err != nil {
		return err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil // its body is the connection
	}

	buf := bodies.Get().(*[]byte)
	defer bodies.Put(buf)
	var watch *idleWatch
	defer func() { watch.stop() }()
	var grace *time.Timer
	for {
		n, err := resp.Body.Read(*buf)
		if n > 0 {
			arrived, seen := stamps()
			a.read(arrived, seen, used != nil && !h2 && used.Exact())
			if err := a.body((*buf)[:n], 0); err != nil {
				return err
			}
			if c.idle > 0 && r.FirstToken != 0 {
				if watch == nil {
					watch = newIdleWatch(c.idle, func() { cancel(errIdle) })
				}
				watch.touch()
			}
			if a.done && grace == nil {
				watch.stop()
				grace = time.AfterFunc(doneGrace, func() { cancel(errCut) })
				defer grace.Stop()
			}
		}
		switch {
		case err == io.EOF:
			a.arrived, _ = stamps() // the end of a body may have come after its last event
			return nil
		case err != nil:
			return ended(ctx, bodyError(err))
		}
	}
}

// sentAt sets when the request was sent. The goroutine that wrote it may be later
// than the answer.
func sentAt(ctx context.Context, s *sockclock.Sending, r *Result) {
	select {
	case <-s.Wrote():
	case <-ctx.Done():
	case <-time.After(doneGrace): // the server answered before the request
	}
	r.Sent, r.Written = record.Clock(s.Sent()), record.Clock(s.Written())
}

// milliseconds returns d as records have it.
func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }

// ended returns why an exchange ended: the cause that cancelled its context, else
// err.
func ended(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	switch cause := context.Cause(ctx); {
	case cause == errTimeout || cause == errIdle || cause == errCut:
		return cause
	case errors.Is(cause, context.DeadlineExceeded):
		return errTimeout
	}
	return errCancelled
}

// connectError words an error before the response's head.
func connectError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the server closed the connection before it answered")
	}
	switch text := err.Error(); {
	case strings.Contains(text, "transfer encoding"): // that HTTP/1.1 does not have
		return &headError{text + "; a proxy before the server adds or doubles Transfer-Encoding"}
	case strings.Contains(text, "response headers exceeded"):
		return &limits.Exceeded{What: "the head of the answer", Limit: limits.Head}
	}
	return err
}

// headError is the error of a response's head that no answer has.
type headError struct{ text string }

func (e *headError) Error() string { return "the answer's head cannot be read: " + e.text }

// bodyError words an error within the body.
func bodyError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errCut
	}
	for _, text := range []string{"too much non-data", "long trailer", "line too long"} {
		if strings.Contains(err.Error(), text) {
			return &limits.Exceeded{
				What: "what is not data in the chunked encoding", Limit: limits.Framing,
			}
		}
	}
	return fmt.Errorf("the connection broke: %w", err)
}

// idleWatch calls late once it has not been touched for the limit. To touch it
// costs no more than to read the time.
type idleWatch struct {
	limit   time.Duration
	start   time.Time
	touched atomic.Int64
	timer   *time.Timer
}

func newIdleWatch(limit time.Duration, late func()) *idleWatch {
	w := &idleWatch{limit: limit, start: time.Now()}
	w.touch()
	ready := make(chan struct{})
	w.timer = time.AfterFunc(limit, func() {
		<-ready
		if left := limit - (time.Since(w.start) - time.Duration(w.touched.Load())); left > 0 {
			w.timer.Reset(left)
			return
		}
		late()
	})
	close(ready)
	return w
}

func (w *idleWatch) touch() { w.touched.Store(int64(time.Since(w.start))) }

func (w *idleWatch) stop() {
	if w != nil {
		w.timer.Stop()
	}
}
