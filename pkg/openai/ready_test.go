package openai

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"multiturn/pkg/record"
)

func TestNotReady(t *testing.T) {
	t.Parallel()
	const status = record.HTTPStatus
	for _, c := range []struct {
		outcome        record.Outcome
		status         int
		text           string
		known, loading bool
	}{
		{status, 503, "HTTP 503 Service Unavailable: Loading model (unavailable_error, 503)", true, true},
		{status, 503, "HTTP 503 Service Unavailable: Server is not ready", true, true},
		{status, 503, "HTTP 503 Service Unavailable: no healthy upstream", true, true},
		{status, 503, "HTTP 503 Service Unavailable: no available server", true, true},
		{status, 503, "HTTP 503 Service Unavailable: The engine is currently busy", true, false},
		{status, 503, "HTTP 503 Service Unavailable", true, false},
		{status, 502, "HTTP 502 Bad Gateway: loading", true, false},
		{status, 504, "HTTP 504 Gateway Timeout", true, false},
		{record.Connect, 0, "connection refused", true, false},
		{status, 500, "HTTP 500: loading", false, false},
		{record.Truncated, 200, "loading", false, false},
		{record.Timeout, 503, "loading", false, false},
	} {
		e := NotReady(&record.Exchange{Outcome: c.outcome, Status: c.status, Error: c.text})
		if (e != nil) != c.known || e != nil && (e.Loading != c.loading || e.Error() != c.text) {
			t.Errorf("%s %d %s: %+v", c.outcome, c.status, c.text, e)
		}
	}
}

// Identify finds out that a server is loading by whichever page says so.
func TestIdentifyNotReady(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		models  string // "": 404
		props   string // of /props: a text is status 503
		status  int    // of /v1/models, if not 200
		want    string // of the error
		loading bool
	}{
		{"all pages", "", "Loading model", 503, "/v1/models with 503", true},
		{"models are listed at once", `{"data":[{"id":"m","owned_by":"llamacpp"}]}`,
			"Loading model", 0, "/props with 503", true},
		{"no models", "", "Loading model", 404, "/props with 503", true},
		{"a gateway", "", "x", 502, "/v1/models with 502", false},
		{"busy elsewhere", "", "busy", 404, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				status, body := http.StatusNotFound, "{}"
				switch r.URL.Path {
				case "/v1/models":
					if status, body = c.status, c.models; status == 0 {
						status = http.StatusOK
					} else if status == 503 {
						body = `{"error":{"code":503,"message":"Loading model"}}`
					}
				case "/props":
					status, body = 503, `{"error":{"message":"`+c.props+`"}}`
				}
				w.WriteHeader(status)
				io.WriteString(w, body)
			}))
			defer srv.Close()
			_, err := newClient(t, Options{URL: srv.URL}).Identify(context.Background())
			e := (*NotReadyError)(nil)
			if (err != nil) != (c.want != "") || err != nil && (!errors.As(err, &e) ||
				!strings.Contains(e.Error(), c.want)) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if e != nil && e.Loading != c.loading {
				t.Errorf("%+v", e)
			}
		})
	}
}

// A refused connection may only need time; a server without TLS will never have
// it.
func TestUnreachableNotReady(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	l.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for url, want := range map[string]bool{nobody: true, "https" + plain.URL[len("http"):]: false} {
		c := newClient(t, Options{URL: url})
		_, err := c.Identify(context.Background())
		if errors.As(err, new(*NotReadyError)) != want || err == nil {
			t.Errorf("%s: %v", url, err)
		}
		err = c.Preconnect(context.Background(), 1)
		if errors.As(err, new(*NotReadyError)) != want || err == nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}
