package scrape

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"multiturn/internal/httpclient"
	"multiturn/internal/limits"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// timeout limits one reading of one address. A server that takes longer would
// delay the next reading.
const timeout = 5 * time.Second

// Scraper reads the metrics of one run's servers: replicas, ranks, a separate
// cache process.
type Scraper struct {
	urls   []string
	config httpclient.Config
	client *http.Client
	start  time.Time

	mu    sync.Mutex
	names map[string]map[string]string // last written, by URL
}

// New makes a scraper of these /metrics addresses. Clocks are since start. The
// configuration's key and headers go with every request.
func New(urls []string, config httpclient.Config, start time.Time) *Scraper {
	return &Scraper{
		urls: urls, config: config, client: config.Client(timeout), start: start,
		names: map[string]map[string]string{},
	}
}

// URLOf returns where the metrics of the server at an address are, with the
// address's user and password.
func URLOf(a server.Address) string {
	u := a.At("/metrics")
	u.User = a.User()
	return u.String()
}

// Scrape reads all addresses at once. An address that cannot be read gives a
// record with the error: it is never a reason to stop a run.
func (s *Scraper) Scrape(ctx context.Context, when string) []record.Scrape {
	out := make([]record.Scrape, len(s.urls))
	var wg sync.WaitGroup
	for i, u := range s.urls {
		wg.Go(func() {
			r, err := s.read(ctx, u)
			out[i] = record.Scrape{
				At: record.At(s.start, time.Now()), URL: httpclient.ShownText(u), When: when, Values: r.Values,
			}
			record.Check(&out[i])
			if err != nil {
				out[i].Error = s.mask(u).Remove(err.Error())
				return
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if last, ok := s.names[u]; !ok || !maps.Equal(last, r.Names) {
				out[i].Names = r.Names
				s.names[u] = r.Names
			}
		})
	}
	wg.Wait()
	return out
}

// mask returns the secrets that the server at an address gets: an error may
// repeat what it answered.
func (s *Scraper) mask(address string) httpclient.Mask {
	u, err := url.Parse(address)
	if err != nil {
		return nil // it was not asked
	}
	return httpclient.NewMask(append(httpclient.Secrets(u), s.config.Secrets(u)...)...)
}

// Every scrapes at the interval until ctx ends, on the caller's goroutine, and
// hands each reading to sink.
func (s *Scraper) Every(ctx context.Context, interval time.Duration, sink func(record.Scrape)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, r := range s.Scrape(ctx, record.During) {
			if ctx.Err() == nil {
				sink(r)
			}
		}
	}
}

func (s *Scraper) read(ctx context.Context, address string) (Reading, error) {
	body, err := s.get(ctx, address)
	if err != nil {
		return Reading{}, err
	}
	if at, ok := textBeside(address); ok && json.Valid(body) {
		if body, err = s.get(ctx, at); err != nil {
			return Reading{}, fmt.Errorf("the answer is JSON, and %w", err)
		}
	}
	e, err := Parse(bytes.NewReader(body))
	if err != nil {
		return Reading{}, fmt.Errorf("%s: %w", httpclient.ShownText(address), err)
	}
	r := Read(e)
	if len(r.Values) == 0 {
		return r, fmt.Errorf("%s: none of its %d metrics is in the catalogue",
			httpclient.ShownText(address), len(e.Series)+e.Others)
	}
	return r, nil
}

// textBeside returns where the text is if a server has JSON at its /metrics:
// TensorRT-LLM has an array of statistics there.
func textBeside(address string) (at string, ok bool) {
	const text = "/prometheus/metrics"
	u, err := url.Parse(address)
	if err != nil || strings.HasSuffix(u.Path, text) {
		return "", false
	}
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/metrics")+text, ""
	return u.String(), true
}

func (s *Scraper) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%q is not an address", httpclient.ShownText(address))
	}
	s.config.Apply(req.Header)
	req.Header.Set("Accept", "text/plain")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", httpclient.ShownText(address), httpclient.WithoutURL(err))
	}
	defer resp.Body.Close()
	body, err := limits.ReadAll(resp.Body, limits.Metrics, "the page")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", httpclient.ShownText(address), err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", httpclient.ShownText(address), resp.StatusCode)
	}
	return body, nil
}
