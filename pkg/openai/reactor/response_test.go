package reactor

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// kept records what a response passes to its handler.
type kept struct {
	status int
	header http.Header
	body   []byte
	frames []int
}

func (k *kept) Head(status int, h http.Header, _ time.Duration) error {
	k.status, k.header = status, h
	return nil
}
func (k *kept) Read(_, _ time.Duration, _ bool) {}
func (k *kept) Wait()                           {}
func (k *kept) Body(b []byte, frame int) error {
	k.body = append(k.body, b...)
	k.frames = append(k.frames, frame)
	return nil
}

// parse feeds the pieces, then the end of the connection.
func parse(pieces ...[]byte) (k *kept, p *response, rest []byte, err error) {
	k = &kept{}
	p = &response{handler: k}
	for i, b := range pieces {
		own := bytes.Clone(b)
		rest, err = p.feed(own, 1)
		rest = bytes.Clone(rest)
		for i := range own { // the buffer is used again for the next read
			own[i] = '!'
		}
		if err != nil {
			return k, p, nil, err
		}
		if p.state == ended {
			for _, b := range pieces[i+1:] {
				rest = append(rest, b...)
			}
			return k, p, rest, nil
		}
	}
	return k, p, rest, p.eof()
}

func TestResponse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		status   int
		body     string
		frames   int // different ones
		rest     string
		close    bool
		err      string
	}{
		{name: "length", in: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", status: 200,
			body: "hello", frames: 1},
		{name: "length and more", in: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello",
			status: 200, body: "he", frames: 1, rest: "llo"},
		{name: "no body", in: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", status: 200},
		{name: "204", in: "HTTP/1.1 204 No Content\r\n\r\n", status: 204},
		{name: "204 that says it is chunked", in: "HTTP/1.1 204 No Content\r\nTransfer-Encoding: " +
			"chunked\r\n\r\n1\r\na\r\n", status: 204, rest: "1\r\na\r\n"},
		{name: "chunked", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" +
			"A;x=y\r\n0123456789\r\n0\r\n\r\n", status: 200, body: "abc0123456789", frames: 2},
		{name: "chunked with bare line ends", in: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n" +
			"\n3\nabc\n0\n\n", status: 200, body: "abc", frames: 1},
		{name: "trailers", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n" +
			"0\r\nX: 1\r\nY: 2\r\n\r\nmore", status: 200, body: "a", frames: 1, rest: "more"},
		{name: "to the end", in: "HTTP/1.1 200 OK\r\n\r\nabc\r\n", status: 200, body: "abc\r\n",
			frames: 1, close: true},
		{name: "HTTP/1.0", in: "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", status: 200,
			body: "a", frames: 1, close: true},
		{name: "close", in: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
			status: 200, body: "a", frames: 1, close: true},
		{name: "100, 103, then 200", in: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early " +
			"Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", status: 200,
			body: "a", frames: 1},

		{name: "nothing", in: "", err: "closed the connection before it answered"},
		{name: "half a head", in: "HTTP/1.1 200 OK\r\nConte",
			err: "closed the connection before it answered"},
		{name: "not HTTP", in: "SSH-2.0", err: "malformed HTTP response"},
		{name: "not HTTP, whole", in: "hello\r\n\r\n", err: "malformed HTTP"},
		{name: "bad status", in: "HTTP/1.1 abc\r\n\r\n", err: "malformed HTTP"},
		{name: "cut length", in: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", status: 200,
			body: "he", frames: 1, err: ErrCut.Error()},
		{name: "cut chunk", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
			status: 200, body: "he", frames: 1, err: ErrCut.Error()},
		{name: "no last chunk", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"1\r\na\r\n", status: 200, body: "a", frames: 1, err: ErrCut.Error()},
		{name: "bad size", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
			status: 200, err: "malformed chunked"},
		{name: "huge size", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"fffffffffffffffff\r\n", status: 200, err: "malformed chunked"},
		{name: "endless size", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
			strings.Repeat("0", 20<<10), status: 200,
			err: "a line of the chunked encoding is larger than 16 KiB"},
		{name: "no line end after a chunk", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: " +
			"chunked\r\n\r\n1\r\nabc\r\n", status: 200, body: "a", frames: 1,
			err: "malformed chunked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			check := func(how string, pieces ...[]byte) {
				t.Helper()
				k, p, rest, err := parse(pieces...)
				message := ""
				if err != nil {
					message = err.Error()
				}
				if k.status != c.status || string(k.body) != c.body || string(rest) != c.rest ||
					(err != nil) != (c.err != "") || !strings.Contains(message, c.err) {
					t.Fatalf("%s: status %d, body %q, rest %q, error %v", how, k.status,
						k.body, rest, err)
				}
				if err == nil && p.close != c.close {
					t.Fatalf("%s: close %v, want %v", how, p.close, c.close)
				}
				different := map[int]bool{}
				for _, f := range k.frames {
					different[f] = true
				}
				if len(different) != c.frames {
					t.Fatalf("%s: frames %v, want %d", how, k.frames, c.frames)
				}
			}
			in := []byte(c.in)
			check("whole", in)
			var bytewise [][]byte
			for i := range in {
				bytewise = append(bytewise, in[i:i+1])
			}
			check("by the byte", bytewise...)
			for i := range in[:min(len(in), 300)] {
				check(fmt.Sprintf("split at %d", i), in[:i], in[i:])
			}
		})
	}
}

// FuzzResponse compares the parser with net/http, and any split with the whole.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\nz",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabc", "HTTP/1.0 404 Not\nA: b\n\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n03\r\nabc\r\n00\r\n\r\n",
	} {
		f.Add([]byte(s), uint16(20), uint16(50))
	}
	f.Fuzz(func(t *testing.T, in []byte, a, b uint16) {
		n := len(in) + 1
		i, j := int(a)%n, int(b)%n
		i, j = min(i, j), max(i, j)
		whole, _, rest, err := parse(in)
		split, _, splitRest, splitErr := parse(in[:i], in[i:j], in[j:])
		if (err == nil) != (splitErr == nil) || whole.status != split.status ||
			!bytes.Equal(whole.body, split.body) ||
			err == nil && !bytes.Equal(rest, splitRest) {
			t.Fatalf("split at %d and %d: %d %q %q %v, whole: %d %q %q %v", i, j, split.status,
				split.body, splitRest, splitErr, whole.status, whole.body, rest, err)
		}
		if err != nil {
			return // net/http forgives other things
		}
		r := bufio.NewReader(bytes.NewReader(in))
		resp, err := http.ReadResponse(r, post)
		for err == nil && resp.StatusCode/100 == 1 && resp.StatusCode != 101 {
			resp, err = http.ReadResponse(r, post)
		}
		if err != nil {
			t.Fatalf("%q was taken, net/http says %v", in, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return // of its stricter chunked reader
		}
		if resp.StatusCode != whole.status || !bytes.Equal(body, whole.body) {
			t.Fatalf("%q: %d %q, net/http has %d %q", in, whole.status, whole.body,
				resp.StatusCode, body)
		}
	})
}

func BenchmarkResponse(b *testing.B) {
	head := []byte("HTTP/1.1 200 OK\r\ndate: Mon, 23 Nov 2026 11:15:59 GMT\r\n" +
		"server: uvicorn\r\ncontent-type: text/event-stream; charset=utf-8\r\n" +
		"transfer-encoding: chunked\r\n\r\n")
	chunk := []byte("e6\r\n" + strings.Repeat("x", 0xe6) + "\r\n")
	last := []byte("0\r\n\r\n")
	h := discard{}
	b.ReportAllocs()
	for b.Loop() {
		p := response{handler: h}
		p.feed(head, 1)
		for range 100 {
			p.feed(chunk, 1)
		}
		p.feed(last, 1)
		if p.state != ended {
			b.Fatal(p.state)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/chunk")
}

type discard struct{}

func (discard) Head(int, http.Header, time.Duration) error { return nil }
func (discard) Read(_, _ time.Duration, _ bool)            {}
func (discard) Body([]byte, int) error                     { return nil }
func (discard) Wait()                                      {}
