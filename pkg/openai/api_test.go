package openai

import (
	"net/http"
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
	for text, want := range map[string]*api{
		"http://h":                         &chatCompletions,
		"http://h/v1/":                     &chatCompletions,
		"http://h/v1/chat/completions":     &chatCompletions,
		"http://h/v4/completions":          &completions,
		"http://h/x/v1/responses/?key=v/x": &responses,
		"http://h/v1?responses":            &chatCompletions,
		"no address at all":                &chatCompletions,
	} {
		o := Options{URL: text}
		if got := o.api(); got != want {
			t.Errorf("%s: %s", text, got.path)
		}
		if o.API = Responses; o.api() != &responses {
			t.Errorf("%s: not the API that was asked for", text)
		}
		if o.API = "x"; o.api() != nil {
			t.Errorf("%s: there is no such API", text)
		}
	}
}

// An endpoint decides whether and how usage is asked for, and which event ends a
// stream.
func TestOwnUsage(t *testing.T) {
	t.Parallel()
	o := Options{URL: "http://h", Model: "m"}
	for a, want := range map[*api]bool{&chatCompletions: true, &other: false} {
		if body := newTemplate(&o, nil, a).after; strings.Contains(string(body), "include_usage") != want {
			t.Errorf("%s: %s", a.path, body)
		}
	}
	answer := newAnswer(&o, &endpoint{api: &other}, sockclock.New(time.Now()))
	answer.head(http.StatusOK, http.Header{"Content-Type": {"text/event-stream"}}, 1)
	answer.read(2, 2, true)
	answer.body([]byte("data: {\"input_tokens\":3}\n\n"), 1)
	r := answer.finish(nil, 9)
	if r.End != 2 || r.Usage == nil || r.Usage.Prompt != 3 || r.Finish != "stop" {
		t.Errorf("%+v", r.Exchange)
	}
}
