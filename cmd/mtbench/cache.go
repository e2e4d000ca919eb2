package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"multiturn/pkg/bench"
	"multiturn/pkg/cli"
	"multiturn/pkg/load"
	"multiturn/pkg/openai"
	"multiturn/pkg/probe"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// cacheSalt is how a run's part of the cache is kept apart from all others.
type cacheSalt string

const (
	saltNone  cacheSalt = "none"
	saltField cacheSalt = record.SaltField
	saltText  cacheSalt = record.SaltText
)

// saltFieldName is vLLM's. The simulator has it too.
const saltFieldName = "cache_salt"

// salts are what a run puts into its requests to keep them apart. They are drawn
// at random, so that no two runs have the same.
type salts struct {
	seed [32]byte
	// used is the run's own, as the header has it; "" if there is none.
	used string
}

func newSalts(f *runFlags) (*salts, error) {
	s := &salts{}
	_, _ = rand.Read(s.seed[:]) // never fails
	if f.cacheSalt == saltField {
		isSalt := func(b openai.Field) bool { return b.Name == saltFieldName }
		if slices.ContainsFunc(f.openai.Fields, isSalt) {
			return nil, cli.UsageErrorf("--cache-salt field and --body-field %s: give one "+
				"of the two", saltFieldName)
		}
		s.used = token()
	}
	return s, nil
}

// token returns a salt for a field.
func token() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// fields returns the body fields of all requests, with the salt if it is a field.
func (s *salts) fields(f *runFlags, value string) []openai.Field {
	if f.cacheSalt != saltField {
		return f.openai.Fields
	}
	salt := openai.Field{Name: saltFieldName, Value: json.RawMessage(`"` + value + `"`)}
	return append(slices.Clone(f.openai.Fields), salt)
}

// apply puts the salts into the bench's options.
func (s *salts) apply(f *runFlags, o *bench.Options, count load.Counter) *load.Salts {
	source := load.NewSalts(s.seed, count)
	o.Salts = source
	if f.cacheSalt == saltText && f.bench.Control != load.NoReuse && f.bench.Control != load.AA {
		s.used = source.Next()
		o.Marker = s.used
	}
	return source
}

// preflights reports whether requests are sent before the run to find out about
// the server's cache.
func (f *runFlags) preflights() bool {
	if f.preflight != auto {
		return f.preflight == on
	}
	return f.bench.Control.Arms() > 1 || f.cacheSalt != saltNone ||
		f.metrics == on || len(f.metricsURLs) > 0 ||
		slices.ContainsFunc(f.cache.state.Tiers, func(t record.StatedTier) bool {
			return t.Blocks > 0 || t.GiB > 0
		})
}

// runPreflight finds out what a replica reports of its cache. Its requests have
// a client of their own, so they are in none of the run's numbers.
func runPreflight(
	ctx context.Context, c *cli.Call, f *runFlags, s *salts, replica int, k *knowledge,
	source *load.Salts,
) (*record.Preflight, error) {
	all, err := f.clientOptions(time.Now())
	if err != nil {
		return nil, err
	}
	o := all.Of(replica)
	o.Transport, o.Fields = openai.NetHTTP, s.fields(f, token())
	client, err := openai.New(o)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	target := probe.Target{Server: k.servers[replica]}
	if k.metrics != nil {
		target.Counters = func(ctx context.Context) (float64, bool) {
			return k.metrics.cached(ctx, replica)
		}
	}
	target.Ask = func(ctx context.Context, text string) *record.Exchange {
		return askOnce(ctx, client, text, f.bench.Timeout)
	}
	p := probe.Preflight(ctx, target, source.Draw)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	c.Remarkf("%s%s", f.of(replica), probe.PreflightText(p))
	return p, nil
}

// preflighted puts what was learnt of each replica's cache into the header.
func (k *knowledge) preflighted(h *record.Run) {
	for i, p := range k.preflight {
		if i == 0 {
			h.Preflight = p
		}
		if len(h.Replicas) > 0 {
			h.Replicas[i].Preflight = p
		}
	}
}

// keep adds a turn to the transcripts for the prefix check.
func keep(t *probe.Transcripts, e *bench.Finished) {
	t.Add(e.Turn, probe.Turn{
		Asked: e.Asked, Answer: e.Answer, History: e.History, Reasoning: e.Reasoning,
	})
}

// kindsShown is how many kinds of broken prefixes are shown on stderr: more would
// hide the tables, and the records have all.
const kindsShown = 5

// checkPrefixes checks the prefixes, hands the record of each turn on, and
// remarks what was found.
func checkPrefixes(
	ctx context.Context, c *cli.Call, t *probe.Transcripts, client *openai.Client,
	sink func(*record.Prefix) error,
) error {
	found, err := t.Check(ctx, client, sink)
	if err != nil {
		return err
	}
	if found.Unchecked != nil {
		able := server.Titles(func(s *server.Server) bool { return s.Tokenizes })
		c.Remarkf("prefixes are not checked any further: %v (%s have what it takes)",
			found.Unchecked, able)
	}
	if found.Checked == 0 {
		return nil
	}
	c.Remarkf("prefix: %d of %d turns checked begin with all of the turn before",
		found.Checked-found.Broken, found.Checked)
	for _, k := range found.Kinds[:min(len(found.Kinds), kindsShown)] {
		more := ""
		if k.N > 1 {
			more = fmt.Sprintf(" (and %d more like it)", k.N-1)
		}
		c.Remarkf("prefix: %s%s", probe.PrefixText(&k.First), more)
	}
	return nil
}
