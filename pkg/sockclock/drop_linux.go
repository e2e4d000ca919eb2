package sockclock

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// DropRight gives up the right to open captures (CAP_NET_RAW), in all threads of
// the process and for all that it may start. Captures that are open go on. It is
// no error if the process does not have the right. A program that is linked with
// C code cannot give it up: the error is then ENOTSUP.
func DropRight() error {
	const bit = 1 << unix.CAP_NET_RAW
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData // of capabilities 0 to 31, and of the others
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return os.NewSyscallError("capget", err)
	}
	if (sets[0].Permitted|sets[0].Effective|sets[0].Inheritable)&bit == 0 {
		return nil
	}
	// Without the right to change the bounding set (CAP_SETPCAP) it stays as it is:
	// only a program that is run as another user could have the right again.
	_, _, _ = syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, unix.CAP_NET_RAW, 0)
	sets[0].Permitted &^= bit
	sets[0].Effective &^= bit
	sets[0].Inheritable &^= bit // the kernel takes it out of the ambient set, too
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET,
		uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&sets)), 0); errno != 0 {
		return os.NewSyscallError("capset", errno)
	}
	return nil
}
