package scrape

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"multiturn/internal/httpclient"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

func TestURLOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"http://h:8000":                     "http://h:8000/metrics",
		"http://h:8000/":                    "http://h:8000/metrics",
		"http://h/v1":                       "http://h/metrics",
		"https://u:p@h/proxy/v4?key=1":      "https://u:p@h/proxy/metrics?key=1",
		"http://h:8000/v1/chat/completions": "http://h:8000/metrics",
	} {
		a, err := server.ParseAddress(in)
		if got := URLOf(a); err != nil || got != want {
			t.Errorf("URLOf(%s) = %s, %v; want %s", in, got, err, want)
		}
	}
}

func TestScraper(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer key" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, "vllm:prompt_tokens_total %d\n", n.Add(10))
	})
	mux.HandleFunc("/trt/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"iter": 1}]`)
	})
	mux.HandleFunc("/trt/prometheus/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "trtllm_prompt_tokens_total 7\n")
	})
	mux.HandleFunc("/strange/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "up 1\n")
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	config := httpclient.Config{Header: http.Header{"Authorization": {"Bearer key"}}}
	secret := strings.Replace(srv.URL, "//", "//user:hunter2@", 1)
	s := New([]string{srv.URL + "/metrics", srv.URL + "/trt/metrics", srv.URL + "/strange/metrics",
		secret + "/none"}, config, time.Now())

	got := s.Scrape(t.Context(), record.Before)
	if v := got[0].Values["prompt_tokens"]; v != 10 ||
		got[0].Names["prompt_tokens"] != "vllm:prompt_tokens_total" ||
		got[0].When != record.Before || !got[0].At.OK() {
		t.Errorf("first reading %+v", got[0])
	}
	if v := got[1].Values["prompt_tokens"]; v != 7 {
		t.Errorf("behind a JSON /metrics: %+v", got[1])
	}
	if !strings.Contains(got[2].Error, "none of its 1 metrics") {
		t.Errorf("a server that exposes nothing known: %+v", got[2])
	}
	if e := got[3]; !strings.Contains(e.Error, "status 404") ||
		strings.Contains(e.Error+e.URL, "hunter2") {
		t.Errorf("no metrics: %+v", e)
	}
	if again := s.Scrape(t.Context(), record.After); again[0].Values["prompt_tokens"] != 20 ||
		again[0].Names != nil {
		t.Errorf("second reading %+v, want 20 and no names", again[0])
	}
}

func TestEvery(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "tgi_queue_size 2\n")
	}))
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	New([]string{srv.URL}, httpclient.Config{}, time.Now()).Every(ctx, time.Millisecond,
		func(r record.Scrape) {
			if n++; n == 3 {
				cancel()
			}
			if r.When != record.During || r.Values["waiting"] != 2 {
				t.Errorf("reading %+v", r)
			}
		})
	if n < 3 {
		t.Errorf("%d readings, want 3", n)
	}
}
