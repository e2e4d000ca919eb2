package sockclock

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// oobSpace has room for the control message of a stamp: a header and three
// timespecs.
const oobSpace = 128

// Enable makes the kernel stamp what arrives on a socket, and what a Transmitter
// writes to it.
func Enable(fd int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING,
		unix.SOF_TIMESTAMPING_RX_SOFTWARE|unix.SOF_TIMESTAMPING_SOFTWARE|
			unix.SOF_TIMESTAMPING_OPT_TSONLY)
}

// Receiver reads from sockets together with the kernel's stamps. It has the
// buffers of the call, so it must not be used concurrently.
type Receiver struct {
	msg unix.Msghdr
	iov unix.Iovec
	oob [oobSpace]byte
}

// Receive reads once, without blocking. It returns the number of bytes read and
// the stamp of the newest, in nanoseconds since 1970, or 0. At the end of the
// stream it returns 0 bytes and errno 0; if there is nothing to read yet,
// EAGAIN.
func (r *Receiver) Receive(fd int, p []byte) (n int, wall int64, errno syscall.Errno) {
	r.iov.Base = unsafe.SliceData(p)
	r.iov.SetLen(len(p))
	r.msg.Iov, r.msg.Iovlen = &r.iov, 1
	r.msg.Control = &r.oob[0]
	r.msg.SetControllen(oobSpace)
	// The call never blocks, so it need not inform the scheduler, which would cost a tenth of it.
	got, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&r.msg)), unix.MSG_DONTWAIT)
	if errno != 0 {
		return 0, 0, errno
	}
	return int(got), stampOf(r.oob[:r.msg.Controllen]), 0
}

// stampOf returns the time stamp among control messages; 0 if there is none.
func stampOf(messages []byte) int64 {
	const header = unix.SizeofCmsghdr
	for at := 0; at+header <= len(messages); {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&messages[at]))
		size := int(h.Len)
		if size < header || at+size > len(messages) {
			return 0
		}
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SO_TIMESTAMPING &&
			size >= header+int(unsafe.Sizeof(unix.Timespec{})) {
			return (*unix.Timespec)(unsafe.Pointer(&messages[at+header])).Nano()
		}
		const align = int(unsafe.Sizeof(uintptr(0)))
		at += (size + align - 1) &^ (align - 1)
	}
	return 0
}

// stamper reads and writes a net.Conn with recvmsg and sendmsg, through the
// runtime's poller.
type stamper struct {
	raw      syscall.RawConn
	recv     Receiver
	segments Segments
	one      bool // the last read had one segment
	send     Transmitter
}

// enable reports whether conn can be stamped, and turns stamps on.
func (s *stamper) enable(conn net.Conn) bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	if cerr := raw.Control(func(fd uintptr) { err = Enable(int(fd)) }); cerr != nil || err != nil {
		return false
	}
	s.raw = raw
	return true
}

// read is Read of a net.Conn, with the stamp of the newest byte.
func (s *stamper) read(p []byte) (n int, wall int64, err error) {
	if len(p) == 0 {
		return 0, 0, nil
	}
	var errno syscall.Errno
	err = s.raw.Read(func(fd uintptr) bool {
		for {
			n, wall, errno = s.recv.Receive(int(fd), p)
			if n > 0 {
				s.one = s.segments.One(int(fd), n)
			}
			if errno != unix.EINTR {
				return errno != unix.EAGAIN
			}
		}
	})
	switch {
	case err != nil:
		return 0, 0, readError(err)
	case errno != 0:
		return 0, 0, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("recvmsg", errno)}
	case n == 0:
		return 0, 0, io.EOF
	}
	return n, wall, nil
}

// readError makes the poller's errors name the operation read, as net does,
// rather than raw-read.
func readError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		e := *op
		e.Op = "read"
		return &e
	}
	return err
}

// write is Write of a net.Conn for what leaves in one burst, with the stamp of
// the bytes; 0 if the kernel gave none. It reports no error: what it does not
// write, an ordinary write must.
func (s *stamper) write(p []byte) (n int, wall int64) {
	if len(p) == 0 || len(p) > Burst {
		return 0, 0
	}
	piece := [1]unix.Iovec{{Base: unsafe.SliceData(p)}}
	piece[0].SetLen(len(p))
	_ = s.raw.Write(func(fd uintptr) bool {
		var errno syscall.Errno
		if n, errno = s.send.Transmit(int(fd), piece[:]); errno == 0 {
			wall = s.send.Left(int(fd))
		}
		return true
	})
	return n, wall
}
