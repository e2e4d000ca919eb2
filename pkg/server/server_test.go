package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// No two entries may claim one server, and each has what its users rely on.
func TestServers(t *testing.T) {
	t.Parallel()
	var names, owners []string
	for _, s := range servers {
		if s.Name == "" || s.Title == "" || s.BlockSize < 1 || s.Source == "" {
			t.Errorf("%s: incomplete: %+v", s.Name, s)
		}
		if len(s.Owners)+len(s.Headers)+len(s.Signs)+len(s.Hosts) == 0 {
			t.Errorf("%s: nothing identifies it", s.Name)
		}
		for _, o := range s.Owners {
			if slices.Contains(owners, o) {
				t.Errorf("%s: owner %q belongs to another entry", s.Name, o)
			}
		}
		if slices.Contains(names, s.Name) {
			t.Errorf("two entries are named %s", s.Name)
		}
		for _, f := range s.Cached {
			object, _, _ := strings.Cut(f, ".")
			if object != "usage" && object != "timings" {
				t.Errorf("%s: cached tokens in %s: openai reads usage and timings", s.Name, f)
			}
		}
		for _, r := range s.Resets {
			if !strings.HasPrefix(r.Path, "/") {
				t.Errorf("%s: reset %+v", s.Name, r)
			}
		}
		for _, a := range []string{s.Advice.Report, s.Advice.Cache, s.Advice.Metrics} {
			if strings.HasSuffix(a, ".") {
				t.Errorf("%s: advice %q is not a clause", s.Name, a)
			}
		}
		names, owners = append(names, s.Name), append(owners, s.Owners...)
		if Of(s.Name).Title != s.Title {
			t.Errorf("Of(%s) is another entry", s.Name)
		}
	}
	if s := Of("one that nobody knows"); s.BlockSize != AssumedBlock || s.ExactLength() {
		t.Errorf("unknown server: %+v", s)
	}
}

// Each server is recognised by what it says. A router wins over the servers behind
// it, whose owner it lists.
func TestIdentify(t *testing.T) {
	t.Parallel()
	models := func(owner string) string { return `{"data":[{"id":"m","owned_by":"` + owner + `"}]}` }
	header := func(name, value string) http.Header {
		return http.Header{http.CanonicalHeaderKey(name): {value}}
	}
	const (
		engines = `[{"engine_id":"e","serving_models":["m"],"created":1}]`
		health  = `{"status":"healthy","endpoints":[],"instances":[]}`
		ready   = `{"status":"healthy","litellm_version":"1.110.2"}`
	)
	type pages = map[string]string
	for _, tc := range []struct {
		name   string
		host   string
		header http.Header
		pages  pages
		want   string // name and version
	}{
		{"vLLM", "h", nil, pages{"/v1/models": models("vllm"), "/version": `{"version":"0.33.0"}`}, "vllm 0.33.0"},
		{"vLLM behind the production stack", "h", nil, pages{"/v1/models": models("vllm"),
			"/engines": engines, "/version": `{"version":"0.1.9"}`}, "production-stack 0.1.9"},
		{"SGLang behind it", "h", nil, pages{"/v1/models": models("sglang"), "/engines": engines},
			"production-stack "},
		{"vLLM behind llm-d", "h", header("x-went-into-resp-headers", "true"),
			pages{"/v1/models": models("vllm")}, "llm-d "},
		{"SGLang behind llm-d", "h", header("x-went-into-resp-headers", "true"),
			pages{"/v1/models": models("sglang")}, "llm-d "},
		{"llm-d's simulator by its page", "h", nil, pages{"/v1/models": models("vllm"),
			"/admin/config": `{"max-model-len":1024}`}, "llmdsim "},
		{"llm-d's simulator in a pod", "h", header("x-inference-pod", "p"),
			pages{"/v1/models": models("vllm")}, "llmdsim "},
		{"LiteLLM by its page", "h", nil, pages{"/v1/models": models("openai"),
			"/health/readiness": ready}, "litellm 1.110.2"},
		{"LiteLLM by a header", "h", header("x-litellm-version", "1.110.2"),
			pages{"/v1/models": models("vllm")}, "litellm "},
		{"LiteLLM with another owner", "h", nil, pages{"/v1/models": models("me"),
			"/health/readiness": ready}, "litellm 1.110.2"},
		{"Dynamo", "h", nil, pages{"/v1/models": models("nvidia"), "/health": health}, "dynamo "},
		{"an owner that is not Dynamo", "h", nil, pages{"/v1/models": models("nvidia"),
			"/health": `{"status":"ok"}`}, "nvidia "},
		{"SGLang", "h", nil, pages{"/v1/models": models("sglang"),
			"/server_info": `{"version":"0.5.23","model_path":"m"}`}, "sglang 0.5.23"},
		{"llama.cpp by its header", "h", header("Server", "llama.cpp"),
			pages{"/v1/models": models("me"), "/props": `{"build_info":"b1"}`}, "llamacpp b1"},
		{"another Server header", "h", header("Server", "uvicorn"),
			pages{"/v1/models": models("me")}, "me "},
		{"TensorRT-LLM", "h", nil, pages{"/v1/models": models("tensorrt_llm"),
			"/version": `{"version":"1.2"}`}, "trtllm 1.2"},
		{"Ollama", "h", nil, pages{"/v1/models": models("library"),
			"/api/version": `{"version":"0.13"}`}, "ollama 0.13"},
		{"Ollama with a model of somebody", "h", nil, pages{"/v1/models": models("somebody"),
			"/api/version": `{"version":"0.13"}`}, "ollama 0.13"},
		{"LMDeploy", "h", nil, pages{"/v1/models": models("lmdeploy")}, "lmdeploy "},
		{"TGI", "h", nil, pages{"/v1/models": models("org/model"),
			"/info": `{"model_id":"m","max_total_tokens":4096,"version":"3.3"}`}, "tgi 3.3"},
		{"OpenAI by its host", "api.openai.com", nil, pages{"/v1/models": models("system")}, "openai-api "},
		{"OpenAI by a header", "proxy", header("openai-version", "2020-10-01"),
			pages{"/v1/models": models("system")}, "openai-api "},
		{"a server that says that it is OpenAI's", "h", nil, pages{"/v1/models": models("openai")}, "openai "},
		{"Azure", "me.openai.azure.com", nil, nil, "azure-openai "},
		{"DeepSeek", "api.deepseek.com", nil, pages{"/v1/models": models("deepseek")}, "deepseek "},
		{"vLLM without an owner", "h", nil, pages{"/version": `{"version":"0.9"}`}, "vllm 0.9"},
		{"nothing", "h", nil, nil, " "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			id := Identify(tc.host, func(path string) Page {
				return Page{Header: tc.header, JSON: gjson.Parse(tc.pages[path])}
			}, "m")
			if got := id.Name + " " + id.Version; got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
	if Of("openai").Name != "" {
		t.Error("the owner openai is taken for OpenAI's API")
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	tokenizes := func(s *Server) bool { return s.Tokenizes }
	if got := Titles(tokenizes); got != "vLLM, mtbench sim and vLLM's production-stack router" {
		t.Errorf("tokenizing servers: %q", got)
	}
	got := join([]string{"a", "b", "c"}, "or")
	if got != "a, b or c" || join(nil, "or") != "" {
		t.Errorf("join: %q", got)
	}
	fields := CachedFields()
	if fields[0] != cachedDetails || !slices.Contains(fields, "timings.cache_n") {
		t.Errorf("cached fields %q", fields)
	}
}

// Every quantity is complete, and none stands twice.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	var seen, sections []string
	for _, q := range Quantities() {
		if (q.Tier == "") != (q.Measure == "") || q.Tier != "" &&
			(!slices.Contains(Tiers, q.Tier) || !slices.Contains(Measures, q.Measure) ||
				QuantityOf(q.Tier, q.Measure).Name != q.Name) {
			t.Errorf("%s: tier %q and measure %q are not known, or stand twice", q.Name, q.Tier, q.Measure)
		}
		if q.Name == "" || q.Label == "" || q.Section == "" || q.Unit == "" || q.About == "" ||
			len(q.From) == 0 || slices.Contains(seen, q.Name) {
			t.Errorf("quantity %+v is incomplete, or stands twice", q)
		}
		seen = append(seen, q.Name)
		if n := len(sections); n == 0 || sections[n-1] != q.Section {
			if slices.Contains(sections, q.Section) {
				t.Errorf("%s: section %s is not in one piece", q.Name, q.Section)
			}
			sections = append(sections, q.Section)
		}
		for _, s := range q.From {
			if (s.Name == "") == (len(s.Sum) == 0) {
				t.Errorf("%s: a source needs a name or a sum: %+v", q.Name, s)
			}
			if strings.HasSuffix(s.Name, "_total") {
				t.Errorf("%s: %s: names are written without _total", q.Name, s.Name)
			}
		}
	}
}
