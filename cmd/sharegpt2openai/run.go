package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/term"

	"multiturn/internal/pandas"
	"multiturn/pkg/chat"
	"multiturn/pkg/cli"
	"multiturn/pkg/sharegpt"
	"multiturn/pkg/tokenizer"
)

// suspicious is how many parts are more than one chat has: in the largest real
// collection at hand it is at most 89.
const suspicious = 200

// conversion is one run of the command.
type conversion struct {
	*flags
	call     *cli.Call
	from, to string
	format   chat.Format
	tok      *tokenizer.Tokenizer // nil: tokens are not counted
	talk     io.Writer            // where the table goes

	in      io.ReadCloser
	out     *cli.Output
	rejects *rejects
}

func (f *flags) run(ctx context.Context, c *cli.Call) error {
	v := &conversion{flags: f, call: c, from: c.Args[0], to: c.Args[1]}
	if err := v.prepare(ctx); err != nil {
		return err
	}
	defer v.close()
	if err := v.open(); err != nil {
		return err
	}
	res, err := v.convert(ctx)
	if err != nil {
		return v.failed(res, err)
	}
	return v.conclude(res)
}

// prepare completes the options and opens the tokenizer.
func (v *conversion) prepare(ctx context.Context) (err error) {
	o := &v.options
	o.Join = v.call.IsSet("separate") && !o.Separate
	if err := o.Validate(); err != nil {
		return err
	}
	if o.Parity && (o.KeepOdd || o.Separate || o.Dedup || v.call.IsSet("language")) {
		return cli.UsageErrorf("--vllm-parity does what the reference does: " +
			"it cannot be combined with --language, --keep-odd, --separate or --dedup")
	}
	override := v.flags.format
	if override == "" && o.Parity && v.to == "-" {
		override = "json"
	}
	if v.format, err = chat.FormatFor(v.to, override, chat.Converted); err != nil {
		return cli.Exit(cli.Usage, err)
	}
	if cli.TokenizerName(v.tokenizer, v.model) == "" {
		return nil
	}
	if v.tok, _, err = v.call.Tokenizer(ctx, v.tokenizer, v.model); err != nil {
		return err
	}
	special := 0
	if o.Parity {
		special = v.tok.SpecialTokensAdded() // the reference counts them too
	}
	o.Count = func(text string) int { return v.tok.Count(text) + special }
	return nil
}

// open opens the input and the outputs.
func (v *conversion) open() (err error) {
	if v.in, err = v.call.Open(v.from); err != nil {
		return err
	}
	if v.out, err = v.call.Create(v.to); err != nil {
		return err
	}
	if v.flags.rejects != "" {
		if v.rejects, err = createRejects(v.call, v.flags.rejects); err != nil {
			return err
		}
		v.options.Rejects = v.rejects.buffer
	}
	v.talk = v.call.TextOut()
	if v.options.Parity {
		v.options.Transcript = &sharegpt.Transcript{
			W: v.talk, Input: v.from, Output: v.to,
			Model: cli.TokenizerName(v.tokenizer, v.model), Columns: columns(v.call),
		}
	}
	return nil
}

func (v *conversion) close() {
	if v.in != nil {
		v.in.Close()
	}
	if v.out != nil {
		v.out.Close()
	}
	v.rejects.close()
}

// convert runs the conversion and shows its progress.
func (v *conversion) convert(ctx context.Context) (*sharegpt.Result, error) {
	name, in := v.from, io.Reader(v.in)
	if name == "-" {
		name, in = "stdin", v.call.Stdin // may be a file that can be read twice
	}
	src, err := sharegpt.NewSource(in, name)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	size := int64(0) // unknown if the input is unpacked or piped
	if !src.Spooled() {
		size = fileSize(in)
	}
	bar := v.call.Progress("converting", "B", 2*size)
	defer bar.Done()
	v.options.Progress = bar.Add
	return sharegpt.Convert(ctx, src, v.out, v.format, v.options)
}

// failed is what is left to do after an error. The rejects are written even if
// no conversation is left: they show why.
func (v *conversion) failed(res *sharegpt.Result, err error) error {
	var ref *sharegpt.ReferenceError
	nothing := errors.Is(err, sharegpt.ErrNothingLeft)
	if !nothing && !errors.As(err, &ref) {
		return err
	}
	if len(res.Dropped) > 0 {
		if err := v.rejects.save(); err != nil {
			return err
		}
	}
	if !nothing {
		return fmt.Errorf("%s: %w (as the reference; without --vllm-parity bad items are skipped)",
			v.from, err)
	}
	v.talk.Write(res.AppendSummary(nil))
	switch {
	case res.Items == 0:
		return fmt.Errorf("%s: there is nothing in it", v.from)
	case res.CutOff != nil:
		return fmt.Errorf("%w, and %w: the table says why", cutOff(v.from, res.CutOff), err)
	}
	return fmt.Errorf("%s: %w: the table says why", v.from, err)
}

// conclude saves the outputs and prints what became of the input.
func (v *conversion) conclude(res *sharegpt.Result) error {
	v.remark(res)
	if err := v.call.TokenizerErr(); err != nil {
		return err
	}
	if err := errors.Join(v.out.Commit(), v.rejects.save()); err != nil {
		return err
	}
	if v.options.Parity {
		if !v.call.Quiet() {
			v.call.Stderr.Write(res.AppendSummary(nil))
		}
		return nil
	}
	if _, err := v.talk.Write(v.table(res)); err != nil || res.CutOff == nil {
		return err
	}
	return cli.Exit(cli.Missed, fmt.Errorf("%w; %s has what came before that",
		cutOff(v.from, res.CutOff), v.out.Name()))
}

// remark names what may have been joined, or left apart, against the user's
// intent.
func (v *conversion) remark(res *sharegpt.Result) {
	n := res.MostParts
	if n > suspicious || n > 1 && res.Conversations == 1 && !v.options.Parity {
		v.call.Remarkf("%d items were joined, being parts of conversation %q by their ids; "+
			"if they are conversations of their own, use --separate", n, res.Longest)
	}
	if res.Apart > 0 {
		v.call.Remarkf("%d items of role and content with ids like %s are conversations of "+
			"their own; if they are parts, use --separate=false", res.Apart, res.ApartID)
	}
}

// table is what became of the input, and what the conversations are like.
func (v *conversion) table(res *sharegpt.Result) []byte {
	stats := res.Kept
	if res.Sampled != nil {
		stats = res.Sampled
	}
	text := append(res.AppendSummary(nil), '\n')
	text = stats.Table().Append(text, pandas.Options{Precision: 2})
	if v.tok != nil {
		text = fmt.Appendf(text, "tokens are those of a message on average, by %s (%s)\n",
			v.tok.Name(), v.tok.Source())
	}
	return text
}

// cutOff is the error of an input that ends too early.
func cutOff(name string, at *sharegpt.CutOff) error {
	if at.Err != nil {
		return fmt.Errorf("%s is cut off in line %d, after %d unpacked bytes: %w",
			name, at.Line, at.Bytes, at.Err)
	}
	return fmt.Errorf("%s is cut off: it ends in line %d, after %d bytes, inside an array or object",
		name, at.Line, at.Bytes)
}

// fileSize returns the size of a regular file, or 0.
func fileSize(in io.Reader) int64 {
	if file, ok := in.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			return info.Size()
		}
	}
	return 0
}

// columns returns the width that Python takes the terminal to have.
func columns(c *cli.Call) int {
	if n, err := strconv.Atoi(c.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := c.Stdout.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return 80 // as Python's shutil.get_terminal_size
}
