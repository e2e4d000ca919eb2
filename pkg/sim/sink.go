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
	then  func(at time.Time, err error) // told when the bytes were handed to the kernel, just before
}

func newSink(conn net.Conn, wg *sync.WaitGroup) *sink {
	s := &sink{conn: conn, wg: wg}
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

// write sends b; the caller keeps it. If b could be written at once the time just before is returned with true.
// Otherwise then, if not nil, is called with that time later.
func (s *sink) write(b []byte, then func(at time.Time, err error)) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || len(b) == 0 {
		return time.Now(), true
	}
	if s.raw != nil && !s.working {
		at := time.Now()
		s.b, s.n, s.errno = b, 0, nil
		if err := s.raw.Write(s.attempt); err != nil {
			s.err = err
		} else if s.errno != nil {
			s.err = s.errno
		}
		s.b = nil
		if s.n == len(b) || s.err != nil {
			return at, true
		}
		b = b[s.n:]
	}
	s.enqueue(op{bytes: append([]byte(nil), b...), then: then})
	return time.Time{}, false
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
			time.Sleep(o.wait)
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
		if o.then != nil {
			o.then(at, err)
		}
	}
}

// reset makes the close of a TCP connection a RST.
func reset(c net.Conn) {
	if t, ok := c.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}
