package sim

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"multiturn/pkg/sockclock"
)

// maxHead bounds the head of a request.
const maxHead = 1 << 20

// conn is one connection of a client. Its goroutine reads requests; answers are written by the sink. While a stream runs
// the goroutine already waits for the next request, and so learns at once when the client goes away.
//
// net/http's server would put two buffers, two goroutines and several locks between a chunk and its socket, and hides
// when a request arrived.
type conn struct {
	srv  *Server
	sink *sink
	in   limitReader
	br   *bufio.Reader
	// arrived is when the first byte of the request at hand came in.
	arrived time.Duration
	running *stream
	// bare says that the answer has no body: the method is HEAD.
	bare bool
}

// limitReader is a connection whose heads are bounded.
type limitReader struct {
	*sockclock.Conn
	left int
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
	return n, err
}

func (c *conn) serve() {
	defer c.leave()
	for {
		c.in.left = maxHead
		if c.br.Buffered() == 0 {
			if _, err := c.br.Peek(1); err != nil {
				return
			}
		}
		c.arrived = c.in.Arrived()
		if c.running != nil {
			select {
			case <-c.running.done:
			default:
				select {
				case <-c.running.done:
				case <-c.srv.closed:
					return
				}
			}
			// Of a request that was sent before the last answer ended the time starts when that one does end. That is its
			// last write, not now: a fast client's next request is often here before the loop has taken note of that end.
			c.arrived = max(c.arrived, c.running.truth.ended())
			if c.running.q.idle > 0 {
				_ = c.in.SetReadDeadline(time.Time{}) // it was for the time between the two only
			}
			c.running = nil
		}
		hr, err := http.ReadRequest(c.br)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				c.reply(false, &apiError{status: http.StatusBadRequest, body: "Invalid HTTP request received."})
			}
			return
		}
		c.in.left = maxBody + maxHead
		if !c.one(hr) {
			if c.running != nil {
				_, _ = io.Copy(io.Discard, c.br) // until the answer has ended and closed the connection, or the client is gone
			}
			return
		}
	}
}

// stamped says whether arrived is the kernel's.
func (c *conn) stamped() bool { return c.in.Source() == sockclock.Kernel }

// leave ends what the client will not read, and the connection.
func (c *conn) leave() {
	if c.running != nil {
		select {
		case <-c.running.done:
		default:
			c.srv.loop.abort(c.running)
			return // the loop closes
		}
	}
	c.sink.do(op{close: true})
}

// one serves a request and says whether the connection goes on.
func (c *conn) one(hr *http.Request) bool {
	keepAlive := !hr.Close && hr.ProtoAtLeast(1, 1)
	c.bare = hr.Method == http.MethodHead
	if strings.EqualFold(hr.Header.Get("Expect"), "100-continue") {
		c.sink.write([]byte("HTTP/1.1 100 Continue\r\n\r\n"), receipt{})
	}
	body, err := readBody(hr)
	if err != nil {
		return false
	}
	if len(body) > maxBody {
		c.reply(false, errTooLarge)
		return false
	}
	route, ok := c.srv.routes[hr.URL.Path]
	switch {
	case strings.HasPrefix(hr.URL.Path, "/v1") && !c.srv.authorized(hr):
		c.reply(keepAlive, errUnauthorized)
	case !ok:
		c.reply(keepAlive, errNotFound)
	case route.method != hr.Method && !(route.method == http.MethodGet && hr.Method == http.MethodHead):
		c.reply(keepAlive, errMethod)
	default:
		if fail := route.serve(c, hr, body, keepAlive); fail != nil {
			c.reply(keepAlive, fail)
		}
	}
	return keepAlive
}

// readBody reads a body, or a little more than is allowed of it.
func readBody(hr *http.Request) ([]byte, error) {
	if n := hr.ContentLength; n >= 0 && n <= maxBody {
		body := make([]byte, n) // histories are long: no growing and copying
		_, err := io.ReadFull(hr.Body, body)
		return body, err
	}
	return io.ReadAll(io.LimitReader(hr.Body, maxBody+1))
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

// appendStatus is the head of a response without its last empty line; a negative length means that of a stream.
func appendStatus(b []byte, status int, contentType string, length int, chunked, keepAlive bool) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	b = append(b, "\r\ndate: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\nserver: "+Owner+"\r\ncontent-type: "...)
	b = append(b, contentType...)
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
