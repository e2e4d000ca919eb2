package openai

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"multiturn/pkg/chat"
	"multiturn/pkg/sockclock"
)

// other is an endpoint whose last event ends the stream and has the usage.
var other = api{
	path: "/others", maxTokens: "most",
	history: func(*Options) history {
		return history{open: `"input":"`, close: `"`, encoder: chat.JSON{}}
	},
	read: func(data []byte, c *chunk) bool {
		c.done, c.usage, c.finish = true, data, []byte(`"stop"`)
		return true
	},
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	all := []*api{&chatCompletions, &other}
	for url, want := range map[string]*api{
		"http://h":                      &chatCompletions,
		"http://h/v1/":                  &chatCompletions,
		"http://h/v1/chat/completions":  &chatCompletions,
		"http://h/v1/others":            &other,
		"http://h/x/v1/others/?key=v/x": &other,
		"http://h/v1?others":            &chatCompletions,
	} {
		if got := endpoint(url, all); got != want {
			t.Errorf("%s: %s", url, got.path)
		}
	}
}

// An endpoint decides whether and how usage is asked for, and which event ends a
// stream.
func TestOwnUsage(t *testing.T) {
	t.Parallel()
	o := Options{URL: "http://h", Model: "m"}
	u, err := url.Parse(o.URL)
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[*api]bool{&chatCompletions: true, &other: false} {
		if body := newTemplate(&o, u, a).after; strings.Contains(string(body), "include_usage") != want {
			t.Errorf("%s: %s", a.path, body)
		}
	}
	answer := newAnswer(&o, sockclock.New(time.Now()), nil)
	answer.decoder.api = &other
	answer.head(http.StatusOK, http.Header{"Content-Type": {"text/event-stream"}}, 1)
	answer.read(2, 2, true)
	answer.body([]byte("data: {\"input_tokens\":3}\n\n"), 1)
	r := answer.finish(nil, 9)
	if r.End != 2 || r.Usage == nil || r.Usage.Prompt != 3 || r.Finish != "stop" {
		t.Errorf("%+v", r.Exchange)
	}
}
