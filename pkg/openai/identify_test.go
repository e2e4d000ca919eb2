package openai

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"multiturn/internal/httpclient"
)

func TestIdentify(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		pages map[string]string
		want  string
	}{
		{"vLLM", map[string]string{"/version": `{"version":"0.32.0"}`,
			"/v1/models": `{"data":[{"id":"tiny","owned_by":"vllm","max_model_len":8192}]}`},
			"{vllm 0.32.0 [tiny] 8192}"},
		{"vLLM that hides its models", map[string]string{"/version": `{"version":"0.32.0"}`},
			"{vllm 0.32.0 [] 0}"},
		{"several models", map[string]string{"/v1/models": `{"data":[` +
			`{"id":"x","owned_by":"vllm","max_model_len":1},` +
			`{"id":"m","owned_by":"vllm","max_model_len":2}]}`}, "{vllm  [x m] 2}"},
		{"SGLang", map[string]string{"/v1/models": `{"data":[{"id":"m","owned_by":"sglang",` +
			`"max_model_len":4096}]}`, "/get_server_info": `{"version":"0.5.1","model_path":"x"}`},
			"{sglang 0.5.1 [m] 4096}"},
		{"SGLang, by another owner", map[string]string{"/v1/models": `{"data":[{"id":"m",` +
			`"owned_by":"me"}]}`, "/server_info": `{"version":"0.6","internal_states":[]}`},
			"{sglang 0.6 [m] 0}"},
		{"llama.cpp", map[string]string{"/v1/models": `{"data":[{"id":"smol",` +
			`"owned_by":"llamacpp","meta":{"n_ctx":4096}}]}`,
			"/props": `{"default_generation_settings":{"n_ctx":4096},"build_info":"b11434"}`},
			"{llamacpp b11434 [smol] 4096}"},
		{"sim", map[string]string{"/v1/models": `{"data":[{"id":"m","owned_by":"mtbench-sim",` +
			`"max_model_len":100}]}`, "/version": `{"version":"1"}`}, "{sim 1 [m] 100}"},
		{"another", map[string]string{"/v1/models": `{"data":[{"id":"gpt","owned_by":"openai"}]}`},
			"{openai  [gpt] 0}"},
		{"pages that are not JSON", map[string]string{"/v1/models": "<html>", "/version": "x",
			"/props": ""}, "{  [] 0}"},
		{"nothing", nil, "{  [] 0}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
				r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer key" {
					t.Errorf("%s without the key", r.URL)
				}
				if page, ok := c.pages[r.URL.Path]; ok {
					io.WriteString(w, page)
					return
				}
				http.NotFound(w, r)
			}))
			defer server.Close()
			s, err := newClient(t, Options{URL: server.URL + "/v1/",
				Config: httpclient.Config{APIKey: "key"}}).Identify(context.Background())
			if got := fmt.Sprint(s); err != nil || got != c.want {
				t.Errorf("%s, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"http://h:1":                      "/v1/chat/completions",
		"http://h:1/":                     "/v1/chat/completions",
		"http://h:1/v1":                   "/v1/chat/completions",
		"http://h:1/v1/":                  "/v1/chat/completions",
		"http://h:1/v1/chat/completions":  "/v1/chat/completions",
		"http://h:1/some/proxy":           "/some/proxy/v1/chat/completions",
		"http://h:1/some/proxy/v1?a=b":    "/some/proxy/v1/chat/completions?a=b",
		"http://u:p@h:1/chat/completions": "/chat/completions",
		"http://h:1/api/paas/v4":          "/api/paas/v4/chat/completions",
		"http://h:1/x/chat/completions?api-version=2024-10-21": "/x/chat/completions?" +
			"api-version=2024-10-21",
	} {
		c := newClient(t, Options{URL: in})
		if got := c.questions.target.RequestURI(); got != want || c.questions.target.User != nil {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
