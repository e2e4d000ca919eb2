package sim

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"multiturn/internal/limits"
)

// Brackets without end, in every body that is parsed, are an invalid request and
// no more: they must not overflow the stack.
func TestDeepBodies(t *testing.T) {
	t.Parallel()
	s, addr := listen(t, Options{})
	paths := []string{"/v1/chat/completions", "/v1/completions", "/v1/responses", "/tokenize",
		"/detokenize"}
	for i, path := range paths {
		n := 1 << 20
		if i == 0 {
			n = 20 << 20
		}
		for _, body := range []string{
			strings.Repeat("[", n), strings.Repeat(`{"messages":[`, 1000),
			`{"messages":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`,
		} {
			res, err := http.Post("http://"+addr+path, "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != 400 || !strings.Contains(string(text), "Too many levels") {
				t.Errorf("%s: %d %.200s", path, res.StatusCode, text)
			}
		}
	}
	if n, first := s.Panics(); n != 0 {
		t.Errorf("%d panics: %s", n, first)
	}
}

// A client that sends too slowly gets a 408 and is dropped, whichever part of its
// request it is slow with.
func TestSlowRequests(t *testing.T) {
	t.Parallel()
	for _, begin := range []string{
		"P",
		"GET /health HTTP/1.1\r\nHost: sim\r\nX-Field: ",
		"POST /v1/completions HTTP/1.1\r\nHost: sim\r\nContent-Length: 100000\r\n\r\n{",
		"POST /v1/completions HTTP/1.1\r\nHost: sim\r\nTransfer-Encoding: chunked\r\n\r\n5;a=",
	} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := start(t, Options{})
			nc, err := s.Dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			time.Sleep(time.Hour) // as long as it likes before its first byte
			at := time.Now()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_, err := io.WriteString(nc, begin)
				for err == nil {
					time.Sleep(7 * time.Second)
					_, err = io.WriteString(nc, "x")
				}
			}()
			text, err := io.ReadAll(nc)
			defer func() { <-ended }()
			if took := time.Since(at); took != limits.RequestTime || err != nil ||
				!strings.HasPrefix(string(text), "HTTP/1.1 408 ") {
				t.Errorf("%q: dropped after %v, %v: %s", begin, took, err, text)
			}
		})
	}
}

// A client that never reads its answer is dropped, and its stream with it.
func TestUnreadAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := start(t, Options{})
		nc, err := s.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		const body = `{"prompt":"x","max_tokens":100000,"stream":true}`
		if _, err := fmt.Fprintf(nc, "POST /v1/completions HTTP/1.1\r\nHost: sim\r\n"+
			"Content-Length: %d\r\n\r\n%s", len(body), body); err != nil {
			t.Fatal(err)
		}
		time.Sleep(limits.Unread - 1)
		synctest.Wait()
		if s.backlog.left.Load() == limits.Backlog {
			t.Error("nothing waits for the client")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if n, err := io.Copy(io.Discard, nc); err != nil || n > 1000 {
			t.Errorf("the connection is still served: %d bytes, %v", n, err)
		}
		synctest.Wait()
		if n := s.loop.engine.Cache().Running(); n != 0 || s.backlog.left.Load() != limits.Backlog {
			t.Errorf("%d streams and %d bytes are left", n, limits.Backlog-s.backlog.left.Load())
		}
	})
}

// A client for which too much would wait is dropped at once, and no other.
func TestBacklog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := start(t, Options{})
		s.backlog.left.Store(100_000)
		slow, err := s.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer slow.Close()
		const body = `{"prompt":"x","max_tokens":100000,"stream":true}`
		if _, err := fmt.Fprintf(slow, "POST /v1/completions HTTP/1.1\r\nHost: sim\r\n"+
			"Content-Length: %d\r\n\r\n%s", len(body), body); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n, err := io.Copy(io.Discard, slow); err != nil || n > 1000 {
			t.Errorf("the connection is still served: %d bytes, %v", n, err)
		}
		if left := s.backlog.left.Load(); left != 100_000 {
			t.Errorf("%d of 100,000 bytes are free", left)
		}
		res, events := postStream(t, c, "/v1/completions", `{"prompt":"x","max_tokens":9,"stream":true}`)
		if res.StatusCode != 200 || len(events) != 10 {
			t.Errorf("another client gets %d with %d events", res.StatusCode, len(events))
		}
	})
}

// Requests that come without waiting for answers are read when their answers can
// be written.
func TestPipelinedWithoutReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := start(t, Options{})
		nc, err := s.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		const n = 50
		sent := make(chan struct{})
		go func() {
			_, _ = io.WriteString(nc, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: sim\r\n\r\n", n))
			close(sent)
		}()
		synctest.Wait()
		if waits := limits.Backlog - s.backlog.left.Load(); waits > 100_000 {
			t.Errorf("%d bytes wait for a client that does not read", waits)
		}
		r := bufio.NewReader(nc)
		for i := range n {
			res, err := http.ReadResponse(r, nil)
			if err != nil || res.StatusCode != 200 {
				t.Fatalf("answer %d: %v", i, err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
		}
		<-sent
	})
}

// unending is a body without end.
type unending struct{ read int }

func (u *unending) Read(p []byte) (int, error) {
	u.read += len(p)
	return len(p), nil
}

// A body gets the memory of what has arrived, within its limit and that of all.
func TestReadBody(t *testing.T) {
	t.Parallel()
	request := func(length int64, body io.Reader) *http.Request {
		hr := httptest.NewRequest(http.MethodPost, "/", body)
		hr.ContentLength = length
		return hr
	}
	text := strings.Repeat("x", 3_000_000)
	for _, length := range []int64{-1, int64(len(text))} {
		b := newBudget(limits.RequestBodies)
		body, taken, fail := readBody(request(length, strings.NewReader(text)), b)
		if fail != nil || string(body) != text || taken < len(text) || taken > 4*len(text) ||
			b.left.Load() != int64(limits.RequestBodies-taken) {
			t.Errorf("length %d: %d bytes, %d taken, %v", length, len(body), taken, fail)
		}
	}
	for _, c := range []struct {
		length int64
		body   io.Reader
		budget int64
		want   *apiError
		taken  int
	}{
		{limits.RequestBody, strings.NewReader(""), 1 << 30, errNoRequest, firstRead},
		{limits.RequestBody, strings.NewReader(text), 1 << 30, errNoRequest, 4 << 20},
		{limits.RequestBody + 1, &unending{}, 1 << 30, errTooLarge, 0},
		{-1, &unending{}, 1 << 30, errTooLarge, limits.RequestBody},
		{-1, &unending{}, 1 << 20, errBusy, 1 << 20},
		{1000, &unending{}, 999, errBusy, 0},
		{0, &unending{}, 0, nil, 0},
	} {
		if _, taken, fail := readBody(request(c.length, c.body), newBudget(c.budget)); fail != c.want ||
			taken != c.taken {
			t.Errorf("length %d, %d left: %v, %d taken; want %v, %d", c.length, c.budget, fail, taken,
				c.want, c.taken)
		}
	}
}

// Many small parts cost what they weigh: no list of them is joined again and
// again, and none takes a hundred bytes for two.
func TestLargeRequests(t *testing.T) {
	const n = 10_000
	for name, c := range map[string]struct {
		body string
		api  api
	}{
		"parts": {`{"messages":[{"role":"user","content":[{}` +
			strings.Repeat(`,{"text":"abcdefgh"}`, n) + `]}]}`, chatAPI},
		"contents": {`{"messages":[{"role":"user"` + strings.Repeat(`,"content":"abcdefgh"`, n) +
			`}]}`, chatAPI},
		"calls": {`{"messages":[{"role":"assistant"` + strings.Repeat(`,"tool_calls":[{"function":`+
			`{"name":"abcdefgh"}}]`, n) + `}]}`, chatAPI},
		"messages": {`{"messages":[{"role":"user","content":"a"}` +
			strings.Repeat(`,{"role":"user","content":"a"}`, n) + `]}`, chatAPI},
		"items": {`{"input":[{"role":"user","content":"a"}` +
			strings.Repeat(`,{"role":"user","content":"a"}`, n) + `]}`, responsesAPI},
		"ids": {`{"prompt":[1` + strings.Repeat(",2", 10*n) + `]}`, completionsAPI},
		"tools": {`{"tools":[` + strings.Repeat("{},", n) + `{}],"messages":[{"role":"user",` +
			`"content":"a"}]}`, chatAPI},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, fail := parseRequest([]byte(c.body), c.api)
		runtime.ReadMemStats(&after)
		if fail != nil || len(r.messages) == 0 && len(r.promptIDs) != 10*n+1 {
			t.Errorf("%s: %v", name, fail)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 40*uint64(len(c.body)) {
			t.Errorf("%s: %d bytes for a body of %d", name, used, len(c.body))
		}
	}
	r := &request{promptIDs: make([]int32, limits.Tokens)}
	if fail := r.takeIDs(gjson.Parse("[1]")); fail == nil {
		t.Error("a prompt of too many ids passes")
	}
}

// A server has a limited number of connections.
func TestConnections(t *testing.T) {
	t.Parallel()
	s, c := start(t, Options{})
	s.mu.Lock()
	for range limits.Connections + 1 {
		s.open[&struct{ io.Closer }{}] = struct{}{}
	}
	s.mu.Unlock()
	if _, err := c.Get("http://sim/health"); err == nil {
		t.Error("a connection above the limit is served")
	}
	s.mu.Lock()
	clear(s.open)
	s.mu.Unlock()
	res, err := c.Get("http://sim/health")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

// fragile is a tokenizer with a fault of its own.
type fragile struct{ Quad }

func (f fragile) Append(dst []int32, text string) []int32 {
	if strings.Contains(text, "boom") {
		panic("boom in the tokenizer")
	}
	return f.Quad.Append(dst, text)
}

// A panic ends its request with status 500, or breaks its stream off, and is
// counted. Other streams go on.
func TestPanics(t *testing.T) {
	t.Parallel()
	s, addr := listen(t, Options{Tokenizer: fragile{}})
	ask := func(prompt string) (int, error) {
		res, err := http.Post("http://"+addr+"/v1/completions", "application/json",
			strings.NewReader(`{"prompt":"`+prompt+`","max_tokens":5,"stream":true}`))
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return res.StatusCode, err
	}
	for i, want := range []int{200, 500, 500, 200} {
		if status, err := ask([]string{"calm", "boom"}[want/500]); status != want || err != nil {
			t.Errorf("request %d: %d, %v; want %d", i, status, err, want)
		}
	}
	n, first := s.Panics()
	if n != 2 || !strings.HasPrefix(first, "boom in the tokenizer at pkg/sim/hardness_test.go:") {
		t.Errorf("%d panics, the first %q", n, first)
	}
	var texts [][]byte
	// An answer's words are read there.
	s.loop.call(func() { texts, s.words.quoted = s.words.quoted, nil })
	if status, err := ask("calm"); err == nil {
		t.Errorf("an answer without words: %d, whole", status)
	}
	s.loop.call(func() { s.words.quoted = texts })
	if status, err := ask("calm"); status != 200 || err != nil {
		t.Errorf("after it: %d, %v", status, err)
	}
	if n, _ := s.Panics(); n != 3 {
		t.Errorf("%d panics, want 3", n)
	}
	left := 0
	s.loop.call(func() { left = s.loop.engine.Cache().Running() })
	if left != 0 {
		t.Errorf("%d streams are left", left)
	}
}
