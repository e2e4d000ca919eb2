package httpclient

import (
	"net/http"
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
