package sim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"multiturn/internal/httphead"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/sim/engine"
	"multiturn/pkg/sim/internal/splitmix"
)

// wire is what came over one connection.
type wire struct {
	raw   []byte
	reads []read
	end   error // nil: nothing more came for an hour
	res   *http.Response
	body  string // decoded from the transfer coding, as far as it goes
	bad   error  // of decoding
}

type read struct {
	at time.Duration
	n  int
}

// exchange posts a chat request with faults on a connection of its own and
// records all bytes that come back.
func exchange(t *testing.T, s *Server, faults, extra string) *wire {
	t.Helper()
	nc, err := s.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	body := `{"messages":[{"role":"user","content":"hello there"}],"max_tokens":8,"stream":true,` +
		`"stream_options":{"include_usage":true}` + extra + `}`
	head := "POST /v1/chat/completions HTTP/1.1\r\nHost: sim\r\nContent-Length: " +
		fmt.Sprint(len(body)) + "\r\n"
	if faults != "" {
		head += "X-Sim-Fault: " + faults + "\r\n"
	}
	begin := time.Now()
	w := &wire{}
	if _, err := io.WriteString(nc, head+"\r\n"+body); err != nil {
		w.end = err
		return w
	}
	buf := make([]byte, 64<<10)
	for {
		_ = nc.SetReadDeadline(time.Now().Add(time.Hour))
		n, err := nc.Read(buf)
		if n > 0 {
			w.raw = append(w.raw, buf[:n]...)
			w.reads = append(w.reads, read{time.Since(begin), n})
		}
		if err != nil {
			if ne, ok := err.(net.Error); !ok || !ne.Timeout() {
				w.end = err
				w.reads = append(w.reads, read{time.Since(begin), 0})
			}
			break
		}
	}
	mended := bytes.Clone(w.raw)
	var m httphead.Mender
	m.Begin()
	m.Mend(mended)
	if w.res, w.bad = http.ReadResponse(bufio.NewReader(bytes.NewReader(mended)), nil); w.bad == nil {
		var b []byte
		b, w.bad = io.ReadAll(w.res.Body)
		w.body = string(b)
	}
	return w
}

// data returns the payloads of the events.
func (w *wire) data() []string {
	var list []string
	for line := range strings.SplitSeq(strings.ReplaceAll(strings.ReplaceAll(w.body, "\r\n", "\n"), "\r", "\n"), "\n") {
		if d, ok := strings.CutPrefix(strings.TrimPrefix(line, "\ufeff"), "data:"); ok {
			list = append(list, strings.TrimPrefix(d, " "))
		}
	}
	return list
}

// count returns how often a text occurs in the body.
func (w *wire) count(s string) int { return strings.Count(w.body, s) }

const (
	finished = `"finish_reason":"length"`
	done     = "[DONE]"
)

// Every fault shows on the wire, and changes nothing else. Times: head at once,
// first token after 100 ms, then one every 20 ms, 8 tokens.
func TestFaults(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	type check func(*wire) bool
	tests := []struct {
		faults, extra string
		// the stream must be complete: 8 chunks, finish, [DONE], nothing left of the coding
		whole bool
		ok    check
	}{
		{"", "", true, func(w *wire) bool { return w.end == nil && w.reads[1].at == 100*ms }},
		{"close", "", true, func(w *wire) bool { return w.end != nil && !w.res.Close }},
		{"idle=5s", "", true, func(w *wire) bool {
			return w.end != nil && w.reads[len(w.reads)-1].at == (100+7*20)*ms+5*time.Second
		}},
		{"reset=0", "", false, func(w *wire) bool { return w.end != nil && len(w.raw) == 0 }},
		{"reset=3", "", false, func(w *wire) bool {
			return w.end != nil && w.bad != nil && w.count(`"content":" `) == 3
		}},
		{"cut=0", "", false, func(w *wire) bool { return w.end != nil && len(w.raw) == 0 }},
		{"cut=3", "", false, func(w *wire) bool {
			return w.end != nil && w.bad != nil && w.count(`"content":" `) == 3
		}},
		{"status=500", "", false, func(w *wire) bool {
			return w.res.StatusCode == 500 && w.count(`"code":500`) == 1 &&
				json.Valid([]byte(w.body))
		}},
		{"strict", "", true, func(w *wire) bool { return w.res.StatusCode == 200 }},
		{"status=429,retry-after=2", "", false, func(w *wire) bool {
			return w.res.StatusCode == 429 && w.res.Header.Get("Retry-After") == "2" &&
				json.Valid([]byte(w.body))
		}},
		{"unsupported=seed,unsupported=max_tokens", "", false, func(w *wire) bool {
			return w.res.StatusCode == 400 && w.count(`"param":"max_tokens"`) == 1 &&
				w.count("Use 'max_completion_tokens' instead.") == 1
		}},
		{"unsupported=temperature", "", true, func(w *wire) bool { // which is not asked for
			return w.res.StatusCode == 200
		}},
		{"status=502,html", "", false, func(w *wire) bool {
			return w.res.StatusCode == 502 && strings.HasPrefix(w.body, "<html>") &&
				w.res.Header.Get("Content-Type") == "text/html"
		}},
		{"headers=50ms", "", true, func(w *wire) bool {
			return w.reads[0].at == 50*ms && w.reads[1].at == 100*ms
		}},
		{"json", "", false, func(w *wire) bool {
			return w.res.StatusCode == 200 &&
				w.res.Header.Get("Content-Type") == "application/json" &&
				json.Valid([]byte(w.body)) && w.count(`"object":"chat.completion"`) == 1
		}},
		{"stall=4/2s", "", true, func(w *wire) bool {
			return slices.Contains(w.times(), (100+4*20)*ms+2*time.Second) &&
				w.gap() == 2*time.Second+20*ms
		}},
		{"truncate=3", "", false, func(w *wire) bool {
			return w.bad == nil && w.end == nil && w.count(`"content":" `) == 3 &&
				w.count(finished)+w.count(done) == 0
		}},
		{"truncate=0", "", false, func(w *wire) bool {
			return w.bad == nil && w.end == nil && w.res.StatusCode == 200 && w.body == ""
		}},
		{"error=3", "", false, func(w *wire) bool {
			return w.bad == nil && w.res.StatusCode == 200 && w.count(`"content":" `) == 3 &&
				w.count(`{"error":{"message":"EngineCore`) == 1 && w.count(done) == 1 &&
				w.count(finished) == 0
		}},
		{"error=0", "", false, func(w *wire) bool {
			return w.bad == nil && len(w.data()) == 2 && strings.HasPrefix(w.body, `data: {"error"`)
		}},
		{"error-text=3", "", false, func(w *wire) bool {
			return w.count(`{"error":"the engine died"}`) == 1 && w.count(`"content":" `) == 3
		}},
		{"error-type=3", "", false, func(w *wire) bool {
			return w.count("event: error\ndata: {\"error\":{") == 1
		}},
		{"bad-json=2", "", false, func(w *wire) bool {
			bad := 0
			for _, d := range w.data() {
				if d != done && !json.Valid([]byte(d)) {
					bad++
				}
			}
			return bad == 1 && w.count(`"content":" `) >= 7 && w.count(done) == 1
		}},
		{"buffer", "", true, func(w *wire) bool {
			return w.reads[len(w.reads)-1].at == (100+7*20)*ms && len(w.reads) == 2
		}},
		{"clip=5", "", false, func(w *wire) bool {
			return w.count(`"content":" `) == 5 && w.count(finished) == 1 &&
				w.count(`"completion_tokens":5`) == 1
		}},
		{"eos=4", "", false, func(w *wire) bool {
			return w.count(`"content":" `) == 3 && w.count(`"finish_reason":"stop"`) == 1 &&
				w.count(`"completion_tokens":4`) == 1
		}},
		{"eos=1", "", false, func(w *wire) bool {
			return w.count(`"content":" `) == 0 && w.count(`"finish_reason":"stop"`) == 1 &&
				w.count(done) == 1
		}},
		{"role=early", "", true, func(w *wire) bool {
			return w.reads[1].at == 0 && w.count(`"role":"assistant","content":""`) == 1
		}},
		{"role=late", "", true, func(w *wire) bool {
			return strings.Contains(w.data()[1], `"role":"assistant"`)
		}},
		{"role=none", "", true, func(w *wire) bool { return w.count(`"role"`) == 0 }},
		{"role=merged", "", true, func(w *wire) bool {
			return strings.Contains(w.data()[0], `"delta":{"role":"assistant","content":" `)
		}},
		{"role=null", "", true, func(w *wire) bool {
			return w.count(`"role":"assistant","content":null`) == 1
		}},
		{"role=bare", "", true, func(w *wire) bool {
			return w.count(`"delta":{"role":"assistant"}`) == 1
		}},
		{"reasoning=4", "", false, func(w *wire) bool {
			return w.count(`"delta":{"reasoning":" `) == 3 &&
				w.count(`"delta":{"content":" `) == 4 && w.count(`"reasoning_tokens":4`) == 1 &&
				w.count(`"completion_tokens":8`) == 1
		}},
		{"reasoning=4/reasoning_content", "", false, func(w *wire) bool {
			return w.count(`"delta":{"reasoning_content":" `) == 3 && w.count(done) == 1
		}},
		{"reasoning=8", `,"include_reasoning":false`, false, func(w *wire) bool {
			return w.count(`"reasoning":`)+w.count(`"content":" `) == 0 && w.count(finished) == 1
		}},
		{"reasoning=3,role=late,tokens=2", "", false, func(w *wire) bool {
			return strings.Contains(w.data()[0], "reasoning") &&
				strings.Contains(w.data()[1], "role")
		}},
		{"tools", "", false, func(w *wire) bool {
			return w.count(`"tool_calls":[{"index":0,`) == 8 && w.count(`"name":"lookup"`) == 1 &&
				w.count(`"finish_reason":"tool_calls"`) == 1 && w.count(`"content":" `) == 0 &&
				json.Valid([]byte(w.arguments()))
		}},
		{"tokens=3", "", false, func(w *wire) bool {
			return w.count(`"content":" `) == 3 && w.count(finished) == 1 &&
				w.count(`"completion_tokens":8`) == 1 && w.reads[2].at == 140*ms
		}},
		{"finish=own", "", true, func(w *wire) bool {
			return w.count(`"delta":{},"logprobs":null,"finish_reason":"length"`) == 1
		}},
		{"finish=none", "", false, func(w *wire) bool {
			return w.count(finished) == 0 && w.count(done) == 1 && w.count(`"content":" `) == 8
		}},
		{"usage=absent", "", true, func(w *wire) bool { return w.count(`"usage"`) == 0 }},
		{"usage=null", "", true, func(w *wire) bool { return w.count(`"usage":null`) == 1 }},
		{"usage=nulls", "", true, func(w *wire) bool {
			return w.count(`"usage":null`) == 9 && w.count(`"usage":{`) == 1
		}},
		{"usage=zero-omitted", `,"cache_salt":"z"`, true, func(w *wire) bool {
			return w.count(`"usage":{`) == 1 && w.count("prompt_tokens_details") == 0
		}},
		{"usage=details-null", "", true, func(w *wire) bool {
			return w.count(`"prompt_tokens_details":null`) == 1
		}},
		{"usage=cached-null", "", true, func(w *wire) bool {
			return w.count(`"cached_tokens":null`) == 1
		}},
		{"usage=continuous", "", true, func(w *wire) bool { return w.count(`"usage":{`) == 10 }},
		{"usage=forced", `,"stream_options":{}`, true, func(w *wire) bool {
			return w.count(`"usage":{`) == 1
		}},
		{"no-done", "", false, func(w *wire) bool {
			return w.bad == nil && w.count(done) == 0 && w.count(finished) == 1
		}},
		{"timings=vllm", "", true, func(w *wire) bool {
			return w.count(`"metrics":{"time_to_first_token_ms":100,"generation_time_ms":140,`+
				`"queue_time_ms":0,"mean_itl_ms":20,"tokens_per_second":50}`) == 1
		}},
		{"timings=llamacpp", "", true, func(w *wire) bool {
			return w.count(`"timings":{"cache_n":0,"prompt_n":13,"prompt_ms":100,`) == 1
		}},
		{"timings=llamacpp,finish=own,usage=absent", "", true, func(w *wire) bool {
			return w.count(`"timings":{`) == 1
		}},
		{"like=llamacpp", "", true, func(w *wire) bool {
			return w.end != nil && w.count(`"content":null`) == 1 && w.count(`"delta":{},`) == 1 &&
				w.count(`"timings":`) == 1
		}},
		{"like=sglang", `,"return_cached_tokens_details":true`, true, func(w *wire) bool {
			return w.count(`"sglext":{"cached_tokens_details":{"device":0,`) == 1
		}},
		{"like=llm-d", "", true, func(w *wire) bool {
			return w.count(`"delta":{"role":"assistant"}`) == 1 && w.count(`"usage":null`) == 10
		}},
		{"like=ollama", "", true, func(w *wire) bool {
			return w.count(`"delta":{"role":"assistant","content":" `) == 1
		}},
		{"comments", "", true, func(w *wire) bool { return w.count(": comment\n\ndata: ") == 11 }},
		{"ping=30ms", "", true, func(w *wire) bool {
			return w.count(":\n\n") == 3 && w.reads[1].at == 30*ms &&
				strings.HasPrefix(w.body, ":\n\n:\n\n:\n\ndata")
		}},
		{"ping=30ms,split=1/0s", "", true, func(w *wire) bool {
			return w.bad == nil && strings.HasPrefix(w.body, ":\n\n:\n\n:\n\ndata")
		}},
		{"crlf", "", true, func(w *wire) bool {
			return w.count("\r\n\r\n") == 11 &&
				strings.Count(strings.ReplaceAll(w.body, "\r\n", ""), "\n") == 0
		}},
		{"cr", "", true, func(w *wire) bool { return w.count("\r\r") == 11 && w.count("\n") == 0 }},
		{"bom", "", true, func(w *wire) bool { return strings.HasPrefix(w.body, "\ufeffdata: ") }},
		{"no-space", "", true, func(w *wire) bool {
			return w.count("data:{") == 10 && w.count("data: ") == 0
		}},
		{"usage=choice", "", true, func(w *wire) bool {
			return w.count(`"finish_reason":null,"usage":{"prompt_tokens":13,`) == 1
		}},
		{"usage=groq", "", true, func(w *wire) bool { return w.count(`"x_groq":{"id":"req_`) == 1 }},
		{"usage=zeros", "", true, func(w *wire) bool { return w.count(`"usage":`+zeroUsage) == 1 }},
		{"usage=zeros-last", "", true, func(w *wire) bool {
			return w.count(`"prompt_tokens":13,`) == 1 && w.count(`"usage":`+zeroUsage) == 1
		}},
		{"usage=empty", "", true, func(w *wire) bool { return w.count(`"usage":{}`) == 1 }},
		{"usage=uncached", "", true, func(w *wire) bool {
			return w.count(`"prompt_tokens":13,`) == 1 && w.count("cached_tokens") == 0
		}},
		{"blank-data", "", true, func(w *wire) bool { return w.count("data:\n\ndata: \n\n") > 8 }},
		{"events", "", true, func(w *wire) bool {
			return w.count("event: ping\ndata: ping\n\n") == w.count("event: tool.progress\n") &&
				w.count("event: ping\n") > 8
		}},
		{"type=none", "", true, func(w *wire) bool { return len(w.res.Header["Content-Type"]) == 0 }},
		{"type=json", "", true, func(w *wire) bool {
			return w.res.Header.Get("Content-Type") == "application/json"
		}},
		{"type=stream,json", "", false, func(w *wire) bool {
			return w.res.Header.Get("Content-Type") == "text/event-stream" && json.Valid([]byte(w.body))
		}},
		{"chunked=twice", "", true, func(w *wire) bool {
			return bytes.Count(w.raw, []byte("ransfer-")) == 2
		}},
		{"chunked=list", "", true, func(w *wire) bool {
			return bytes.Contains(w.raw, []byte(": chunked, chunked\r\n"))
		}},
		{"abort=5", "", false, func(w *wire) bool {
			return w.count(`"content":" `) == 5 && w.count(`"finish_reason":"abort"`) == 1 &&
				w.count(done) == 1
		}},
		{"abort=5/error,json", "", false, func(w *wire) bool {
			return w.count(`"finish_reason":"error"`) == 1 && json.Valid([]byte(w.body))
		}},
		{"finish=blank", "", true, func(w *wire) bool {
			return w.count(`"finish_reason":""`) == 8 && w.count(`"finish_reason":null`) == 0
		}},
		{"no-blank", "", true, func(w *wire) bool {
			return strings.HasSuffix(w.body, "data: [DONE]")
		}},
		{"split=7", "", true, func(w *wire) bool { return len(w.reads) > len(w.body)/7 }},
		{"split=1/0s,crlf,bom", "", true, func(w *wire) bool {
			return strings.HasPrefix(w.body, "\ufeffdata")
		}},
		{"cut=3@0.000000001", "", true, func(w *wire) bool { return w.end == nil }},
	}
	// Of the server: TestRefuse, TestLoading, TestTokenizeFaults.
	seen := map[string]bool{"hostile": true, "refuse": true, "loading": true, "tokenize": true}
	for _, tc := range tests {
		list, err := ParseFaults(tc.faults)
		if err != nil {
			t.Error(err)
		}
		for _, f := range list {
			seen[f.Name] = true
		}
		synctest.Test(t, func(t *testing.T) {
			s, _ := start(t, Options{Fixed: engine.FixedOptions{Base: 100 * ms, Interval: 20 * ms}})
			w := exchange(t, s, tc.faults, tc.extra)
			if w.res == nil && len(w.raw) > 0 || !tc.ok(w) {
				t.Errorf("%s: unexpected answer: ends with %v, decoded %v, reads %v\n%s", tc.faults,
					w.end, w.bad, w.reads, w.raw)
			}
			if tc.whole &&
				(w.bad != nil || w.count(`content":" `) != 8 || w.count(finished) != 1 ||
					w.count(done) != 1) {
				t.Errorf("%s: the stream is not whole: %v\n%s", tc.faults, w.bad, w.body)
			}
			// No damage remains: the next request gets a plain answer, and the engine is empty.
			if w := exchange(t, s, "", ""); w.bad != nil || w.count(done) != 1 ||
				w.count(`"content":" `) != 8 {
				t.Errorf("%s: the next answer is hurt: %s", tc.faults, w.raw)
			}
			synctest.Wait()
			if _, ok := s.loop.engine.Next(); ok || s.loop.engine.Cache().Running() != 0 {
				t.Errorf("%s: something is left in the engine", tc.faults)
			}
		})
	}
	for _, name := range FaultNames() {
		if !seen[name] {
			t.Errorf("the fault %s has no test", name)
		}
		if FaultUsage(name) == "" {
			t.Errorf("the fault %s is not described", name)
		}
	}
}

func (w *wire) times() []time.Duration {
	var list []time.Duration
	for _, r := range w.reads {
		list = append(list, r.at)
	}
	return list
}

// gap returns the longest time between two reads.
func (w *wire) gap() time.Duration {
	longest := time.Duration(0)
	for i := 2; i < len(w.reads); i++ {
		longest = max(longest, w.reads[i].at-w.reads[i-1].at)
	}
	return longest
}

// arguments returns the joined arguments of the tool call.
func (w *wire) arguments() string {
	text := ""
	for _, d := range w.data() {
		var chunk struct {
			Choices []struct {
				Delta struct {
					ToolCalls []struct {
						Function struct{ Arguments string }
					} `json:"tool_calls"`
				}
			}
		}
		if json.Unmarshal([]byte(d), &chunk) == nil && len(chunk.Choices) == 1 &&
			len(chunk.Choices[0].Delta.ToolCalls) == 1 {
			text += chunk.Choices[0].Delta.ToolCalls[0].Function.Arguments
		}
	}
	return text
}

// The other forms of /tokenize: llama.cpp's, and none.
func TestTokenizeFaults(t *testing.T) {
	t.Parallel()
	for fault, answers := range map[string]map[string]string{
		"like=llamacpp": {
			`{"content":"abcdefgh"}`:           `200 {"tokens":[1684234849,1751606885]}`,
			`{"prompt":"abcdefgh"}`:            `200 {"tokens":[]}`,
			`{"messages":[],"content":"abcd"}`: `200 {"tokens":[1684234849]}`,
		},
		"tokenize=none": {`{"prompt":"abcdefgh"}`: `404 {"detail":"Not Found"}`},
	} {
		faults, err := ParseFaults(fault)
		if err != nil {
			t.Fatal(err)
		}
		_, addr := listen(t, Options{Faults: faults})
		for body, want := range answers {
			res, err := http.Post("http://"+addr+"/tokenize", "application/json",
				strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(res.Body)
			res.Body.Close()
			if have := fmt.Sprintf("%d %s", res.StatusCode, text); have != want || err != nil {
				t.Errorf("%s, %s: %s, want %s (%v)", fault, body, have, want, err)
			}
		}
	}
}

// With the fault loading, every request gets 503 until the time has come.
func TestLoading(t *testing.T) {
	t.Parallel()
	faults, err := ParseFaults("loading=3s")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t, Options{Faults: faults})
		for _, want := range []int{503, 200} {
			for _, path := range []string{"/health", "/v1/models", "/metrics"} {
				res, err := c.Get("http://sim" + path)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != want ||
					want == 503 && !strings.Contains(string(body), `"message":"Loading model"`) {
					t.Errorf("%s: %d %s, want %d", path, res.StatusCode, body, want)
				}
			}
			time.Sleep(3 * time.Second)
		}
	})
}

// With the fault refuse, connections are reset before a byte is read.
func TestRefuse(t *testing.T) {
	t.Parallel()
	faults, err := ParseFaults("refuse@0.5")
	if err != nil {
		t.Fatal(err)
	}
	_, addr := listen(t, Options{Faults: faults})
	good, bad := 0, 0
	for range 40 {
		tr := &http.Transport{}
		res, err := (&http.Client{Transport: tr}).Get("http://" + addr + "/health")
		if err != nil {
			bad++
			continue
		}
		res.Body.Close()
		tr.CloseIdleConnections()
		good++
	}
	if good == 0 || bad == 0 {
		t.Errorf("%d good, %d refused", good, bad)
	}
}

// A reset is a RST for a client with a socket.
func TestResetOnSocket(t *testing.T) {
	t.Parallel()
	_, addr := listen(t, Options{})
	for fault, want := range map[string]string{"reset=2": "reset", "cut=2": io.ErrUnexpectedEOF.Error()} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost,
			"http://"+addr+"/v1/completions",
			strings.NewReader(`{"prompt":"x","max_tokens":50,"stream":true}`))
		req.Header.Set(FaultHeader, fault)
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			_, err = io.ReadAll(res.Body)
			res.Body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", fault, err, want)
		}
	}
}

func TestParseFaults(t *testing.T) {
	t.Parallel()
	list, err := ParseFaults("stall=5/250ms, status=429@0.1,retry-after=3 role=early," +
		"reasoning=10/reasoning_content,split=3")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := list.String(), "stall=5/250ms,status=429@0.1,retry-after=3,role=early,"+
		"reasoning=10/reasoning_content,split=3/1ms"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, s := range []string{"nonsense", "cut", "cut=", "cut=-1", "cut=x", "cut=1/2", "close=1",
		"stall=5", "stall=/1s", "idle=5", "idle=1h/2h", "role=first/late",
		"role=nobody", "status=200", "status=600", "eos=0", "cut=1@0", "cut=1@2", "cut=1@x",
		"split=0", "reasoning=1/x", "tokens=0", "stall=1/-1s", "cut=99999999999"} {
		if _, err := ParseFaults(s); err == nil {
			t.Errorf("%q passes", s)
		}
	}
	_, err = ParseFaults("cut=x,role=y,close")
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) || len(joined.Unwrap()) != 2 {
		t.Errorf("not every fault is reported: %v", err)
	}
}

// A fault has its share of requests, and a request's own faults take
// precedence.
func TestDraw(t *testing.T) {
	t.Parallel()
	server, _ := ParseFaults("cut=5@0.25,clip=7")
	own, _ := ParseFaults("clip=3")
	n := 0
	for i := range 10000 {
		rng := splitmix.Rand(i)
		q := draw(server, own, &rng)
		if q.cut == 5 {
			n++
		}
		if q.clip != 3 {
			t.Fatal("the request's own fault does not take precedence")
		}
	}
	if n < 2300 || n > 2700 {
		t.Errorf("%d of 10,000, want 2,500", n)
	}
	rng := splitmix.Rand(1)
	if draw(nil, nil, &rng) != plain {
		t.Error("no faults, but not plain")
	}
}

func FuzzParseFaults(f *testing.F) {
	for _, s := range []string{"", "cut=5", "stall=5/250ms,status=429@0.1",
		"reasoning=3/reasoning_content split=1/0s", "role=early@1", "a=b/c@d", "cut=1/@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := ParseFaults(s)
		if err != nil {
			return
		}
		again, err := ParseFaults(list.String())
		if err != nil || again.String() != list.String() {
			t.Errorf("%q became %q, then %q, %v", s, list.String(), again.String(), err)
		}
		if !slices.Equal(list, again) {
			t.Errorf("%q: %v, then %v", s, list, again)
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	for _, s := range []string{`{}`, `{"messages":[{"role":"user","content":"x"}]}`,
		`{"prompt":[1,2,3],"max_tokens":4,"min_tokens":5}`,
		`{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image"}]}],` +
			`"stream":true}`, `{"prompt":["a"]}`, `[`, `{"messages":`, `null`,
		`{"prompt":"<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n"}`,
		`{"input":"x","instructions":"be","max_output_tokens":3}`,
		`{"input":[{"role":"user","content":[{"type":"input_text","text":"a"}]},` +
			`{"type":"reasoning","summary":[{"text":"hm"}]},{"role":"assistant","content":"b"},` +
			`{"type":"function_call","call_id":"1"},{"type":"function_call_output","output":"c"}]}`,
	} {
		for api := range byte(3) {
			f.Add([]byte(s), api)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, kind byte) {
		r, fail := parseRequest(body, api(kind%3))
		if fail != nil {
			if fail.status < 400 || !json.Valid(fail.json()) {
				t.Errorf("status %d, %s", fail.status, fail.json())
			}
			return
		}
		if len(r.messages) == 0 && len(r.promptIDs) == 0 {
			t.Error("nothing to answer")
		}
		p := newPrompter(Quad{}, template.ChatML, 4)
		if got, want := p.chain(r).Tokens(), len(p.ids(r, true)); got != want {
			t.Errorf("a chain of %d tokens for %d", got, want)
		}
	})
}

// The faults that "like" stands for can be parsed.
func TestHabits(t *testing.T) {
	t.Parallel()
	for _, word := range grammar["like"].words {
		if list, err := ParseFaults(habits[word]); err != nil || len(list) == 0 {
			t.Errorf("%s: %v", word, err)
		}
	}
}
