package httpclient

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

func TestApply(t *testing.T) {
	t.Parallel()
	c := Config{APIKey: "k", Header: http.Header{
		"authorization":  {"Bearer loser"},
		"X-Both":         {"a", "b"},
		"X-Conversation": {"of " + SessionMark},
		"Content-Length": {"5"},
	}}
	h := http.Header{"X-Both": {"before"}}
	c.Apply(h)
	if h.Get("Authorization") != "Bearer k" || len(h["X-Both"]) != 2 ||
		h.Get("X-Conversation")+h.Get("Content-Length") != "" || h.Get("User-Agent") != UserAgent {
		t.Errorf("%v", h)
	}
	c.Header.Set("User-Agent", "mine")
	if c.Apply(h); h.Get("User-Agent") != "mine" {
		t.Errorf("user agent %q", h.Get("User-Agent"))
	}
	if e := c.Elsewhere(); e.APIKey != "" || e.Header != nil {
		t.Errorf("elsewhere: %+v", e)
	}
}

func TestWithoutURL(t *testing.T) {
	t.Parallel()
	cause := errors.New("refused")
	wrapped := &url.Error{Op: "Get", URL: "http://user:sesame@host/?key=sesame", Err: cause}
	for _, err := range []error{cause, wrapped, fmt.Errorf("page: %w", wrapped)} {
		if got := WithoutURL(err); got != cause {
			t.Errorf("WithoutURL(%v) = %v, want the cause", err, got)
		}
	}
	if got := WithoutURL(nil); got != nil {
		t.Errorf("WithoutURL(nil) = %v", got)
	}
}
