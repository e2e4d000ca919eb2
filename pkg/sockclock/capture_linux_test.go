package sockclock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// Several writes wait in the socket. The kernel joins them; the capture does
// not.
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
		local, remote := conn.LocalAddr().(*net.TCPAddr).AddrPort(),
			conn.RemoteAddr().(*net.TCPAddr).AddrPort()
		flow := capture.Flow(local, remote)
		if flow == nil {
			t.Fatal("the connection was not seen")
		}
		if capture.Flow(remote, local) != nil {
			t.Error("found a connection that does not exist")
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
					t.Errorf("%d bytes written at %v: %d bytes at %v, the ones before at %v", w.n,
						w.before, parts[i].Len, at, last)
				}
				last = at
			}
		}
	}
}

// Packets that are fed by hand: retransmissions, packets that close a
// connection, and bytes that are no packet.
func TestPacket(t *testing.T) {
	t.Parallel()
	remote := netip.MustParseAddr("192.0.2.1")
	packet := func(flags byte, sequence uint32, payload int) []byte {
		b := make([]byte, 40)
		b[0], b[9] = 0x45, 6
		binary.BigEndian.PutUint16(b[2:], uint16(40+payload))
		copy(b[12:], remote.AsSlice())
		binary.BigEndian.PutUint16(b[20:], 8000)
		binary.BigEndian.PutUint16(b[22:], 50000)
		binary.BigEndian.PutUint32(b[24:], sequence)
		b[32], b[33] = 5<<4, flags
		return b
	}
	const fin, syn, ack = 1, 2, 16
	e := endpoint{50000, remote}
	c := newCapture(8000)
	note := func(b []byte, wall int64) { c.packet(b, len(b), wall) }
	for i := range 40 {
		note(packet(ack, 1000, 5)[:i], 1) // cut short
	}
	note(packet(ack, 1000, 5), 1) // of a connection whose beginning was not seen
	if len(c.flows) != 0 {
		t.Fatalf("flows %v", c.flows)
	}
	note(packet(syn|ack, 999, 0), 1)
	f := c.flows[e]
	if f == nil {
		t.Fatal("no flow")
	}
	note(packet(ack, 1000, 5), 2)
	note(packet(syn|ack, 999, 0), 3) // sent again
	note(packet(ack|fin, 1005, 7), 4)
	if got := fmt.Sprint(f.take(12, nil)); got != "[{5 2} {7 4}]" {
		t.Errorf("parts %s", got)
	}
	if len(c.flows) != 0 {
		t.Errorf("a closed connection is still followed: %v", c.flows)
	}
	note(packet(syn|ack, 5, 0), 5)
	note(packet(syn|ack, 77, 0), 6) // another connection from the same port
	if f := c.flows[e]; f == nil || f.start != 78 {
		t.Errorf("flow %+v", f)
	}
}
