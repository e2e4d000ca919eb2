package sockclock

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"
	"testing"
	"time"
)

// TestCapture lets several writes wait in the socket: the kernel joins them, the capture does not.
func TestCapture(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Log("no ", address, " here: ", err)
			continue
		}
		defer l.Close()
		capture, err := NewCapture(l.Addr().(*net.TCPAddr).AddrPort().Port())
		if errors.Is(err, fs.ErrPermission) {
			t.Skip("no right to capture packets here: ", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer capture.Close()
		clock := New(time.Now())
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		local, remote := conn.LocalAddr().(*net.TCPAddr).AddrPort(), conn.RemoteAddr().(*net.TCPAddr).AddrPort()
		flow := capture.Flow(local, remote)
		if flow == nil {
			t.Fatal("the connection was not seen")
		}
		if capture.Flow(remote, local) != nil {
			t.Error("a connection that is none")
		}
		for range 2 {
			type write struct {
				n      int
				before time.Duration
			}
			var writes []write
			total := 0
			for _, n := range []int{1, 230, 3, 5000} {
				w := write{n: n, before: clock.Now()}
				if _, err := io.WriteString(server, strings.Repeat("x", n)); err != nil {
					t.Fatal(err)
				}
				writes = append(writes, w)
				total += n
				time.Sleep(5 * time.Millisecond)
			}
			if _, err := io.ReadFull(conn, make([]byte, total)); err != nil {
				t.Fatal(err)
			}
			reading := clock.Read()
			parts := flow.Take(total, nil)
			if len(parts) != len(writes) {
				t.Fatalf("%d writes came in parts %+v", len(writes), parts)
			}
			last := time.Duration(0)
			for i, w := range writes {
				at := reading.Arrival(parts[i].Wall, last)
				if parts[i].Len != w.n || at < w.before-time.Microsecond || at <= last {
					t.Errorf("%d bytes written at %v: %d bytes at %v, the ones before at %v", w.n, w.before, parts[i].Len, at, last)
				}
				last = at
			}
		}
	}
}
