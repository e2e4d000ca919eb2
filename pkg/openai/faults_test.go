package openai

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"multiturn/internal/httpclient"
	"multiturn/pkg/record"
)

const (
	streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" +
		"Transfer-Encoding: chunked\r\n\r\n"
	roleEvent = `data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},` +
		`"finish_reason":null}]}` + "\n\n"
	stopEvent = `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	doneEvent = "data: [DONE]\n\n"
)

func textEvent(s string) string {
	return fmt.Sprintf(`data: {"choices":[{"index":0,"delta":{"content":%q},"finish_reason":null}]}`+"\n\n", s)
}

// chunked puts each part into an HTTP chunk of its own.
func chunked(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(p), p)
	}
	return b.String()
}

const lastChunk = "0\r\n\r\n"

// goodAnswer is a whole response that leaves the connection open.
var goodAnswer = streamHead + chunked(roleEvent, textEvent("Hi"),
	textEvent(" there"), stopEvent, doneEvent) + lastChunk

// fault answers one request in its own way. It returns false to have the connection closed.
type fault func(w net.Conn, r *bufio.Reader) (keep bool)

// says writes parts with pauses of a millisecond, so that they arrive one by one.
func says(keep bool, parts ...string) fault {
	return func(w net.Conn, _ *bufio.Reader) bool {
		for i, p := range parts {
			if i > 0 {
				time.Sleep(time.Millisecond)
			}
			if _, err := io.WriteString(w, p); err != nil {
				return false
			}
		}
		return keep
	}
}

// thenWaits holds the connection open until the client closes it.
func thenWaits(f fault) fault {
	return func(w net.Conn, r *bufio.Reader) bool {
		f(w, r)
		io.Copy(io.Discard, r)
		return false
	}
}

func thenResets(f fault) fault {
	return func(w net.Conn, r *bufio.Reader) bool {
		f(w, r)
		time.Sleep(20 * time.Millisecond) // a reset throws away what the client has not read yet
		w.(*net.TCPConn).SetLinger(0)
		return false
	}
}

// faulty serves the first request with f and all later ones well.
func faulty(t testing.TB, f fault) (url string, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	return serve(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			if _, _, err := receive(r); err != nil {
				return
			}
			if requests.Add(1) == 1 && f != nil {
				if !f(c, r) {
					return
				}
			} else if _, err := io.WriteString(c, goodAnswer); err != nil {
				return
			}
		}
	}), requests
}

func TestFaults(t *testing.T) {
	t.Parallel()
	page := "<html><head><title>502 Bad\nGateway</title></head><body>nginx</body></html>"
	plain := func(status, kind, body string, more ...string) string {
		return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s",
			status, kind, strings.Join(more, ""), len(body), body)
	}

	for _, c := range []struct {
		name    string
		fault   fault
		outcome record.Outcome
		status  int
		err     string // part of the error
		text    string
		idle    time.Duration
		timeout time.Duration
		check   func(t *testing.T, r *Result)
	}{
		{name: "no fault", fault: says(true, goodAnswer), outcome: record.OK, status: 200,
			text: "Hi there"},
		{name: "usage that cannot be true", fault: says(true, streamHead, chunked(textEvent("Hi"),
			`data: {"choices":[],"usage":{"prompt_tokens":400000000,"completion_tokens":2}}`+"\n\n",
			stopEvent, doneEvent)+lastChunk), outcome: record.OK, status: 200, text: "Hi",
			check: func(t *testing.T, r *Result) {
				if r.Usage != nil || r.UsageZeros || r.Implausible != "usage.prompt 400000000" {
					t.Errorf("usage %+v, zeros %v, %s", r.Usage, r.UsageZeros, r.Implausible)
				}
			}},
		{name: "one piece at a time",
			fault: says(true, streamHead, chunked(roleEvent), chunked(textEvent("Hi")),
				chunked(textEvent(" there")), chunked(stopEvent), chunked(doneEvent), lastChunk),
			outcome: record.OK, status: 200, text: "Hi there",
			check: func(t *testing.T, r *Result) {
				if r.Chunks != 2 || len(r.GapsUS) != 1 ||
					r.GapsUS[0] != r.LastToken.Microseconds()-r.FirstToken.Microseconds() {
					t.Errorf("chunks %d, gaps %v", r.Chunks, r.GapsUS)
				}
			}},
		{name: "chunks with extensions and trailers",
			fault: says(true, streamHead+"5;a=b\r\ndata:\r\n"+
				chunked(textEvent("x")[5:], stopEvent, doneEvent)+"0\r\nX-Trailer: 1\r\n\r\n"),
			outcome: record.OK, status: 200, text: "x"},
		{name: "content length", fault: says(true, plain("200 OK", "text/event-stream",
			textEvent("x")+stopEvent+doneEvent)), outcome: record.OK, status: 200, text: "x"},
		{name: "until the connection ends",
			fault:   says(false, untilEOF+textEvent("x")+stopEvent, doneEvent),
			outcome: record.OK, status: 200, text: "x"},
		{name: "100 and 103 first", fault: says(true,
			"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
			goodAnswer), outcome: record.OK, status: 200, text: "Hi there"},
		{name: "HTTP/1.0", fault: says(false,
			"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"+textEvent("x")+stopEvent+
				doneEvent), outcome: record.OK, status: 200, text: "x"},
		{name: "no content type", fault: says(false,
			"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n\r\n: hi\n\n"+textEvent("x")+stopEvent+
				doneEvent), outcome: record.OK, status: 200, text: "x"},
		{name: "JSON without content type", fault: says(false,
			"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+
				`{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}`),
			outcome: record.OK, status: 200, text: "x"},

		{name: "no byte", fault: says(false),
			outcome: record.Connect, err: "closed the connection before it answered"},
		{name: "reset", fault: thenResets(says(false)), outcome: record.Connect},
		{name: "half a head", fault: says(false, "HTTP/1.1 200 OK\r\nContent-Ty"),
			outcome: record.Connect},
		{name: "not HTTP", fault: says(false, "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
			outcome: record.Connect, err: "malformed HTTP"},
		{name: "no head in time", fault: thenWaits(says(false)), timeout: 50 * time.Millisecond,
			outcome: record.Timeout},
		{name: "head, but no end in time",
			fault:   thenWaits(says(false, streamHead+chunked(textEvent("x")))),
			timeout: 100 * time.Millisecond, outcome: record.Timeout, status: 200, text: "x"},
		{name: "a stall", fault: thenWaits(says(false, streamHead+chunked(textEvent("x")))),
			idle: 50 * time.Millisecond, outcome: record.IdleTimeout, status: 200, text: "x"},
		{name: "a long prefill is not a stall", fault: func(w net.Conn, r *bufio.Reader) bool {
			io.WriteString(w, streamHead+chunked(roleEvent))
			time.Sleep(150 * time.Millisecond)
			io.WriteString(w, chunked(textEvent("x"), stopEvent, doneEvent)+lastChunk)
			return true
		}, idle: 50 * time.Millisecond, outcome: record.OK, status: 200, text: "x"},
		{name: "cut inside a chunk", fault: says(false, streamHead+chunked(textEvent("x")),
			"80\r\ndata: {\"cho"),
			outcome: record.Truncated, status: 200, text: "x",
			err: "no finish_reason: connection closed"},
		{name: "cut between chunks", fault: says(false, streamHead+chunked(textEvent("x"))),
			outcome: record.Truncated, status: 200, text: "x"},
		{name: "cut inside an event, until the connection ends",
			fault:   says(false, untilEOF+textEvent("x")+`data: {"choices":[{"ind`),
			outcome: record.Truncated, status: 200, text: "x"},
		{name: "cut content length", fault: says(false,
			"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9999\r\n\r\n"+
				textEvent("x")), outcome: record.Truncated, status: 200, text: "x"},
		{name: "reset in the stream",
			fault:   thenResets(says(false, streamHead+chunked(textEvent("x")))),
			outcome: record.Truncated, status: 200, text: "x"},
		{name: "bad chunk size", fault: says(false, streamHead+chunked(textEvent("x"))+"zz\r\n"),
			outcome: record.Truncated, status: 200, text: "x"},
		{name: "cut after the finish",
			fault:   says(false, streamHead+chunked(textEvent("x"), stopEvent)),
			outcome: record.OKNoDone, status: 200, text: "x"},
		{name: "cut after DONE",
			fault:   says(false, streamHead+chunked(textEvent("x"), stopEvent, doneEvent)),
			outcome: record.OK, status: 200, text: "x"},
		{name: "open after DONE",
			fault: thenWaits(says(false,
				streamHead+chunked(textEvent("x"), stopEvent, doneEvent))),
			outcome: record.OK, status: 200, text: "x",
			check: func(t *testing.T, r *Result) {
				if d, _ := r.End.Since(r.LastToken); d > doneGrace/2 {
					t.Errorf("the end is %v after the last token, not at [DONE]", d)
				}
			}},
		{name: "DONE without finish",
			fault:   says(true, streamHead+chunked(textEvent("x"), doneEvent)+lastChunk),
			outcome: record.Truncated, status: 200, text: "x"},
		{name: "no text",
			fault:   says(true, streamHead+chunked(roleEvent, stopEvent, doneEvent)+lastChunk),
			outcome: record.Empty, status: 200},
		{name: "no body", fault: says(true, streamHead+lastChunk), outcome: record.Truncated,
			status: 200},
		{name: "error event", fault: says(true, streamHead+chunked(textEvent("x"),
			"event: error\ndata: out of\ndata: memory\n\n", doneEvent)+lastChunk),
			outcome: record.ErrorInStream, status: 200, text: "x", err: "out of memory"},
		{name: "error object",
			fault: says(true, streamHead+chunked(`data: {"error":{"message":"dead","type":"E",`+
				`"code":500}}`+"\n\n", doneEvent)+lastChunk), outcome: record.ErrorInStream,
			status: 200, err: "dead (E, 500)"},
		{name: "older vLLM's error object",
			fault: says(true, streamHead+chunked(`data: {"object":"error","message":"dead",`+
				`"type":"E","code":500}`+"\n\n", doneEvent)+lastChunk),
			outcome: record.ErrorInStream, status: 200, err: "dead (E, 500)"},
		{name: "error event without a text", fault: says(true, streamHead+chunked(textEvent("x"),
			"event: error\ndata:\n\n")+lastChunk),
			outcome: record.ErrorInStream, status: 200, text: "x", err: "(no text)"},
		{name: "error as a field", fault: says(true, streamHead+chunked(textEvent("x"),
			`error: {"code":500,"message":"dead","type":"server_error"}`+"\n\n")+lastChunk),
			outcome: record.ErrorInStream, status: 200, text: "x", err: "dead (server_error, 500)"},
		{name: "error in JSON after events", fault: says(true, streamHead+chunked(textEvent("x"),
			"{\n\"error\": {\"message\": \"dead\"}\n}")+lastChunk),
			outcome: record.ErrorInStream, status: 200, text: "x", err: "stream: dead"},
		{name: "a page after events", fault: says(true, streamHead+chunked(textEvent("x"),
			page)+lastChunk),
			outcome: record.ErrorInStream, status: 200, text: "x", err: "a page: 502 Bad Gateway"},
		{name: "a line after events", fault: says(true, streamHead+chunked(textEvent("x"),
			"upstream connect error")+lastChunk),
			outcome: record.Truncated, status: 200, text: "x", err: "no event: upstream connect error"},
		{name: "lines that are no events in an answer", fault: says(true, streamHead+chunked(
			textEvent("x"), "{}\n", "meta: 1\n\n", stopEvent, doneEvent)+lastChunk),
			outcome: record.OK, status: 200, text: "x"},
		{name: "no blank lines", fault: says(true, streamHead+chunked(
			strings.ReplaceAll(textEvent("x")+stopEvent+doneEvent, "\n\n", "\n"))+lastChunk),
			outcome: record.BadEvent, status: 200, err: "no blank lines"},
		{name: "events in events", fault: says(true, streamHead+chunked("data: "+textEvent("x"),
			"data: "+stopEvent, "data: "+doneEvent)+lastChunk),
			outcome: record.OK, status: 200, text: "x"},
		{name: "DONE in another form", fault: says(true, streamHead+chunked(textEvent("x"), stopEvent,
			"data: \"[done]\"\n\n")+lastChunk), outcome: record.OK, status: 200, text: "x"},
		{name: "201", fault: says(true, strings.Replace(goodAnswer, "200 OK", "201 Created", 1)),
			outcome: record.OK, status: 201, text: "Hi there"},
		{name: "a list of one error", fault: says(true, plain("400 Bad Request", "application/json",
			`[{"error":{"code":400,"message":"no key"}}]`)),
			outcome: record.HTTPStatus, status: 400, err: "Bad Request: no key (400)"},
		{name: "a list of errors", fault: says(true, plain("403 Forbidden", "application/json",
			`{"success":false,"errors":[{"code":7003,"message":"no route"}]}`)),
			outcome: record.HTTPStatus, status: 403, err: "Forbidden: no route (7003)"},
		{name: "not JSON", fault: says(true, streamHead+chunked("data: ping\n\n",
			textEvent("x"), stopEvent, doneEvent)+lastChunk),
			outcome: record.BadEvent, status: 200, text: "x", err: "event 1 is not a chunk"},
		{name: "an event over the limit", fault: says(true, streamHead+chunked(textEvent("x"),
			textEvent(strings.Repeat("y", 2<<20)), stopEvent, doneEvent)+lastChunk),
			outcome: record.TooLarge, status: 200, err: "a line of event 2 of the stream is larger than 1 MiB"},
		{name: "an answer over the limit", fault: says(true, plain("200 OK", "application/json",
			`{"choices":[{"message":{"content":"`+strings.Repeat("y", 2<<20)+`"}}]}`)),
			outcome: record.TooLarge, status: 200, err: "the JSON of the answer is larger than 1 MiB"},
		{name: "JSON without choices", fault: says(true, plain("200 OK", "application/json",
			`{"data":[]}`)), outcome: record.BadEvent, status: 200, err: "without choices"},
		{name: "JSON cut", fault: says(false,
			"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"),
			outcome: record.Truncated, status: 200},
		{name: "error in JSON under 200", fault: says(true, plain("200 OK", "application/json",
			`{"error":"loading"}`)), outcome: record.ErrorInStream, status: 200, err: "loading"},
		{name: "a page under 200", fault: says(true, plain("200 OK", "text/html", page)),
			outcome: record.BadEvent, status: 200, err: "a page: 502 Bad Gateway"},
		{name: "compressed", fault: says(true, plain("200 OK", "text/event-stream", "\x1f\x8b\x08",
			"Content-Encoding: gzip\r\n")),
			outcome: record.BadEvent, status: 200, err: "compressed the answer (gzip)"},

		{name: "429", fault: says(true, plain("429 Too Many Requests", "application/json",
			`{"error":{"message":"slow\ndown","type":"rate_limit_error","code":"x"}}`,
			"Retry-After: 7\r\n")), outcome: record.HTTPStatus, status: 429,
			err: "HTTP 429 Too Many Requests: slow down (rate_limit_error, x); retry after 7s",
			check: func(t *testing.T, r *Result) {
				if r.RetryAfter != 7*time.Second {
					t.Errorf("retry after %v", r.RetryAfter)
				}
			}},
		{name: "500 with a stream's type", fault: says(true, plain("500 Internal Server Error",
			"text/event-stream", "data: {\"error\":\"x\"}\n\n")),
			outcome: record.HTTPStatus, status: 500},
		{name: "502 with a page", fault: says(false, plain("502 Bad Gateway", "text/html", page,
			"Connection: close\r\n")),
			outcome: record.HTTPStatus, status: 502, err: "a page: 502 Bad Gateway"},
		{name: "204", fault: says(true, "HTTP/1.1 204 No Content\r\n\r\n"),
			outcome: record.HTTPStatus, status: 204},
		{name: "redirect", fault: says(true, plain("307 Temporary Redirect", "text/plain", "",
			"Location: /elsewhere\r\n")), outcome: record.HTTPStatus, status: 307},
		{name: "422", fault: says(true, plain("422 Unprocessable Entity", "application/json",
			`{"detail":[{"loc":["body","messages",0],"msg":"field required"},{"loc":["body",`+
				`"n"],"msg":"too large"}]}`)), outcome: record.HTTPStatus, status: 422,
			err: "body.messages.0: field required; body.n: too large"},
	} {
		for _, transport := range transports() {
			t.Run(c.name+"/"+transport.String(), func(t *testing.T) {
				t.Parallel()
				url, requests := faulty(t, c.fault)
				client := newClient(t, Options{URL: url, Transport: transport.Transport,
					Clocks: transport.Clocks, MaxEvent: 1 << 20})
				request := hello()
				request.IdleTimeout = c.idle
				if c.timeout != 0 {
					request.Timeout = c.timeout
				}
				r := client.Do(context.Background(), request)
				if r.Outcome != c.outcome || r.Status != c.status || r.Text != c.text {
					t.Errorf("outcome %s (%s), status %d, text %q; want %s, %d, %q", r.Outcome,
						r.Error, r.Status, r.Text, c.outcome, c.status, c.text)
				}
				if !strings.Contains(r.Error, c.err) || (r.Error == "") != r.Outcome.OK() ||
					strings.ContainsAny(r.Error, "\r\n") {
					t.Errorf("error %q, want one line with %q", r.Error, c.err)
				}
				ordered(t, r)
				if r.Connection != record.ConnectionNew || r.ConnectMS == 0 || r.Sent == 0 {
					t.Errorf("connection %q in %v, sent %v", r.Connection, r.ConnectMS, r.Sent)
				}
				if c.check != nil {
					c.check(t, r)
				}
				if n := requests.Load(); n != 1 {
					t.Errorf("the request was sent %d times", n)
				}
				// Other requests are not affected.
				for i := range 2 {
					if r := client.Do(context.Background(), hello()); r.Outcome != record.OK ||
						r.Text != "Hi there" {
						t.Errorf("request %d after the fault: %s (%s), text %q", i+1, r.Outcome,
							r.Error, r.Text)
					}
				}
			})
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback here: ", err)
	}
	url := "http://user:hunter2hunter2@" + l.Addr().String()
	l.Close()
	for _, transport := range transports() {
		c := newClient(t, Options{URL: url, Transport: transport.Transport,
			Clocks: transport.Clocks, Config: httpclient.Config{APIKey: "sk-very-secret"}})
		r := c.Do(context.Background(), hello())
		if r.Outcome != record.Connect || !strings.Contains(r.Error, "refused") || r.Sent != 0 ||
			r.Connection != "" {
			t.Errorf("%s: %s (%s), sent %v, connection %q", transport, r.Outcome, r.Error, r.Sent,
				r.Connection)
		}
		if err := c.Preconnect(context.Background(), 2); err == nil ||
			!strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: preconnect: %v", transport, err)
		}
		if _, err := c.Identify(context.Background()); err == nil || !strings.Contains(err.Error(),
			"cannot be reached") ||
			strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: identify: %v", transport, err)
		}
	}
}

// TestNotHTTP asks servers that do not speak HTTP, or close connections at once.
func TestNotHTTP(t *testing.T) {
	t.Parallel()
	for _, server := range []struct{ says, want string }{
		{"SSH-2.0-OpenSSH_9.0\r\n", "what answers there does not speak HTTP; is this the server's port?"},
		{"-ERR unknown command\r\n", "what answers there does not speak HTTP; is this the server's port?"},
		{"hello", "what answers there does not speak HTTP; is this the server's port?"},
		{"", "it closed the connection at once; does it want https://, and is this the server's port?"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Skip("no loopback here: ", err)
		}
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				if server.says != "" { // closed with a request unread, it would be reset
					_, _ = io.WriteString(conn, server.says)
					_, _ = conn.Read(make([]byte, 1<<10))
				}
				conn.Close()
			}
		}()
		c := newClient(t, Options{URL: "http://" + l.Addr().String()})
		want := "http://" + l.Addr().String() + " cannot be reached: " + server.want
		if _, err := c.Identify(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", server.says, err, want)
		}
	}
}

// TestCancel cancels in the middle of a stream: Do returns, and the server sees
// the connection close.
func TestCancel(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		t.Run(transport.String(), func(t *testing.T) {
			t.Parallel()
			started, closed := make(chan struct{}), make(chan struct{})
			url := serve(t, func(c net.Conn) {
				r := bufio.NewReader(c)
				if _, _, err := receive(r); err != nil {
					return
				}
				io.WriteString(c, streamHead+chunked(textEvent("x")))
				close(started)
				io.Copy(io.Discard, r)
				close(closed)
			})
			client := newClient(t, Options{URL: url, Transport: transport.Transport,
				Clocks: transport.Clocks})
			ctx, cancel := context.WithCancel(context.Background())
			go func() {
				<-started
				time.Sleep(20 * time.Millisecond)
				cancel()
			}()
			r := client.Do(ctx, hello())
			if r.Outcome != record.Cancelled || r.Text != "x" {
				t.Errorf("%s (%s), text %q", r.Outcome, r.Error, r.Text)
			}
			select {
			case <-closed:
			case <-time.After(10 * time.Second):
				t.Error("the connection stayed open")
			}
			if r := client.Do(ctx, hello()); r.Outcome != record.Cancelled ||
				r.Sent != 0 || r.End == 0 {
				t.Errorf("with a context that is over: %s, sent %v, end %v", r.Outcome,
					r.Sent, r.End)
			}
			over, cancel := context.WithDeadline(context.Background(), time.Now())
			defer cancel()
			if r := client.Do(over, hello()); r.Outcome != record.Timeout {
				t.Errorf("with a deadline that is over: %s", r.Outcome)
			}
		})
	}
}

// TestPooledConnections has the server close pooled connections in every way for
// which a request is sent again.
func TestPooledConnections(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		for _, c := range []struct {
			name string
			// what happens to a second request on a connection; nil: the
			// connection closes right after the first
			second fault
			want   string
		}{
			{"closed when the next request comes", says(false), record.ConnectionRetried},
			{"reset when the next request comes", thenResets(says(false)),
				record.ConnectionRetried},
			{"kept", says(true, goodAnswer), record.ConnectionReused},
		} {
			t.Run(c.name+"/"+transport.String(), func(t *testing.T) {
				t.Parallel()
				var connections atomic.Int64
				url := serve(t, func(w net.Conn) {
					connections.Add(1)
					r := bufio.NewReader(w)
					for i := 0; ; i++ {
						if _, _, err := receive(r); err != nil {
							return
						}
						answer := says(true, goodAnswer)
						if i > 0 {
							answer = c.second
						}
						if !answer(w, r) {
							return
						}
					}
				})
				client := newClient(t, Options{URL: url, Transport: transport.Transport,
					Clocks: transport.Clocks})
				if r := client.Do(context.Background(),
					hello()); r.Connection != record.ConnectionNew || r.Outcome != record.OK {
					t.Fatalf("first: %s on a %s connection (%s)", r.Outcome, r.Connection, r.Error)
				}
				r := client.Do(context.Background(), hello())
				if r.Outcome != record.OK || r.Connection != c.want {
					t.Errorf("second: %s (%s) on a %s connection, want ok on a %s one", r.Outcome,
						r.Error, r.Connection, c.want)
				}
				want := Stats{Opened: 1}
				if c.want == record.ConnectionRetried {
					want = Stats{Opened: 2, Reconnects: 1}
					if r.ConnectMS == 0 {
						t.Error("no time of connecting")
					}
				}
				if got := client.Stats(); got != want || int(connections.Load()) != want.Opened {
					t.Errorf("%+v with %d at the server, want %+v", got, connections.Load(), want)
				}
				ordered(t, r)
			})
		}
	}
}

// TestIdleClose has the server close connections right after an answer, as
// llama.cpp does, or while they are idle. No request may fail because of it.
func TestIdleClose(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		t.Run(transport.String(), func(t *testing.T) {
			t.Parallel()
			var opened atomic.Int64
			url := serve(t, func(w net.Conn) {
				r := bufio.NewReader(w)
				if opened.Add(1) <= 3 { // those opened ahead
					w.SetReadDeadline(time.Now().Add(time.Second))
				}
				if _, _, err := receive(r); err == nil {
					io.WriteString(w, goodAnswer)
				}
			})
			client := newClient(t, Options{URL: url, Transport: transport.Transport,
				Clocks: transport.Clocks})
			if err := client.Preconnect(context.Background(), 3); err != nil {
				t.Fatal(err)
			}
			if s := client.Stats(); s.Opened != 3 {
				t.Errorf("%d connections opened ahead, want 3", s.Opened)
			}
			if r := client.Do(context.Background(), hello()); r.Outcome != record.OK ||
				r.Connection != record.ConnectionReused || r.ConnectMS != 0 {
				t.Errorf("on a connection opened ahead: %s (%s), %s, connected in %v", r.Outcome,
					r.Error, r.Connection, r.ConnectMS)
			}
			time.Sleep(1250 * time.Millisecond) // the other two are closed by now
			for i := range 20 {
				if r := client.Do(context.Background(), hello()); r.Outcome != record.OK {
					t.Fatalf("request %d: %s (%s)", i, r.Outcome, r.Error)
				}
			}
		})
	}
}

// TestEarlyAnswer refuses a large body without reading it.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		t.Run(transport.String(), func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w net.Conn) {
				r := bufio.NewReader(w)
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				io.WriteString(w,
					"HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 9\r\n"+
						"Connection: close\r\n\r\ntoo large")
				time.Sleep(50 * time.Millisecond)
				io.Copy(io.Discard, r)
			})
			client := newClient(t, Options{URL: url, Transport: transport.Transport,
				Clocks: transport.Clocks})
			request := hello()
			request.Messages = append(request.Messages, []byte(`,{"role":"user","content":"`),
				bytes.Repeat([]byte("x"), 16<<20), []byte(`"}`))
			if r := client.Do(context.Background(), request); r.Outcome != record.HTTPStatus ||
				r.Status != 413 {
				t.Errorf("%s (%s), status %d", r.Outcome, r.Error, r.Status)
			}
		})
	}
}

// TestSecrets has the server repeat the whole request: the key must not reach a
// record or an error.
func TestSecrets(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		url := serve(t, func(w net.Conn) {
			r := bufio.NewReader(w)
			for {
				req, _, err := receive(r)
				if err != nil {
					return
				}
				body := fmt.Sprintf(`{"error":{"message":"who are you? %s %s %s"}}`,
					req.Header.Get("Authorization"), req.Header.Get("X-Token"),
					strings.Repeat("long ", 200))
				fmt.Fprintf(w, "HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n%s",
					len(body), body)
			}
		})
		withUser := strings.Replace(url, "http://", "http://me:open-sesame@", 1)
		for _, o := range []Options{
			{URL: url, Config: httpclient.Config{APIKey: "sk-12345678",
				Header: http.Header{"X-Token": {"another-secret"},
					"Authorization": {"Bearer loser"}}}},
			{URL: withUser,
				Config: httpclient.Config{Header: http.Header{"X-Token": {"another-secret"}}}},
			{URL: url,
				Config: httpclient.Config{Header: http.Header{"Authorization": {"Bearer abcdefgh"},
					"x-token": {"another-secret"}}}},
		} {
			o.Transport, o.Clocks = transport.Transport, transport.Clocks
			r := newClient(t, o).Do(context.Background(), hello())
			if r.Outcome != record.HTTPStatus || !strings.Contains(r.Error, "who are you?") {
				t.Errorf("%s: %s (%s)", transport, r.Outcome, r.Error)
			}
			for _, secret := range []string{"12345678", "another-secret", "open-sesame",
				"bWU6b3Blbi1zZXNhbWU", "abcdefgh", "loser"} {
				if strings.Contains(r.Error, secret) {
					t.Errorf("%s: %q shows %q", transport, r.Error, secret)
				}
			}
			if len([]rune(r.Error)) > maxErrorLine {
				t.Errorf("an error of %d characters", len(r.Error))
			}
		}
	}
}

// TestConcurrent runs many requests at once over few and many connections; the
// race detector watches.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	for _, transport := range transports() {
		t.Run(transport.String(), func(t *testing.T) {
			t.Parallel()
			url, requests := faulty(t, nil)
			client := newClient(t, Options{URL: url, Transport: transport.Transport,
				Clocks: transport.Clocks})
			if err := client.Preconnect(context.Background(), 10); err != nil {
				t.Fatal(err)
			}
			errs := make(chan error, 40)
			for range 40 {
				go func() {
					for range 10 {
						ctx, cancel := context.WithCancel(context.Background())
						r := client.Do(ctx, hello())
						cancel()
						if r.Outcome != record.OK || r.Text != "Hi there" || r.Usage != nil ||
							r.Chunks != 2 {
							errs <- fmt.Errorf("%s (%s): %q", r.Outcome, r.Error, r.Text)
							return
						}
					}
					errs <- nil
				}()
			}
			var all error
			for range 40 {
				all = errors.Join(all, <-errs)
			}
			if all != nil {
				t.Error(all)
			}
			if n := requests.Load(); n != 400 {
				t.Errorf("the server saw %d requests, want 400", n)
			}
		})
	}
}
