package sockclock

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// loopback returns both ends of a connection over loopback.
func loopback(t *testing.T, l net.Listener) (ours, theirs net.Conn) {
	t.Helper()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	if theirs, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
}

// The kernel stamps what leaves in one burst between the times before and after
// the write, and larger writes are written whole.
func TestSent(t *testing.T) {
	t.Parallel()
	ours, theirs := loopback(t, listen(t))
	clock := New(time.Now())
	c := clock.Wrap(ours)
	for _, n := range []int{1, 700, Burst, Burst + 1, 100_000} {
		s := c.Mark()
		before := clock.Now()
		if wrote, err := c.Write(make([]byte, n)); wrote != n || err != nil {
			t.Fatalf("wrote %d of %d: %v", wrote, n, err)
		}
		after := clock.Now()
		if s.Sent() < before || s.Written() > after || s.Written() < s.Sent() {
			t.Errorf("%d bytes written from %v to %v: sent %v, written %v", n, before, after, s.Sent(),
				s.Written())
		}
		if exact := s.Sent() == s.Written(); exact != (n <= Burst) {
			t.Errorf("%d bytes: sent %v, written %v", n, s.Sent(), s.Written())
		}
		if _, err := io.ReadFull(theirs, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	ours.Close()
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("wrote to a closed connection")
	}
}

// A capture knows when the first byte of each request left.
func TestFlowSent(t *testing.T) {
	t.Parallel()
	l := listen(t)
	address := func(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }
	capture, err := NewCapture(address(l.Addr()).Port())
	if errors.Is(err, fs.ErrPermission) {
		t.Skip("no right to capture packets here: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer capture.Close()
	ours, theirs := loopback(t, l)
	clock := New(time.Now())
	flow := capture.Flow(address(ours.LocalAddr()), address(ours.RemoteAddr()))
	if flow == nil {
		t.Fatal("the connection was not seen")
	}
	for _, n := range []int{1, 700, 200_000} {
		before := clock.Now()
		go ours.Write(make([]byte, n))
		if _, err := io.ReadFull(theirs, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		after := clock.Now()
		if _, err := io.ReadFull(theirs, make([]byte, n-1)); err != nil {
			t.Fatal(err)
		}
		at, exact := clock.Read().Departure(flow.Sent(n), before)
		if !exact || at > after {
			t.Errorf("%d bytes that left after %v, the first read at %v: sent %v, exact %v", n, before,
				after, at, exact)
		}
	}
}

// Only a read of one segment is exact, and one after a read that was not whole is
// not known to be.
func TestExact(t *testing.T) {
	t.Parallel()
	ours, theirs := loopback(t, listen(t))
	theirs.(*net.TCPConn).SetNoDelay(true)
	c := New(time.Now()).Wrap(ours)
	raw, err := ours.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	arrived := func(want int) {
		for n := 0; n < want; time.Sleep(time.Millisecond / 10) {
			if err := raw.Control(func(fd uintptr) {
				n, _ = unix.IoctlGetInt(int(fd), unix.SIOCINQ)
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	buf := make([]byte, 100)
	// The kernel begins to stamp a moment after the first socket on the machine asks for it.
	for range 200 {
		theirs.Write(buf[:1])
		arrived(1)
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
		if c.Exact() {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for i, step := range []struct {
		writes []int
		read   int
		want   bool
	}{
		{[]int{5}, 100, true},
		{[]int{5, 3}, 100, false},
		{[]int{7}, 100, true},
		{[]int{9}, 4, false}, // half of a segment
		{nil, 100, false},    // the other half
		{[]int{2}, 100, true},
	} {
		waiting := 0
		for _, n := range step.writes {
			theirs.Write(buf[:n])
			waiting += n
			arrived(waiting)
		}
		if _, err := c.Read(buf[:step.read]); err != nil {
			t.Fatal(err)
		}
		if c.Exact() != step.want {
			t.Errorf("step %d: exact %v, want %v", i, c.Exact(), step.want)
		}
	}
}
