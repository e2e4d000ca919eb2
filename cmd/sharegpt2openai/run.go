package main

import (
	"bufio"
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

// suspicious is how many parts are more than one chat has: the largest real collection at hand comes to 89.
const suspicious = 200

func (f *flags) run(ctx context.Context, c *cli.Call) error {
	from, to := c.Args[0], c.Args[1]
	o := sharegpt.Options{
		Seed: f.seed, MaxItems: f.maxItems, MinTurns: f.minTurns, MaxTurns: f.maxTurns, MinLength: f.minLength, MaxLength: f.maxLength,
		Language: f.language, KeepOdd: f.keepOdd, Separate: f.separate, Join: c.IsSet("separate") && !f.separate, Parity: f.parity,
	}
	if err := o.Validate(); err != nil {
		return cli.Exit(cli.Usage, err)
	}
	if f.parity && (f.keepOdd || f.separate || c.IsSet("language")) {
		return cli.UsageErrorf("--vllm-parity does as the reference does: --language, --keep-odd and --separate have no place beside it")
	}
	override := f.format
	if override == "" && f.parity && to == "-" {
		override = "json"
	}
	format, err := chat.FormatFor(to, override, chat.Converted)
	if err != nil {
		return cli.Exit(cli.Usage, err)
	}
	var tok *tokenizer.Tokenizer
	if f.tokenizerName() != "" {
		if tok, _, err = c.Tokenizer(ctx, f.tokenizer, f.model); err != nil {
			return err
		}
		special := 0
		if f.parity {
			special = tok.SpecialTokensAdded() // which the reference counts too
		}
		o.Count = func(text string) int { return tok.Count(text) + special }
	}
	in, err := c.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := c.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	var rejects *cli.Output
	var buffered *bufio.Writer
	if f.rejects != "" {
		if rejects, err = c.Create(f.rejects); err != nil {
			return err
		}
		defer rejects.Close()
		buffered = bufio.NewWriter(rejects)
		o.Rejects = buffered
	}
	talk := c.TextOut()
	if c.Quiet() && talk == c.Stderr {
		talk = io.Discard
	}
	if f.parity {
		o.Transcript = &sharegpt.Transcript{W: talk, Input: from, Output: to, Model: f.tokenizerName(), Columns: columns(c)}
	}
	res, err := convert(ctx, c, in, from, out, format, o)
	saveRejects := func() error {
		if rejects == nil {
			return nil
		}
		return errors.Join(buffered.Flush(), rejects.Commit())
	}
	ref := new(sharegpt.ReferenceError)
	if (errors.Is(err, sharegpt.ErrNothingLeft) || errors.As(err, &ref)) && len(res.Dropped) > 0 {
		if err := saveRejects(); err != nil {
			return err
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, sharegpt.ErrNothingLeft):
		talk.Write(res.AppendSummary(nil))
		if res.Items == 0 {
			return fmt.Errorf("%s: there is nothing in it", from)
		}
		if res.CutOff != nil {
			return fmt.Errorf("%w, and %w: the table says why", cutOff(from, res.CutOff), err)
		}
		return fmt.Errorf("%s: %w: the table says why", from, err)
	case err != nil:
		if errors.As(err, &ref) {
			return fmt.Errorf("%s: %w (as the reference; without --vllm-parity bad items are skipped)", from, err)
		}
		return err
	}
	if n := res.MostParts; n > suspicious || n > 1 && res.Conversations == 1 && !f.parity {
		c.Remarkf("%d items were joined, being parts of conversation %q by their ids; if they are conversations of their own, say --separate", n, res.Longest)
	}
	if res.Apart > 0 {
		c.Remarkf("%d items of role and content with ids like %s are conversations of their own; if they are parts, say --separate=false", res.Apart, res.ApartID)
	}
	if err := out.Commit(); err != nil {
		return err
	}
	if err := saveRejects(); err != nil {
		return err
	}
	if f.parity {
		if !c.Quiet() {
			c.Stderr.Write(res.AppendSummary(nil))
		}
		return nil
	}
	if err := report(talk, res, tok); err != nil || res.CutOff == nil {
		return err
	}
	if to == "-" {
		to = "stdout"
	}
	return cli.Exit(cli.Missed, fmt.Errorf("%w; %s has what came before that", cutOff(from, res.CutOff), to))
}

// cutOff says where an input ends too early.
func cutOff(name string, at *sharegpt.CutOff) error {
	return fmt.Errorf("%s is cut off: it ends in line %d, after %d bytes, inside an array or object", name, at.Line, at.Bytes)
}

// convert runs the conversion, showing how far it is.
func convert(ctx context.Context, c *cli.Call, in io.Reader, name string, out io.Writer, format chat.Format, o sharegpt.Options) (*sharegpt.Result, error) {
	size := int64(0)
	if name == "-" {
		name, in = "stdin", c.Stdin // which may be a file that can be read twice
	}
	if file, ok := in.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
	}
	src, err := sharegpt.NewSource(in, name)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if src.Spooled() {
		size = 0 // that of what is unpacked or piped is not known
	}
	bar := c.Progress("converting", "B", 2*size)
	defer bar.Done()
	o.Progress = bar.Add
	return sharegpt.Convert(ctx, src, out, format, o)
}

// report prints what became of the input, and what the conversations are like.
func report(w io.Writer, res *sharegpt.Result, tok *tokenizer.Tokenizer) error {
	stats := res.Kept
	if res.Sampled != nil {
		stats = res.Sampled
	}
	text := append(res.AppendSummary(nil), '\n')
	text = stats.Table().Append(text, pandas.Options{Precision: 2})
	if tok != nil {
		text = fmt.Appendf(text, "tokens are those of a message on average, by %s (%s)\n", tok.Name(), tok.Source())
	}
	_, err := w.Write(text)
	return err
}

func (f *flags) tokenizerName() string {
	if f.tokenizer != "" {
		return f.tokenizer
	}
	return f.model
}

// columns is the width that Python takes the terminal to have.
func columns(c *cli.Call) int {
	if n, err := strconv.Atoi(c.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := c.Stdout.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return 80
}
