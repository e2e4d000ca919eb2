package openai

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"multiturn/pkg/record"
)

// replica is a server that counts its resets, and answers each request with its
// name.
func replica(t *testing.T, name string, resets *atomic.Int64) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":[{"id":"m","owned_by":"vllm"}]}`)
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"version":"`+name+`"}`)
	})
	mux.HandleFunc("POST /reset_prefix_cache", func(http.ResponseWriter, *http.Request) {
		resets.Add(1)
	})
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"`+name+
			`"},"finish_reason":"stop"}]}`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	var resets atomic.Int64
	o := ReplicaOptions{Options: Options{Model: "m"}}
	for _, name := range []string{"a", "b", "c"} {
		o.URL = append(o.URL, replica(t, name, &resets))
	}
	all, err := NewReplicas(o)
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	ctx := t.Context()
	ids, err := all.Identify(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"a", "b", "c"} {
		if ids[i].Version != want {
			t.Errorf("replica %d is %+v", i, ids[i])
		}
		request := &Request{Messages: [][]byte{[]byte(`{"role":"user","content":"?"}`)}}
		if r := all[i].Do(ctx, request); r.Outcome != record.OK || r.Text != want {
			t.Errorf("replica %d: %+v", i, r)
		}
	}
	if _, err := all.ResetCache(ctx); err != nil || resets.Load() != 3 {
		t.Errorf("%d caches were emptied, %v", resets.Load(), err)
	}
	if err := all.Preconnect(ctx, 2); err != nil {
		t.Error(err)
	}
	for i, c := range all {
		if n := c.Stats().Opened; n < 2 {
			t.Errorf("replica %d has %d connections", i, n)
		}
	}
	if c := all.Clocks(); c == "" {
		t.Error("the source of the clocks is unknown")
	}
}

// An error of one replica names its address.
func TestReplicasErrors(t *testing.T) {
	t.Parallel()
	var resets atomic.Int64
	good := replica(t, "a", &resets)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://" + listener.Addr().String()
	listener.Close()
	bare := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(bare.Close)
	identify := func(ctx context.Context, r Replicas) error {
		_, err := r.Identify(ctx)
		return err
	}
	reset := func(ctx context.Context, r Replicas) error {
		_, err := r.ResetCache(ctx)
		return err
	}
	for _, tc := range []struct {
		name string
		urls []string
		do   func(context.Context, Replicas) error
		want string
	}{
		{"no address", nil, nil, "URL: is empty"},
		{"one is no address", []string{good, "ftp://x"}, nil, "URL: is not an address"},
		{"the same twice", []string{good, good}, nil, good + " is given twice"},
		{"the same in other words", []string{good, good + "/v1/"}, nil, good + " is given twice"},
		{"the same but for secrets", []string{good + "?key=a", good + "?key=b"}, nil,
			good + "?key=*** is given twice with other secrets"},
		{"nobody is there", []string{good, dead}, identify, dead + " cannot be reached"},
		{"nobody is connected", []string{dead, good}, func(ctx context.Context, r Replicas) error {
			return r.Preconnect(ctx, 1)
		}, dead + " cannot be reached"},
		{"no reset", []string{good, bare.URL}, reset, bare.URL + ": " + ErrNoReset.Error()},
		{"no reset of a single one", []string{bare.URL}, reset, ErrNoReset.Error()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			all, err := NewReplicas(ReplicaOptions{URL: tc.urls, Options: Options{Model: "m"}})
			if err == nil {
				defer all.Close()
				err = tc.do(t.Context(), all)
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want %s", err, tc.want)
			}
		})
	}
}
