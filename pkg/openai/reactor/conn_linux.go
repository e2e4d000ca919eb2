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

	"multiturn/internal/crash"
	"multiturn/pkg/sockclock"

	"golang.org/x/sys/unix"
)

// conn is one connection. Its lock is taken before the reactor's.
type conn struct {
	r    *Reactor
	slot int32
	took time.Duration   // duration of dialling
	flow *sockclock.Flow // its packets; nil if they are not captured

	mu       sync.Mutex
	fd       int           // -1 when closed
	x        *exchange     // nil while the connection is idle
	response response      // of x
	last     time.Duration // arrival of the newest bytes
	left     int64         // stamp of the request, if the reactor came upon it first
	segments sockclock.Segments
	writing  bool // the sender writes, without the lock: the descriptor must stay open
	outward  bool // watched for room to write
	broken   bool // must not be reused
}

// exchange is one request's use of a connection.
type exchange struct {
	done     chan error    // how the response ended, once
	writable chan struct{} // there may be room to write again
	end      time.Duration // arrival of the last byte
	any      bool          // some byte of the response has arrived
}

// connect opens a connection and adds it to epoll.
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
	// The runtime's poller keeps its own descriptor and closes it; the reactor uses a copy.
	cerr := raw.Control(func(fd uintptr) { c.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if cerr != nil || err != nil {
		return nil, fmt.Errorf("dial %s: %w", r.addr,
			errors.Join(cerr, os.NewSyscallError("fcntl", err)))
	}
	c.took = time.Since(start)
	if r.capture != nil {
		c.flow = r.capture.Flow(addrPort(tcp.LocalAddr()), addrPort(tcp.RemoteAddr()))
	}
	if sockclock.Enable(c.fd) != nil {
		r.unstamped.Store(true)
	}
	if err := c.register(); err != nil {
		return nil, err
	}
	r.opened.Add(1)
	return c, nil
}

// register gives the connection a slot and has it watched.
func (c *conn) register() error {
	r := c.r
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		unix.Close(c.fd)
		return net.ErrClosed
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
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}

// watch makes epoll report the given events. The caller holds the reactor's
// lock.
func (c *conn) watch(op int, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: c.slot, Pad: c.r.uses[c.slot]}
	return unix.EpollCtl(c.r.epoll, op, c.fd, &event)
}

// rewatch changes whether the connection is watched for room to write. It is
// open, and the caller holds its lock.
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

// settle makes the connection idle or closes it, after its request. The caller
// holds the connection's lock.
func (c *conn) settle() {
	if c.broken {
		c.close()
	} else {
		c.r.keep(c)
	}
}

// close closes the connection and frees its slot. The caller holds the
// connection's lock.
func (c *conn) close() {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.closeLocked()
}

// closeLocked is close for a caller that holds the reactor's lock too.
func (c *conn) closeLocked() {
	if c.fd < 0 {
		return
	}
	unix.Close(c.fd) // epoll forgets it
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

// end ends the current exchange, if any, and closes the connection unless it
// can be reused. The caller holds the connection's lock.
func (c *conn) end(err error) {
	x := c.x
	c.x = nil
	c.broken = c.broken || err != nil || x == nil || c.response.close
	if !c.writing {
		c.settle() // before the sender wakes up and takes a connection
	}
	if x != nil {
		x.end, x.any = c.last, c.response.any
		x.done <- err
	}
}

// ready reads the bytes that have arrived, on the reactor's goroutine.
func (c *conn) ready(events uint32, in *input) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		if f := crash.Caught(recover()); f != nil {
			c.end(f)
		}
	}()
	if c.fd < 0 {
		return
	}
	if c.outward && events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		// One notice is enough: the sender asks again if needed.
		if err := c.rewatch(false); err != nil {
			c.end(err)
			return
		}
		if c.x != nil {
			c.x.writable <- struct{}{}
		}
	}
	if events&unix.EPOLLERR != 0 {
		// Stamps of what was sent. The sender takes them itself, unless it has to wait for a
		// processor; epoll would report them for ever.
		c.left = max(c.left, in.stamps.Left(c.fd))
	}
	if events&^unix.EPOLLOUT == 0 || c.x == nil && c.writing {
		return
	}
	n, wall, errno := in.recv.Receive(c.fd, in.buf)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return
	case c.x == nil: // the server closed an idle connection, or sent unexpected bytes
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
	c.deliver(n, wall, in)
}

// deliver passes the n bytes just read, with the stamp wall, to the response.
// The caller holds the connection's lock.
func (c *conn) deliver(n int, wall int64, in *input) {
	reading := c.r.clock.Read()
	in.parts = in.parts[:0]
	if c.flow != nil {
		in.parts = c.flow.Take(n, in.parts)
	} else {
		part := sockclock.Part{Len: n}
		if c.segments.One(c.fd, n) {
			part.Wall = wall
		}
		in.parts = append(in.parts, part)
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

// progress is how far a request got.
type progress int

const (
	unsent     progress = iota // the connection was already closed
	unanswered                 // no byte of a response arrived
	answered
)

// do sends a request on the connection, which has no other, and waits for the
// end of its response.
func (c *conn) do(ctx context.Context, request *Request, h Handler, t *Trace) (progress, error) {
	x := &exchange{done: make(chan error, 1), writable: make(chan struct{}, 1)}
	if !c.begin(x, h, t.Pooled) {
		return unsent, errUnanswered
	}
	w := writer{request: request,
		iovs: make([]unix.Iovec, 0, min(len(request.Pieces)+2, maxPieces))}
	w.gather()
	t.Got, t.Sent, t.Written = true, c.r.clock.Now(), 0 // with nothing between this and the write
	whole, over, err := c.send(ctx, x, &w)
	c.mu.Lock()
	if whole {
		w.left = max(w.left, c.left)
		w.departed(c.r.clock.Read(), t)
	}
	c.writing = false
	c.broken = c.broken || !whole
	if c.x != x {
		c.settle()
	}
	c.mu.Unlock()

	if !over {
		err = x.await(ctx, err)
	}
	c.mu.Lock()
	if c.x == x { // the context is done, or the write failed
		c.x = nil
		x.end, x.any = c.last, c.response.any
		c.close()
	}
	c.mu.Unlock()
	t.End = x.end
	if whole {
		c.departed(w.written, t)
	}
	if err != nil && !x.any {
		return unanswered, err
	}
	return answered, err
}

// departed replaces the times of sending by that of the request's first packet,
// if packets are captured. size is that of the whole request.
func (c *conn) departed(size int, t *Trace) {
	if c.flow == nil {
		return
	}
	left, exact := c.r.clock.Read().Departure(c.flow.Sent(size), t.Sent)
	if !exact {
		c.r.unfollowed.Store(true)
		return
	}
	t.Sent, t.Written = left, max(left, t.Written)
}

// begin makes x the connection's exchange. It reports false if the connection
// is closed.
func (c *conn) begin(x *exchange, h Handler, pooled bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 && pooled && c.stale() {
		c.close()
	}
	if c.fd < 0 {
		return false
	}
	c.x, c.writing, c.left = x, true, 0
	c.response = response{handler: h, head: c.response.head[:0], line: c.response.line[:0]}
	c.last = c.r.clock.Now()
	return true
}

// send writes the request. whole means that all of it was written, over that
// the exchange ended before that, with err.
func (c *conn) send(ctx context.Context, x *exchange, w *writer) (whole, over bool, err error) {
	whole, err = w.write(c.fd)
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
		case err = <-x.done: // the server answered early, or closed the connection
			over = true
		case <-ctx.Done():
			over, err = true, ctx.Err()
		}
	}
	return whole, over, err
}

// await returns how the response ended. sendErr is the error of the write, if
// any.
func (x *exchange) await(ctx context.Context, sendErr error) error {
	if sendErr == nil {
		select {
		case err := <-x.done:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// The server closed the connection during the write. If it has sent a reason, that is on its
	// way.
	select {
	case err := <-x.done:
		return err
	case <-time.After(closeGrace):
	case <-ctx.Done():
	}
	return sendErr
}

// closeGrace is how long a request waits for a response after its write has
// failed: ample for bytes that the server sent before it closed the connection.
const closeGrace = time.Second

// stale reports whether the server has closed an idle connection, or sent
// unexpected bytes on it, without the reactor knowing yet: some servers close
// after each answer, just when the next request is due. The caller holds the
// connection's lock.
func (c *conn) stale() bool {
	var b byte
	for {
		_, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(c.fd),
			uintptr(unsafe.Pointer(&b)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EINTR {
			return errno != unix.EAGAIN
		}
	}
}

// maxPieces is how many pieces one call of writev takes (IOV_MAX).
const maxPieces = 1024

// writer writes a request to a socket without joining its pieces.
type writer struct {
	request *Request
	next    int // piece to write: 0 is Before, 1 the first of Pieces, and so on to After
	offset  int // into that piece
	iovs    []unix.Iovec
	written int // bytes
	calls   int // that wrote some
	send    sockclock.Transmitter
	left    int64 // stamp of the last call
}

// piece returns piece i; ok is false after the last.
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

// gather collects the remaining pieces for the next call, as many as it takes.
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

// write writes while the socket has room and reports whether it wrote
// everything.
func (w *writer) write(fd int) (whole bool, err error) {
	for len(w.iovs) > 0 {
		n, errno := w.send.Transmit(fd, w.iovs)
		switch errno {
		case 0:
			w.left = w.send.Left(fd)
			w.calls++
			w.advance(n)
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

// departed completes the times of a request that was written before the reading.
func (w *writer) departed(now sockclock.Reading, t *Trace) {
	left, exact := now.Departure(w.left, t.Sent)
	t.Written = left
	if exact && w.calls == 1 && w.written <= sockclock.Burst {
		t.Sent = left
	}
}

// advance skips n bytes that were written.
func (w *writer) advance(n int) {
	w.written += n
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
