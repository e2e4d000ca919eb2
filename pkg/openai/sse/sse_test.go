package sse

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	gosse "github.com/tmaxmax/go-sse"
)

type event struct{ typ, data string }

// parse feeds the pieces in order and returns all events.
func parse(p *Parser, pieces ...[]byte) (events []event, open bool) {
	take := func() {
		for p.Next() {
			e := p.Event()
			events = append(events, event{string(e.Type), string(e.Data)})
			open = e.Open
		}
	}
	for _, b := range pieces {
		// Bytes that were fed before may be overwritten, as in a read buffer.
		own := bytes.Clone(b)
		p.Feed(own)
		take()
		for i := range own {
			own[i] = '!'
		}
	}
	p.Close()
	take()
	return events, open
}

func TestParser(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		want     []event
		open     bool
	}{
		{name: "empty"},
		{name: "one", in: "data: a\n\n", want: []event{{"", "a"}}},
		{name: "no space", in: "data:a\n\n", want: []event{{"", "a"}}},
		{name: "two spaces", in: "data:  a \n\n", want: []event{{"", " a "}}},
		{name: "crlf", in: "data: a\r\n\r\ndata: b\r\n\r\n", want: []event{{"", "a"}, {"", "b"}}},
		{name: "cr", in: "data: a\r\rdata: b\r\r", want: []event{{"", "a"}, {"", "b"}}},
		{name: "mixed ends", in: "data: a\r\n\ndata: b\n\r\rdata: c\r\n\r",
			want: []event{{"", "a"}, {"", "b"}, {"", "c"}}},
		{name: "bom", in: "\xef\xbb\xbfdata: a\n\n", want: []event{{"", "a"}}},
		{name: "bom only at the start", in: "data: a\n\n\xef\xbb\xbfdata: b\n\n",
			want: []event{{"", "a"}}},
		{name: "comments", in: ": hi\n\n:\n\ndata: a\n: in between\ndata: b\n\n",
			want: []event{{"", "a\nb"}}},
		{name: "several data lines", in: "data: a\ndata:\ndata: b\n\n",
			want: []event{{"", "a\n\nb"}}},
		{name: "type", in: "event: error\ndata: a\n\ndata: b\n\n",
			want: []event{{"error", "a"}, {"", "b"}}},
		{name: "type without data", in: "event: error\n\ndata: b\n\n", want: []event{{"", "b"}}},
		{name: "last type wins", in: "event: x\nevent: y\ndata: b\n\n", want: []event{{"y", "b"}}},
		{name: "id and retry", in: "id: 1\nretry: 5\ndata: a\nid: 2\n\nid: 3\n\n",
			want: []event{{"", "a"}}},
		{name: "unknown fields", in: "datax: a\nDATA: b\n data: c\ndata: d\n\n",
			want: []event{{"", "d"}}},
		{name: "no colon", in: "data\n\ndata\ndata\n\n", want: []event{{"", ""}, {"", "\n"}}},
		{name: "empty data", in: "data:\n\ndata: \n\n", want: []event{{"", ""}, {"", ""}}},
		{name: "colon in data", in: "data: a:b: c\n\n", want: []event{{"", "a:b: c"}}},
		{name: "no final blank line", in: "data: a\n", want: []event{{"", "a"}}, open: true},
		{name: "no final line end", in: "data: a\n\ndata: [DONE]",
			want: []event{{"", "a"}, {"", "[DONE]"}}, open: true},
		{name: "final cr", in: "data: a\r", want: []event{{"", "a"}}, open: true},
		{name: "only a comment at the end", in: "data: a\n\n: bye", want: []event{{"", "a"}}},
		{name: "end inside a field's name", in: "data: a\n\ndat", want: []event{{"", "a"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := []byte(c.in)
			check := func(how string, pieces ...[]byte) {
				t.Helper()
				got, open := parse(&Parser{}, pieces...)
				if fmt.Sprint(got) != fmt.Sprint(c.want) || open != c.open {
					t.Fatalf("%s: got %q open %v, want %q open %v", how, got, open, c.want, c.open)
				}
			}
			check("whole", in)
			bytewise := [][]byte{}
			for i := range in {
				bytewise = append(bytewise, in[i:i+1], nil)
			}
			check("by the byte", bytewise...)
			for i := range in {
				for j := i; j < len(in); j++ {
					check(fmt.Sprintf("split at %d and %d", i, j), in[:i], in[i:j], in[j:])
				}
			}
		})
	}
}

func TestStray(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxStray)
	for in, want := range map[string]string{
		"data: a\nid: 1\nretry: 2\nevent: x\n: hi\n\ndata: b\n\n": "",
		"data: a\n\nerror: b\n\n{\n1}":                            "error: b\n{\n1}\n",
		"data: a\n\neven":                                         "",
		long + "\n" + long + "\n":                                 long + "\n",
	} {
		var p Parser
		parse(&p, []byte(in))
		if got := string(p.Stray()); got != want {
			t.Errorf("%.40q: %.40q, want %.40q", in, got, want)
		}
		if p.Reset(); len(p.Stray()) > 0 {
			t.Errorf("%.40q: lines after Reset", in)
		}
	}
}

func TestZeroCopy(t *testing.T) {
	in := []byte("data: abc\n\ndata: def\n\n")
	var p Parser
	p.Feed(in)
	for p.Next() {
		if d := p.Event().Data; &d[0] != &in[bytes.Index(in, d)] {
			t.Errorf("%s was copied", d)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		p.Feed(in)
		for p.Next() {
		}
	}); n != 0 {
		t.Errorf("%v allocations for events that lie in one read", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		p.Feed(in[:5])
		p.Feed(in[5:14])
		for p.Next() {
		}
		p.Feed(in[14:])
		for p.Next() {
		}
	}); n != 0 {
		t.Errorf("%v allocations for events split over reads, once the buffers have grown", n)
	}
}

// TestLimit checks that the limit holds to the byte, for lines and for events,
// however the stream is cut.
func TestLimit(t *testing.T) {
	t.Parallel()
	const limit = 1 << 10
	long := strings.Repeat("x", 2*limit)
	line := "a line of event 2 of the stream is larger than 1 KiB"
	event := "event 2 of the stream is larger than 1 KiB"
	for name, tt := range map[string]struct{ in, err string }{
		"a line of the limit":     {"data: " + long[:limit-6] + "\n\n", ""},
		"a line above it":         {"data: " + long[:limit-5] + "\n\ndata: after\n\n", line},
		"a line with CR LF":       {"data: " + long[:limit-6] + "\r\n\r\n", ""},
		"a line without end":      {"data: " + long, line},
		"an open line of it":      {"data: " + long[:limit-6], ""},
		"an open line above it":   {"data: " + long[:limit-5], line},
		"an event of the limit":   {"data: " + long[:512] + "\ndata: " + long[:511] + "\n\n", ""},
		"an event above it":       {"data: " + long[:512] + "\ndata: " + long[:512] + "\n\n", event},
		"an event of blank lines": {strings.Repeat("data\n", limit+1) + "\n", ""},
		"one line more":           {strings.Repeat("data\n", limit+2) + "\n", event},
		"a comment of the limit":  {":" + long[:limit-1] + "\ndata: b\n\n", ""},
		"a comment above it":      {":" + long[:limit] + "\ndata: after\n\n", line},
	} {
		in := "data: ok\n\n" + tt.in
		for _, step := range []int{1, 7, limit, len(in)} {
			p := Parser{Limit: limit}
			var pieces [][]byte
			for rest := []byte(in); len(rest) > 0; {
				n := min(step, len(rest))
				pieces, rest = append(pieces, rest[:n]), rest[n:]
			}
			got, _ := parse(&p, pieces...)
			want := 2
			if tt.err != "" {
				want = 1
			}
			if len(got) != want || got[0].data != "ok" {
				t.Errorf("%s, %d bytes a read: %d events", name, step, len(got))
			}
			if err := fmt.Sprint(p.Err()); err != tt.err && (tt.err != "" || p.Err() != nil) {
				t.Errorf("%s, %d bytes a read: error %s, want %q", name, step, err, tt.err)
			}
		}
	}
}

// FuzzParser compares the parser with go-sse, and any split of the stream with
// the whole. Differences by design are avoided: the open event at the end, so
// the stream ends with a blank line; events with a type or an id but no data,
// which go-sse delivers; and a NUL in an id, at which go-sse stops.
func FuzzParser(f *testing.F) {
	for _, s := range []string{
		"data: a\n\ndata: b\r\n\r\ndata: c\r\r", "\xef\xbb\xbfdata: a\n\n",
		"event: error\ndata: x\ndata\n\n: c\n\n", "data: a",
		"id: 1\ndata:{}\nretry: 1\n\n", "\r\r\ndata: \r\n\n\n\n", ":\n::\n\ndata::\n\n",
	} {
		f.Add([]byte(s), uint16(3), uint16(7))
	}
	f.Fuzz(func(t *testing.T, in []byte, a, b uint16) {
		whole, _ := parse(&Parser{}, in)
		n := len(in) + 1
		i, j := int(a)%n, int(b)%n
		i, j = min(i, j), max(i, j)
		if split, _ := parse(&Parser{}, in[:i], in[i:j], in[j:]); fmt.Sprint(split) != fmt.Sprint(whole) {
			t.Fatalf("split at %d and %d: %q, whole: %q", i, j, split, whole)
		}

		ended := append(bytes.Clone(in), "\n\n"...)
		ours, _ := parse(&Parser{}, ended)
		var theirs []event
		for e, err := range gosse.Read(bytes.NewReader(ended), &gosse.ReadConfig{MaxEventSize: 1 << 20}) {
			if err != nil {
				if errors.Is(err, gosse.ErrUnexpectedEOF) {
					break
				}
				t.Skip(err)
			}
			theirs = append(theirs, event{e.Type, e.Data})
		}
		if fmt.Sprint(withData(ours)) != fmt.Sprint(withData(theirs)) {
			t.Fatalf("%q: ours %q, go-sse's %q", ended, ours, theirs)
		}
	})
}

// withData leaves out events without data: go-sse delivers those that only have
// a type.
func withData(events []event) (kept []event) {
	for _, e := range events {
		if e.data != "" {
			kept = append(kept, e)
		}
	}
	return kept
}

const chunk = `data: {"id":"chatcmpl-b9ee84d403c57fab","object":"chat.completion.chunk",` +
	`"created":1795431958,"model":"tiny-random",` +
	`"choices":[{"index":0,"delta":{"content":"PlainOldData"},"logprobs":null,` +
	`"finish_reason":null,"token_ids":null}]}` + "\n\n"

func BenchmarkParser(b *testing.B) {
	for _, c := range []struct {
		name    string
		events  int // a read
		partial int // bytes of the next event in it
	}{{"one event a read", 1, 0}, {"100 events a read", 100, 0}, {"every event split", 1, 100}} {
		b.Run(c.name, func(b *testing.B) {
			in := []byte(strings.Repeat(chunk, c.events))
			in = append(in[c.partial:], in[:c.partial]...)
			var p Parser
			p.Feed([]byte(chunk[:c.partial]))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				p.Feed(in)
				for p.Next() {
					n++
				}
			}
			b.SetBytes(int64(len(in)))
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
		})
	}
}

// BenchmarkLinear shows that the cost of a byte does not grow with the size of
// the read, for each kind of line end.
func BenchmarkLinear(b *testing.B) {
	for _, end := range []string{"\n", "\r\n", "\r"} {
		for _, size := range []int{4 << 10, 4 << 20} {
			b.Run(fmt.Sprintf("%q/%dKiB", end, size>>10), func(b *testing.B) {
				line := "data: x" + end + end
				in := []byte(strings.Repeat(line, size/len(line)))
				var p Parser
				b.SetBytes(int64(len(in)))
				for b.Loop() {
					p.Feed(in)
					for p.Next() {
					}
				}
			})
		}
	}
}
