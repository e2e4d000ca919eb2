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
)

func TestWatch(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "vllm:prompt_tokens_total 3\n")
	}))
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	readings := make(chan record.Scrape, 1000)
	w := New([]string{srv.URL}, httpclient.Config{}, time.Now()).
		Begin(ctx, time.Millisecond, func(r record.Scrape) { readings <- r })
	if r := <-readings; r.When != record.Before || r.Values["prompt_tokens"] != 3 {
		t.Errorf("first reading %+v", r)
	}
	if r := <-readings; r.When != record.During {
		t.Errorf("second reading %+v", r)
	}
	cancel()
	w.End(ctx)
	close(readings)
	var last record.Scrape
	for r := range readings {
		last = r
	}
	if last.When != record.After || last.Error != "" {
		t.Errorf("last reading %+v, after the run was cancelled", last)
	}
}

// A page that never comes does not hold up the end of a run that was cancelled.
func TestWatchHurries(t *testing.T) {
	t.Parallel()
	var read atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if read.Swap(true) {
			<-r.Context().Done()
		}
		fmt.Fprint(w, "vllm:prompt_tokens_total 3\n")
	}))
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var last record.Scrape
	w := New([]string{srv.URL}, httpclient.Config{}, time.Now()).
		Begin(ctx, 0, func(r record.Scrape) { last = r })
	time.AfterFunc(2*settle, cancel) // during the last reading
	w.End(ctx)
	if last.When != record.After || !strings.Contains(last.Error, context.Canceled.Error()) {
		t.Errorf("last reading %+v, want one that was cancelled before its own limit", last)
	}
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	values := func(cached, size, blocks float64) record.Scrape {
		return record.Scrape{Values: map[string]float64{
			"cached_tokens": cached, "block_size": size, "gpu_blocks": blocks,
		}}
	}
	list := []record.Scrape{values(1, 16, 10), values(2, 16, 20)}
	if n, ok := Sum(list, "cached_tokens"); n != 3 || !ok {
		t.Errorf("sum %v, %v", n, ok)
	}
	if _, ok := Sum(list, "preemptions"); ok {
		t.Error("a sum of what is not exposed")
	}
	var s record.Server
	if Describe(list, &s); s.BlockSize != 16 || s.GPUBlocks != 30 {
		t.Errorf("%+v", s)
	}
	s = record.Server{}
	if Describe([]record.Scrape{list[0], values(0, 32, 5)}, &s); s.BlockSize != 0 {
		t.Errorf("replicas that differ: %+v", s)
	}
}
