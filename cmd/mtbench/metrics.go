package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"multiturn/internal/httpclient"
	"multiturn/pkg/cli"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
	"multiturn/pkg/server/scrape"
)

// metrics reads the servers' metrics beside a run. A nil *metrics reads nothing.
type metrics struct {
	f    *runFlags
	urls []string
	// replica is the number, from 1, of the replica whose metrics are at an address, as
	// records have it; 0 if they are of the only server, or of none in particular.
	replica map[string]int
	before  *scrape.Scraper // for readings that are not the run's
	first   []record.Scrape // of the first try
	failed  error           // the first try did
	watch   *scrape.Watch   // once the run has begun
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
	if err := m.address(f.openai.URL); err != nil {
		return nil, err
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

// address fills in the addresses of the servers' metrics. If as many are given as
// there are replicas, they are the replicas' in their order.
func (m *metrics) address(servers []string) error {
	if len(m.urls) == 0 {
		for _, s := range servers {
			a, err := server.ParseAddress(s)
			if err != nil {
				return err
			}
			m.urls = append(m.urls, scrape.URLOf(a))
		}
	}
	if len(servers) == 1 || len(m.urls) != len(servers) {
		return nil
	}
	m.replica = map[string]int{}
	for i, u := range m.urls {
		m.replica[httpclient.ShownText(u)] = i + 1
	}
	return nil
}

// read is a reading apart from the run's.
func (m *metrics) read(ctx context.Context) []record.Scrape {
	list := m.before.Scrape(ctx, record.Before)
	for i := range list {
		list[i].Replica = m.replica[list[i].URL]
	}
	return list
}

// of returns the readings of a replica, from 0; all of them if it is not known
// whose they are.
func (m *metrics) of(list []record.Scrape, replica int) []record.Scrape {
	if m.replica == nil {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(r record.Scrape) bool {
		return r.Replica != replica+1
	})
}

// cached returns a replica's count of cached tokens so far.
func (m *metrics) cached(ctx context.Context, replica int) (float64, bool) {
	return scrape.Sum(m.of(m.read(ctx), replica), "cached_tokens")
}

// describe puts what was read before the run into the header.
func (m *metrics) describe(h *record.Run) {
	if m == nil {
		return
	}
	scrape.Describe(m.first, &h.Server)
	for i := range h.Replicas {
		if m.replica != nil {
			scrape.Describe(m.of(m.first, i), &h.Replicas[i].Server)
		}
	}
}

// begin starts the readings of the run.
func (m *metrics) begin(ctx context.Context, start time.Time, sink func(record.Scrape)) {
	if m != nil {
		keep := sink
		sink = func(r record.Scrape) {
			r.Replica = m.replica[r.URL]
			keep(r)
		}
		m.watch = scrape.New(m.urls, m.f.openai.Config, start).Begin(ctx, m.f.metricsInterval, sink)
	}
}

// end ends them, also if the run was cancelled or never began.
func (m *metrics) end(ctx context.Context) {
	if m != nil && m.watch != nil {
		m.watch.End(ctx)
	}
}
