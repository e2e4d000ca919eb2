package server

import (
	"net/url"
	"strings"
	"testing"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in                       string
		endpoint                 string // that it ends in
		chat, models, metrics    string
		responses, reset, inText string // "" where nothing new is shown
	}{
		{"http://h:8000", "", "http://h:8000/v1/chat/completions", "http://h:8000/v1/models",
			"http://h:8000/metrics", "http://h:8000/v1/responses",
			"http://h:8000/reset?external=true", "http://h:8000"},
		{"http://h/", "", "http://h/v1/chat/completions", "http://h/v1/models",
			"http://h/metrics", "", "", ""},
		{"h:8000/v1//", "", "http://h:8000/v1/chat/completions", "http://h:8000/v1/models",
			"http://h:8000/metrics", "", "", ""},
		{"http://h/api/paas/v4", "", "http://h/api/paas/v4/chat/completions",
			"http://h/api/paas/v4/models", "http://h/api/paas/metrics",
			"http://h/api/paas/v4/responses", "", ""},
		{"http://h/api/paas/v4/chat/completions", ChatCompletions,
			"http://h/api/paas/v4/chat/completions", "http://h/api/paas/v4/models",
			"http://h/api/paas/metrics", "http://h/api/paas/v4/responses", "", ""},
		{"https://h/v1beta", "", "https://h/v1beta/chat/completions", "https://h/v1beta/models",
			"https://h/metrics", "", "", ""},
		{"https://h/v1.1/", "", "https://h/v1.1/chat/completions", "https://h/v1.1/models",
			"https://h/metrics", "", "", ""},
		{"https://h/v1p1beta1", "", "https://h/v1p1beta1/chat/completions",
			"https://h/v1p1beta1/models", "https://h/metrics", "", "", ""},
		// A word that only begins like a version is a path, and so is a version in the
		// middle, with the exceptions below.
		{"http://h/vllm", "", "http://h/vllm/v1/chat/completions", "http://h/vllm/v1/models",
			"http://h/vllm/metrics", "", "", ""},
		{"http://h/api/v1/namespaces/n/services/s:8000/proxy", "",
			"http://h/api/v1/namespaces/n/services/s:8000/proxy/v1/chat/completions",
			"http://h/api/v1/namespaces/n/services/s:8000/proxy/v1/models",
			"http://h/api/v1/namespaces/n/services/s:8000/proxy/metrics", "", "", ""},
		{"http://h/openai", "", "http://h/openai/v1/chat/completions",
			"http://h/openai/v1/models", "http://h/openai/metrics", "", "", ""},
		// Gemini, DeepInfra, Cloudflare, Vertex AI.
		{"http://h/v1beta/openai/", "", "http://h/v1beta/openai/chat/completions",
			"http://h/v1beta/openai/models", "http://h/v1beta/openai/metrics", "", "", ""},
		{"http://h/v1/openai", "", "http://h/v1/openai/chat/completions",
			"http://h/v1/openai/models", "http://h/v1/openai/metrics", "", "", ""},
		{"http://h/v1/account/gateway/openai", "",
			"http://h/v1/account/gateway/openai/chat/completions",
			"http://h/v1/account/gateway/openai/models",
			"http://h/v1/account/gateway/openai/metrics", "", "", ""},
		{"http://h/v1/projects/p/endpoints/openapi", "",
			"http://h/v1/projects/p/endpoints/openapi/chat/completions",
			"http://h/v1/projects/p/endpoints/openapi/models",
			"http://h/v1/projects/p/endpoints/openapi/metrics", "", "", ""},
		{"http://h/v1beta/openai/chat/completions", ChatCompletions,
			"http://h/v1beta/openai/chat/completions", "http://h/v1beta/openai/models",
			"http://h/v1beta/openai/metrics", "", "", ""},
		{"http://h/chat/completions", ChatCompletions, "http://h/chat/completions",
			"http://h/models", "http://h/metrics", "http://h/responses", "", ""},
		{"http://h/v1/completions", Completions, "http://h/v1/chat/completions",
			"http://h/v1/models", "http://h/metrics", "", "", ""},
		{"http://h/v1/responses/", Responses, "http://h/v1/chat/completions",
			"http://h/v1/models", "http://h/metrics", "http://h/v1/responses/", "", ""},
		{"https://me:pw@h/openai/deployments/gpt/chat/completions?api-version=1&code=s#top",
			ChatCompletions,
			"https://h/openai/deployments/gpt/chat/completions?api-version=1&code=s",
			"https://h/openai/deployments/gpt/models?api-version=1&code=s",
			"https://h/openai/deployments/gpt/metrics?api-version=1&code=s", "",
			"https://h/openai/deployments/gpt/reset?external=true&api-version=1&code=s",
			"https://me:***@h/openai/deployments/gpt/chat/completions?api-version=1&code=***"},
		{"http://h/a%2Fb/v1", "", "http://h/a%2Fb/v1/chat/completions", "http://h/a%2Fb/v1/models",
			"http://h/a%2Fb/metrics", "", "", ""},
		{"[::1]:8000", "", "http://[::1]:8000/v1/chat/completions", "http://[::1]:8000/v1/models",
			"http://[::1]:8000/metrics", "", "", "http://[::1]:8000"},
		{"fe80::1%eth0", "", "http://[fe80::1%25eth0]/v1/chat/completions",
			"http://[fe80::1%25eth0]/v1/models", "http://[fe80::1%25eth0]/metrics", "", "", ""},
	} {
		a, err := ParseAddress(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if a.Endpoint() != c.endpoint {
			t.Errorf("%s ends in %q", c.in, a.Endpoint())
		}
		for what, pair := range map[string][2]string{
			"chat":    {a.Of(ChatCompletions).String(), c.chat},
			"answers": {a.Of(Responses).String(), c.responses},
			"models":  {a.At("/v1/models").String(), c.models},
			"metrics": {a.At("/metrics").String(), c.metrics},
			"reset":   {a.At("/reset?external=true").String(), c.reset},
			"text":    {a.String(), c.inText},
		} {
			if pair[1] != "" && pair[0] != pair[1] {
				t.Errorf("%s: %s is %s, want %s", c.in, what, pair[0], pair[1])
			}
		}
	}
}

func TestBadAddress(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", " ", ":8000", "8000", "8000/v1", "http://", "ftp://h", "http://h:99999", "http://[::1", "two words",
		"http://me:sesame@h:x/", "unix:///run/x", "http://[%eth0]/",
	} {
		if a, err := ParseAddress(in); err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: %v, error %v", in, a, err)
		}
	}
}

// The URLs of any address are on its host, and their paths begin with its base.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		"http://h:8000", "h/v1", "https://u:p@h/a%2Fb/v4/chat/completions?api-version=1&key=k#x",
		"[::1]:80", "fe80::1%eth0", "http://h//v1//", "http://h/%zz", "http://h/v1/responses/",
		"http://h/;/?&=&key", "http://[fe80::1%25]:1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddress(text)
		if err != nil {
			return
		}
		for _, u := range []*url.URL{
			a.Of(ChatCompletions), a.Of(Responses), a.At("/v1/models"), a.At("/metrics?a=b"),
		} {
			again, err := url.Parse(u.String())
			if err != nil || again.Host != a.given.Host || u.User != nil ||
				!strings.HasPrefix(u.EscapedPath(), a.base) {
				t.Errorf("%q gives %q: %v", text, u, err)
			}
		}
		if secret, ok := a.User().Password(); ok && len(secret) > 12 &&
			!strings.Contains(a.given.Host+a.given.Path+a.given.RawQuery+a.User().Username(), secret) &&
			strings.Contains(a.String(), secret) {
			t.Errorf("%q shows a password", text)
		}
	})
}
