package sockclock

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Segments counts what a connection reads, to know which reads had one segment:
// all their bytes arrived at once. The zero value is that of a new connection.
type Segments struct {
	read    uint64 // bytes
	count   uint32 // segments that had them
	unknown bool   // some had not been read when they were counted
}

// One reports whether the n bytes just read are known to have come in one segment.
func (s *Segments) One(fd, n int) bool {
	before, known := s.count, !s.unknown
	s.read += uint64(n)
	var info unix.TCPInfo
	size := uint32(unsafe.Sizeof(info))
	// It never blocks.
	_, _, errno := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP,
		unix.TCP_INFO, uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	need := uint32(unsafe.Offsetof(info.Data_segs_in) + unsafe.Sizeof(info.Data_segs_in))
	if errno != 0 || size < need {
		s.unknown = true
		return false
	}
	s.count, s.unknown = info.Data_segs_in, info.Bytes_received != s.read
	return known && !s.unknown && s.count-before == 1
}
