package sim

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"multiturn/internal/limits"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/sim/engine"
	"multiturn/pkg/tokenizer"
)

// listen runs a server on a socket until the end of the test.
func listen(t *testing.T, o Options) (*Server, string) {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return s, l.Addr().String()
}

// A client that does not read delays no other, and gets every byte when it
// reads at last.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	_, addr := listen(t, Options{MaxModelLen: 200000})
	const tokens = 100_000 // 22 MB: no socket holds that
	slow, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	body := `{"prompt":"x","max_tokens":100000,"stream":true}`
	req, _ := http.NewRequest(http.MethodPost, "http://"+addr+"/v1/completions",
		strings.NewReader(body))
	if err := req.Write(slow); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		res, err := http.Post("http://"+addr+"/v1/completions", "application/json",
			strings.NewReader(`{"prompt":"y","max_tokens":50,"stream":true}`))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !bytes.HasSuffix(b, []byte("[DONE]\n\n")) {
			t.Fatal(err)
		}
	}
	res, err := http.ReadResponse(bufio.NewReader(slow), req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if n := bytes.Count(b, []byte("data: ")); err != nil || n != tokens+1 {
		t.Errorf("%d events, error %v", n, err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Fixed: engine.FixedOptions{Interval: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	config, err := SelfSigned("example.test")
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	pool := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(leaf)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr}
	for range 3 {
		res, err := c.Post("https://"+l.Addr().String()+"/v1/completions", "application/json",
			strings.NewReader(`{"prompt":"x","max_tokens":20,"stream":true}`))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || bytes.Count(b, []byte("data: ")) != 21 {
			t.Errorf("%s, error %v", b, err)
		}
	}
	if n := s.Lateness().Writes; n == 0 {
		t.Error("no lateness recorded")
	}
}

// One connection carries requests of all kinds one after another, and pipelined
// ones in order.
func TestConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := start(t, Options{Fixed: engine.FixedOptions{Base: 50 * time.Millisecond}})
		nc, err := s.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		const generate = "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n" +
			`{"prompt":"abcd","stream":true}`
		send := strings.Replace(generate, "30", "31", 1)
		go func() {
			_, _ = io.WriteString(nc, send+send+"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"+
				"POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"+
				"Expect: 100-continue\r\n\r\n10\r\n{\"prompt\":\"abcd\"\r\nf\r\n"+
				",\"max_tokens\":1\r\n1\r\n}\r\n0\r\n\r\nGET /version HTTP/1.1\r\nHost: x\r\n"+
				"Connection: close\r\n\r\n")
		}()
		br := bufio.NewReader(nc)
		for i, want := range []string{"[DONE]", "[DONE]", "", `"text":" `, `{"version":"devel"}`} {
			res, err := http.ReadResponse(br, nil)
			if err == nil && res.StatusCode == http.StatusContinue {
				res, err = http.ReadResponse(br, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != 200 || !strings.Contains(string(b), want) ||
				res.Close != (i == 4) {
				t.Errorf("answer %d: status %d, %q, error %v", i, res.StatusCode, b, err)
			}
		}
		if _, err := br.ReadByte(); err != io.EOF {
			t.Errorf("the connection goes on after close: %v", err)
		}
	})
}

// A pipelined request counts as arrived at the last write of the previous
// answer, not when the server takes it up: a fast client is often ahead of the
// server's own bookkeeping.
func TestArrivalBehindAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var buf bytes.Buffer
		s, err := New(Options{Truth: &buf, Fixed: engine.FixedOptions{Base: 50 * time.Millisecond}})
		if err != nil {
			t.Fatal(err)
		}
		nc, err := s.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		const send = "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 46\r\n\r\n" +
			`{"prompt":"abcd","stream":true,"max_tokens":1}`
		go func() { _, _ = io.WriteString(nc, send+send) }()
		br := bufio.NewReader(nc)
		for range 2 {
			res, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // the last write waits for its reader
			if _, err := io.ReadAll(res.Body); err != nil {
				t.Fatal(err)
			}
		}
		nc.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		var requests []Truth
		for line := range strings.Lines(buf.String()) {
			var r Truth
			if err := json.Unmarshal([]byte(line), &r); err == nil && r.Type == "request" {
				requests = append(requests, r)
			}
		}
		if len(requests) != 2 || requests[0].Last != Milliseconds(50*time.Millisecond) ||
			requests[1].Arrived != requests[0].Last {
			t.Errorf("truth %s", buf.String())
		}
	})
}

// The answer to HEAD has only a head, so the next answer follows it directly.
func TestHead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t, Options{})
		for _, path := range []string{"/v1/models", "/nothing", "/health"} {
			res, err := c.Head("http://sim" + path)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
		res, err := c.Get("http://sim/v1/models")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var list struct {
			Data []struct {
				ID      string
				OwnedBy string `json:"owned_by"`
				Max     int    `json:"max_model_len"`
			}
		}
		if err := json.NewDecoder(res.Body).Decode(&list); err != nil || len(list.Data) != 1 ||
			list.Data[0].ID != "sim" ||
			list.Data[0].OwnedBy != Owner || list.Data[0].Max != DefaultMaxModelLen {
			t.Errorf("%+v, error %v", list, err)
		}
	})
}

// An HTTP/1.0 client gets a stream without transfer coding that ends with the
// connection. Invalid requests get 400.
func TestOldAndBroken(t *testing.T) {
	t.Parallel()
	for send, want := range map[string]string{
		"POST /v1/completions HTTP/1.0\r\nContent-Length: 46\r\n\r\n" +
			`{"prompt":"abcd","stream":true,"max_tokens":2}`: "data: [DONE]\n\n",
		"nonsense\r\n\r\n": "Invalid HTTP request received.",
		"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", limits.RequestHead) +
			"\r\n\r\n": "Invalid HTTP request received.",
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := start(t, Options{})
			nc, err := s.Dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			go func() { _, _ = io.WriteString(nc, send) }()
			b, err := io.ReadAll(nc)
			if err != nil || !strings.HasSuffix(string(b), want) ||
				strings.Contains(string(b), "chunked") {
				t.Errorf("%.20q: %q, error %v", send, b, err)
			}
		})
	}
}

// The idle limit applies between two requests only: a request that comes in
// time may take any time.
func TestIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		faults, err := ParseFaults("idle=5s")
		if err != nil {
			t.Fatal(err)
		}
		s, _ := start(t,
			Options{Faults: faults, Fixed: engine.FixedOptions{Base: 20 * time.Second}})
		nc, err := s.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		br := bufio.NewReader(nc)
		for range 3 {
			if _, err := io.WriteString(nc, "POST /v1/completions HTTP/1.1\r\nHost: x\r\n"+
				"Content-Length: 16\r\n\r\n"+`{"prompt":"abc"}`); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(res.Body); err != nil {
				t.Fatal(err)
			}
			time.Sleep(4900 * time.Millisecond)
		}
		time.Sleep(200 * time.Millisecond)
		if _, err := br.ReadByte(); err != io.EOF {
			t.Errorf("the idle connection is open: %v", err)
		}
	})
}

func TestTokenize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t, Options{MaxModelLen: 500, Tokenizer: vocabulary{tokenizer.O200kBase()}})
		var got struct {
			Count  int
			Max    int `json:"max_model_len"`
			Tokens []int32
		}
		ask := func(path, body string, v any) int {
			res := post(t, c, path, body, nil)
			defer res.Body.Close()
			if err := json.NewDecoder(res.Body).Decode(v); err != nil {
				t.Errorf("%s %s: %v", path, body, err)
			}
			return res.StatusCode
		}
		ask("/tokenize", `{"prompt":"hello world"}`, &got)
		if want := tokenizer.O200kBase().Encode("hello world"); got.Count != len(want) ||
			got.Max != 500 || len(got.Tokens) != len(want) || got.Tokens[0] != want[0] {
			t.Errorf("%+v, want %v", got, want)
		}
		ask("/tokenize", `{"messages":[{"role":"user","content":"hello world"}]}`, &got)
		var text struct{ Prompt string }
		ask("/detokenize", `{"tokens":`+string(marshal(got.Tokens))+`}`, &text)
		if want := "<|im_start|>user\nhello world<|im_end|>\n<|im_start|>assistant\n"; text.Prompt != want {
			t.Errorf("%q, want %q", text.Prompt, want)
		}
		if n := complete(t, c, "/v1/chat/completions",
			`{"messages":[{"role":"user","content":"hello world"}],"max_tokens":1}`).Usage.Prompt; n != got.Count {
			t.Errorf("/tokenize counts %d, usage %d", got.Count, n)
		}
		var any map[string]any
		for _, body := range []string{`{`, `{}`, `{"tokens":["x"]}`, `{"tokens":[1e10]}`} {
			if status := ask("/detokenize", body, &any); status != 400 {
				t.Errorf("%s: status %d", body, status)
			}
		}
	})
}

type vocabulary struct{ *tokenizer.Tokenizer }

func (v vocabulary) Decode(ids []int32) string { return v.Tokenizer.Decode(ids, false) }

// The text of an answer has the tokens that were generated, with every
// tokenizer: otherwise no block of an answer could be hit.
func TestAnswersRoundTrip(t *testing.T) {
	t.Parallel()
	for name, tok := range map[string]Tokenizer{"quad": Quad{}, "o200k": vocabulary{tokenizer.O200kBase()}} {
		w, err := newWords(tok)
		if err != nil {
			t.Fatal(err)
		}
		st := &stream{srv: &Server{words: w}, q: plain, seed: 5}
		st.seq.OutputTokens = 500
		text := ""
		var ids []int32
		for i := range st.seq.OutputTokens {
			text += w.text[st.word(i)]
			ids = append(ids, st.Token(i))
		}
		got := tok.Append(nil, text)
		if len(got) != len(ids) {
			t.Fatalf("%s: %d tokens, want %d", name, len(got), len(ids))
		}
		for i := range ids {
			if got[i] != ids[i] {
				t.Fatalf("%s: token %d is %d, want %d", name, i, got[i], ids[i])
			}
		}
		if tok.Decode(ids) != text {
			t.Errorf("%s: decoding gives another text", name)
		}
		t.Logf("%s: %d words", name, len(w.ids))
	}
}

func FuzzQuad(f *testing.F) {
	for _, s := range []string{"", "a", "abcd", "größer", "日本語 text", "\x00\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ids := Quad{}.Append(nil, s)
		if len(ids) < len(s)/4 || len(ids) > (len(s)+2)/3+1 {
			t.Errorf("%d tokens of %d bytes", len(ids), len(s))
		}
		for _, id := range ids {
			if id < 0 {
				t.Errorf("id %d", id)
			}
		}
		if got := (Quad{}).Decode(ids); got != s && !strings.ContainsRune(s, 0) {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func TestResetPrefixCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t, Options{Fixed: engine.FixedOptions{Interval: time.Second}})
		prompt := strings.Repeat("abcd", 100)
		ask := func() int {
			return complete(t, c, "/v1/completions",
				`{"prompt":"`+prompt+`","max_tokens":2}`).Usage.Details.Cached
		}
		if a, b := ask(), ask(); a != 0 || b != 96 {
			t.Errorf("%d and %d cached", a, b)
		}
		res := post(t, c, "/reset_prefix_cache", "", nil)
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 200 || string(b) != `{"success":true}` {
			t.Errorf("%d %s", res.StatusCode, b)
		}
		if n := ask(); n != 0 {
			t.Errorf("%d cached after the reset", n)
		}
		stream := post(t, c, "/v1/completions", `{"prompt":"x","max_tokens":5,"stream":true}`, nil)
		defer stream.Body.Close()
		res = post(t, c, "/reset_prefix_cache", "", nil)
		res.Body.Close()
		if res.StatusCode != 503 {
			t.Errorf("reset with a request running: %d", res.StatusCode)
		}
	})
}

// The queue is bounded: requests that find it full are rejected, and those in
// it are served.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := batchSpeeds
		o.MaxSequences = 1
		_, c := start(t, Options{Batch: &o, MaxQueued: 2})
		status := make(chan int, 8)
		for range 5 {
			go func() {
				res, err := c.Post("http://sim/v1/completions", "application/json",
					strings.NewReader(`{"prompt":"x","max_tokens":100}`))
				if err != nil {
					status <- 0
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				status <- res.StatusCode
			}()
			synctest.Wait()
		}
		count := map[int]int{}
		for range 5 {
			count[<-status]++
		}
		if count[200] != 3 || count[503] != 2 {
			t.Errorf("%v, want 3 served and 2 turned away", count)
		}
	})
}

func TestMachine(t *testing.T) {
	t.Parallel()
	for _, m := range Presets() {
		var o Options
		if err := m.Apply(&o, nil); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		if err := o.Validate(); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		if m.About == "" || m.Source == "" {
			t.Errorf("%s does not say what it is and where it comes from", m.Name)
		}
		if got, err := Preset(m.Name); err != nil || got.Name != m.Name {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
	m, err := Preset("h100-llama8b")
	if err != nil {
		t.Fatal(err)
	}
	m.CPU = Capacity{Bytes: 100 << 30}
	var o Options
	if err := m.Apply(&o, nil); err != nil {
		t.Fatal(err)
	}
	// 128 KiB a token and 16 tokens a block: 512 blocks in a GiB. A token at 50 GB/s is 2,621 ns.
	if o.Cache.Tiers[kvcache.GPU].Blocks != 50*512 ||
		o.Cache.Tiers[kvcache.CPU].Blocks != 100*512 || o.Batch.Load[kvcache.CPU] != 2621 ||
		o.BytesPerToken != 128<<10 {
		t.Errorf("%+v, load %v", o.Cache, o.Batch.Load)
	}
	for name, change := range map[string]func(*Machine){
		"model": func(m *Machine) {
			m.Model = "nobody"
		}, "type": func(m *Machine) { m.KVType = "x" }, "store": func(m *Machine) { m.Store = "x" },
		"engine": func(m *Machine) {
			m.Engine = "steam"
		}, "size without a model": func(m *Machine) { m.Model = "" }, "rate": func(m *Machine) { m.PrefillRate = 0 },
	} {
		bad, o := m, Options{}
		change(&bad)
		if bad.Apply(&o, nil) == nil {
			t.Errorf("%s passes", name)
		}
	}
	if _, err := Preset("x"); err == nil {
		t.Error("an unknown preset is found")
	}
}

func TestCapacity(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]Capacity{"0": {}, "95": {Blocks: 95},
		"unlimited": {Blocks: kvcache.Unlimited}, "40GiB": {Bytes: 40 << 30},
		"1.5 GiB": {Bytes: 3 << 29}, "500MB": {Bytes: 500e6}} {
		got, err := ParseCapacity(s)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
		if again, err := ParseCapacity(got.String()); err != nil || again != got {
			t.Errorf("%s: %s is read as %+v, %v", s, got, again, err)
		}
	}
	for _, s := range []string{"", "-1", "x", "5 apples", "GiB", "1e30GiB", "-5GiB", "NaNGiB"} {
		if c, err := ParseCapacity(s); err == nil {
			t.Errorf("%q passes as %+v", s, c)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	if err := new(Options).Validate(); err != nil {
		t.Error(err)
	}
	small := kvcache.Config{BlockSize: 16,
		Tiers: [kvcache.NumTiers]kvcache.TierConfig{{Blocks: 10}}}
	for name, o := range map[string]Options{
		"model len": {MaxModelLen: -1}, "answer": {AnswerTokens: -1}, "queued": {MaxQueued: -1},
		"metrics": {Metrics: []Dialect{"x"}}, "cache": {Cache: kvcache.Config{BlockSize: -1}},
		"too long for the cache": {Cache: small, MaxModelLen: 161},
		"batch":                  {Batch: &engine.BatchOptions{}},
		"fixed":                  {Fixed: engine.FixedOptions{Base: -1}},
	} {
		if err := o.Validate(); err == nil {
			t.Errorf("%s passes", name)
		}
		if _, err := New(o); err == nil {
			t.Errorf("%s: a server is made of it", name)
		}
	}
	o := (&Options{Cache: small}).withDefaults()
	if o.MaxModelLen != 160 {
		t.Errorf("longest prompt %d, the cache holds 160", o.MaxModelLen)
	}
}

func TestLateness(t *testing.T) {
	t.Parallel()
	var l lateness
	for i := range 1000 {
		l.add(time.Duration(i+1) * time.Millisecond)
	}
	s := l.summary()
	near := func(got, want time.Duration) bool { return got >= want && got < want+want/7 }
	if s.Writes != 1000 || !near(s.P50, 500*time.Millisecond) ||
		!near(s.P99, 990*time.Millisecond) || s.Max != time.Second {
		t.Errorf("%+v", s)
	}
	for d := range 1 << 12 {
		d := time.Duration(d) * 700 * time.Nanosecond
		i := bucket(d)
		if bound(i) <= d || i > 0 && bound(i-1) > d {
			t.Fatalf("%v is in the bucket up to %v", d, bound(i))
		}
	}
}
