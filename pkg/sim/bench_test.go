package sim

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiturn/pkg/sim/engine"
)

// nowhere is a socket that accepts everything.
type nowhere struct{ fd uintptr }

func (n nowhere) Control(f func(uintptr)) error    { f(n.fd); return nil }
func (n nowhere) Read(func(uintptr) bool) error    { return nil }
func (n nowhere) Write(f func(uintptr) bool) error { f(n.fd); return nil }

var _ syscall.RawConn = nowhere{}

// bigStream returns a running stream of a server without a client.
func bigStream(tb testing.TB) *stream {
	tb.Helper()
	if !directWrites {
		tb.Skip("no direct writes here")
	}
	s, err := New(Options{})
	if err != nil {
		tb.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close(); _ = null.Close() })
	k := &sink{raw: nowhere{null.Fd()}, wg: &s.wg, stop: s.closed}
	k.attempt = func(fd uintptr) bool { k.n, k.errno = writeNow(fd, k.b); return true }
	st := &stream{srv: s, req: &request{stream: true}, q: plain, sink: k, chunked: true,
		id: "chatcmpl-0123456789abcdef", done: make(chan struct{})}
	st.seq = engine.Sequence{PromptTokens: 100, OutputTokens: 1 << 40}
	st.appendHead()
	return st
}

// A chunk, from the engine's token to the system call, allocates nothing.
func TestChunkMakesNoGarbage(t *testing.T) {
	st := bigStream(t)
	var e encoder
	step := func() {
		st.seq.Generated++
		st.emit(&e, time.Millisecond, 1)
	}
	step()
	if n := testing.AllocsPerRun(1000, step); n > 0 {
		t.Errorf("%v allocations a chunk", n)
	}
}

// One chunk, from the engine's token to the system call, which writes to the
// null device.
func BenchmarkChunk(b *testing.B) {
	st := bigStream(b)
	var e encoder
	b.ReportAllocs()
	for b.Loop() {
		st.seq.Generated++
		st.emit(&e, time.Millisecond, 1)
	}
}

// The work of a turn with a known history, by the length of the history.
func BenchmarkTurn(b *testing.B) {
	for _, turns := range []int{4, 400} {
		b.Run(fmt.Sprint(turns), func(b *testing.B) {
			s, err := New(Options{MaxModelLen: 1 << 24})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var body strings.Builder
			body.WriteString(`{"messages":[`)
			for range turns {
				body.WriteString(`{"role":"user","content":"` +
					strings.Repeat("some words ", 100) + `"},`)
				body.WriteString(`{"role":"assistant","content":"` +
					strings.Repeat("some words ", 100) + `"},`)
			}
			history := body.String()
			b.SetBytes(int64(len(history)))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				st := &stream{srv: s, q: plain}
				if fail := st.prepare([]byte(history+`{"role":"user","content":"`+fmt.Sprint(i)+
					`"}]}`), chatAPI); fail != nil {
					b.Fatal(fail)
				}
			}
		})
	}
}
