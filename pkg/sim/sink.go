package sim

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"multiturn/internal/limits"
)

// sink writes to one connection without blocking its caller. It writes directly
// to the socket while there is room. A goroutine takes over if the client reads
// too slowly, if bytes must be held back for some time, or if the connection is
// not a socket.
type sink struct {
	conn net.Conn
	raw  syscall.RawConn // nil: no direct writes
	wg   *sync.WaitGroup // of its goroutines
	stop <-chan struct{} // ends their waits
	left *budget         // what may wait for all clients

	mu      sync.Mutex
	empty   *sync.Cond // the queue is
	queue   []op
	working bool
	err     error

	// attempt is the direct write. It is made once, since a closure for each write would be
	// garbage.
	attempt func(fd uintptr) bool
	b       []byte
	n       int
	errno   error
}

// op is a step in the work on a connection.
type op struct {
	bytes []byte
	wait  time.Duration // before it
	close bool
	reset bool
	then  func() // called afterwards
	// receipt gets the times just before and after the bytes are passed to the
	// kernel.
	receipt receipt
}

// receipt names the stream whose bytes a write has, and what they are. The zero
// value belongs to no stream.
type receipt struct {
	stream *stream
	due    time.Duration // when the engine made the tokens in them
	tokens bool          // the bytes include tokens
	last   bool          // the bytes are the stream's last
}

// done passes the times before and after a write to the stream. Tokens whose
// write failed do not count as written.
func (r receipt) done(at, after time.Time, timed bool, err error) {
	if r.stream != nil {
		r.tokens = r.tokens && err == nil
		r.stream.wrote(at, after, r, timed)
	}
}

func newSink(conn net.Conn, wg *sync.WaitGroup, stop <-chan struct{}, left *budget) *sink {
	s := &sink{conn: conn, wg: wg, stop: stop, left: left}
	s.empty = sync.NewCond(&s.mu)
	if t, ok := conn.(syscall.Conn); ok && directWrites {
		if raw, err := t.SyscallConn(); err == nil {
			s.raw = raw
			s.attempt = func(fd uintptr) bool {
				s.n, s.errno = writeNow(fd, s.b)
				return true // never park, whatever the result
			}
		}
	}
	return s
}

// write sends b, which stays the caller's. It passes the times to the receipt,
// at once if b could be written at once, and otherwise later.
func (s *sink) write(b []byte, r receipt) {
	at, ok, err := s.tryWrite(b, r)
	if ok {
		r.done(at, time.Now(), true, err)
	}
}

// tryWrite writes what the socket takes and leaves the rest to the goroutine.
// ok means that nothing is left.
func (s *sink) tryWrite(b []byte, r receipt) (at time.Time, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at = time.Now()
	if s.err != nil {
		return at, true, s.err
	}
	if s.raw != nil && !s.working {
		s.b, s.n, s.errno = b, 0, nil
		if err := s.raw.Write(s.attempt); err != nil {
			s.err = err
		} else if s.errno != nil {
			s.err = s.errno
		}
		s.b = nil
		if s.n == len(b) || s.err != nil {
			return at, true, s.err
		}
		b = b[s.n:]
	}
	s.enqueue(op{bytes: append([]byte(nil), b...), receipt: r})
	return at, false, nil
}

// do adds a step for the goroutine.
func (s *sink) do(o op) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enqueue(o)
}

// errBacklog is the error of a client for which too much would wait.
var errBacklog = errors.New("the client reads too slowly")

func (s *sink) enqueue(o op) {
	if n := len(o.bytes); n > 0 && (s.err != nil || !s.left.take(n)) {
		s.drop(errBacklog)
		o.bytes = nil
	}
	s.queue = append(s.queue, o)
	if !s.working {
		s.working = true
		s.wg.Go(s.work)
	}
}

// drop closes the connection of a client that takes nothing, or is gone. What is
// read of it ends, too, and with it its stream.
func (s *sink) drop(err error) {
	if s.err == nil {
		s.err = err
	}
	conn := s.conn
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn() // or Close would wait for the client
	}
	_ = conn.Close()
}

// flush waits until nothing is queued.
func (s *sink) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.working {
		s.empty.Wait()
	}
}

// work performs the queued steps and returns when none is left.
func (s *sink) work() {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.working = false
			s.queue = nil
			s.empty.Broadcast()
			s.mu.Unlock()
			return
		}
		o, err := s.queue[0], s.err
		s.queue[0] = op{}
		s.queue = s.queue[1:]
		s.mu.Unlock()

		if o.wait > 0 && err == nil {
			s.pause(o.wait)
		}
		at := time.Now()
		if len(o.bytes) > 0 && err == nil {
			err = s.writeSlowly(o.bytes)
		}
		s.left.give(len(o.bytes))
		after := time.Now()
		if o.reset {
			reset(s.conn)
		}
		if o.close {
			_ = s.conn.Close()
		}
		if err != nil {
			s.mu.Lock()
			s.drop(err)
			s.mu.Unlock()
		}
		// A write that waits for a slow client is not late; one to a connection without
		// direct writes may be.
		o.receipt.done(at, after, s.raw == nil, err)
		if o.then != nil {
			o.then()
		}
	}
}

// writeSlowly writes bytes for which the client may take its time.
func (s *sink) writeSlowly(b []byte) error {
	_ = s.conn.SetWriteDeadline(time.Now().Add(limits.Unread))
	_, err := s.conn.Write(b)
	_ = s.conn.SetWriteDeadline(time.Time{})
	return err
}

// pause waits for d or until the server closes.
func (s *sink) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.stop:
	}
}

// reset closes a connection; if it is TCP, with a RST.
func reset(c net.Conn) {
	if t, ok := c.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}
