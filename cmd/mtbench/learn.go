package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"multiturn/pkg/bench"
	"multiturn/pkg/cli"
	"multiturn/pkg/load"
	"multiturn/pkg/openai"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
	"multiturn/pkg/synth"
	"multiturn/pkg/tokenizer"
)

// knowledge is what is found out before a run.
type knowledge struct {
	data      *dataset
	tokenizer *tokenizer.Tokenizer // nil: the server counts
	found     string               // where the tokenizer was
	counter   bench.Counter
	servers   []server.Identity   // of each replica
	metrics   *metrics            // nil: none are read
	preflight []*record.Preflight // of each replica; nil: there were none
}

// learn reads the conversations, opens the tokenizer and asks the server what it
// is, then readies both for the run.
func (s *setup) learn(ctx context.Context) (*knowledge, error) {
	k := &knowledge{}
	if err := s.gather(ctx, k); err != nil {
		return nil, err
	}
	if k.metrics != nil && k.metrics.failed != nil {
		s.remarkNoMetrics(k)
		k.metrics = nil
	}
	generator := synth.Options{Seed: s.options.Seed, CleanUpSpaces: s.cleanUpSpaces}
	if err := k.data.generate(ctx, s.call, generator, k.tokenizer, s.call.Stderr); err != nil {
		return nil, err
	}
	k.data.remarkNames(s.call)
	if err := k.data.check(s.runFlags); err != nil {
		return nil, err
	}
	if d := design(&s.options.Options, k.data.conversations); d != "" {
		s.call.Remarkf("%s", d)
	}
	if err := s.openCounter(ctx, k); err != nil {
		return nil, err
	}
	s.out.collector.SetCache(s.cache)
	s.options.Counter = k.counter
	s.options.Exact = s.length == lengthExact ||
		s.length == lengthAuto && !slices.ContainsFunc(k.servers, inexact)
	return k, s.readyServer(ctx, k)
}

// gather does at the same time what does not need each other: together they are
// the time to the first request. The order is that of importance, for errors:
// without a server nothing else matters, and the dataset may be a pipe that takes
// its time.
func (s *setup) gather(ctx context.Context, k *knowledge) error {
	var waited bool // for the server, before known is closed
	known := make(chan struct{})
	return inOrder(ctx,
		func(ctx context.Context) (err error) {
			defer close(known)
			if !s.identify {
				k.servers = make([]server.Identity, len(s.clients))
				return nil
			}
			if waited, err = s.identifyServers(ctx, k); err != nil {
				return cli.Exit(cli.Failed, s.keyAdvice(err))
			}
			s.remarkDifferent(k.servers)
			return s.checkModel(ctx, k.servers)
		},
		func(ctx context.Context) (err error) {
			k.metrics, err = newMetrics(ctx, s.call, s.runFlags)
			if err == nil && (k.metrics == nil || k.metrics.failed == nil) {
				return nil
			}
			select {
			case <-known:
			case <-ctx.Done(): // the other task may still be at work on waited
				return err
			}
			if waited { // it was too early
				k.metrics, err = newMetrics(ctx, s.call, s.runFlags)
			}
			return err
		},
		func(ctx context.Context) (err error) {
			if s.remotely() {
				return nil
			}
			k.tokenizer, k.found, err = s.call.Tokenizer(ctx, s.runFlags.tokenizer, s.model)
			return err
		},
		func(context.Context) (err error) {
			k.data, err = openDataset(s.call, s.input)
			return err
		})
}

// inexact reports whether a server is not known to support exact lengths.
func inexact(id server.Identity) bool { return !server.Of(id.Name).ExactLength() }

// identifyServers asks the servers what they are, and waits for those that are not
// ready. One whose gateway answers in its place may be ready all the same, and
// stays unknown.
func (s *setup) identifyServers(ctx context.Context, k *knowledge) (waited bool, err error) {
	waited, err = s.waiting.until(ctx, func() (err error) {
		k.servers, err = s.clients.Identify(ctx)
		return err
	})
	e := (*openai.NotReadyError)(nil)
	if errors.As(err, &e) && e.Status != 0 && !e.Loading && !s.waiting.asked {
		return waited, nil
	}
	return waited, err
}

func (s *setup) remarkNoMetrics(k *knowledge) {
	advice := ""
	if a := server.Of(k.servers[0].Name).Advice.Metrics; a != "" {
		advice = "; to have them, " + a
	}
	s.call.Remarkf("no metrics of the server (%v): the report cannot compare with its counters%s",
		k.metrics.failed, advice)
}

// readyServer empties the server's cache if the run needs that, finds out what
// the server reports of it, and opens connections.
func (s *setup) readyServer(ctx context.Context, k *knowledge) (err error) {
	source := s.salts.apply(s.runFlags, &s.options, k.counter)
	if err := bench.Fetch(ctx, s.options, k.data.conversations); err != nil {
		return cli.Exit(cli.Failed, fmt.Errorf("--tokenizer %s: %w", cli.ServerTokenizer, err))
	}
	if s.options.Control == load.Cold {
		resets, err := s.clients.ResetCache(ctx)
		if err != nil {
			return fmt.Errorf("--control %s: %w", load.Cold, err)
		}
		keeps := func(r server.Reset) bool { return r.Keeps != "" }
		if i := slices.IndexFunc(resets, keeps); i >= 0 {
			s.call.Remarkf("--control %s: POST %s does not empty %s", load.Cold,
				resets[i].Path, resets[i].Keeps)
		}
	}
	if s.preflights() {
		for i := range s.clients {
			p, err := runPreflight(ctx, s.call, s.runFlags, s.salts, i, k, source)
			if err != nil {
				return err
			}
			k.preflight = append(k.preflight, p)
		}
	}
	if s.preconnect {
		arms := s.options.Control.Arms()
		n := min(s.options.Clients, arms*len(k.data.conversations))
		_, err := s.waiting.until(ctx, func() error { return s.clients.Preconnect(ctx, n) })
		return cli.Exit(cli.Failed, err)
	}
	return nil
}
