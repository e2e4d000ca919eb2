package sim

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"multiturn/internal/crash"
	"multiturn/internal/limits"
	"multiturn/pkg/sim/hostile"
	"multiturn/pkg/sockclock"
)

// conn is a connection of a client. Its goroutine reads requests; the sink
// writes answers. While a stream runs, the goroutine already waits for the next
// request, so it notices at once when the client disconnects.
//
// net/http's server would put two buffers, two goroutines and several locks
// between a chunk and its socket, and it hides when a request arrived.
type conn struct {
	srv  *Server
	sink *sink
	in   limitReader
	br   *bufio.Reader
	// arrived is when the first byte of the current request arrived.
	arrived time.Duration
	running *stream
	// bare means that the answer has no body, since the method is HEAD.
	bare bool
}

// limitReader is a connection that limits the bytes of a request.
type limitReader struct {
	*sockclock.Conn
	left int
	slow bool // the time for a request is over
}

var errHead = errors.New("head too large")

func (r *limitReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errHead
	}
	if len(p) > r.left {
		p = p[:r.left]
	}
	n, err := r.Conn.Read(p)
	r.left -= n
	r.slow = r.slow || errors.Is(err, os.ErrDeadlineExceeded)
	return n, err
}

func (c *conn) serve() {
	defer c.leave()
	if !c.handshake() {
		return
	}
	if a := c.srv.attackAtOnce(); a != nil {
		c.in.left = limits.RequestBody
		c.play(a, nil)
		return
	}
	for {
		c.in.left = limits.RequestHead
		if c.br.Buffered() == 0 {
			if _, err := c.br.Peek(1); err != nil {
				return
			}
		}
		c.arrived = c.in.Arrived()
		if c.running != nil && !c.awaitAnswer() {
			return
		}
		c.sink.flush() // a client that only asks must not fill the queue
		c.limitReads(limits.RequestTime)
		hr, err := http.ReadRequest(c.br)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				c.reply(false, c.broken())
			}
			return
		}
		c.in.left = limits.RequestBody + limits.RequestHead
		if !c.guarded(hr) {
			if c.running != nil {
				// Until the answer has ended and closed the connection, or the client has.
				_, _ = io.Copy(io.Discard, c.br)
			}
			return
		}
	}
}

// handshake does that of TLS, if the connection has it.
func (c *conn) handshake() bool {
	t, ok := c.sink.conn.(*tls.Conn)
	if !ok {
		return true
	}
	c.limitReads(limits.RequestTime)
	defer c.limitReads(0)
	return t.Handshake() == nil
}

// limitReads limits how long the client may take for what is read now; 0 is no
// limit.
func (c *conn) limitReads(d time.Duration) {
	var at time.Time
	if d > 0 {
		at = time.Now().Add(d)
	}
	_ = c.in.SetReadDeadline(at)
}

// guarded is one. If that panics, the request is answered 500, or its answer is
// broken off, and the server goes on.
func (c *conn) guarded(hr *http.Request) (keepAlive bool) {
	defer func() {
		if f := crash.Caught(recover()); f != nil {
			c.srv.panicked(f)
			if keepAlive = false; c.running != nil {
				reset(c.sink.conn)
				return
			}
			c.reply(false, errPanic)
		}
	}()
	return c.one(hr)
}

// broken returns the error of a request whose bytes do not come, or are none.
// That of the reader does not show which: a line that ended too early is none.
func (c *conn) broken() *apiError {
	if c.in.slow {
		return errSlow
	}
	return errNoRequest
}

// awaitAnswer waits for the end of the running answer. It returns false if the
// server closes first.
func (c *conn) awaitAnswer() bool {
	select {
	case <-c.running.done:
	default:
		select {
		case <-c.running.done:
		case <-c.srv.closed:
			return false
		}
	}
	// A pipelined request counts as arrived when the previous answer ended, which is its last
	// write and not now: a fast client's next request is often here before the loop has noticed
	// the end.
	c.arrived = max(c.arrived, c.running.truth.ended())
	if c.running.q.idle > 0 {
		_ = c.in.SetReadDeadline(time.Time{}) // it is only for the time between the two
	}
	c.running = nil
	return true
}

// stamped reports whether arrived is the kernel's receive time stamp.
func (c *conn) stamped() bool { return c.in.Stamped() }

// leave aborts the running answer, if any, and closes the connection.
func (c *conn) leave() {
	if c.running != nil {
		select {
		case <-c.running.done:
		default:
			c.srv.loop.abort(c.running)
			// It may have ended just now, and then the loop leaves the connection open.
			select {
			case <-c.running.done:
			case <-c.srv.closed:
			}
		}
	}
	c.sink.do(op{close: true})
}

// one serves a request and reports whether the connection stays open.
func (c *conn) one(hr *http.Request) bool {
	keepAlive := !hr.Close && hr.ProtoAtLeast(1, 1)
	c.bare = hr.Method == http.MethodHead
	if strings.EqualFold(hr.Header.Get("Expect"), "100-continue") {
		c.sink.write([]byte("HTTP/1.1 100 Continue\r\n\r\n"), receipt{})
	}
	a := c.srv.attack(hr)
	if a != nil && a.Phase == hostile.Head {
		c.attacked(a, hr)
		return c.play(a, hr)
	}
	body, taken, fail := readBody(hr, c.srv.bodies)
	defer c.srv.bodies.give(taken)
	c.limitReads(0)
	if fail == errNoRequest {
		fail = c.broken()
	}
	if fail != nil {
		c.reply(false, fail)
		return false
	}
	if a != nil {
		c.attacked(a, hr)
		return c.play(a, hr)
	}
	route, ok := c.srv.routes[hr.URL.Path]
	switch {
	case c.srv.loading():
		c.reply(keepAlive, errLoading)
	case strings.HasPrefix(hr.URL.Path, "/v1") && !c.srv.authorized(hr):
		c.reply(keepAlive, errUnauthorized)
	case !ok:
		c.reply(keepAlive, errNotFound)
	case route.method != hr.Method &&
		!(route.method == http.MethodGet && hr.Method == http.MethodHead):
		c.reply(keepAlive, errMethod)
	default:
		if fail := route.serve(c, hr, body, keepAlive); fail != nil {
			c.reply(keepAlive, fail)
		}
	}
	return keepAlive
}

// reply answers with an error.
func (c *conn) reply(keepAlive bool, e *apiError) {
	contentType, extra := "application/json", ""
	if e.contentType != "" {
		contentType = e.contentType
	}
	if e.retryAfter > 0 {
		extra = "retry-after: " + strconv.Itoa(e.retryAfter) + "\r\n"
	}
	c.answer(keepAlive, e.status, contentType, extra, e.json())
}

// send answers with a whole body.
func (c *conn) send(keepAlive bool, status int, contentType string, body []byte) {
	c.answer(keepAlive, status, contentType, "", body)
}

func (c *conn) answer(keepAlive bool, status int, contentType, extra string, body []byte) {
	b := appendStatus(nil, status, contentType, len(body), true, keepAlive)
	b = append(append(b, extra...), "\r\n"...)
	if !c.bare {
		b = append(b, body...)
	}
	c.sink.write(b, receipt{})
}

// appendStatus appends the head of a response without its final empty line. A
// negative length means a stream.
func appendStatus(
	b []byte, status int, contentType string, length int, chunked, keepAlive bool,
) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	b = append(b, "\r\ndate: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\nserver: "+Owner...)
	if contentType != "" {
		b = append(append(b, "\r\ncontent-type: "...), contentType...)
	}
	switch {
	case length >= 0:
		b = append(b, "\r\ncontent-length: "...)
		b = strconv.AppendInt(b, int64(length), 10)
	case chunked:
		b = append(b, "\r\ntransfer-encoding: chunked"...)
	}
	if !keepAlive {
		b = append(b, "\r\nconnection: close"...)
	}
	return append(b, "\r\n"...)
}
