package sim

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"multiturn/pkg/sim/engine"
)

// start runs a server until the end of the test and returns a client that
// reaches it in memory.
func start(t *testing.T, o Options) (*Server, *http.Client) {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DialContext: s.Dial}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, &http.Client{Transport: tr}
}

// event is a data line of a stream and the time of its arrival.
type event struct {
	at   time.Duration
	data string
}

// stream posts a body and returns the events of the answer.
func postStream(t *testing.T, c *http.Client, path, body string) (*http.Response, []event) {
	t.Helper()
	begin := time.Now()
	res := post(t, c, path, body, nil)
	defer res.Body.Close()
	var events []event
	in := bufio.NewScanner(res.Body)
	for in.Scan() {
		if data, ok := strings.CutPrefix(in.Text(), "data: "); ok {
			events = append(events, event{time.Since(begin), data})
		}
	}
	if err := in.Err(); err != nil {
		t.Error(err)
	}
	return res, events
}

func post(t *testing.T, c *http.Client, path, body string, header http.Header) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://sim"+path,
		strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// The first token comes after base + tokens × per-token, the others at the
// interval, to the nanosecond.
func TestTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t,
			Options{Fixed: engine.FixedOptions{Base: 100 * time.Millisecond,
				PerToken: time.Millisecond, Interval: 20 * time.Millisecond}})
		for range 2 { // the second time on the same connection
			// 11 tokens: "" of four bytes each, and the template's.
			res, events := postStream(t, c, "/v1/completions",
				`{"prompt":"four byte tok","max_tokens":3,"stream":true,"stream_options":{"include_usage":true}}`)
			if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream; "+
				"charset=utf-8" {
				t.Fatalf("status %d, type %q", res.StatusCode, res.Header.Get("Content-Type"))
			}
			var at []time.Duration
			for _, e := range events {
				at = append(at, e.at)
			}
			first := 104 * time.Millisecond // 13 bytes are 4 tokens
			want := []time.Duration{first, first + 20*time.Millisecond, first + 40*time.Millisecond,
				first + 40*time.Millisecond, first + 40*time.Millisecond}
			if len(at) != len(want) {
				t.Fatalf("%d events, want %d: %v", len(at), len(want), events)
			}
			for i := range want {
				if at[i] != want[i] {
					t.Errorf("event %d came at %v, want %v", i, at[i], want[i])
				}
			}
		}
	})
}

// A stream has a role chunk, a chunk for each token, finish_reason in the last
// of them, usage only on request, and [DONE].
func TestStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t, Options{Model: "m", AnswerTokens: 5})
		for _, tc := range []struct {
			name, body string
			chunks     int
			finish     string
			usage      bool
			completion int
		}{
			{"exact", `"max_tokens":7,"min_tokens":7,"ignore_eos":true,` +
				`"stream_options":{"include_usage":true}`, 7, "length", true, 7},
			{"no usage", `"max_tokens":7`, 7, "length", false, 0},
			{"max_completion_tokens", `"max_completion_tokens":2`, 2, "length", false, 0},
			{"ends by itself", `"stream_options":{"include_usage":true}`, 4, "stop", true, 5},
			{"longer than by itself", `"min_tokens":9`, 8, "stop", false, 0},
		} {
			_, events := postStream(t, c, "/v1/chat/completions",
				`{"model":"m","messages":[{"role":"user","content":"hello"}],"stream":true,`+
					tc.body+`}`)
			var chunks, completion int
			var finish, role string
			usage := false
			for i, e := range events {
				if e.data == "[DONE]" {
					if i != len(events)-1 {
						t.Errorf("%s: [DONE] is event %d of %d", tc.name, i, len(events))
					}
					continue
				}
				var chunk struct {
					Model   string
					Choices []struct {
						Delta        struct{ Role, Content string }
						FinishReason *string `json:"finish_reason"`
					}
					Usage *struct {
						Completion int `json:"completion_tokens"`
					}
				}
				if err := json.Unmarshal([]byte(e.data), &chunk); err != nil {
					t.Fatalf("%s: %v: %s", tc.name, err, e.data)
				}
				if chunk.Usage != nil {
					usage, completion = true, chunk.Usage.Completion
				}
				for _, ch := range chunk.Choices {
					role += ch.Delta.Role
					if ch.Delta.Content != "" {
						chunks++
					}
					if ch.FinishReason != nil {
						finish = *ch.FinishReason
					}
				}
			}
			if chunks != tc.chunks || finish != tc.finish || usage != tc.usage ||
				completion != tc.completion || role != "assistant" {
				t.Errorf("%s: %d chunks, finish %q, usage %v, completion %d, role %q; want %+v",
					tc.name, chunks, finish, usage, completion, role, tc)
			}
		}
	})
}

// Invalid requests get the answers of a real vLLM: statuses and bodies are
// recorded ones.
func TestErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t, Options{Model: "tiny-random", MaxModelLen: 8192, APIKey: "key"})
		auth := http.Header{"Authorization": {"Bearer key"}}
		const chat = "/v1/chat/completions"
		long := strings.Repeat("word", 8192)
		for _, tc := range []struct {
			name, path, body string
			header           http.Header
			status           int
			want             string
		}{
			{"bad JSON", chat, `{"model":`, auth, 400,
				`{"error":{"message":"1 validation error:\n  {'type': 'json_invalid', 'loc': ` +
					`'body.9', 'msg': 'JSON decode error', 'input': '<dict of 0 items>', 'ctx': ` +
					`{'error': 'Expecting value'}}","type":"Bad Request","param":"body.9","code":400}}`},
			{"max_tokens too large", chat, `{"messages":[{"role":"user","content":"x"}],` +
				`"max_tokens":9000}`, auth, 400, `{"error":{"message":"max_tokens=9000 cannot ` +
				`be greater than max_model_len=8192. Please request fewer output tokens. ` +
				`(parameter=max_tokens, value=9000)","type":"BadRequestError","param":"max_tokens","code":400}}`},
			{"min over max", chat, `{"messages":[{"role":"user","content":"x"}],"max_tokens":4,` +
				`"min_tokens":9}`, auth, 400, `{"error":{"message":"min_tokens must be less ` +
				`than or equal to max_tokens=4, got 9.","type":"BadRequestError","param":null,"code":400}}`},
			{"overflow", "/v1/completions", `{"prompt":"` + long + `","max_tokens":1}`, auth, 400,
				`{"error":{"message":"This model's maximum context length is 8192 tokens. ` +
					`However, your prompt contains at least 8193 input tokens, which exceeds ` +
					`this limit even without any output tokens. Please reduce the length of the ` +
					`input prompt. (parameter=input_tokens, value=8193)",` +
					`"type":"BadRequestError","param":"input_tokens","code":400}}`},
			{"unknown path", "/v1/nothing", `{}`, auth, 404, `{"detail":"Not Found"}`},
			{"unknown model", chat, `{"model":"gpt","messages":[{"role":"user","content":"x"}]}`,
				auth, 404, "The model `gpt` does not exist."},
			{"no messages", chat, `{"model":"tiny-random"}`, auth, 400,
				"'loc': 'body.messages', 'msg': 'Field required'"},
			{"max_tokens 0", chat, `{"messages":[{"role":"user","content":"x"}],"max_tokens":0}`,
				auth, 400, "max_tokens must be at least 1"},
			{"no key", chat, `{}`, nil, 401, `{"error":"Unauthorized"}`},
			{"wrong method", "/v1/models", `{}`, auth, 405, `{"detail":"Method Not Allowed"}`},
		} {
			res := post(t, c, tc.path, tc.body, tc.header)
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != tc.status ||
				!strings.Contains(string(body), tc.want) {
				t.Errorf("%s: status %d, body %s, error %v; want %d and %s", tc.name,
					res.StatusCode, body, err, tc.status, tc.want)
			}
		}
	})
}

// An answer that is not streamed comes complete when its last token is made.
func TestWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t,
			Options{Fixed: engine.FixedOptions{Base: 50 * time.Millisecond,
				Interval: 10 * time.Millisecond}})
		begin := time.Now()
		res := post(t, c, "/v1/chat/completions",
			`{"messages":[{"role":"user","content":"x"}],"max_tokens":4}`, nil)
		var body struct {
			Choices []struct {
				Message      struct{ Content string }
				FinishReason string `json:"finish_reason"`
			}
			Usage struct {
				Completion int `json:"completion_tokens"`
			}
		}
		err := json.NewDecoder(res.Body).Decode(&body)
		res.Body.Close()
		if err != nil || len(body.Choices) != 1 ||
			len(strings.Fields(body.Choices[0].Message.Content)) != 4 ||
			body.Usage.Completion != 4 || body.Choices[0].FinishReason != "length" {
			t.Errorf("%+v, error %v", body, err)
		}
		if d := time.Since(begin); d != 80*time.Millisecond {
			t.Errorf("took %v, want 80ms", d)
		}
	})
}

// The stream of a client that disconnects ends, and nothing of it remains.
func TestLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := start(t, Options{Fixed: engine.FixedOptions{Interval: time.Second}})
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://sim/v1/completions",
			strings.NewReader(`{"prompt":"x","max_tokens":1000,"stream":true}`))
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		time.Sleep(2500 * time.Millisecond)
		cancel()
		synctest.Wait()
		if _, ok := s.loop.engine.Next(); ok {
			t.Error("the engine still has something to do")
		}
	})
}

// On a real socket: several requests on one connection, and Close while a
// stream runs.
func TestSocket(t *testing.T) {
	t.Parallel()
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr}
	for range 20 {
		res, err := c.Post("http://"+l.Addr().String()+"/v1/chat/completions", "application/json",
			strings.NewReader(`{"messages":[{"role":"user","content":"x"}],"max_tokens":100,"stream":true}`))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || strings.Count(string(b), "data: ") != 102 ||
			!strings.HasSuffix(string(b), "data: [DONE]\n\n") {
			t.Fatalf("%d events, error %v", strings.Count(string(b), "data: "), err)
		}
	}
	if late := s.Lateness(); late.Writes == 0 {
		t.Error("no lateness recorded")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
