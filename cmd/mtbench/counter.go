package main

import (
	"context"
	"fmt"

	"multiturn/pkg/cli"
	"multiturn/pkg/load"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
	"multiturn/pkg/tokenizer/remote"
)

// remotely reports whether the server counts the tokens of texts.
func (f *runFlags) remotely() bool { return f.tokenizer == cli.ServerTokenizer }

// openCounter sets what counts the tokens of texts: the tokenizer, or the server.
func (s *setup) openCounter(ctx context.Context, k *knowledge) error {
	if !s.remotely() {
		k.counter = k.tokenizer
		s.cache.Turns.Texts, s.cache.Turns.Tokenizer = k.data.byID(), k.tokenizer
		return nil
	}
	form, err := s.tokenizeForm(ctx, k.servers[0].Name)
	if err != nil {
		return err
	}
	c := &remote.Counter{
		Ask: func(ctx context.Context, text string) (int, error) {
			return s.clients[0].CountText(ctx, form, text)
		},
		Progress: func(n int) (add, done func()) {
			p := s.call.Progress("counting tokens", "texts", int64(n))
			return func() { p.Add(1) }, p.Done
		},
	}
	k.counter = c
	// The texts of a salt follow from the counts of its words.
	for range 2 {
		if err := c.Fetch(ctx, load.SaltTexts(c)); err != nil {
			return cli.Exit(cli.Failed, fmt.Errorf("--tokenizer %s: %w", cli.ServerTokenizer, err))
		}
	}
	return nil
}

// tokenizeForm returns the form in which the server's /tokenize takes a text: that
// of its kind, or the first that works if that is not known.
func (s *setup) tokenizeForm(ctx context.Context, name string) (server.Tokenize, error) {
	forms := server.TokenizeForms()
	if f := server.Of(name).Tokenize; f != (server.Tokenize{}) {
		forms = []server.Tokenize{f}
	}
	var first error
	for _, f := range forms {
		_, err := s.clients[0].CountText(ctx, f, "Hello, world")
		if err == nil {
			return f, nil
		}
		if ctx.Err() != nil {
			return f, ctx.Err()
		}
		if first == nil {
			first = err
		}
	}
	can := server.Titles(func(s *server.Server) bool { return s.Tokenize != (server.Tokenize{}) })
	return server.Tokenize{}, cli.UsageErrorf("--tokenizer %s: %v; %s can count texts: for another "+
		"server, name a tokenizer", cli.ServerTokenizer, first, can)
}

// who describes what counts, for the header.
func (s *setup) who(k *knowledge) record.Tokenizer {
	if s.remotely() {
		return record.Tokenizer{Name: cli.ServerTokenizer, Source: cli.ServerTokenizer,
			Ref: cli.ServerTokenizer}
	}
	return record.Tokenizer{
		Name: k.tokenizer.Name(), Source: k.found, SHA256: k.tokenizer.SHA256(),
		Ref: cli.TokenizerName(s.tokenizer, s.model),
	}
}
