package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"multiturn/pkg/cli"
	"multiturn/pkg/record"
	"multiturn/pkg/server/scrape"
)

// mode is whether something is done: auto leaves it to what else was asked for, or to the server.
type mode string

const (
	auto mode = "auto"
	off  mode = "off"
	on   mode = "on"
)

// settle is how long after the last turn its counters are read: servers count a
// request just after they have answered it.
const settle = 200 * time.Millisecond

// metrics reads what the servers say of themselves beside a run, on goroutines of its own. A nil *metrics reads nothing.
type metrics struct {
	f      *runFlags
	urls   []string
	before *scrape.Scraper // for readings that are not the run's
	first  []record.Scrape // what they said when they were tried
	failed error           // nobody answered then

	scraper *scrape.Scraper
	sink    func(record.Scrape)
	stop    context.CancelFunc
	done    chan struct{}
}

// newMetrics tries the servers' metrics once. Without any the answer is nil, or an error if they are asked for.
func newMetrics(ctx context.Context, c *cli.Call, f *runFlags) (*metrics, error) {
	if f.metrics == off {
		if len(f.metricsURLs) > 0 {
			return nil, cli.UsageErrorf("--metrics off and --metrics-url: one of them is too much")
		}
		return nil, nil
	}
	m := &metrics{f: f, urls: f.metricsURLs}
	needed := f.metrics == on || len(m.urls) > 0
	if len(m.urls) == 0 {
		u, err := scrape.URLOf(f.url)
		if err != nil {
			return nil, err
		}
		m.urls = []string{u}
	}
	m.before = scrape.New(m.urls, f.http, time.Now())
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

// cached is the servers' count of cached tokens so far.
func (m *metrics) cached(ctx context.Context) (float64, bool) {
	sum, all := 0.0, true
	for _, r := range m.read(ctx) {
		n, ok := r.Values["cached_tokens"]
		sum, all = sum+n, all && ok
	}
	return sum, all
}

// describe puts what was read before the run into the header.
func (m *metrics) describe(s *record.Server) {
	if m == nil {
		return
	}
	for i, r := range m.first {
		size := int(r.Values["block_size"])
		if i > 0 && size != s.BlockSize {
			size = 0 // replicas that differ have none in common
		}
		s.BlockSize = size
		s.GPUBlocks += int(r.Values["gpu_blocks"])
	}
}

// begin reads the metrics before the first measured turn, and from then on at the interval.
func (m *metrics) begin(ctx context.Context, start time.Time, sink func(record.Scrape)) {
	if m == nil {
		return
	}
	m.scraper, m.sink = scrape.New(m.urls, m.f.http, start), sink
	for _, r := range m.scraper.Scrape(ctx, record.Before) {
		sink(r)
	}
	ctx, m.stop = context.WithCancel(ctx)
	m.done = make(chan struct{})
	go func() {
		defer close(m.done)
		if m.f.metricsInterval > 0 {
			m.scraper.Every(ctx, m.f.metricsInterval, sink)
		}
	}()
}

// end reads the metrics after the last turn, also of a run that was cancelled.
func (m *metrics) end(ctx context.Context) {
	if m == nil || m.stop == nil {
		return
	}
	m.stop()
	<-m.done
	time.Sleep(settle)
	for _, r := range m.scraper.Scrape(context.WithoutCancel(ctx), record.After) {
		m.sink(r)
	}
}

// addresses is a list of addresses that grows with every use of the flag. Passwords in them are shown nowhere.
func addresses(p *[]string) cli.Value { return &addressList{p} }

type addressList struct{ p *[]string }

func (l *addressList) Set(s string) error {
	var u string
	if err := cli.URL(&u).Set(s); err != nil {
		return err
	}
	*l.p = append(*l.p, u)
	return nil
}

func (l *addressList) String() string {
	if l.p == nil {
		return ""
	}
	return strings.Join(l.shown(), "\n")
}

func (l *addressList) shown() []string {
	list := []string{}
	for _, u := range *l.p {
		list = append(list, plainURL(u))
	}
	return list
}

func (l *addressList) Get() any { return l.shown() }

func (l *addressList) Meta() string { return "URL" }

func (l *addressList) Reset() { *l.p = nil }
