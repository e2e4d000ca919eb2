package openai

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// A server is reached on the family that it listens on: by its literal, and by
// localhost, which has both.
func TestFamilies(t *testing.T) {
	t.Parallel()
	for _, ip := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
		if err != nil {
			t.Logf("%s: %v", ip, err)
			continue
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		srv := &httptest.Server{Listener: l, Config: &http.Server{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				io.WriteString(w, `{"choices":[{"message":{"content":"`+r.Host+
					`"},"finish_reason":"stop"}]}`)
			}),
		}}
		srv.Start()
		defer srv.Close()
		hosts := []string{net.JoinHostPort(ip, port)}
		if list, _ := net.LookupHost("localhost"); slices.Contains(list, ip) {
			hosts = append(hosts, "localhost:"+port)
		}
		for _, host := range hosts {
			for _, transport := range []Transport{Auto, NetHTTP} {
				c := newClient(t, Options{
					URL: "http://" + host, NoStream: true, Transport: transport,
					Timeout: 20 * time.Second,
				})
				if err := c.Preconnect(context.Background(), 2); err != nil {
					t.Errorf("%s, %s: %v", host, c.Transport(), err)
				}
				message := []byte(`{"role":"user","content":"a"}`)
				x := c.Do(context.Background(), &Request{Messages: [][]byte{message}})
				if !x.Outcome.OK() || x.Text != host || x.Connection != "reused" {
					t.Errorf("%s, %s: %s %q %q over a connection that is %s", host, c.Transport(),
						x.Outcome, x.Error, x.Text, x.Connection)
				}
			}
		}
	}
}

// The zone of an IPv6 literal is dialled, and is in no header.
func TestHostHeader(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"http://h:1": "h:1", "http://[::1]": "[::1]", "http://[fe80::1%25eth0]:80": "[fe80::1]:80",
		"http://[fe80::1%25eth0]": "[fe80::1]",
	} {
		c := newClient(t, Options{URL: in})
		if got := (&call{header: http.Header{}}).host(c.endpoint.url); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
