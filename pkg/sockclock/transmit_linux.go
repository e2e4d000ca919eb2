package sockclock

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Burst is how many bytes leave a socket at once, whatever the network: the
// first window of a connection that was idle (10 segments of 1,448 bytes). The
// stamp of their last byte is that of their first.
const Burst = 10 * 1448

// Transmitter writes to sockets and has the kernel stamp when the bytes leave
// for the network. The sockets must be enabled. It has the buffers of the calls,
// so it must not be used concurrently.
type Transmitter struct {
	msg unix.Msghdr
	oob [oobSpace]byte
}

// Transmit writes the pieces once, without blocking, and returns the number of
// bytes written.
func (t *Transmitter) Transmit(fd int, pieces []unix.Iovec) (n int, errno syscall.Errno) {
	ask := (*unix.Cmsghdr)(unsafe.Pointer(&t.oob[0]))
	ask.Level, ask.Type = unix.SOL_SOCKET, unix.SO_TIMESTAMPING
	ask.SetLen(unix.CmsgLen(4))
	// SCHED is before the queue of the device. All devices pass it, loopback too.
	*(*uint32)(unsafe.Pointer(&t.oob[unix.CmsgLen(0)])) = unix.SOF_TIMESTAMPING_TX_SCHED
	t.msg = unix.Msghdr{Iov: unsafe.SliceData(pieces), Control: &t.oob[0]}
	t.msg.SetIovlen(len(pieces))
	t.msg.SetControllen(unix.CmsgSpace(4))
	if n, errno = t.transmit(fd); errno == unix.EINVAL { // a kernel without these stamps
		t.msg.Control = nil
		t.msg.SetControllen(0)
		n, errno = t.transmit(fd)
	}
	return n, errno
}

func (t *Transmitter) transmit(fd int) (int, syscall.Errno) {
	n, _, errno := syscall.Syscall(unix.SYS_SENDMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&t.msg)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Left takes all stamps of what was transmitted. It returns the newest, in
// nanoseconds since 1970: when the last byte of a call left. It is 0 if there is
// none: the bytes still wait for the network.
func (t *Transmitter) Left(fd int) (wall int64) {
	for {
		t.msg = unix.Msghdr{Control: &t.oob[0]}
		t.msg.SetControllen(oobSpace)
		// It never blocks.
		_, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&t.msg)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		switch errno {
		case 0:
			wall = max(wall, stampOf(t.oob[:t.msg.Controllen]))
		case unix.EINTR:
		default:
			return wall
		}
	}
}
