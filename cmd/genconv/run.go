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
	"multiturn/internal/limits"
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
	if f.printConfig {
		return f.writeConfig(c, cfg, folder)
	}
	format, err := chat.FormatFor(f.output, f.format, chat.Generated)
	if err != nil {
		return cli.Exit(cli.Usage, err)
	}
	tok, where, err := c.Tokenizer(ctx, f.tokenizer, f.model)
	if err != nil {
		return err
	}
	if tok.CleansUpSpaces() && !f.options.CleanUpSpaces {
		c.Log.Debug("transformers 4 cleans up spaces for this tokenizer; --clean-up-spaces does too",
			"tokenizer", tok.Name())
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
	g, err := synth.New(ctx, cfg, corpus, f.options)
	if err != nil {
		return cli.Exit(cli.Usage, f.explain(c, err))
	}
	w := writer{call: c, cfg: cfg, tok: tok, format: format}
	if err := out.Fill(func(to io.Writer) error { return w.write(ctx, g, to) }); err != nil {
		return err
	}
	c.Remarkf("%d conversations, %d messages in %.2f s; tokens are those of %s (%s)",
		cfg.NumConversations, w.messages, time.Since(start).Seconds(), tok.Name(), where)
	if cfg.PrintStats {
		return w.stats.Write(c.Stderr, 0, false)
	}
	return nil
}

// config reads the config and applies the flags. The names of text files may be
// relative to its folder.
func (f *flags) config(c *cli.Call) (cfg *synth.Config, folder string, err error) {
	name, text := "the built-in config", synth.Reference
	if len(c.Args) > 0 {
		name, folder = c.Args[0], filepath.Dir(c.Args[0])
		if text, err = texts.Read(c, name, limits.Text); err != nil {
			return nil, "", err
		}
		if name == "-" {
			name, folder = "stdin", ""
		}
	}
	if cfg, err = texts.Config(name, text); err != nil {
		return nil, "", err
	}
	if len(f.texts) > 0 {
		cfg.TextFiles, folder = f.texts, ""
	}
	if f.conversations > 0 {
		cfg.NumConversations = f.conversations
	}
	cfg.PrintStats = cfg.PrintStats || f.printStats
	return cfg, folder, nil
}

// readTexts reads and tokenizes the texts.
func (f *flags) readTexts(
	c *cli.Call, cfg *synth.Config, folder string, tok *tokenizer.Tokenizer,
) (*synth.Corpus, error) {
	if len(c.Args) == 0 && len(f.texts) == 0 {
		if _, err := os.Stat(cfg.TextFiles[0]); err != nil {
			return nil, cli.UsageErrorf("%s, the book of the built-in config, is not here: "+
				"scripts/get-text.sh fetches it, or name a text with --text", cfg.TextFiles[0])
		}
	}
	corpus := synth.NewCorpus(tok)
	return corpus, texts.Add(c, corpus, cfg.TextFiles, folder)
}

// writeConfig writes the config. Names of texts are those from the working
// directory, so that the config can be put into any folder.
func (f *flags) writeConfig(c *cli.Call, cfg *synth.Config, folder string) error {
	for i, name := range cfg.TextFiles {
		cfg.TextFiles[i] = texts.Find(name, folder)
	}
	text, err := cfg.JSON()
	if err != nil {
		return err
	}
	out, err := c.Create(f.output)
	if err != nil {
		return err
	}
	return out.Fill(func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// explain adds to the error of a text that is too short which text it is, and
// where to find the fields that the error names, unless both are in a config of
// the user's.
func (f *flags) explain(c *cli.Call, err error) error {
	if !errors.As(err, new(*synth.ShortTextError)) {
		return err
	}
	if len(c.Args) == 0 {
		err = fmt.Errorf("%w (the config is the built-in one: --num-conversations changes how many,"+
			" a CONFIG of yours all of it)", err)
	}
	if len(f.texts) == 0 {
		return err
	}
	const most = 3 // names, so that the line can be read
	names := strings.Join(f.texts[:min(len(f.texts), most)], ", ")
	if more := len(f.texts) - most; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Errorf("%s: %w", names, err)
}

// writer writes conversations and counts what it writes.
type writer struct {
	call   *cli.Call
	cfg    *synth.Config
	tok    *tokenizer.Tokenizer
	format chat.Format

	messages int
	stats    synth.Stats // empty unless the config asks for statistics
}

// made is a conversation ready to be written.
type made struct {
	item     []byte
	messages int
	size     synth.Size
}

// encode is called by several goroutines.
func (w *writer) encode(conversation *chat.Conversation) made {
	m := made{
		item:     w.format.Append(nil, conversation),
		messages: len(conversation.Messages),
	}
	if w.cfg.PrintStats {
		m.size = synth.Measure(w.tok, w.tok.SpecialTokensAdded(), conversation)
	}
	return m
}

func (w *writer) write(ctx context.Context, g *synth.Generator, to io.Writer) error {
	bar := w.call.Progress("generating", "conversations", int64(w.cfg.NumConversations))
	defer bar.Done()
	out := chat.NewWriter(to, w.format)
	for m, err := range synth.Map(ctx, g, w.encode) {
		if err != nil {
			return err
		}
		if err := out.WriteEncoded(m.item); err != nil {
			return err
		}
		if w.cfg.PrintStats {
			w.stats.Add(m.size)
		}
		w.messages += m.messages
		bar.Add(1)
	}
	if err := w.call.TokenizerErr(); err != nil {
		return err
	}
	return out.Close()
}
