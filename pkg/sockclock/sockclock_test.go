package sockclock

import (
	"io"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"multiturn/pkg/record"
)

func TestArrival(t *testing.T) {
	t.Parallel()
	c := New(time.Now())
	off := c.offset.Load()
	const ms = time.Millisecond
	for _, x := range []struct {
		name  string
		r     Reading
		wall  int64
		after time.Duration
		want  time.Duration
	}{
		{"no stamp", Reading{at: 10 * ms, old: off, off: off}, 0, 5 * ms, 10 * ms},
		{"between", Reading{at: 10 * ms, old: off, off: off}, off + int64(7*ms), 5 * ms, 7 * ms},
		{"just after, as the offset is not exact", Reading{at: 10 * ms, old: off, off: off},
			off + int64(10*ms) + 200, 5 * ms, 10 * ms},
		{"in the future", Reading{at: 10 * ms, old: off, off: off}, off + int64(11*ms),
			5 * ms, 10 * ms},
		{"before the read before", Reading{at: 10 * ms, old: off, off: off}, off + int64(4*ms),
			5 * ms, 10 * ms},
		{"stamped before a step, read after it",
			Reading{at: 10 * ms, old: off, off: off + int64(time.Hour)}, off + int64(7*ms),
			5 * ms, 7 * ms},
		{"stamped and read after a step",
			Reading{at: 10 * ms, old: off, off: off - int64(time.Hour)},
			off - int64(time.Hour) + int64(7*ms), 5 * ms, 7 * ms},
	} {
		if got := x.r.Arrival(x.wall, x.after); got != x.want {
			t.Errorf("%s: %v, want %v", x.name, got, x.want)
		}
	}
}

// The clock's idea of the wall clock is made wrong, as if the wall clock had
// been set. The next reading notices.
func TestStep(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Second, -time.Hour, time.Millisecond} {
		c := New(time.Now())
		right := c.offset.Load()
		c.offset.Store(right - int64(step))
		r := c.Read()
		if c.steps.Load() != 1 {
			t.Errorf("a step of %v was not noticed", step)
		}
		if d := time.Duration(c.offset.Load() - right); d.Abs() > stepLimit {
			t.Errorf("after a step of %v the offset is %v off", step, d)
		}
		stamp := right + int64(r.at-100*time.Microsecond)
		if got := r.Arrival(stamp, -time.Second); (r.at - got - 100*time.Microsecond).Abs() > stepLimit {
			t.Errorf("a stamp after a step of %v: %v before its reading, want 100µs",
				step, r.at-got)
		}
	}
}

// In a synctest bubble times are exact.
func TestPipe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := New(time.Now())
		ours, theirs := net.Pipe()
		defer ours.Close()
		c := clock.Wrap(ours)
		if c.Source() != record.ClockUser {
			t.Errorf("source of a pipe: %s", c.Source())
		}
		go func() {
			io.ReadFull(theirs, make([]byte, 5))
			time.Sleep(30 * time.Millisecond)
			theirs.Write([]byte("abc"))
			theirs.Close()
		}()
		time.Sleep(time.Millisecond)
		s := c.Mark()
		c.Write([]byte("ab"))
		time.Sleep(2 * time.Millisecond)
		c.Write([]byte("cde"))
		if s.Sent() != time.Millisecond || s.Written() != 3*time.Millisecond {
			t.Errorf("sent %v, written %v, want 1ms and 3ms", s.Sent(), s.Written())
		}
		if b, err := io.ReadAll(c); err != nil || string(b) != "abc" {
			t.Errorf("read %q, %v", b, err)
		}
		if c.Arrived() != 33*time.Millisecond || c.Seen() != c.Arrived() {
			t.Errorf("arrived %v, seen %v, want 33ms", c.Arrived(), c.Seen())
		}
		if s := c.Mark(); s.Sent() != 0 {
			t.Errorf("sent %v after Mark", s.Sent())
		}
	})
}

// listen returns a listener on loopback that is closed when the test ends.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback here: ", err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// Bytes that wait in the socket arrived when they were written, however late
// they are read.
func TestKernel(t *testing.T) {
	t.Parallel()
	l := listen(t)
	clock := New(time.Now())
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := clock.Wrap(conn)
	defer c.Close()
	if runtime.GOOS != "linux" {
		if c.Source() != record.ClockUser {
			t.Errorf("source %s", c.Source())
		}
		t.Skip("kernel stamps are read on Linux only")
	}
	if c.Source() != record.ClockKernel {
		t.Fatalf("source %s", c.Source())
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	// The kernel begins to stamp a moment after the first socket on the machine asks for
	// it; segments that came before are stamped when they are read.
	for range 200 {
		server.Write([]byte("hello"))
		time.Sleep(5 * time.Millisecond)
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
		if c.Seen()-c.Arrived() > 4*time.Millisecond {
			break
		}
	}
	for range 3 {
		written := clock.Now()
		server.Write([]byte("hello"))
		time.Sleep(50 * time.Millisecond)
		asked := clock.Now()
		n, err := c.Read(buf)
		if err != nil || n != 5 {
			t.Fatalf("read %d, %v", n, err)
		}
		if c.Arrived() < written-time.Microsecond || c.Arrived() >= asked || c.Seen() < asked {
			t.Errorf("written at %v, read from %v on: arrived %v, seen %v", written, asked,
				c.Arrived(), c.Seen())
		}
	}
	// A deadline and a close must end a read as on any connection.
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := c.Read(buf); !isTimeout(err) {
		t.Errorf("read past its deadline: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	server.Close()
	if _, err := c.Read(buf); err != io.EOF {
		t.Errorf("read at the end: %v, want EOF", err)
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

func BenchmarkClockRead(b *testing.B) {
	c := New(time.Now())
	b.ReportAllocs()
	for b.Loop() {
		r := c.Read()
		r.Arrival(1, 0)
	}
}
