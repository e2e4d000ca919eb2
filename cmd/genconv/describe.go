package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"multiturn/internal/human"
	"multiturn/internal/jsonseq"
	"multiturn/internal/limits"
	"multiturn/internal/packed"
	"multiturn/pkg/chat"
	"multiturn/pkg/chat/describe"
	"multiturn/pkg/cli"
	"multiturn/pkg/render"
	"multiturn/pkg/sharegpt"
	"multiturn/pkg/tokenizer"
)

// run describes each file. What could be read of a broken one is described, too.
func (f *describeFlags) run(ctx context.Context, c *cli.Call) error {
	tok, _, err := c.Tokenizer(ctx, f.tokenizer, f.model)
	if err != nil {
		return err
	}
	var docs []render.Document
	var broken error
	for _, name := range c.Args {
		d := description{call: c, name: name, tok: tok}
		err := d.read(ctx)
		if err == nil && d.counter.Conversations() == 0 {
			err = errors.New("no conversation in it")
		}
		if d.counter == nil || d.counter.Conversations() == 0 || ctx.Err() != nil {
			return cli.Exit(cli.Usage, d.named(err))
		}
		if err != nil {
			broken = errors.Join(broken, fmt.Errorf("%w; what came before that is described",
				d.named(err)))
		}
		docs = append(docs, d.counter.Summary(d.title(), d.form, tok.Name()).Document())
	}
	if err := f.write(c, docs); err != nil {
		return err
	}
	if broken != nil {
		return cli.Exit(cli.Missed, broken)
	}
	return nil
}

// write writes the descriptions.
func (f *describeFlags) write(c *cli.Call, docs []render.Document) error {
	if err := c.TokenizerErr(); err != nil {
		return err
	}
	if f.output == "-" && f.format == render.Text {
		return render.Write(c.TextOut(), f.format, docs)
	}
	out, err := c.Create(f.output)
	if err != nil {
		return err
	}
	return out.Fill(func(w io.Writer) error { return render.Write(w, f.format, docs) })
}

// description is the reading of one file.
type description struct {
	call    *cli.Call
	name    string
	tok     *tokenizer.Tokenizer
	form    string
	counter *describe.Counter
}

func (d *description) title() string {
	if d.name == "-" {
		return "stdin"
	}
	return d.name
}

// named returns an error with the name of the file, if it has none yet.
func (d *description) named(err error) error {
	if strings.HasPrefix(err.Error(), d.title()) {
		return err
	}
	return fmt.Errorf("%s: %w", d.title(), err)
}

// read reads the file in the form that its first item has.
func (d *description) read(ctx context.Context) error {
	file, err := d.call.Open(d.name)
	if err != nil {
		return err
	}
	defer file.Close()
	in := io.Reader(file)
	if d.name == "-" {
		in = d.call.Stdin // may be a file that can be read twice
	}
	size := int64(0)
	var whole bool
	if f, ok := in.(*os.File); ok && regular(f) {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		size = info.Size()
		whole, _, err = conversations(io.NewSectionReader(f, 0, size))
		if err != nil {
			return err
		}
	} else if whole, in, err = conversations(in); err != nil {
		return err
	}
	if whole {
		return d.conversations(ctx, in, size)
	}
	return d.chats(ctx, in, size)
}

func regular(f *os.File) bool {
	info, err := f.Stat()
	at, seekErr := f.Seek(0, io.SeekCurrent)
	return err == nil && seekErr == nil && at == 0 && info.Mode().IsRegular()
}

// conversations reports whether a stream is one of conversations, by its first
// item that is JSON, which ends within limits.Item bytes, and returns the whole
// stream, unpacked.
func conversations(in io.Reader) (bool, io.Reader, error) {
	in, err := packed.NewJSONReader(in)
	if err != nil {
		return false, nil, err
	}
	var head bytes.Buffer
	scan := jsonseq.NewScanner(io.TeeReader(io.LimitReader(in, limits.Item), &head))
	scan.Whole = chat.IsMessage
	whole := false
	for scan.Scan() {
		if item := scan.Item(); item.Err == nil {
			whole = isConversation(item.Data)
			break
		}
	}
	return whole, io.MultiReader(&head, in), nil
}

// isConversation reports whether an item is what a chat.Reader reads: messages, or
// an object with a list of messages, each with a role.
func isConversation(item []byte) bool {
	cur := jsonseq.Cursor{Text: item}
	first := func() (yes bool) {
		for range cur.Array {
			if cur.Peek() == '{' {
				yes = chat.IsMessage(cur.Skip())
			}
			break
		}
		return yes
	}
	switch cur.Peek() {
	case '[':
		return first()
	case '{':
		for key := range cur.Object {
			switch string(key) {
			case "messages":
				return cur.Peek() == '[' && first()
			case "filetype":
				return true // a generator's config, of which a chat.Reader knows
			}
		}
	}
	return false
}

// conversations describes conversations as mtbench plays them.
func (d *description) conversations(ctx context.Context, in io.Reader, size int64) error {
	d.form = "conversations, as mtbench plays them"
	bar := d.call.Progress("describing", "B", size)
	defer bar.Done()
	r := chat.NewReader(&counted{in, bar}, d.title())
	if r.Config() != nil {
		return fmt.Errorf("a generator's config: describe what genconv makes of it, " +
			"genconv FILE | genconv describe -")
	}
	if err := d.count(ctx, r); err != nil {
		return err
	}
	return r.Err()
}

// count counts the conversations of a reader.
func (d *description) count(ctx context.Context, r *chat.Reader) (err error) {
	d.counter, err = describe.Run(ctx, scanned(r), d.tok.Count)
	return err
}

func scanned(r *chat.Reader) iter.Seq[*chat.Conversation] {
	return func(yield func(*chat.Conversation) bool) {
		for r.Scan() {
			if !yield(r.Conversation()) {
				return
			}
		}
	}
}

// chats describes shared chats as sharegpt2openai converts them.
func (d *description) chats(ctx context.Context, in io.Reader, size int64) error {
	src, err := sharegpt.NewSource(in, d.title())
	if err != nil {
		return err
	}
	defer src.Close()
	if src.Spooled() {
		size = 0 // of what is unpacked
	}
	bar := d.call.Progress("describing", "B", 2*size)
	defer bar.Done()
	from, to := io.Pipe()
	var res *sharegpt.Result
	done := make(chan error, 1)
	go func() {
		var err error
		res, err = sharegpt.Convert(ctx, src, to, chat.JSONL, sharegpt.Options{Progress: bar.Add})
		to.CloseWithError(err)
		done <- err
	}()
	err = d.count(ctx, chat.NewReader(from, d.title()))
	from.CloseWithError(errors.New("the description has ended"))
	converted := <-done
	d.form = formOf(res)
	switch {
	case err != nil:
		return err
	case errors.Is(converted, sharegpt.ErrNothingLeft):
		if len(res.Dropped) > 0 {
			return fmt.Errorf("%w; first: %s: %s", converted, res.Dropped[0].Reason,
				res.Dropped[0].Example)
		}
		return converted
	case converted != nil:
		return converted
	case res.CutOff != nil && res.CutOff.Err != nil:
		return res.CutOff.Err
	case res.CutOff != nil:
		return fmt.Errorf("cut off in line %d, after %d bytes", res.CutOff.Line, res.CutOff.Bytes)
	}
	return nil
}

// formOf says how shared chats were read.
func formOf(res *sharegpt.Result) string {
	form := "shared chats, as sharegpt2openai converts them: " + human.Count(res.Items, "item")
	items, conversations := 0, 0
	for _, drop := range res.Dropped {
		items += drop.Items
		conversations += drop.Conversations
	}
	switch {
	case items > 0 && conversations > 0:
		return fmt.Sprintf("%s; dropped: %s, %s", form, human.Count(items, "item"),
			human.Count(conversations, "conversation"))
	case items > 0:
		return form + "; dropped: " + human.Count(items, "item")
	case conversations > 0:
		return form + "; dropped: " + human.Count(conversations, "conversation")
	}
	return form
}

// counted shows how much is read.
type counted struct {
	r   io.Reader
	bar *cli.Progress
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.bar.Add(n)
	return n, err
}
