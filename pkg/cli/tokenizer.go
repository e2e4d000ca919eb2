package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"

	"multiturn/internal/httpclient"
	"multiturn/pkg/tokenizer"
	"multiturn/pkg/tokenizer/hub"
)

// ServerTokenizer is the value of --tokenizer with which the server of a run
// counts the tokens of texts. A folder of that name is ./server.
const ServerTokenizer = "server"

// TokenizerFlag returns --tokenizer, the same in all commands that need the ids of
// texts. Its value is for Call.Tokenizer.
func TokenizerFlag(p *string) Flag { return tokenizerFlag(p, "or "+tokenizer.O200k, "") }

// CountingFlag returns --tokenizer of a command that only counts tokens: it also
// takes ServerTokenizer, which the command has to look for itself.
func CountingFlag(p *string) Flag {
	return tokenizerFlag(p, tokenizer.O200k+" or "+ServerTokenizer,
		"; "+ServerTokenizer+": the server counts (/tokenize of vLLM, SGLang, llama.cpp), before "+
			"the run and after it; answers stay in memory until then")
}

func tokenizerFlag(p *string, names, more string) Flag {
	return Flag{
		Name: "tokenizer", Essential: true, Value: text(p, "NAME"), DefaultText: "what --model names",
		Usage: "tokenizer: a file, folder, model on the Hugging Face hub, " + names +
			"; the file is a tokenizer.json, a tekken.json or of tiktoken, " +
			"the folder has one, and " + tokenizer.O200k + " is built in" + more,
	}
}

// TokenizerName returns the name of the tokenizer that flags ask for: the value
// of --tokenizer, else that of --model; "" if neither is given.
func TokenizerName(tokenizer, model string) string { return cmp.Or(tokenizer, model) }

// tokenizerAdvice is what to do about a tokenizer that cannot be opened.
const tokenizerAdvice = "--tokenizer takes a folder with a tokenizer.json, a tekken.json or a " +
	"tiktoken file, a model in the cache or on the hub, or " + tokenizer.O200k +
	", which is built in; a run also takes " + ServerTokenizer

// Tokenizer opens the tokenizer of TokenizerName, and without a name o200k_base,
// with a remark: the rule of all commands. where is the place it was found:
// hub.Embedded, hub.File, hub.Cache or hub.Hub. It is a usage error if a
// tokenizer that was named cannot be opened: no other one takes its place. The
// environment is that of huggingface_hub (HF_HOME, HF_TOKEN, ...). A download
// shows its progress.
func (c *Call) Tokenizer(ctx context.Context, name, model string) (
	t *tokenizer.Tokenizer, where string, err error,
) {
	if name = TokenizerName(name, model); name == "" {
		name = tokenizer.O200k
		c.Remarkf("no --tokenizer and no --model: counting with %s", name)
	}
	if name == ServerTokenizer {
		return nil, "", UsageErrorf("--tokenizer %s: the ids of texts are needed here, and a server "+
			"only counts them: name the model's own tokenizer, or a similar one", name)
	}
	o := c.hub()
	o.HTTP = c.HTTP
	if o.HTTP.Proxy == nil && o.HTTP.FindProxy == nil {
		find := httpclient.EnvironmentProxy(c.Getenv)
		o.HTTP.FindProxy = func(r *http.Request) (*url.URL, error) { return find(r.URL) }
	}
	d := download{call: c, name: name}
	defer d.end()
	o.Progress = d.progress
	t, where, err = hub.Open(ctx, name, o)
	switch {
	case err == nil:
		c.tokenizers = append(c.tokenizers, t)
		c.Log.Debug("tokenizer", "name", t.Name(), "source", t.Source(), "found", where)
		return t, where, nil
	case errors.Is(err, context.Canceled):
		return nil, "", err
	}
	return nil, "", UsageErrorf("%w; %s", err, tokenizerAdvice)
}

// LocalTokenizer opens the tokenizer of that name if it is embedded, a file or in
// the hub's cache. The hub is not asked.
func (c *Call) LocalTokenizer(ctx context.Context, name string) (*tokenizer.Tokenizer, error) {
	o := c.hub()
	o.Offline = true
	t, _, err := hub.Open(ctx, name, o)
	if err == nil {
		c.tokenizers = append(c.tokenizers, t)
	}
	return t, err
}

// TokenizerErr returns the error of a text that the file of a tokenizer makes too much
// work of: see tokenizer.Tokenizer.Err. A command whose output consists of such counts
// asks for it before it writes; after the others it is asked for anyway.
func (c *Call) TokenizerErr() error {
	for _, t := range c.tokenizers {
		if err := t.Err(); err != nil {
			return fmt.Errorf("--tokenizer %s: %w", t.Source(), err)
		}
	}
	return nil
}

// hub returns the hub's options by the environment.
func (c *Call) hub() hub.Options {
	home := c.Getenv("HOME")
	if home == "" && runtime.GOOS == "windows" {
		home = c.Getenv("USERPROFILE")
	}
	return hub.FromEnvironment(c.Getenv, home)
}

// download shows the progress of the files of a tokenizer, one after another.
type download struct {
	call  *Call
	name  string
	file  string
	bytes int64
	shown *Progress
}

func (d *download) progress(file string, done, total int64) {
	if d.shown == nil || file != d.file {
		d.end()
		title := "downloading " + file + " of " + d.name
		d.shown, d.file, d.bytes = d.call.Progress(title, "B", total), file, 0
	}
	d.shown.Add(int(done - d.bytes))
	d.bytes = done
}

func (d *download) end() {
	if d.shown != nil {
		d.shown.Done()
	}
}
