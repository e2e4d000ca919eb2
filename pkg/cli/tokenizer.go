package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"multiturn/pkg/tokenizer"
	"multiturn/pkg/tokenizer/hub"
)

// TokenizerFlag is --tokenizer, the same in all commands. What it is set to goes to Call.Tokenizer.
func TokenizerFlag(p *string) Flag {
	return Flag{
		Name: "tokenizer", Value: text(p, "NAME"), DefaultText: "what --model names",
		Usage: "tokenizer to count with: a tokenizer.json or its folder, a model on the Hugging Face hub, or " + tokenizer.O200k + ", which is built in",
	}
}

// Tokenizer opens the tokenizer that is named, or else the model's, or else o200k_base, which it says on stderr. It
// also says where the tokenizer was: hub.Embedded, hub.File, hub.Cache or hub.Hub. One that is named and cannot be had
// is a usage error. The environment is huggingface_hub's (HF_HOME, HF_TOKEN, ...); a download shows its progress.
func (c *Call) Tokenizer(ctx context.Context, named, model string) (t *tokenizer.Tokenizer, where string, err error) {
	if named == "" {
		named = model
	}
	if named == "" {
		named = tokenizer.O200k
		c.Remarkf("no --tokenizer and no --model: counting with %s", named)
	}
	home := c.Getenv("HOME")
	if home == "" && runtime.GOOS == "windows" {
		home = c.Getenv("USERPROFILE")
	}
	o := hub.FromEnvironment(c.Getenv, home)
	var shown string
	var had int64
	var p *Progress
	end := func() {
		if p != nil {
			p.Done()
		}
	}
	defer func() { end() }()
	o.Progress = func(file string, done, total int64) {
		if p == nil || file != shown {
			end()
			p, shown, had = c.Progress("downloading "+file+" of "+named, "B", total), file, 0
		}
		p.Add(int(done - had))
		had = done
	}
	t, where, err = hub.Open(ctx, named, o)
	switch {
	case err == nil:
		c.Log.Debug("tokenizer", "name", t.Name(), "source", t.Source(), "found", where)
		return t, where, nil
	case errors.Is(err, context.Canceled):
		return nil, "", err
	case named == model:
		err = fmt.Errorf("%w (name it with --tokenizer)", err)
	}
	return nil, "", Exit(Usage, err)
}
