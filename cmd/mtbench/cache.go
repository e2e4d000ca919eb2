package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"multiturn/pkg/bench"
	"multiturn/pkg/chat"
	"multiturn/pkg/cli"
	"multiturn/pkg/openai"
	"multiturn/pkg/prefix"
	"multiturn/pkg/preflight"
	"multiturn/pkg/record"
	"multiturn/pkg/salt"
	"multiturn/pkg/server"
)

// cacheSalt is how a run is set apart in the cache from all others.
type cacheSalt string

const (
	saltNone  cacheSalt = "none"
	saltField cacheSalt = "field"
	saltText  cacheSalt = "text"
)

// saltFieldName is vLLM's, which the simulator has, too.
const saltFieldName = "cache_salt"

// salts are what a run puts into its requests to set them apart: drawn by chance, so that no run has another's.
type salts struct {
	seed [32]byte
	// used is the run's own, as the header has it; "" = none.
	used string
}

func newSalts(f *runFlags) (*salts, error) {
	s := &salts{}
	_, _ = rand.Read(s.seed[:]) // never fails
	if f.cacheSalt == saltField {
		if slices.ContainsFunc(f.bodyFields, func(b openai.Field) bool { return b.Name == saltFieldName }) {
			return nil, cli.UsageErrorf("--cache-salt field and --body-field %s: one of them is too much", saltFieldName)
		}
		s.used = token()
	}
	return s, nil
}

// token is a salt for a field.
func token() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// fields are the body fields of all requests, with a salt of the field kind if the run has one.
func (s *salts) fields(f *runFlags, value string) []openai.Field {
	if f.cacheSalt != saltField {
		return f.bodyFields
	}
	return append(slices.Clone(f.bodyFields), openai.Field{Name: saltFieldName, Value: json.RawMessage(`"` + value + `"`)})
}

// apply puts salts and control arms into the bench's options, once the tokenizer is there.
func (s *salts) apply(f *runFlags, o *bench.Options, count salt.Counter) *salt.Source {
	source := salt.New(s.seed, count)
	o.Salts = source
	if f.cacheSalt == saltText && f.control != bench.NoReuse && f.control != bench.AA {
		s.used = source.Next()
		o.Marker = s.used
	}
	return source
}

// preflights says whether requests are sent before the run to learn of the server's cache.
func (f *runFlags) preflights(c *cli.Call) bool {
	if f.preflight == auto {
		return f.control.Arms() > 1 || f.cacheSalt != saltNone || f.metrics == on || len(f.metricsURLs) > 0 ||
			slices.ContainsFunc([]string{"gpu-blocks", "gpu-gib", "cpu-blocks", "cpu-gib", "disk-blocks", "disk-gib"}, c.IsSet)
	}
	return f.preflight == on
}

// runPreflight learns of the server's cache. Its requests have a client of their own: they are in none of the run's numbers.
func runPreflight(ctx context.Context, c *cli.Call, f *runFlags, s *salts, id server.Identity, m *metrics, source *salt.Source) (*record.Preflight, error) {
	o, err := f.openai(time.Now())
	if err != nil {
		return nil, err
	}
	o.Transport, o.Fields = openai.NetHTTP, s.fields(f, token())
	client, err := openai.New(o)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	who := preflight.Server{Kind: id.Name, MaxModelLen: id.MaxModelLen}
	if m != nil {
		who.Counters = m.cached
	}
	who.Ask = func(ctx context.Context, text string) (preflight.Answer, error) {
		question := chat.Message{Role: chat.User, Text: text}
		r := client.Do(ctx, &openai.Request{Messages: [][]byte{question.AppendJSON(nil)}, Session: "preflight", MaxTokens: 1, Timeout: f.timeout})
		if !r.Outcome.OK() && r.Outcome != record.Empty {
			if r.Error == "" {
				r.Error = string(r.Outcome)
			}
			return preflight.Answer{}, errors.New(r.Error)
		}
		a := preflight.Answer{}
		first := r.FirstToken
		if first == 0 {
			first = r.End
		}
		a.TTFTMS = (first - r.Sent).MS()
		if u := r.Usage; u != nil {
			a.Prompt, a.Cached, a.Field = u.Prompt, u.Cached, u.CachedField
		}
		return a, nil
	}
	p := preflight.Run(ctx, who, source.Draw)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	c.Remarkf("%s", preflight.Text(p))
	return p, nil
}

// transcripts keeps what some conversations said, to look at their prefixes after the run.
type transcripts struct {
	sample int
	order  []string
	turns  map[string][]prefix.Turn
	arms   map[string]string
}

// add takes a finished request. Of two arms, one is kept: whose prompts are meant to begin alike.
func (t *transcripts) add(e *bench.Exchange) {
	switch e.Turn.Arm {
	case record.ArmNoReuse, record.ArmCold, record.ArmAA2:
		return
	}
	id := e.Turn.Conversation
	if _, ok := t.turns[id]; !ok {
		if len(t.order) == t.sample {
			return
		}
		t.order = append(t.order, id)
		t.arms[id] = e.Turn.Arm
	}
	turn := prefix.Turn{
		Asked: slices.Clone(e.Asked), Answer: e.Answer, History: e.History, Reasoning: e.Reasoning,
	}
	if e.Turn.Usage != nil {
		turn.Generated = e.Turn.Usage.Completion
	}
	t.turns[id] = append(t.turns[id], turn)
}

// told is how many broken prefixes are said on stderr, each of another kind.
const told = 5

// check looks at the prefixes and hands a record of each turn on.
func (t *transcripts) check(ctx context.Context, c *cli.Call, client *openai.Client, sink func(*record.Prefix) error) error {
	type kind struct{ broken, role, field string }
	kindOf := func(p *record.Prefix) kind { return kind{p.Broken, p.Role, p.Field} }
	seen := map[kind]int{}
	var first []record.Prefix
	checked, broken := 0, 0
	for _, id := range t.order {
		found, err := prefix.Check(ctx, client, id, t.turns[id])
		for i := range found {
			p := &found[i]
			p.Arm = t.arms[id]
			if err := sink(p); err != nil {
				return err
			}
			checked++
			if p.Broken == "" {
				continue
			}
			broken++
			k := kindOf(p)
			if seen[k]++; seen[k] == 1 && len(first) < told {
				first = append(first, *p)
			}
		}
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			c.Remarkf("prefixes are not checked any further: %v (vLLM and mtbench sim have what it takes)", err)
			break
		}
	}
	if checked == 0 {
		return nil
	}
	c.Remarkf("prefix: %d of %d turns checked begin with all of the turn before", checked-broken, checked)
	for i := range first {
		more := ""
		if n := seen[kindOf(&first[i])] - 1; n > 0 {
			more = fmt.Sprintf(" (and %d more like it)", n)
		}
		c.Remarkf("prefix: %s%s", prefix.Text(&first[i]), more)
	}
	return nil
}
