package openai

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"multiturn/pkg/record"

	"github.com/tidwall/gjson"
)

// variant is one way to move bytes and to stamp them.
type variant struct {
	Transport
	Clocks record.ClockSource
}

func (v variant) String() string { return string(v.Transport) + "-" + string(v.Clocks) }

// transports returns those that the tests run over: all that work here.
var transports = sync.OnceValue(func() []variant {
	all := []variant{{NetHTTP, ""}}
	for _, v := range []variant{{Reactor, record.ClockKernel}, {Reactor, record.ClockPackets}} {
		if c, err := New(Options{URL: "http://localhost", Model: "m", Transport: v.Transport,
			Clocks: v.Clocks}); err == nil {
			c.Close()
			all = append(all, v)
		}
	}
	return all
})

// serve listens on the loopback interface and gives every connection to handle,
// until the test ends.
func serve(t testing.TB, handle func(c net.Conn)) (url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback here: ", err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// receive reads one request and its body.
func receive(r *bufio.Reader) (*http.Request, []byte, error) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(req.Body)
	return req, body, err
}

func newClient(t testing.TB, o Options) *Client {
	t.Helper()
	if o.Model == "" {
		o.Model = "m"
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func hello() *Request {
	return &Request{Messages: [][]byte{[]byte(`{"role":"user","content":"hello"}`)},
		Timeout: 20 * time.Second}
}

// expectation is one entry of the index of captured streams.
type expectation struct {
	Outcome         string          `json:"outcome"`
	Status          int             `json:"status"`
	Body            string          `json:"body"`
	Type            string          `json:"ctype"`
	FramingCut      bool            `json:"framing_truncated"`
	Events          int             `json:"events"`
	ContentChunks   int             `json:"content_chunks"`
	ContentChars    int             `json:"content_chars"`
	ReasoningChunks int             `json:"reasoning_chunks"`
	ReasoningChars  int             `json:"reasoning_chars"`
	ToolChunks      int             `json:"tool_chunks"`
	Finish          string          `json:"finish"`
	Done            bool            `json:"done"`
	Error           json.RawMessage `json:"error"`
	Usage           json.RawMessage `json:"usage"`
	Cached          *int            `json:"cached_tokens"`
	Timings         json.RawMessage `json:"timings"`
	Tools           [][2]string     `json:"tools"`
}

// outcomes maps the index's words to outcomes. A JSON body with status 200 is an
// answer if it has choices.
var outcomes = map[string]record.Outcome{
	"ok": record.OK, "ok, no DONE": record.OKNoDone, "error": record.ErrorInStream,
	"truncated": record.Truncated, "empty": record.Empty, "bad json": record.BadEvent,
	"http": record.HTTPStatus, "json body": record.OK, "connection closed": record.Connect,
}

func TestStreams(t *testing.T) {
	t.Parallel()
	t.Run("testdata", func(t *testing.T) {
		t.Parallel()
		testStreams(t, filepath.Join("testdata", "streams"))
	})
	t.Run("shared", func(t *testing.T) {
		t.Parallel()
		shared := os.Getenv("SHARED")
		if shared == "" {
			t.Skip("the environment variable SHARED does not name the folder with all " +
				"captured streams")
		}
		testStreams(t, filepath.Join(shared, "data", "streams"))
	})
}

func testStreams(t *testing.T, dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index map[string]expectation
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	if len(index) == 0 {
		t.Fatal("the index is empty")
	}
	for name, want := range index {
		capture, err := os.ReadFile(filepath.Join(dir, name+".http"))
		if err != nil {
			t.Fatal(err)
		}
		for _, transport := range transports() {
			for _, size := range []int{1 << 20, 97, 1} {
				if size == 1 && len(capture) > 4000 {
					continue // a system call a byte would take too long
				}
				if transport.Clocks == record.ClockPackets && size != 97 {
					continue // and so would a new ring for each
				}
				t.Run(fmt.Sprintf("%s/%s/%d", name, transport, size), func(t *testing.T) {
					t.Parallel()
					url := serve(t, func(c net.Conn) {
						if _, _, err := receive(bufio.NewReader(c)); err != nil {
							return
						}
						c.(*net.TCPConn).SetNoDelay(true)
						for rest := capture; len(rest) > 0; {
							n := min(size, len(rest))
							if _, err := c.Write(rest[:n]); err != nil {
								return
							}
							rest = rest[n:]
						}
					})
					c := newClient(t, Options{URL: url, Transport: transport.Transport,
						Clocks: transport.Clocks})
					check(t, &want, c.Do(context.Background(), hello()))
				})
			}
		}
	}
}

// check compares a result with what the index expects.
func check(t *testing.T, want *expectation, got *Result) {
	t.Helper()
	equal := func(what string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	outcome := outcomes[want.Outcome]
	if want.Outcome == "json body" && !strings.Contains(want.Body, `"choices"`) {
		outcome = record.BadEvent
	}
	equal("outcome", got.Outcome, outcome)
	equal("status", got.Status, want.Status)
	if (got.Error == "") != got.Outcome.OK() || strings.ContainsAny(got.Error, "\r\n") {
		t.Errorf("outcome %s with error %q", got.Outcome, got.Error)
	}
	ordered(t, got)
	if want.Outcome == "connection closed" {
		return
	}
	if got.Headers == 0 || got.Sent == 0 || got.Written == 0 {
		t.Errorf("sent %v, written %v, headers %v: all should have ticked", got.Sent, got.Written,
			got.Headers)
	}
	if want.Body != "" {
		if message := errorMessage([]byte(want.Body)); message != "" &&
			!strings.Contains(got.Error, message) {
			t.Errorf("error %q, want %q in it", got.Error, message)
		}
		if want.Outcome == "json body" && outcome == record.OK {
			if got.Text == "" || got.Stream || got.Chunks != 1 || got.Usage == nil {
				t.Errorf("a whole answer: text %q, stream %v, chunks %d, usage %v", got.Text,
					got.Stream, got.Chunks, got.Usage)
			}
		}
		return
	}
	if want.Outcome == "bad json" && strings.HasPrefix(want.Type, "application/json") {
		return
	}
	events := want.Events
	if want.Outcome == "truncated" && want.FramingCut {
		events = got.Events // the index counts an event that was cut off
	}
	if want.Done && strings.Contains(t.Name(), "data-after-done") {
		events-- // the index counts the one after [DONE]
	}
	equal("events", got.Events, events)
	equal("content chunks", got.ChunksContent, want.ContentChunks)
	equal("content characters", utf8.RuneCountInString(got.Text), want.ContentChars)
	equal("reasoning chunks", got.ChunksReasoning, want.ReasoningChunks)
	equal("reasoning characters", utf8.RuneCountInString(got.Reasoning), want.ReasoningChars)
	equal("tool chunks", got.ChunksTool, want.ToolChunks)
	equal("finish", got.Finish, want.Finish)
	equal("stream", got.Stream, true)
	if got.FirstText != got.Text &&
		!(got.FirstText != "" && strings.HasPrefix(got.Text, got.FirstText)) {
		t.Errorf("first text %q of %.40q", got.FirstText, got.Text)
	}
	if len(want.Error) > 0 && string(want.Error) != "null" {
		message := gjson.GetBytes(want.Error, "message").String()
		if message == "" {
			message = gjson.ParseBytes(want.Error).String()
		}
		if !strings.Contains(got.Error, message) {
			t.Errorf("error %q, want %q in it", got.Error, message)
		}
	}
	if string(want.Usage) == "null" || len(want.Usage) == 0 {
		// llama.cpp's timings come unasked.
		if u := newTimed(got.ServerTimings); (got.Usage == nil) != (u == nil) {
			t.Errorf("usage %+v, want that of timings %s", got.Usage, got.ServerTimings)
		}
	} else if got.Usage == nil {
		t.Errorf("no usage, want %s", want.Usage)
	} else {
		u := gjson.ParseBytes(want.Usage)
		equal("prompt tokens", got.Usage.Prompt, int(u.Get("prompt_tokens").Int()))
		equal("completion tokens", got.Usage.Completion, int(u.Get("completion_tokens").Int()))
		equal("cached tokens", show(got.Usage.Cached), show(want.Cached))
		equal("created cache tokens", show(got.Usage.Created),
			show(number(u.Get("prompt_tokens_details.created_cache_tokens"))))
		equal("reasoning tokens", show(got.Usage.Reasoning),
			show(number(u.Get("completion_tokens_details.reasoning_tokens"))))
		if got.Usage.Cached != nil {
			equal("cached field", got.Usage.CachedField, cachedFields[0])
		}
	}
	if len(want.Timings) > 0 && string(want.Timings) != "null" {
		for _, name := range []string{"cache_n", "prompt_n", "predicted_n"} {
			equal("timings "+name, gjson.GetBytes(got.ServerTimings, name).Int(),
				gjson.GetBytes(want.Timings, name).Int())
		}
	}
	var tools [][2]string
	gjson.ParseBytes(got.ToolCalls).ForEach(func(_, v gjson.Result) bool {
		tools = append(tools, [2]string{v.Get("function.name").String(),
			v.Get("function.arguments").String()})
		return true
	})
	equal("tool calls", fmt.Sprint(tools), fmt.Sprint(want.Tools))
	if got.Chunks > 0 && len(got.GapsUS) != got.Chunks-1 {
		t.Errorf("%d gaps between %d chunks", len(got.GapsUS), got.Chunks)
	}
	if got.Reads+got.Merged > got.Chunks || got.Chunks > 0 && got.Reads == 0 {
		t.Errorf("%d chunks in %d reads, %d merged", got.Chunks, got.Reads, got.Merged)
	}
}

func show(n *int) string {
	if n == nil {
		return "unknown"
	}
	return fmt.Sprint(*n)
}

// errorMessage is the message of an error's body, as one line.
func errorMessage(body []byte) string {
	for _, path := range []string{"error.message", "error", "detail"} {
		if v := gjson.GetBytes(body, path); v.Type == gjson.String {
			return strings.Join(strings.Fields(v.Str), " ")
		}
	}
	return ""
}

// ordered checks that the clocks that are set are in the order of events.
func ordered(t *testing.T, r *Result) {
	t.Helper()
	last, lastName := record.Clock(0), ""
	for _, c := range []struct {
		name string
		at   record.Clock
	}{
		{"sent", r.Sent}, {"headers", r.Headers}, {"first event", r.FirstEvent}, {"first token",
			r.FirstToken},
		{"last token", r.LastToken}, {"end", r.End},
	} {
		if c.at == 0 {
			continue
		}
		if c.at < last {
			t.Errorf("%s at %v is before %s at %v", c.name, c.at, lastName, last)
		}
		last, lastName = c.at, c.name
	}
	if r.End == 0 {
		t.Error("the end did not tick")
	}
	if (r.FirstToken == 0) != (r.Chunks == 0) || (r.FirstAnswer == 0) != (r.ChunksContent == 0) {
		t.Errorf("chunks %d, content %d, first token %v, first answer %v", r.Chunks,
			r.ChunksContent, r.FirstToken, r.FirstAnswer)
	}
}
