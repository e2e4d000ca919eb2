package httphead

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

func response(lines ...string) string {
	return "HTTP/1.1 200 OK\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
}

func TestMend(t *testing.T) {
	for _, c := range []struct {
		name, in string
		ok       bool
	}{
		{"once", response("Transfer-Encoding: chunked"), true},
		{"two lines", response("transfer-encoding: chunked", "Transfer-Encoding: chunked"), true},
		{"three lines", response("Transfer-Encoding: chunked", "TRANSFER-ENCODING:chunked",
			"Transfer-Encoding: chunked"), true},
		{"a list", response("Transfer-Encoding: chunked, chunked"), true},
		{"a list without blanks", response("Transfer-Encoding:chunked,Chunked"), true},
		{"a list and a line", response("Transfer-Encoding: chunked, chunked", "X: y",
			"Transfer-Encoding: chunked"), true},
		{"line feeds alone", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n" +
			"2\r\nhi\r\n0\r\n\r\n", true},
		{"after an early response", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" +
			response("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), true},
		{"another coding", response("Transfer-Encoding: gzip, chunked"), false},
		{"another coding after it", response("Transfer-Encoding: chunked, gzip"), false},
		{"not HTTP", "transfer-encoding: chunked\ntransfer-encoding: chunked\n", false},
	} {
		for _, size := range []int{1, 7, len(c.in)} {
			var m Mender
			m.Begin()
			b := []byte(c.in)
			for i := 0; i < len(b); i += size {
				m.Mend(b[i:min(i+size, len(b))])
			}
			r := bufio.NewReader(bytes.NewReader(b))
			resp, err := http.ReadResponse(r, nil)
			if err == nil && resp.StatusCode == 103 {
				resp, err = http.ReadResponse(r, nil)
			}
			if (err == nil) != c.ok {
				t.Errorf("%s, %d bytes at a time: %v in %q", c.name, size, err, b)
				continue
			}
			if !c.ok {
				continue
			}
			if body, err := io.ReadAll(resp.Body); string(body) != "hi" || err != nil {
				t.Errorf("%s, %d bytes at a time: body %q, %v", c.name, size, body, err)
			}
		}
	}
}

// TestMendLeaves checks what is not changed: bodies, heads that need no mending,
// and all bytes before the first Begin.
func TestMendLeaves(t *testing.T) {
	twice := response("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")
	for _, in := range []string{
		response("Transfer-Encoding: chunked", "Content-Type: text/event-stream"),
		response("Transfer-Encoding: chunked") + twice,
		"\x16\x03\x01" + twice,
	} {
		var m Mender
		m.Begin()
		b := []byte(in)
		m.Mend(b)
		if string(b) != in {
			t.Errorf("changed: %q", b)
		}
	}
	var m Mender
	b := []byte(twice)
	m.Mend(b)
	if string(b) != twice {
		t.Errorf("changed before Begin: %q", b)
	}
}

// FuzzMend checks that a head is mended alike however it is cut, and that it keeps
// its length.
func FuzzMend(f *testing.F) {
	f.Add(response("Transfer-Encoding: chunked, chunked", "transfer-encoding: chunked"), 3)
	f.Fuzz(func(t *testing.T, in string, at int) {
		at = max(0, min(at, len(in)))
		var whole, cut Mender
		whole.Begin()
		cut.Begin()
		a, b := []byte(in), []byte(in)
		whole.Mend(a)
		cut.Mend(b[:at])
		cut.Mend(b[at:])
		if !bytes.Equal(a, b) {
			t.Fatalf("%q and %q", a, b)
		}
	})
}
