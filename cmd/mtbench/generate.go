package main

import (
	"context"
	"io"
	"path/filepath"
	"slices"

	"multiturn/cmd/internal/texts"
	"multiturn/pkg/cli"
	"multiturn/pkg/synth"
	"multiturn/pkg/tokenizer"
)

// generate makes the conversations of the dataset if it is a generator's config.
// The reference's runner does the same. The statistics that a config can ask for
// go to stats; nil = nowhere.
func (d *dataset) generate(
	ctx context.Context, c *cli.Call, o synth.Options, tok *tokenizer.Tokenizer, stats io.Writer,
) error {
	if d.config == nil {
		return nil
	}
	if tok == nil {
		return cli.UsageErrorf("%s is a generator's config, whose texts a tokenizer cuts: "+
			"name one, or generate with genconv first", inputName(d.Name))
	}
	cfg, err := texts.Config(inputName(d.Name), d.config)
	if err != nil {
		return err
	}
	corpus := synth.NewCorpus(tok)
	folder := ""
	if d.Name != "-" {
		folder = filepath.Dir(d.Name)
	}
	if err := texts.Add(c, corpus, cfg.TextFiles, folder); err != nil {
		return err
	}
	g, err := synth.New(ctx, cfg, corpus, o)
	if err != nil {
		return cli.Exit(cli.Usage, err)
	}
	bar := c.Progress("generating", "conversations", int64(cfg.NumConversations))
	defer bar.Done()
	print := cfg.PrintStats && stats != nil
	var measured synth.Stats
	for conversation, err := range g.All(ctx) {
		if err != nil {
			return err
		}
		d.conversations = append(d.conversations, *conversation)
		if print {
			measured.Add(synth.Measure(tok, tok.SpecialTokensAdded(), conversation))
		}
		bar.Add(1)
	}
	d.Generator, d.CleanUpSpaces = d.config, o.CleanUpSpaces
	bar.Done()
	if print {
		return measured.Write(stats, 0, false)
	}
	return nil
}

// readsStdin reports whether the dataset is a config that takes a text from stdin.
func (d *dataset) readsStdin() bool {
	if d.config == nil {
		return false
	}
	cfg, err := synth.Parse(d.config)
	return err == nil && slices.Contains(cfg.TextFiles, "-")
}
