package reactor

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"multiturn/pkg/record"
	"multiturn/pkg/sockclock"

	"golang.org/x/sys/unix"
)

const (
	// bufferSize is the size of the read buffer: more than a socket's usual receive buffer holds.
	bufferSize = 256 << 10
	// batchSize is the number of sockets taken from epoll at once. It bounds how long a socket that
	// becomes ready waits for others.
	batchSize = 512
)

// Reactor owns the sockets to one server.
type Reactor struct {
	clock *sockclock.Clock
	addr  string
	dial  Dial

	epoll int             // not blocking
	file  *os.File        // of epoll
	poll  syscall.RawConn // of file
	wake  int             // an eventfd that ends the loop
	over  chan struct{}

	capture *sockclock.Capture // nil: use the stamps of the reads

	mu     sync.Mutex
	conns  []*conn // by slot; nil where free
	free   []int32 // free slots
	uses   []int32 // how often each slot was used, to recognise events of earlier uses
	idle   []*conn // the last one used comes last
	closed bool

	opened, reconnects, reads, wakes atomic.Int64
	unstamped                        atomic.Bool // some socket has no kernel stamps
	unfollowed                       atomic.Bool // some connection's packets are not captured
}

// New returns a reactor for the server at addr (host:port) that opens
// connections with dial. Its goroutine runs until Close.
func New(clock *sockclock.Clock, addr string, dial Dial) (*Reactor, error) {
	r := &Reactor{clock: clock, addr: addr, dial: dial, over: make(chan struct{})}
	var err error
	if r.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// The runtime's poller accepts no descriptor that blocks.
	if err = unix.SetNonblock(r.epoll, true); err != nil {
		unix.Close(r.epoll)
		return nil, os.NewSyscallError("fcntl", err)
	}
	r.file = os.NewFile(uintptr(r.epoll), "epoll")
	// It fails if the poller did not accept the descriptor.
	if err = r.file.SetReadDeadline(time.Time{}); err == nil {
		r.poll, err = r.file.SyscallConn()
	}
	if err != nil {
		r.file.Close()
		return nil, err
	}
	if r.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		r.file.Close()
		return nil, os.NewSyscallError("eventfd", err)
	}
	wake := unix.EpollEvent{Events: unix.EPOLLIN, Fd: -1}
	if err = unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, r.wake, &wake); err != nil {
		unix.Close(r.wake)
		r.file.Close()
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	go r.run()
	return r, nil
}

// CapturePackets makes times of arrival come from captured packets (see
// sockclock.Capture) rather than from reads, which have only the time of their
// newest byte. Call it before the first connection is opened. It needs the
// right to capture packets.
func (r *Reactor) CapturePackets() error {
	_, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return err
	}
	r.capture, err = sockclock.NewCapture(uint16(n))
	return err
}

// Close closes all connections and ends the reactor's goroutine. Requests in
// flight end with net.ErrClosed.
func (r *Reactor) Close() error {
	if !r.shut(net.ErrClosed) {
		return nil
	}
	if _, err := unix.Write(r.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		return os.NewSyscallError("write", err)
	}
	<-r.over
	err := errors.Join(unix.Close(r.wake), r.file.Close())
	if r.capture != nil {
		err = errors.Join(err, r.capture.Close())
	}
	return err
}

// shut closes all connections, whose requests end with err. It reports whether
// it was the first to do so.
func (r *Reactor) shut(err error) bool {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return false
	}
	r.closed = true
	r.idle = nil
	conns := slices.DeleteFunc(slices.Clone(r.conns), func(c *conn) bool { return c == nil })
	r.mu.Unlock()
	for _, c := range conns {
		c.mu.Lock()
		c.end(err)
		c.mu.Unlock()
	}
	return true
}

// Source returns where the times of arrival come from: the least exact source
// of all connections.
func (r *Reactor) Source() record.ClockSource {
	switch {
	case r.unstamped.Load():
		return record.ClockUser
	case r.capture != nil && !r.unfollowed.Load():
		return record.ClockPackets
	}
	return record.ClockKernel
}

// Stats returns the counts so far.
func (r *Reactor) Stats() Stats {
	return Stats{
		Opened: int(r.opened.Load()), Reconnects: int(r.reconnects.Load()),
		Reads: r.reads.Load(), Wakes: r.wakes.Load(),
	}
}

// Preconnect opens connections until n are idle, as Ahead does.
func (r *Reactor) Preconnect(ctx context.Context, n int) error {
	r.mu.Lock()
	n -= len(r.idle)
	r.mu.Unlock()
	return Ahead(ctx, n, func(ctx context.Context) error {
		c, err := r.connect(ctx)
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.settle()
		return nil
	})
}

// keep returns a connection to the idle ones. The caller holds the connection's
// lock.
func (r *Reactor) keep(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		c.closeLocked()
		return
	}
	r.idle = append(r.idle, c)
}

// take returns the idle connection used last; nil if there is none.
func (r *Reactor) take() *conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.idle)
	if n == 0 {
		return nil
	}
	c := r.idle[n-1]
	r.idle[n-1] = nil
	r.idle = r.idle[:n-1]
	return c
}

// Do sends a request and passes its response to h. It returns nil when the
// response has ended, an error if the connection ends first, and the context's
// error, having closed the connection, if ctx is done first.
func (r *Reactor) Do(ctx context.Context, request *Request, h Handler) (t Trace, err error) {
	for {
		c := r.take()
		t.Pooled = c != nil
		if c == nil {
			if c, err = r.connect(ctx); err != nil {
				return t, err
			}
			t.Connect = c.took
		}
		sent, err := c.do(ctx, request, h, &t)
		if err == nil || sent == answered || !t.Pooled || ctx.Err() != nil {
			return t, err
		}
		if sent == unsent {
			continue // closed while idle: nothing was sent, so try the next
		}
		r.reconnects.Add(1)
		t.Retried, t.Pooled = true, false
		if c, err = r.connect(ctx); err != nil {
			return t, err
		}
		t.Connect = c.took
		_, err = c.do(ctx, request, h, &t)
		return t, err
	}
}

// run is the reactor's goroutine.
func (r *Reactor) run() {
	defer close(r.over)
	in := input{buf: make([]byte, bufferSize)}
	events := make([]unix.EpollEvent, batchSize)
	ready := make([]*conn, batchSize)
	for {
		n, err := r.wait(events)
		if err != nil {
			r.shut(os.NewSyscallError("epoll_wait", err))
			return
		}
		r.wakes.Add(1)
		r.mu.Lock()
		for i, e := range events[:n] {
			ready[i] = nil
			if e.Fd >= 0 && r.uses[e.Fd] == e.Pad {
				ready[i] = r.conns[e.Fd]
			}
		}
		closed := r.closed
		r.mu.Unlock()
		if closed {
			return
		}
		for i, c := range ready[:n] {
			if c != nil {
				c.ready(events[i].Events, &in)
			}
		}
	}
}

// input is what a read needs. One input serves all connections.
type input struct {
	recv   sockclock.Receiver
	stamps sockclock.Transmitter
	buf    []byte
	parts  []sockclock.Part
}

// wait sleeps until some sockets are ready. It lets the runtime's poller watch
// the epoll descriptor: sleeping in epoll_wait would take a thread of its own
// and, as measured with 100 streams, half as much processor time again.
func (r *Reactor) wait(events []unix.EpollEvent) (n int, err error) {
	werr := r.poll.Read(func(uintptr) bool {
		for {
			// With a timeout of 0 the call does not block, so it need not inform the scheduler.
			got, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(r.epoll),
				uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
			switch errno {
			case 0:
				n = int(got)
				return n > 0
			case unix.EINTR:
			default:
				err = errno
				return true
			}
		}
	})
	return n, errors.Join(err, werr)
}
