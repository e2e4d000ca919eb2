package main

import (
	"context"
	"path/filepath"

	"multiturn/cmd/internal/texts"
	"multiturn/pkg/cli"
	"multiturn/pkg/synth"
	"multiturn/pkg/tokenizer"
)

// generate makes the conversations of the generator's config in --input-file, as the reference does when it is given one.
func (d *dataset) generate(ctx context.Context, c *cli.Call, f *runFlags, tok *tokenizer.Tokenizer) error {
	name := inputName(f.input)
	cfg, err := texts.Config(name, d.config)
	if err != nil {
		return err
	}
	corpus := synth.NewCorpus(tok)
	folder := ""
	if f.input != "-" {
		folder = filepath.Dir(f.input)
	}
	if err := texts.Add(c, corpus, cfg.TextFiles, folder); err != nil {
		return err
	}
	g, err := synth.New(ctx, cfg, corpus, synth.Options{Seed: f.bench.Seed, CleanUpSpaces: f.cleanUpSpaces})
	if err != nil {
		return cli.Exit(cli.Usage, err)
	}
	bar := c.Progress("generating", "conversations", int64(cfg.NumConversations))
	defer bar.Done()
	var stats synth.Stats
	for conversation, err := range g.All(ctx) {
		if err != nil {
			return err
		}
		d.conversations = append(d.conversations, *conversation)
		if cfg.PrintStats {
			stats.Add(synth.Measure(tok, tok.SpecialTokensAdded(), conversation))
		}
		bar.Add(1)
	}
	d.Generator = d.config
	bar.Done()
	if cfg.PrintStats {
		return stats.Write(c.Stderr, 0, false)
	}
	return nil
}
