package openai

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"multiturn/internal/httpclient"
	"multiturn/pkg/chat"
	"multiturn/pkg/server"
)

// served returns a client of a server that answers each path with a status and a
// body, and a function that lists the requests so far.
func served(t *testing.T, answers map[string]string) (c *Client, asked func() []string) {
	t.Helper()
	var mu sync.Mutex
	var list []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		list = append(list,
			strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization")+" "+
				string(body)))
		mu.Unlock()
		answer, ok := answers[r.URL.RequestURI()]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if status, rest, ok := strings.Cut(answer, "!"); ok {
			code := map[string]int{"400": 400, "503": 503}[status]
			w.WriteHeader(code)
			answer = rest
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(srv.Close)
	c, err := New(Options{URL: srv.URL + "/v1", Model: "m",
		Config: httpclient.Config{APIKey: "sesame-1234"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(list)
	}
}

func TestResetCache(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		answers map[string]string
		want    string // of the error
		asked   int
	}{
		{"vllm with a connector",
			map[string]string{"/reset_prefix_cache?reset_external=true": `{"success":true}`}, "",
			1},
		{"vllm without",
			map[string]string{"/reset_prefix_cache?reset_external=true": `{"success":false}`,
				"/reset_prefix_cache": `{"success":true}`}, "", 2},
		{"older vllm", map[string]string{"/reset_prefix_cache?reset_external=true": ``}, "", 1},
		{"sglang", map[string]string{"/flush_cache": "Cache flushed.\n"}, "", 3},
		{"busy",
			map[string]string{"/reset_prefix_cache?reset_external=true": `503!{"success":false}`,
				"/reset_prefix_cache": `503!{"success":false}`},
			"POST /reset_prefix_cache: status 503", 4},
		{"Dynamo", map[string]string{"/clear_kv_blocks": `{"cleared_workers":[{}],"failed_workers":[]}`},
			"", 4},
		{"Dynamo with a worker that failed",
			map[string]string{"/clear_kv_blocks": `{"cleared_workers":[],"failed_workers":[{}]}`},
			"POST /clear_kv_blocks: the server reports that it did not succeed", 4},
		{"Dynamo without workers",
			map[string]string{"/clear_kv_blocks": `{"message":"No active worker groups found"}`},
			"did not succeed", 4},
		{"refused", map[string]string{"/reset_prefix_cache": `{"success":false}`},
			"did not succeed", 4},
		{"no endpoint", nil, "VLLM_SERVER_DEV_MODE=1, SGLang always has one and Dynamo", 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, asked := served(t, tc.answers)
			_, err := c.ResetCache(t.Context())
			if (err == nil) != (tc.want == "") ||
				err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if errors.Is(err, ErrNoReset) != (tc.name == "no endpoint") {
				t.Errorf("error %v: ErrNoReset or not", err)
			}
			if len(asked()) != tc.asked {
				t.Errorf("asked %q, want %d requests", asked(), tc.asked)
			}
			if !strings.Contains(asked()[0], "Bearer sesame-1234") {
				t.Errorf("asked %q without the key", asked()[0])
			}
		})
	}
}

func TestTokenize(t *testing.T) {
	t.Parallel()
	c, asked := served(t, map[string]string{
		"/tokenize":   `{"count":3,"max_model_len":9,"tokens":[5,151643,7]}`,
		"/detokenize": `{"prompt":"a\nb"}`,
	})
	ids, err := c.Tokenize(t.Context(),
		[]chat.Message{{Role: chat.User, Text: "a"}}, true)
	if err != nil || !slices.Equal(ids, []int{5, 151643, 7}) {
		t.Errorf("%v, %v", ids, err)
	}
	if _, err := c.TokenizeText(t.Context(), "a\"b"); err != nil {
		t.Error(err)
	}
	if text, err := c.Detokenize(t.Context(), []int{1, 2}); err != nil || text != "a\nb" {
		t.Errorf("%q, %v", text, err)
	}
	want := []string{
		`POST /tokenize Bearer sesame-1234 {"model":"m","messages":[{"role":"user","content":"a"}],` +
			`"add_generation_prompt":true}`,
		`POST /tokenize Bearer sesame-1234 {"model":"m","prompt":"a\"b","add_special_tokens":false}`,
		`POST /detokenize Bearer sesame-1234 {"model":"m","tokens":[1,2]}`,
	}
	if !slices.Equal(asked(), want) {
		t.Errorf("asked\n%s\nwant\n%s", strings.Join(asked(), "\n"), strings.Join(want, "\n"))
	}
	for answer, want := range map[string]string{
		`400!{"error":{"message":"messages: sesame-1234 is wrong"}}`: "status 400: messages: " +
			"*** is wrong",
		`{"tokens":["a","b"]}`: "no list of token ids",
		`not JSON`:             "no list of token ids",
	} {
		c, _ := served(t, map[string]string{"/tokenize": answer})
		if _, err := c.TokenizeText(t.Context(), "a"); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", answer, err, want)
		}
	}
	form := server.Tokenize{Text: "content", Special: "add_special"}
	n, err := c.CountText(t.Context(), form, "a\nb")
	if last := asked()[len(asked())-1]; n != 3 || err != nil || last != `POST /tokenize Bearer `+
		`sesame-1234 {"model":"m","content":"a\nb","add_special":false}` {
		t.Errorf("%d, %v, asked %s", n, err, last)
	}
	llama, _ := served(t, map[string]string{"/tokenize": `{"tokens":[]}`})
	if _, err := llama.CountText(t.Context(), server.Tokenize{Text: "prompt"}, "a"); err == nil ||
		!strings.Contains(err.Error(), "found no tokens in the field prompt") {
		t.Errorf("error %v", err)
	}
	if _, err := llama.Tokenize(t.Context(), []chat.Message{{Role: chat.User, Text: "a"}},
		true); err == nil || !strings.Contains(err.Error(), "does not take messages") {
		t.Errorf("error %v", err)
	}
	none, _ := served(t, nil)
	if _, err := none.Tokenize(t.Context(), nil, false); err == nil ||
		!strings.Contains(err.Error(), "status 404") {
		t.Errorf("error %v", err)
	}
}
