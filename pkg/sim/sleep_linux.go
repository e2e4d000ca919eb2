package sim

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// pollSleeper sleeps in ppoll on a thread of its own, exact to some ten
// microseconds. The runtime's timers are woken by a poller that counts in
// milliseconds, and then queue behind all goroutines that are ready.
type pollSleeper struct {
	event   int
	fds     [1]unix.PollFd
	timeout unix.Timespec
	locked  bool
}

// newSleeper returns the most exact sleeper available.
func newSleeper() sleeper {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return newTimerSleeper()
	}
	return &pollSleeper{event: fd, fds: [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}}
}

func (p *pollSleeper) sleep(until time.Time) {
	if !p.locked {
		p.locked = true
		runtime.LockOSThread() // until the goroutine ends
		// By default the kernel may wake a thread 50 microseconds late to save power. If this call
		// fails, that stays so.
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	}
	var timeout *unix.Timespec
	if !until.IsZero() {
		d := time.Until(until)
		if d <= 0 {
			return
		}
		p.timeout = unix.NsecToTimespec(int64(d))
		timeout = &p.timeout
	}
	n, err := unix.Ppoll(p.fds[:], timeout, nil)
	if err == nil && n > 0 {
		var b [8]byte
		_, _ = unix.Read(p.event, b[:])
	}
}

func (p *pollSleeper) wake() {
	// any number but 0 wakes, in either byte order
	_, _ = unix.Write(p.event, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

func (p *pollSleeper) close() { _ = unix.Close(p.event) }
