package openai

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"multiturn/internal/crash"
	"multiturn/pkg/record"
)

// FuzzServer sends the bytes of a hostile server to a client, by all transports. They
// end in an outcome, never in a panic or a time-out, and take little memory. Where
// the transports agree that the bytes are an answer, they agree on what it is.
func FuzzServer(f *testing.F) {
	events := chunked(roleEvent, textEvent("a"), stopEvent, doneEvent)
	body := "data: " + `{"choices":[{"delta":{"content":[{"type":"thinking","thinking":` +
		`[{"text":"h"}]},{"type":"text","text":"a"}],"tool_calls":[{"index":1,"id":"x",` +
		`"function":{"name":"f","arguments":"{}"}}]}}],` +
		`"usage":{"prompt_tokens":9,"completion_tokens":1e30}}` + "\n\n"
	for _, s := range []string{
		goodAnswer, streamHead + events + lastChunk, streamHead + events + "0\r\nX: y\r\n\r\n",
		untilEOF + body, untilEOF + "event: error\ndata: {\"error\":{\"message\":\"no\"}}\n\n",
		untilEOF + "data: " + strings.Repeat("[", 2000), jsonHead + body[6:],
		failHead + `{"detail":[{"loc":[1],"msg":"a"}]}`,
		"HTTP/1.1 000 No\r\n\r\n", "HTTP/1.1 999\r\n\r\n", "HTTP/0.9", "\x00\x00\x12\x04",
		"HTTP/1.1 101 Up\r\n\r\nx",
		"HTTP/1.1 102 Wait\r\n\r\n" + goodAnswer, goodAnswer + goodAnswer,
		"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + body,
		"HTTP/1.1 307 To\r\nLocation: //x\r\n\r\n",
		"HTTP/1.1 429 No\r\nRetry-After: 1e99\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n" + events + lastChunk,
		untilEOF + `data: {"type":"response.output_text.delta","delta":"a"}` + "\n\n" +
			`data: {"type":"response.completed","response":{"status":"completed",` +
			`"usage":{"input_tokens":3}}}` + "\n\n",
		jsonHead + `{"status":"completed","output":[{"content":[{"type":"output_text","text":"a"}]},` +
			`{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}`,
	} {
		for api := range apis {
			f.Add([]byte(s), uint16(len(s)/2), uint8(api))
		}
	}
	var answer atomic.Pointer[[2]string]
	url := serve(f, func(c net.Conn) {
		r := bufio.NewReader(c)
		if _, _, err := receive(r); err != nil {
			return
		}
		parts := answer.Load()
		_, _ = c.Write([]byte(parts[0]))
		_, _ = c.Write([]byte(parts[1]))
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = r.ReadByte() // until the client closes: a reset would throw bytes away
	})
	log.SetOutput(io.Discard) // net/http says there what follows an answer
	f.Cleanup(func() { log.SetOutput(os.Stderr) })
	var broken atomic.Pointer[crash.Error]
	thinks := []Think{ThinkOff, ThinkTagged, ThinkOpen}
	var clients [][]*spied // by API and transport
	for _, api := range apis {
		var list []*spied
		for _, transport := range transports()[:2] {
			client := newClient(f, Options{URL: url, API: api.name,
				Transport: transport.Transport, Clocks: transport.Clocks, MaxAnswerBytes: 1 << 20,
				MaxEvent: 64 << 10, OnCrash: func(c *crash.Error) { broken.Store(c) },
				Think: thinks[len(clients)%len(thinks)]})
			spy := &spied{transport: client.transport, client: client}
			client.transport = spy
			list = append(list, spy)
		}
		clients = append(clients, list)
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint16, api uint8) {
		at := int(cut) % (len(in) + 1)
		answer.Store(&[2]string{string(in[:at]), string(in[at:])})
		var results []*Result
		disputed := false
		for _, s := range clients[int(api)%len(apis)] {
			before := allocated()
			request := hello()
			request.Timeout = 30 * time.Second
			r := s.client.Do(context.Background(), request)
			if took, most := allocated()-before, uint64(8<<20+200*len(in)); took > most {
				t.Errorf("%d bytes took %d bytes of memory, more than %d", len(in), took, most)
			}
			if c := broken.Load(); c != nil {
				t.Fatalf("%v\n%s", c, c.Stack)
			}
			if r.Outcome == record.Timeout || r.Outcome == record.Internal || r.Outcome == "" ||
				(r.Error == "") != r.Outcome.OK() {
				t.Fatalf("outcome %q, error %q", r.Outcome, r.Error)
			}
			results = append(results, r)
			disputed = disputed || s.isDisputed() || r.Status == 0
		}
		if disputed {
			return
		}
		a, b := results[0], results[1]
		for name, pair := range map[string][2]any{
			"outcome": {a.Outcome, b.Outcome}, "status": {a.Status, b.Status},
			"text": {a.Text, b.Text}, "reasoning": {a.Reasoning, b.Reasoning},
			"tool calls": {string(a.ToolCalls), string(b.ToolCalls)}, "finish": {a.Finish, b.Finish},
			"chunks": {a.Chunks, b.Chunks}, "usage": {a.Usage, b.Usage},
		} {
			if !reflect.DeepEqual(pair[0], pair[1]) {
				t.Errorf("%s: %v, and %v with the other transport (%s, %s)", name,
					fmt.Sprint(pair[0]), fmt.Sprint(pair[1]), a.Error, b.Error)
			}
		}
	})
}

// spied is a transport that keeps the error of its last exchange.
type spied struct {
	transport
	client *Client
	err    error
}

func (s *spied) exchange(ctx context.Context, c *call, a *answer) error {
	s.err = s.transport.exchange(ctx, c, a)
	return s.err
}

// isDisputed reports whether the last answer was not HTTP in the eyes of the
// transport: they are not equally strict.
func (s *spied) isDisputed() bool {
	if s.err == nil {
		return false
	}
	for _, word := range []string{"chunked", "malformed", "the connection broke", "trailer"} {
		if strings.Contains(s.err.Error(), word) {
			return true
		}
	}
	return false
}
