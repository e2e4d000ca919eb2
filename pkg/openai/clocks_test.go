package openai

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"multiturn/internal/httpclient"
	"multiturn/pkg/record"
)

// bubble makes a client whose connections are pipes to handle. In a synctest
// bubble its clocks are exact.
func bubble(t *testing.T, o Options, handle func(c net.Conn, r *bufio.Reader)) *Client {
	t.Helper()
	o.URL, o.Model, o.Transport = "http://server", "m", NetHTTP
	c := newClient(t, o)
	c.questions.net = func(context.Context, string, string) (net.Conn, error) {
		time.Sleep(7 * time.Millisecond)
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			handle(theirs, bufio.NewReader(theirs))
		}()
		return ours, nil
	}
	return c
}

// TestClocks checks every clock to the nanosecond.
func TestClocks(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		c := bubble(t, Options{}, func(w net.Conn, r *bufio.Reader) {
			for {
				if _, _, err := receive(r); err != nil {
					return
				}
				for _, step := range []struct {
					after time.Duration
					text  string
				}{
					{10 * ms, streamHead},
					{90 * ms, chunked(roleEvent)},
					{5 * ms, chunked(`data: {"choices":[{"delta":{"reasoning":"hm"}}]}` + "\n\n")},
					{20 * ms, chunked(textEvent("a"))},
					{21 * ms, chunked(": a comment\n\n")},
					{0, chunked(textEvent("b"), textEvent("c"))},
					{22 * ms, chunked(textEvent("d"))},
					{5 * ms, chunked(stopEvent)},
					{6 * ms, chunked(`data: {"choices":[],"usage":{"prompt_tokens":1,` +
						`"completion_tokens":4}}` + "\n\n")},
					{7 * ms, chunked(doneEvent)},
					{8 * ms, lastChunk},
				} {
					time.Sleep(step.after)
					if _, err := io.WriteString(w, step.text); err != nil {
						return
					}
				}
			}
		})
		time.Sleep(3 * ms)
		for i, start := range []time.Duration{3*ms + 7*ms, 0} {
			if i == 1 {
				start = time.Since(c.opts.Start)
			}
			r := c.Do(context.Background(), hello())
			if r.Outcome != record.OK || r.Text != "abcd" || r.Reasoning != "hm" ||
				r.FirstText != "a" {
				t.Fatalf("%s (%s): %q %q", r.Outcome, r.Error, r.Text, r.Reasoning)
			}
			for _, clock := range []struct {
				name string
				got  record.Clock
				want time.Duration
			}{
				{"sent", r.Sent, start}, {"written", r.Written, start},
				{"headers", r.Headers, start + 10*ms},
				{"first event", r.FirstEvent, start + 100*ms},
				{"first token", r.FirstToken, start + 105*ms},
				{"first answer", r.FirstAnswer, start + 125*ms}, {"last token",
					r.LastToken, start + 168*ms}, {"end", r.End, start + 186*ms},
			} {
				if got := time.Duration(clock.got); got != clock.want {
					t.Errorf("request %d, %s: %v, want %v", i, clock.name, got, clock.want)
				}
			}
			if want := "[20000 21000 0 22000]"; fmt.Sprint(r.GapsUS) != want {
				t.Errorf("gaps %v, want %s", r.GapsUS, want)
			}
			if r.Chunks != 5 || r.Reads != 4 || r.Merged != 1 || r.ReadLateUS != 0 {
				t.Errorf("chunks %d, reads %d, merged %d, read late %v us; want 5, 4, 1, 0",
					r.Chunks, r.Reads, r.Merged, r.ReadLateUS)
			}
			wantConnection, wantTime := record.ConnectionNew, 7.0
			if i == 1 {
				wantConnection, wantTime = record.ConnectionReused, 0
			}
			if r.Connection != wantConnection || r.ConnectMS != wantTime {
				t.Errorf("connection %s in %v ms, want %s in %v ms", r.Connection,
					r.ConnectMS, wantConnection, wantTime)
			}
		}
		c.Close()
	})
}

// TestTimeouts checks the moments of timeouts to the nanosecond.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, c := range []struct {
		name    string
		pauses  []time.Duration // before the head, the role, and each token
		outcome record.Outcome
		end     time.Duration
	}{
		{"in time", []time.Duration{s, 50 * s, s, 9 * s, 9 * s}, record.OK, 70 * s},
		{"idle after the first token", []time.Duration{s, 50 * s, s, 9 * s, 11 * s},
			record.IdleTimeout, 71 * s},
		{"a long prefill", []time.Duration{s, 98 * s, s / 2}, record.OK, 99*s + s/2},
		{"too late in all", []time.Duration{s, 90 * s, s, 5 * s, 5 * s}, record.Timeout, 100 * s},
		{"no head", []time.Duration{200 * s}, record.Timeout, 100 * s},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := bubble(t, Options{IdleTimeout: 10 * s, Timeout: time.Hour},
					func(w net.Conn, r *bufio.Reader) {
						receive(r)
						for i, pause := range c.pauses {
							time.Sleep(pause)
							text := chunked(textEvent("x"))
							switch i {
							case 0:
								text = streamHead
							case 1:
								text = chunked(roleEvent)
							}
							if _, err := io.WriteString(w, text); err != nil {
								return
							}
						}
						io.WriteString(w, chunked(stopEvent, doneEvent)+lastChunk)
					})
				const connect = 7 * time.Millisecond
				request := hello()
				request.Timeout = 100*s + connect
				r := client.Do(context.Background(), request)
				if end := time.Duration(r.End); r.Outcome != c.outcome || end != c.end+connect {
					t.Errorf("%s at %v (%s), want %s at %v", r.Outcome, end, r.Error, c.outcome,
						c.end+connect)
				}
				client.Close()
				time.Sleep(time.Hour) // the server's side ends
			})
		})
	}
}

// TestTLS runs over TLS 1.3, and HTTP/2 when it is asked for.
func TestTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Proto", r.Proto)
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		for _, e := range []string{roleEvent, textEvent("a"), textEvent("b"), stopEvent, doneEvent} {
			time.Sleep(2 * time.Millisecond)
			io.WriteString(w, e)
			w.(http.Flusher).Flush()
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	for _, h2 := range []bool{false, true} {
		c := newClient(t, Options{URL: server.URL,
			Config: httpclient.Config{Insecure: true}, HTTP2: h2, KeepHeaders: []string{"x-proto"}})
		if err := c.Preconnect(context.Background(), 2); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			r := c.Do(context.Background(), hello())
			if r.Outcome != record.OK || r.Text != "ab" || r.Sent == 0 {
				t.Errorf("HTTP/2 %v: %s (%s), text %q, sent %v", h2, r.Outcome, r.Error,
					r.Text, r.Sent)
			}
			want := "HTTP/1.1"
			if h2 {
				want = "HTTP/2.0"
			}
			if got := r.Header.Get("X-Proto"); got != want {
				t.Errorf("spoke %s, want %s", got, want)
			}
			ordered(t, r)
		}
		if want := 2; !h2 && c.Stats().Opened != want {
			t.Errorf("%d connections opened, want %d", c.Stats().Opened, want)
		}
	}
	// No authority has signed the test server's certificate.
	if r := newClient(t, Options{URL: server.URL}).Do(context.Background(), hello()); r.Outcome != record.Connect {
		t.Errorf("a certificate that cannot be verified: %s (%s)", r.Outcome, r.Error)
	}
}
