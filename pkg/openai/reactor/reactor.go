// Package reactor sends HTTP/1.1 requests and reads the responses of many
// sockets on one goroutine. In a load client with a thousand slow streams, a
// goroutine for each connection would cost more than all its other work.
//
// The goroutine waits in epoll for sockets that are ready, reads each into one
// buffer together with the kernel's receive time stamp (package sockclock), and
// parses the bytes at once: the head of the response, the framing of its body
// (chunked, by length, or to the end of the connection), and then whatever the
// request's [Handler] does with them. Each request is written by the goroutine
// that sends it, directly from its pieces; that goroutine then sleeps until the
// response has ended.
//
// Connections are reused, the last one used first. An idle connection that the
// server closes is dropped at once. If the server closes a reused connection
// while a request is on its way and no byte of a response has come back, the
// request is sent again, once, on a new connection.
//
// A handler that panics ends its own request alone, with a *crash.Error.
//
// The package supports plain http on Linux without proxies. Use net/http for
// anything else.
package reactor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Handler takes a response as it arrives. Its methods are called on the
// reactor's goroutine, which serves all connections: they must be quick and
// must not block. They are not called after Do has returned.
type Handler interface {
	// Head is called once, when the head of the response is complete. An error ends
	// the request.
	Head(status int, h http.Header, at time.Duration) error
	// Read begins the bytes of one read: the time when its last byte arrived, and when it was read.
	// exact means that the other bytes arrived at the same time, in one packet; otherwise they may
	// have arrived earlier and waited.
	Read(arrived, seen time.Duration, exact bool)
	// Body takes bytes of the body, which are valid during the call. frame is the number of
	// the HTTP chunk, from 1; 0 if the body is not chunked. An error ends the request.
	Body(b []byte, frame int) error
	// Wait ends the bytes of a read, unless the response has ended.
	Wait()
}

// Request is the bytes of a request: its head and the beginning of its body,
// pieces that follow one another, and the rest. They are written without being
// copied.
type Request struct {
	Before []byte
	Pieces [][]byte
	After  []byte
}

// Trace is what happened to a request, apart from its response. Times are on
// the reactor's clock; 0 if the event did not happen.
type Trace struct {
	// Sent is when the first byte left, on the connection that answered, as the
	// kernel stamped it; without a stamp, just before the first write. Written is
	// when the last byte left; without a stamp, after the last write.
	Sent    time.Duration
	Written time.Duration
	End     time.Duration // arrival of the response's last byte
	Pooled  bool          // the connection was reused
	Retried bool          // the request was sent again, since a reused connection was closed
	Got     bool          // there was a connection at all
	Connect time.Duration // duration of dialling, if the connection is new
}

// Stats counts connections and reads.
type Stats struct {
	Opened     int // connections dialled, including those of Preconnect
	Reconnects int // requests sent again because the server had closed a reused connection
	// Reads counts the reads that returned bytes, Wakes how often the reactor woke up for them.
	Reads, Wakes int64
}

// ErrCut means that the connection ended before the response did.
var ErrCut = errors.New("connection closed before the end of the body")

// errUnanswered means that the connection ended before the head of the
// response.
var errUnanswered = errors.New("the server closed the connection before it answered")

// Dial opens a TCP connection.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)
