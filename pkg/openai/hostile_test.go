package openai

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"multiturn/internal/crash"
	"multiturn/internal/httpclient"
	"multiturn/internal/limits"
	"multiturn/pkg/record"
	"multiturn/pkg/sockclock"
)

// withoutEnd writes begin, and then piece until the client closes the connection.
func withoutEnd(begin, piece string) fault {
	return func(w net.Conn, _ *bufio.Reader) bool {
		_, err := io.WriteString(w, begin)
		for many := []byte(strings.Repeat(piece, 1+(64<<10)/len(piece))); err == nil; {
			_, err = w.Write(many)
		}
		return false
	}
}

const (
	untilEOF = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
	jsonHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
	failHead = "HTTP/1.1 500 No\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
)

// TestHostile checks that nothing that a server sends ends more than its own turn,
// or takes more than its limits: on no transport is the outcome a time-out.
func TestHostile(t *testing.T) {
	t.Parallel()
	sized := func(n string) string {
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: " + n + "\r\n\r\n"
	}
	stream := func(data string) string { return streamHead + chunked("data: "+data+"\n\n") }
	deep := strings.Repeat("[", 4<<20)
	many := func(n int) string {
		return `{"choices":[{"delta":{"tool_calls":[` +
			strings.Repeat(`{"function":{"name":"f"}},`, n) + `{}]}}]}`
	}
	const (
		small    = 1 << 20
		tooLarge = record.TooLarge
		answer   = "the answer is larger than 1 MiB"
		framing  = "chunked encoding is larger than 16 KiB"
		head     = "the head of the answer is larger than 1 MiB"
	)
	for _, tt := range []struct {
		name    string
		fault   fault
		outcome record.Outcome
		err     string
		most    int64 // 0 = by what was asked for
	}{
		{"status 000", says(false, "HTTP/1.1 000 Null\r\n\r\n"), record.BadEvent, "status is 000", 0},
		{"status 099", says(false, "HTTP/1.1 099 Low\r\n\r\n"), record.BadEvent, "status is 099", 0},
		{"status +99", says(false, "HTTP/1.1 +99 Low\r\n\r\n"), record.BadEvent, "status is 099", 0},
		{"status -99", says(false, "HTTP/1.1 -99 Low\r\n\r\n"), record.Connect, "malformed HTTP", 0},
		{"status 600", says(false, "HTTP/1.1 600 High\r\n\r\n"), record.HTTPStatus, "HTTP 600", 0},
		{"status 999", says(false, "HTTP/1.1 999\r\n\r\nno"), record.HTTPStatus, "HTTP 999: no", 0},
		{"status 101", says(false, "HTTP/1.1 101 Up\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
			record.HTTPStatus, "HTTP 101", 0},
		{"HTTP/0.9", says(false, "data: hello\n\n"), record.Connect, "malformed HTTP", 0},
		{"HTTP/2", says(false, "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80"),
			record.Connect, "malformed HTTP", 0},
		{"a body before the head", says(false, doneEvent+goodAnswer), record.Connect,
			"malformed HTTP", 0},
		{"two answers", says(true, goodAnswer+goodAnswer), record.OK, "", 0},
		{"negative length", says(false, sized("-1")), record.Connect, "bad Content-Length", 0},
		{"length above int64", says(false, sized("9223372036854775808")), record.Connect,
			"bad Content-Length", 0},
		{"a length that never comes", says(false, sized("9223372036854775807")+roleEvent),
			record.Truncated, "connection closed", 0},
		{"two lengths", says(false, sized("1\r\nContent-Length: 2")), record.Connect,
			"multiple Content-Length", 0},
		{"negative chunk", says(false, streamHead+"-1\r\n"), record.Truncated, "chunk", 0},
		{"chunk above int64", says(false, streamHead+"fffffffffffffffff\r\n"), record.Truncated,
			"chunk", 0},
		{"chunk that never comes", says(false, streamHead+"7ffffffffffffff\r\n"+roleEvent),
			record.Truncated, "connection closed", 0},
		{"gzip", withoutEnd("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", "\x1f\x8b"),
			record.BadEvent, "compressed", small},

		{"a head without end", withoutEnd("HTTP/1.1 200 OK\r\n", "X-A: b\r\n"), tooLarge, head, 0},
		{"a line of the head without end", withoutEnd("HTTP/1.1 200 OK\r\nX: ", "a"), tooLarge,
			head, 0},
		{"informational heads without end", withoutEnd("", "HTTP/1.1 102 Wait\r\n\r\n"), tooLarge,
			head, 0},
		{"a status line without end", withoutEnd("HTTP/1.1 200 ", "O"), tooLarge, head, 0},
		{"an answer without end", withoutEnd(untilEOF, textEvent("a")), tooLarge, answer, small},
		{"chunks without end", withoutEnd(streamHead, chunked(textEvent("a"))), tooLarge, answer,
			small},
		{"a line without end", withoutEnd(untilEOF+"data: ", "a"), tooLarge, answer, small},
		{"an event without end", withoutEnd(untilEOF, "data: a\n"), tooLarge, answer, small},
		{"comments without end", withoutEnd(untilEOF, ": wait\n\n"), tooLarge, answer, small},
		{"blanks without end", withoutEnd(untilEOF, "\r\n"), tooLarge, answer, small},
		{"empty events without end", withoutEnd(untilEOF+roleEvent, "data: \n\n"), tooLarge,
			answer, small},
		{"extensions of chunks without end",
			withoutEnd(streamHead, "1;"+strings.Repeat("a", 1<<10)+"\r\n\n\r\n"), tooLarge, framing, 0},
		{"a line of a chunk's size without end", withoutEnd(streamHead, "0"), tooLarge, framing, 0},
		{"trailers without end", withoutEnd(streamHead+chunked(roleEvent)+"0\r\n", "X-A: b\r\n"),
			tooLarge, "is larger than 16 KiB", 0},
		{"JSON without end", withoutEnd(jsonHead+`{"a":"`, "a"), tooLarge, answer, small},
		{"an error without end", withoutEnd(failHead+`{"error":"`, "a"), record.HTTPStatus,
			"HTTP 500", 0},
		{"events after the end", withoutEnd(streamHead+chunked(textEvent("a"), stopEvent, doneEvent),
			chunked(textEvent("b"))), record.OK, "", small},

		{"deep JSON in an event", says(false, stream(deep)), record.BadEvent, "is not a chunk", 0},
		{"deep JSON in a field", says(false, stream(`{"error":`+deep)), record.BadEvent,
			"is not a chunk", 0},
		{"deep JSON in an error event", says(false, streamHead+chunked("event: error\ndata: "+deep+
			"\n\n")), record.ErrorInStream, "[[[", 0},
		{"deep JSON in an error", says(false, failHead+deep), record.HTTPStatus, "[[[", 0},
		{"deep JSON in place of an answer", says(false, jsonHead+deep), record.BadEvent,
			"not an answer in JSON", 0},
		{"deep JSON at the end of a stream", says(false, untilEOF+roleEvent+deep+"\n"),
			record.ErrorInStream, "[[[", 0},
		{"a text of 16 MB", says(false, stream(`{"choices":[{"delta":{"content":"`+
			strings.Repeat(`\u0061`, 3<<20)+`"}}]}`)), tooLarge, "is larger than 8 MiB", 8 << 20},
		{"a text of 5 MiB", says(false, streamHead+chunked(textEvent(strings.Repeat("a", 5<<20)),
			stopEvent)), tooLarge, "the answer's text is larger than 4 MiB", 0},
		{"a text of 5 MiB in JSON", says(false, jsonHead+`{"choices":[{"message":{"content":"`+
			strings.Repeat("a", 5<<20)+`"}}]}`), tooLarge, "the answer's text is larger than 4 MiB", 0},
		{"a text of 5 MiB, which is allowed", says(false, streamHead+chunked(
			textEvent(strings.Repeat("a", 5<<20)), stopEvent, doneEvent)+lastChunk), record.OK, "", 8 << 20},
		{"400,000 tool calls in an event", says(false, stream(many(400_000))), tooLarge,
			"the answer has more than 4,096 parts", 0},
		{"100,000 parts of a text", says(false, stream(`{"choices":[{"delta":{"content":[`+
			strings.Repeat(`"a",`, 100_000)+`"a"]}}]}`)), tooLarge,
			"the answer has more than 4,096 parts", 0},
		{"100,000 choices", says(false, stream(`{"choices":[`+strings.Repeat(`{},`, 100_000)+`{}]}`)),
			record.BadEvent, "is not a chunk", 0},
		{"400,000 tool calls in JSON", says(false, jsonHead+many(400_000)), tooLarge,
			"the answer has more than 4,096 parts", 0},
	} {
		for _, transport := range transports() {
			t.Run(tt.name+"/"+transport.String(), func(t *testing.T) {
				t.Parallel()
				url, _ := faulty(t, tt.fault)
				client := newClient(t, Options{URL: url, Transport: transport.Transport,
					Clocks: transport.Clocks, MaxAnswerBytes: tt.most})
				r := client.Do(context.Background(), hello())
				if r.Outcome != tt.outcome || !strings.Contains(r.Error, tt.err) {
					t.Errorf("outcome %s (%s), want %s (%s)", r.Outcome, r.Error, tt.outcome, tt.err)
				}
				if len(r.Error) > 2*maxErrorLine || strings.ContainsAny(r.Error, "\r\n") {
					t.Errorf("the error has %d bytes: %.200q", len(r.Error), r.Error)
				}
				if r := client.Do(context.Background(), hello()); r.Outcome != record.OK {
					t.Errorf("the request after it: %s (%s)", r.Outcome, r.Error)
				}
			})
		}
	}
}

// TestMemory checks that a turn takes a small multiple of its limit, whatever comes:
// all that it allocates, garbage included, is no more. It is not parallel, since
// others allocate, too.
func TestMemory(t *testing.T) {
	const most = 4 << 20
	quoted := func(s string) string { return `{"choices":[{"delta":{"content":"` + s }
	for name, fault := range map[string]fault{
		"small events":    withoutEnd(untilEOF, `data: {"choices":[{"delta":{"content":"a"}}]}`+"\n\n"),
		"one text":        withoutEnd(untilEOF+"data: "+quoted(""), "a"),
		"JSON":            withoutEnd(jsonHead+quoted(""), "a"),
		"tool calls":      withoutEnd(untilEOF+`data: {"choices":[{"delta":{"tool_calls":[`, "{},"),
		"an error":        withoutEnd(failHead+`[`, `{"msg":"a"},`),
		"lines of errors": withoutEnd(untilEOF, "error: a\n"),
		"a head":          withoutEnd("HTTP/1.1 200 OK\r\n", "X: y\r\n"),
		"usage":           withoutEnd(untilEOF, `data: {"usage":{"prompt_tokens":1}}`+"\n\n"),
	} {
		for _, transport := range transports() {
			url, _ := faulty(t, fault)
			client := newClient(t, Options{URL: url, Transport: transport.Transport,
				Clocks: transport.Clocks, MaxAnswerBytes: most})
			before := allocated()
			r := client.Do(t.Context(), hello())
			if took := allocated() - before; took > 12*most || r.Outcome.OK() ||
				r.Outcome == record.Timeout {
				t.Errorf("%s, %s: %s (%s) after %d bytes", name, transport, r.Outcome, r.Error, took)
			}
		}
	}
}

// allocated returns how many bytes the process has allocated so far.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// TestLinear reads what would take hours if its time grew with the square of its
// length.
func TestLinear(t *testing.T) {
	t.Parallel()
	const n = 1 << 19
	event := func(s string) string { return "data: {\"choices\":[{\"delta\":{" + s + "}}]}\n\n" }
	calls := func() string {
		var b strings.Builder
		for range limits.Parts - 1 {
			b.WriteString(`{"index":` + itoa(rand.IntN(limits.Parts)) + `},`)
		}
		return event(`"tool_calls":[` + b.String() + `{}]`)
	}
	usage := `{"prompt_tokens":1,"x":"` + strings.Repeat("x", limits.Object-100) + `"}`
	nested := strings.Repeat("[", limits.Depth-100)
	open, end := nested, strings.Repeat("]", limits.Depth-100)
	text := `"` + strings.Repeat("x", 4<<20) + `"`
	for name, tt := range map[string]struct {
		pieces []string
		think  Think
	}{
		"tool calls":          {repeated(calls(), 64), ThinkOff},
		"blanks before a tag": {repeated(event(`"content":" "`), n/4), ThinkTagged},
		"reasoning":           {repeated(event(`"content":"a"`), n/4), ThinkOpen},
		"lines of an event":   {repeated("data: a\n", n), ThinkOff},
		"usage after usage": {[]string{`data: {"usage":` + usage +
			strings.Repeat(`,"usage":1`, n) + "}\n\n"}, ThinkOff},
		"a nested error":   {[]string{`data: {"error":` + open + `"",` + text + end + "}\n\n"}, ThinkOff},
		"nested reasoning": {[]string{event(`"reasoning_details":` + open + text + end)}, ThinkOff},
		"blanks":           {repeated(" \r\n", n), ThinkOff},
		"errors": {repeated(`data: {"error":"`+strings.Repeat("x", 200)+`"}`+"\n\n", n/16),
			ThinkOff},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAnswer(&Options{Think: tt.think}, &endpoint{api: &chatCompletions},
				sockclock.New(time.Now()))
			if err := a.head(http.StatusOK, nil, 1); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			for i, p := range tt.pieces {
				a.read(record.Clock(i+1), record.Clock(i+1), false)
				_ = a.body([]byte(p), 0)
			}
			a.finish(errCut, record.Clock(len(tt.pieces)+1))
			if took := time.Since(start); took > time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func repeated(s string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = s
	}
	return list
}

// TestDeadline checks that the reader itself holds a request's time limit: a server
// that sends without a pause may leave no other goroutine the time to.
func TestDeadline(t *testing.T) {
	t.Parallel()
	a := newAnswer(&Options{}, &endpoint{api: &chatCompletions}, sockclock.New(time.Now()))
	a.deadline = record.Clock(time.Second)
	if err := a.head(http.StatusOK, nil, 1); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		seen time.Duration
		want error
	}{
		{time.Second, nil}, {time.Second + 1, errTimeout},
	} {
		a.read(1, record.Clock(tt.seen), false)
		if err := a.body([]byte(textEvent("a")), 0); err != tt.want {
			t.Errorf("a read at %v: error %v, want %v", tt.seen, err, tt.want)
		}
	}
	if r := a.finish(errTimeout, record.Clock(time.Second)); r.Outcome != record.Timeout ||
		r.Text != "a" || r.Error != "no end of the answer before the request's timeout" {
		t.Errorf("%s, %s, text %q", r.Outcome, r.Error, r.Text)
	}
	a = newAnswer(&Options{}, &endpoint{api: &chatCompletions}, sockclock.New(time.Now()))
	if r := a.finish(errTimeout, 1); r.Error != "no answer before the request's timeout" {
		t.Errorf("without a head: %s", r.Error)
	}
}

// What is kept of a text is cut after its secrets are masked: the beginning of one
// would not be found.
func TestClippedSecrets(t *testing.T) {
	t.Parallel()
	key := "sk-" + strings.Repeat("hunter2", 600)
	for filler := range 210 {
		a := newAnswer(&Options{}, &endpoint{
			api: &chatCompletions, mask: httpclient.NewMask("hunter2-short", key),
		}, sockclock.New(time.Now()))
		if err := a.head(http.StatusOK, nil, 1); err != nil {
			t.Fatal(err)
		}
		secret := []string{"hunter2-short", strings.Repeat(key+" ", 3)}[filler%2]
		said := strings.Repeat("x", filler) + secret
		event := fmt.Sprintf(`data: {"choices":[{"delta":{},"finish_reason":%q}]}`+"\n\n"+
			"data: %s\n\n", said, said)
		if err := a.body([]byte(event), 0); err != nil {
			t.Fatal(err)
		}
		r := a.finish(nil, 2)
		if r.Error == "" || strings.Contains(r.Finish+r.Error, "hunt") || strings.Contains(r.Finish, "sk-") {
			t.Errorf("behind %d bytes: finish %q, error %q", filler, r.Finish, r.Error)
		}
	}
}

// TestCrash checks that a panic in the reading of an answer ends that request alone,
// as a fault of the program.
func TestCrash(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		for _, bad := range []string{ // read as it comes, and once it has ended
			strings.ReplaceAll(goodAnswer, "Hi", "no"),
			"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n[no]",
		} {
			url := serve(t, func(c net.Conn) {
				r := bufio.NewReader(c)
				for {
					_, body, err := receive(r)
					if err != nil {
						return
					}
					answer := goodAnswer
					if strings.Contains(string(body), "crash") {
						answer = bad
					}
					if _, err := io.WriteString(c, answer); err != nil {
						return
					}
				}
			})
			var crashes atomic.Int64
			client := newClient(t, Options{URL: url, Transport: transport.Transport,
				Clocks: transport.Clocks, OnCrash: func(*crash.Error) { crashes.Add(1) }})
			own := chatCompletions
			own.read = func(data []byte, c *chunk) bool {
				if strings.Contains(string(data), "no") {
					var none []int
					_ = none[len(data)]
				}
				return readChat(data, c)
			}
			client.endpoint.api = &own
			request := hello()
			request.Messages = [][]byte{[]byte(`{"role":"user","content":"crash"}`)}
			r := client.Do(t.Context(), request)
			want := "a fault of this program at pkg/openai/hostile_test.go:"
			if r.Outcome != record.Internal || !strings.HasPrefix(r.Error, want) ||
				r.Status != http.StatusOK || r.Chunks != 0 {
				t.Errorf("%s: %s (%s), status %d", transport, r.Outcome, r.Error, r.Status)
			}
			if r := client.Do(t.Context(), hello()); r.Outcome != record.OK || crashes.Load() != 1 {
				t.Errorf("%s: the request after it: %s (%s), %d crashes", transport, r.Outcome,
					r.Error, crashes.Load())
			}
		}
	}
}
