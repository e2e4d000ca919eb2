package reactor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"testing"
	"time"

	"multiturn/pkg/record"
	"multiturn/pkg/sockclock"
)

// tardy is slow on purpose: it keeps the reactor busy while chunks arrive.
type tardy struct {
	until    chan struct{}
	arrivals []time.Duration // of each frame
	reads    int
	inexact  bool // some read was
	arrived  time.Duration
}

func (h *tardy) Head(int, http.Header, time.Duration) error {
	<-h.until
	return nil
}
func (h *tardy) Read(arrived, _ time.Duration, exact bool) {
	h.arrived, h.reads = arrived, h.reads+1
	h.inexact = h.inexact || !exact
}
func (h *tardy) Wait() {}
func (h *tardy) Body(_ []byte, frame int) error {
	if frame > len(h.arrivals) {
		h.arrivals = append(h.arrivals, h.arrived)
	}
	return nil
}

// The reactor reads late. With packets it still knows when each chunk arrived;
// with reads it knows the arrival of the newest only.
func TestLate(t *testing.T) {
	t.Parallel()
	const chunks, gap = 8, 5 * time.Millisecond
	for _, packets := range []bool{true, false} {
		t.Run(fmt.Sprint("packets ", packets), func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Skip("no loopback here: ", err)
			}
			defer l.Close()
			clock := sockclock.New(time.Now())
			var times []time.Duration
			wrote := make(chan struct{})
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				req, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				io.Copy(io.Discard, req.Body)
				io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
				for range chunks {
					time.Sleep(gap)
					times = append(times, clock.Now())
					io.WriteString(c, "5\r\nhello\r\n")
				}
				close(wrote)
				time.Sleep(gap)
				io.WriteString(c, "0\r\n\r\n")
			}()
			r, err := New(clock, l.Addr().String(), (&net.Dialer{}).DialContext)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if packets {
				if err := r.CapturePackets(); errors.Is(err, fs.ErrPermission) {
					t.Skip("no right to capture packets here: ", err)
				} else if err != nil {
					t.Fatal(err)
				}
			}
			h := &tardy{until: wrote}
			trace, err := r.Do(context.Background(),
				&Request{Before: []byte("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"),
					Pieces: [][]byte{[]byte("h"), nil, []byte("i")}}, h)
			if err != nil || len(h.arrivals) != chunks {
				t.Fatalf("%v, chunks at %v", err, h.arrivals)
			}
			if !packets {
				// What arrived while the reactor was busy has one stamp.
				if h.reads > 3 || h.arrivals[1] != h.arrivals[chunks-1] {
					t.Errorf("without packets: %d reads, chunks at %v", h.reads, h.arrivals)
				}
				return
			}
			if h.inexact {
				t.Error("an arrival is not exact")
			}
			for i, at := range h.arrivals {
				if at < times[i]-time.Microsecond || i > 0 && at <= h.arrivals[i-1] {
					t.Errorf("chunk %d written at %v, arrived at %v, the one before at %v", i,
						times[i], at, h.arrivals[max(0, i-1)])
				}
			}
			if trace.End < h.arrivals[chunks-1] || trace.Sent == 0 || trace.Written < trace.Sent {
				t.Errorf("sent %v, written %v, end %v", trace.Sent, trace.Written, trace.End)
			}
			if r.Source() != record.ClockPackets {
				t.Errorf("source %s", r.Source())
			}
		})
	}
}

// Close ends a request that is waiting.
func TestClose(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback here: ", err)
	}
	defer l.Close()
	r, err := New(sockclock.New(time.Now()), l.Addr().String(), (&net.Dialer{}).DialContext)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Preconnect(context.Background(), 3); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := r.Do(context.Background(), &Request{Before: []byte("POST / HTTP/1.1\r\nHost: " +
			"h\r\n\r\n")}, &kept{})
		done <- err
	}()
	time.Sleep(20 * time.Millisecond)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error("closed twice: ", err)
	}
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a request that waited ended with %v", err)
	}
	if _, err := r.Do(context.Background(), &Request{}, &kept{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a request after Close ended with %v", err)
	}
}
