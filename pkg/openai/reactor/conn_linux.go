package reactor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"multiturn/pkg/sockclock"

	"golang.org/x/sys/unix"
)

// conn is one connection. Its lock comes before the reactor's.
type conn struct {
	r    *Reactor
	slot int32
	took time.Duration   // what dialling cost
	flow *sockclock.Flow // its packets; nil when they are not captured

	mu       sync.Mutex
	fd       int           // -1 when closed
	x        *exchange     // nil while the connection waits unused
	response response      // of x
	last     time.Duration // arrival of the newest bytes
	writing  bool          // the sender is at it, without the lock: the descriptor has to stay
	outward  bool          // watched for room to write
	broken   bool          // not to be used again
}

// exchange is one request's use of a connection.
type exchange struct {
	done     chan error    // how the response ended, once
	writable chan struct{} // there may be room to write again
	end      time.Duration // arrival of the last byte
	any      bool          // of the response has come
}

// connect opens a connection and has it watched.
func (r *Reactor) connect(ctx context.Context) (*conn, error) {
	start := time.Now()
	dialled, err := r.dial(ctx, "tcp", r.addr)
	if err != nil {
		return nil, err
	}
	defer dialled.Close()
	tcp, ok := dialled.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("dial %s: not a TCP connection", r.addr)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", r.addr, err)
	}
	c := &conn{r: r, fd: -1}
	// The runtime's poller keeps and then closes its own descriptor; this copy of it is the reactor's.
	if cerr := raw.Control(func(fd uintptr) { c.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }); cerr != nil || err != nil {
		return nil, fmt.Errorf("dial %s: %w", r.addr, errors.Join(cerr, os.NewSyscallError("fcntl", err)))
	}
	c.took = time.Since(start)
	if r.capture != nil {
		c.flow = r.capture.Flow(addrPort(tcp.LocalAddr()), addrPort(tcp.RemoteAddr()))
	}
	if sockclock.Enable(c.fd) != nil {
		r.unstamped.Store(true)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		unix.Close(c.fd)
		return nil, net.ErrClosed
	}
	if n := len(r.free); n > 0 {
		c.slot, r.free = r.free[n-1], r.free[:n-1]
	} else {
		c.slot = int32(len(r.conns))
		r.conns, r.uses = append(r.conns, nil), append(r.uses, 0)
	}
	r.conns[c.slot] = c
	if err := c.watch(unix.EPOLL_CTL_ADD, unix.EPOLLIN); err != nil {
		c.closeLocked()
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	r.opened.Add(1)
	return c, nil
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}

// watch has the reactor woken for what events says. The reactor's lock is held.
func (c *conn) watch(op int, events uint32) error {
	return unix.EpollCtl(c.r.epoll, op, c.fd, &unix.EpollEvent{Events: events, Fd: c.slot, Pad: c.r.uses[c.slot]})
}

// rewatch changes what the connection is watched for. The connection's lock is held, and it is open.
func (c *conn) rewatch(outward bool) error {
	events := uint32(unix.EPOLLIN)
	if outward {
		events |= unix.EPOLLOUT
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.outward = outward
	return os.NewSyscallError("epoll_ctl", c.watch(unix.EPOLL_CTL_MOD, events))
}

// settle puts a connection by or closes it, now that no request is on it. The connection's lock is held.
func (c *conn) settle() {
	if c.broken {
		c.close()
	} else {
		c.r.keep(c)
	}
}

// close closes the connection and frees its slot. The connection's lock is held.
func (c *conn) close() {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.closeLocked()
}

// closeLocked is close with the reactor's lock held too.
func (c *conn) closeLocked() {
	if c.fd < 0 {
		return
	}
	unix.Close(c.fd) // which ends its being watched
	r := c.r
	c.fd = -1
	r.conns[c.slot] = nil
	r.uses[c.slot]++
	r.free = append(r.free, c.slot)
	for i, idle := range r.idle {
		if idle == c {
			r.idle = append(r.idle[:i], r.idle[i+1:]...)
			break
		}
	}
}

// end ends the exchange that is going on, if one is, and the connection unless it can be used again. The connection's lock
// is held.
func (c *conn) end(err error) {
	x := c.x
	c.x = nil
	c.broken = c.broken || err != nil || x == nil || c.response.close
	if !c.writing {
		c.settle() // before the sender wakes up and wants a connection
	}
	if x != nil {
		x.end, x.any = c.last, c.response.any
		x.done <- err
	}
}

// ready reads what has arrived, on the reactor's goroutine.
func (c *conn) ready(events uint32, in *input) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return
	}
	if c.outward && events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		// One notice is enough: the sender asks again if it has to.
		if err := c.rewatch(false); err != nil {
			c.end(err)
			return
		}
		if c.x != nil {
			c.x.writable <- struct{}{}
		}
	}
	if events&^unix.EPOLLOUT == 0 || c.x == nil && c.writing {
		return
	}
	n, wall, errno := in.recv.Receive(c.fd, in.buf)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return
	case c.x == nil: // the server closed a connection that waits, or said something unasked
		c.close()
		return
	case errno != 0:
		err := error(os.NewSyscallError("read", errno))
		if c.response.any && c.response.state != inHead {
			err = fmt.Errorf("the connection broke: %w", err)
		}
		c.end(err)
		return
	case n == 0:
		c.end(c.response.eof())
		return
	}
	c.r.reads.Add(1)
	reading := c.r.clock.Read()
	in.parts = in.parts[:0]
	if c.flow != nil {
		in.parts = c.flow.Take(n, in.parts)
	} else {
		in.parts = append(in.parts, sockclock.Part{Len: n})
		if c.r.capture != nil {
			c.r.unfollowed.Store(true)
		}
	}
	at := 0
	for _, part := range in.parts {
		exact := part.Wall != 0
		if !exact {
			part.Wall = wall
		}
		c.last = reading.Arrival(part.Wall, c.last)
		c.response.handler.Read(c.last, reading.At(), exact)
		rest, err := c.response.feed(in.buf[at:at+part.Len], c.last)
		at += part.Len
		if err != nil || c.response.state == ended {
			c.broken = c.broken || len(rest) > 0 || at < n
			c.end(err)
			return
		}
	}
	c.response.handler.Wait()
}

// progress is how far a request came.
type progress int

const (
	unsent     progress = iota // the connection was closed before
	unanswered                 // no byte of a response came
	answered
)

// do sends a request on the connection, which is no one else's, and waits for the end of its response.
func (c *conn) do(ctx context.Context, request *Request, h Handler, t *Trace) (progress, error) {
	x := &exchange{done: make(chan error, 1), writable: make(chan struct{}, 1)}
	c.mu.Lock()
	if c.fd >= 0 && t.Pooled && c.stale() {
		c.close()
	}
	if c.fd < 0 {
		c.mu.Unlock()
		return unsent, errUnanswered
	}
	c.x, c.writing = x, true
	c.response = response{handler: h, head: c.response.head[:0], line: c.response.line[:0]}
	c.last = c.r.clock.Now()
	c.mu.Unlock()

	w := writer{request: request, iovs: make([]unix.Iovec, 0, min(len(request.Pieces)+2, maxPieces))}
	w.gather()
	t.Got, t.Sent, t.Written = true, c.r.clock.Now(), 0 // with nothing between this and the call
	whole, err := w.write(c.fd)
	over := false
	for !whole && err == nil && !over {
		c.mu.Lock()
		if c.x == x {
			err = c.rewatch(true)
		}
		c.mu.Unlock()
		if err != nil {
			break
		}
		select {
		case <-x.writable:
			whole, err = w.write(c.fd)
		case err = <-x.done: // the server answered without waiting for the rest, or closed the connection
			over = true
		case <-ctx.Done():
			over, err = true, ctx.Err()
		}
	}
	if whole {
		t.Written = c.r.clock.Now()
	}
	c.mu.Lock()
	c.writing = false
	c.broken = c.broken || !whole
	if c.x != x {
		c.settle()
	}
	c.mu.Unlock()

	if !over && err != nil {
		// The server closed the connection while it was written to. If it has said why, that is on its way.
		select {
		case err = <-x.done:
			over = true
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
	if !over && err == nil {
		select {
		case err = <-x.done:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	c.mu.Lock()
	if c.x == x { // given up on
		c.x = nil
		x.end, x.any = c.last, c.response.any
		c.close()
	}
	c.mu.Unlock()
	t.End = x.end
	if err != nil && !x.any {
		return unanswered, err
	}
	return answered, err
}

// stale says whether the server has closed a connection that waited, or said something unasked, of which the reactor has not
// heard yet: some servers close after each answer, just when the next request is due. The connection's lock is held.
func (c *conn) stale() bool {
	var b byte
	for {
		_, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(c.fd), uintptr(unsafe.Pointer(&b)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EINTR {
			return errno != unix.EAGAIN
		}
	}
}

// maxPieces is how many pieces one call takes (IOV_MAX).
const maxPieces = 1024

// writer writes a request to a socket without copying its pieces together.
type writer struct {
	request *Request
	next    int // piece to write: 0 is Before, 1 the first of Pieces, ..., the last After
	offset  int // into it
	iovs    []unix.Iovec
}

// piece is the i-th, nil after the last.
func (w *writer) piece(i int) (p []byte, ok bool) {
	switch n := len(w.request.Pieces); {
	case i == 0:
		return w.request.Before, true
	case i <= n:
		return w.request.Pieces[i-1], true
	default:
		return w.request.After, i == n+1
	}
}

// gather collects what is left for the next call, as much as one takes.
func (w *writer) gather() {
	w.iovs = w.iovs[:0]
	for i, offset := w.next, w.offset; len(w.iovs) < maxPieces; i, offset = i+1, 0 {
		p, ok := w.piece(i)
		if !ok {
			break
		}
		if p = p[offset:]; len(p) > 0 {
			v := unix.Iovec{Base: unsafe.SliceData(p)}
			v.SetLen(len(p))
			w.iovs = append(w.iovs, v)
		}
	}
}

// write writes what is gathered, and what comes after it as long as there is room, and says whether that was all.
func (w *writer) write(fd int) (whole bool, err error) {
	for len(w.iovs) > 0 {
		n, _, errno := syscall.Syscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&w.iovs[0])), uintptr(len(w.iovs)))
		switch errno {
		case 0:
			w.advance(int(n))
			w.gather()
		case unix.EINTR:
		case unix.EAGAIN:
			return false, nil
		default:
			return false, os.NewSyscallError("write", errno)
		}
	}
	return true, nil
}

// advance steps over n bytes that were written.
func (w *writer) advance(n int) {
	for {
		p, ok := w.piece(w.next)
		if !ok || n < len(p)-w.offset {
			w.offset += n
			return
		}
		n -= len(p) - w.offset
		w.next, w.offset = w.next+1, 0
	}
}
