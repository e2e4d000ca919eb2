// Package reactor exchanges HTTP/1.1 requests for responses over many sockets that one goroutine reads, because in a load
// client that holds a thousand slow streams a goroutine a connection costs more than all its other work.
//
// The goroutine waits in epoll for sockets that have something, reads each with the kernel's receive time stamp (package
// sockclock) into one buffer, and parses it on the spot: the response's head, the framing of its body (chunked, by length,
// or to the end of the connection), and then whatever the request's [Handler] makes of the bytes. Requests are written by
// the goroutine that sends them, straight from its pieces. It sleeps until its response has ended.
//
// Connections are kept and used again, the last one used first. One that the server closes while it waits is dropped at
// once; where a request was just on its way to it and not one byte of a response came back, the request is sent again,
// once, on a fresh connection.
//
// It is for plain http on Linux without proxies; everything else is net/http's.
package reactor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Handler takes a response as it arrives. It is called on the reactor's goroutine, which serves all connections: it has to
// be quick and must not block. It is not called any more once Do has returned.
type Handler interface {
	// Head is called once, when the response's head was whole.
	Head(status int, h http.Header, at time.Duration)
	// Read begins what one read delivered: when its last byte arrived, and when it was read. exact says that the other
	// bytes arrived with the last, as they came in one packet; else they may have waited to be read together.
	Read(arrived, seen time.Duration, exact bool)
	// Body takes bytes of the body, valid during the call. frame counts the HTTP chunks of a response from 1; 0 means that
	// its body does not come in chunks.
	Body(b []byte, frame int)
	// Wait ends what a read delivered, unless the response has ended with it.
	Wait()
}

// Request is the bytes of a request: its head and whatever comes before Pieces, the pieces one after the other, and what
// comes after. They are written from where they are.
type Request struct {
	Before []byte
	Pieces [][]byte
	After  []byte
}

// Trace is what became of a request besides its response. Its times are on the clock of the reactor, 0 when they did not
// come about.
type Trace struct {
	Sent    time.Duration // just before the first write, on the connection that answered
	Written time.Duration // after the last
	End     time.Duration // arrival of the response's last byte
	// Pooled says that the connection had been opened before; Retried that an earlier one was found closed. Connect is what
	// dialling took, if neither pooled.
	Pooled  bool
	Retried bool
	Got     bool // a connection was had at all
	Connect time.Duration
}

// Stats counts connections.
type Stats struct {
	Opened     int // dialled, those opened ahead included
	Reconnects int // requests sent again because the server had closed a pooled connection
	// Reads counts the reads that delivered something, Wakes how often the reactor woke up for them.
	Reads, Wakes int64
}

// ErrCut says that the connection ended before the response did.
var ErrCut = errors.New("connection closed before the end of the body")

// errUnanswered says that it ended before the response's head was whole.
var errUnanswered = errors.New("the server closed the connection before it answered")

// Dial opens a TCP connection.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)
