package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"multiturn/pkg/cli"
	"multiturn/pkg/jsonseq"
	"multiturn/pkg/synth"
	"multiturn/pkg/tokenizer"
)

// generate makes the conversations of the generator's config in --input-file, as the reference does when it is given one.
func (d *dataset) generate(ctx context.Context, c *cli.Call, f *runFlags, tok *tokenizer.Tokenizer) error {
	name := inputName(f.input)
	cfg, err := synth.Parse(d.config)
	if err != nil {
		return cli.UsageErrorf("%s: %s", name, strings.ReplaceAll(err.Error(), "\n", "\n"+name+": "))
	}
	corpus := synth.NewCorpus(tok)
	for _, file := range cfg.TextFiles {
		// As in genconv: relative to the working directory, then to the config.
		if _, err := os.Stat(file); err != nil && !filepath.IsAbs(file) && f.input != "-" {
			file = filepath.Join(filepath.Dir(f.input), file)
		}
		text, err := readText(c, file)
		if err != nil {
			return err
		}
		if err := corpus.Add(file, text); err != nil {
			return cli.Exit(cli.Usage, err)
		}
	}
	g, err := synth.New(ctx, cfg, corpus, synth.Options{Seed: f.seed})
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

func readText(c *cli.Call, name string) (string, error) {
	in, err := c.Open(name)
	if err != nil {
		return "", err
	}
	defer in.Close()
	r, err := jsonseq.Unpack(in)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(b), nil
}
