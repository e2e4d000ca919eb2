package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"multiturn/cmd/internal/texts"
	"multiturn/pkg/chat"
	"multiturn/pkg/cli"
	"multiturn/pkg/synth"
	"multiturn/pkg/tokenizer"
)

func (f *flags) run(ctx context.Context, c *cli.Call) error {
	start := time.Now()
	cfg, folder, err := f.config(c)
	if err != nil {
		return err
	}
	format, err := chat.FormatFor(f.output, string(f.format), chat.Generated)
	if err != nil {
		return cli.Exit(cli.Usage, err)
	}
	tok, where, err := c.Tokenizer(ctx, f.tokenizer, f.model)
	if err != nil {
		return err
	}
	if tok.CleansUpSpaces() && !f.cleanUp {
		c.Log.Debug("transformers 4 cleans up spaces for this tokenizer; --clean-up-spaces does too", "tokenizer", tok.Name())
	}
	corpus, err := f.readTexts(c, cfg, folder, tok)
	if err != nil {
		return err
	}
	out, err := c.Create(f.output)
	if err != nil {
		return err
	}
	defer out.Close()
	g, err := synth.New(ctx, cfg, corpus, synth.Options{Seed: f.seed, CleanUpSpaces: f.cleanUp})
	if err != nil {
		return cli.Exit(cli.Usage, f.explain(c, err))
	}
	messages, stats, err := write(ctx, c, cfg, g, tok, out, format)
	if err != nil {
		return err
	}
	if err := out.Commit(); err != nil {
		return err
	}
	c.Remarkf("%d conversations, %d messages in %.2f s; tokens are those of %s (%s)", cfg.NumConversations, messages,
		time.Since(start).Seconds(), tok.Name(), where)
	if cfg.PrintStats {
		return stats.Write(c.Stderr, 0, false)
	}
	return nil
}

// config reads the config and what the flags change in it. Names of text files may be relative to its folder.
func (f *flags) config(c *cli.Call) (cfg *synth.Config, folder string, err error) {
	name, text := "the built-in config", synth.Reference
	if len(c.Args) > 0 {
		name, folder = c.Args[0], filepath.Dir(c.Args[0])
		if text, err = texts.Read(c, name); err != nil {
			return nil, "", err
		}
		if name == "-" {
			name, folder = "stdin", ""
		}
	}
	if cfg, err = synth.Parse(text); err != nil {
		return nil, "", cli.UsageErrorf("%s", prefixed(name, err))
	}
	if f.conversations > 0 {
		cfg.NumConversations = f.conversations
	}
	cfg.PrintStats = cfg.PrintStats || f.printStats
	return cfg, folder, nil
}

// prefixed puts the name of a file before every line of an error.
func prefixed(name string, err error) string {
	return name + ": " + strings.ReplaceAll(err.Error(), "\n", "\n"+name+": ")
}

// readTexts reads and tokenizes the texts.
func (f *flags) readTexts(c *cli.Call, cfg *synth.Config, folder string, tok *tokenizer.Tokenizer) (*synth.Corpus, error) {
	names := f.texts
	if len(names) == 0 {
		names = cfg.TextFiles
	} else {
		folder = "" // these are not the config's
	}
	if len(c.Args) == 0 && len(f.texts) == 0 {
		if _, err := os.Stat(names[0]); err != nil {
			return nil, cli.UsageErrorf("%s, the book of the built-in config, is not here: scripts/get-text.sh fetches it, or name a text with --text", names[0])
		}
	}
	corpus := synth.NewCorpus(tok)
	return corpus, texts.Add(c, corpus, names, folder)
}

// explain says of a text that is too short which it is, and where to find the fields that the error names, unless both stand
// in a config of the user's.
func (f *flags) explain(c *cli.Call, err error) error {
	if !errors.As(err, new(*synth.ShortTextError)) {
		return err
	}
	if len(c.Args) == 0 {
		err = fmt.Errorf("%w (the config is the built-in one: --num-conversations changes how many, a CONFIG of yours all of it)", err)
	}
	if len(f.texts) == 0 {
		return err
	}
	names := strings.Join(f.texts[:min(len(f.texts), 3)], ", ")
	if more := len(f.texts) - 3; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Errorf("%s: %w", names, err)
}

// made is a conversation ready to be written.
type made struct {
	item     []byte
	messages int
	size     synth.Size
}

// write makes the conversations and writes them. The statistics are empty unless the config asks for them.
func write(ctx context.Context, c *cli.Call, cfg *synth.Config, g *synth.Generator, tok *tokenizer.Tokenizer, out io.Writer,
	format chat.Format) (messages int, stats synth.Stats, err error) {
	bar := c.Progress("generating", "conversations", int64(cfg.NumConversations))
	defer bar.Done()
	w := chat.NewWriter(out, format)
	for m, err := range synth.Map(ctx, g, func(conversation *chat.Conversation) made {
		m := made{item: format.Append(nil, conversation), messages: len(conversation.Messages)}
		if cfg.PrintStats {
			m.size = synth.Measure(tok, tok.SpecialTokensAdded(), conversation)
		}
		return m
	}) {
		if err != nil {
			return 0, stats, err
		}
		if err := w.WriteEncoded(m.item); err != nil {
			return 0, stats, err
		}
		if cfg.PrintStats {
			stats.Add(m.size)
		}
		messages += m.messages
		bar.Add(1)
	}
	return messages, stats, w.Close()
}
