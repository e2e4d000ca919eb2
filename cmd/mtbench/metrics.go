package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"multiturn/pkg/cli"
	"multiturn/pkg/record"
	"multiturn/pkg/server/scrape"
)

// metrics reads the servers' metrics beside a run. A nil *metrics reads nothing.
type metrics struct {
	f      *runFlags
	urls   []string
	before *scrape.Scraper // for readings that are not the run's
	first  []record.Scrape // of the first try
	failed error           // the first try did
	watch  *scrape.Watch   // once the run has begun
}

// newMetrics reads the servers' metrics once. If that fails, the error is in the
// result; it is returned if metrics were asked for.
func newMetrics(ctx context.Context, c *cli.Call, f *runFlags) (*metrics, error) {
	if f.metrics == off {
		if len(f.metricsURLs) > 0 {
			return nil, cli.UsageErrorf("--metrics off and --metrics-url: give one of the two")
		}
		return nil, nil
	}
	m := &metrics{f: f, urls: f.metricsURLs}
	needed := f.metrics == on || len(m.urls) > 0
	if len(m.urls) == 0 {
		u, err := scrape.URLOf(f.openai.URL)
		if err != nil {
			return nil, err
		}
		m.urls = []string{u}
	}
	m.before = scrape.New(m.urls, f.openai.Config, time.Now())
	m.first = m.read(ctx)
	var errs []error
	for _, r := range m.first {
		if r.Error != "" {
			errs = append(errs, errors.New(r.Error))
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case len(errs) == 0:
		return m, nil
	case needed:
		return nil, fmt.Errorf("--metrics: %w", errors.Join(errs...))
	}
	m.failed = errs[0]
	return m, nil
}

// read is a reading apart from the run's.
func (m *metrics) read(ctx context.Context) []record.Scrape {
	return m.before.Scrape(ctx, record.Before)
}

// cached returns the servers' count of cached tokens so far.
func (m *metrics) cached(ctx context.Context) (float64, bool) {
	return scrape.Sum(m.read(ctx), "cached_tokens")
}

// describe puts what was read before the run into the header.
func (m *metrics) describe(s *record.Server) {
	if m != nil {
		scrape.Describe(m.first, s)
	}
}

// begin starts the readings of the run.
func (m *metrics) begin(ctx context.Context, start time.Time, sink func(record.Scrape)) {
	if m != nil {
		m.watch = scrape.New(m.urls, m.f.openai.Config, start).Begin(ctx, m.f.metricsInterval, sink)
	}
}

// end ends them, also if the run was cancelled or never began.
func (m *metrics) end(ctx context.Context) {
	if m != nil && m.watch != nil {
		m.watch.End(ctx)
	}
}
