package sim

import (
	"net"
	"sync"
	"syscall"
	"time"
)

// sink writes to one connection without ever making its caller wait: straight into the socket while there is room, and
// from a goroutine of its own when the client reads too slowly, when the bytes must be held back for a while, or when the
// connection is no socket.
type sink struct {
	conn net.Conn
	raw  syscall.RawConn // nil: no direct writes
	wg   *sync.WaitGroup // counts the goroutines
	stop <-chan struct{} // ends their waits

	mu      sync.Mutex
	queue   []op
	working bool
	err     error

	// attempt is the direct write, made once: a closure for each write would be garbage.
	attempt func(fd uintptr) bool
	b       []byte
	n       int
	errno   error
}

// op is one thing to do on a connection, in order.
type op struct {
	bytes []byte
	wait  time.Duration // before it
	close bool
	reset bool
	then  func() // called when it is done
	// receipt is told the time just before the bytes were handed to the kernel.
	receipt receipt
}

// receipt says whose bytes a write has and what it means to them. The zero value is nobody's.
type receipt struct {
	stream *stream
	due    time.Duration // when the engine made the tokens in them
	tokens bool          // there are some
	last   bool          // nothing will follow
}

// tell passes the receipt on. Tokens that could not be written were not.
func (r receipt) tell(at time.Time, timed bool, err error) {
	if r.stream != nil {
		r.tokens = r.tokens && err == nil
		r.stream.wrote(at, r, timed)
	}
}

func newSink(conn net.Conn, wg *sync.WaitGroup, stop <-chan struct{}) *sink {
	s := &sink{conn: conn, wg: wg, stop: stop}
	if t, ok := conn.(syscall.Conn); ok && directWrites {
		if raw, err := t.SyscallConn(); err == nil {
			s.raw = raw
			s.attempt = func(fd uintptr) bool {
				s.n, s.errno = writeNow(fd, s.b)
				return true // done, whatever came of it: never park
			}
		}
	}
	return s
}

// write sends b; the caller keeps it. The receipt is told at once if b could be written at once, else later.
func (s *sink) write(b []byte, r receipt) {
	at, ok, err := s.tryWrite(b, r)
	if ok {
		r.tell(at, true, err)
	}
}

// tryWrite writes what the socket takes and leaves the rest to the goroutine. It is true if nothing was left.
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

// do adds something that needs the goroutine.
func (s *sink) do(o op) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enqueue(o)
}

func (s *sink) enqueue(o op) {
	s.queue = append(s.queue, o)
	if !s.working {
		s.working = true
		s.wg.Go(s.work)
	}
}

// work does what is queued until nothing is left.
func (s *sink) work() {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.working = false
			s.queue = nil
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
			_, err = s.conn.Write(o.bytes)
		}
		if o.reset {
			reset(s.conn)
		}
		if o.close {
			_ = s.conn.Close()
		}
		if err != nil {
			s.mu.Lock()
			s.err = err
			s.mu.Unlock()
		}
		// Who waits for a client that reads too slowly is not late; who has no socket to write to directly may be.
		o.receipt.tell(at, s.raw == nil, err)
		if o.then != nil {
			o.then()
		}
	}
}

// pause waits, but not for a server that ends.
func (s *sink) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.stop:
	}
}

// reset makes the close of a TCP connection a RST.
func reset(c net.Conn) {
	if t, ok := c.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}
