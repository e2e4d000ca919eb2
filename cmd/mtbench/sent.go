package main

import (
	"cmp"
	"context"
	"errors"

	"multiturn/pkg/chat"
	"multiturn/pkg/cli"
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
	"multiturn/pkg/synth"
	"multiturn/pkg/tokenizer"
)

// sent finds the texts that runs sent, for plan and report: those of
// --conversations, else the run's own file if it is still there.
type sent struct {
	call      *cli.Call
	file      string // --conversations
	tokenizer string // --tokenizer
	model     string // --model
	askedOnly bool   // a run's own file is not looked for

	tokenizers map[string]*tokenizer.Tokenizer // by the name that opened them
	files      map[string]*dataset             // as read: stdin can be read once
	found      map[made]*sentTexts
}

// made is how a dataset came about. The seed and the options matter if it was
// generated.
type made struct {
	file    string
	options synth.Options
	tok     *tokenizer.Tokenizer
}

// sentTexts are conversations with the tokenizer of their run.
type sentTexts struct {
	dataset record.Dataset
	byID    map[string]*chat.Conversation
	tok     *tokenizer.Tokenizer
}

// add puts the texts into the options that read turns.
func (t *sentTexts) add(e *plan.Executed) {
	if t != nil {
		e.Texts, e.Tokenizer = t.byID, t.tok
	}
}

// texts returns what the run of a header sent; nil = unknown. It is an error if
// the file of --conversations is another one than the run played.
func (s *sent) texts(ctx context.Context, h *record.Run) (*sentTexts, error) {
	if s.file == "" {
		return s.own(ctx, h), ctx.Err()
	}
	name, model := s.tokenizer, s.model
	if name == "" && model == "" && h != nil {
		name, model = runTokenizer(h)
	}
	tok := s.tokenizers[cli.TokenizerName(name, model)]
	if tok == nil {
		var err error
		if tok, _, err = s.call.Tokenizer(ctx, name, model); err != nil {
			return nil, err
		}
		s.keep(cli.TokenizerName(name, model), tok)
	}
	t, err := s.read(ctx, s.file, h, tok)
	if err != nil {
		return nil, cli.Exit(cli.Usage, err)
	}
	return t, nil
}

// runTokenizer returns the name of a run's tokenizer, or of the model that names
// it. Headers before version 1.2 have no Ref.
func runTokenizer(h *record.Run) (name, model string) {
	if h.Tokenizer.Ref == "" && h.Tokenizer.Name == tokenizer.O200k {
		return tokenizer.O200k, ""
	}
	return "", cmp.Or(h.Tokenizer.Ref, h.Model)
}

// own returns what the run's own file holds, if the file and the tokenizer are
// still there and the same. Nothing is asked of the network, and nothing is read
// that is not a regular file.
func (s *sent) own(ctx context.Context, h *record.Run) *sentTexts {
	if s.askedOnly || h == nil || h.Dataset.SHA256 == "" ||
		!h.Dataset.File || !isFile(h.Dataset.Name) {
		return nil
	}
	name := cmp.Or(s.tokenizer, h.Tokenizer.Ref)
	tok := s.tokenizers[name]
	if tok == nil {
		var err error
		if tok, err = s.call.LocalTokenizer(ctx, name); err != nil {
			return nil
		}
		s.keep(name, tok)
	}
	if s.tokenizer == "" && tok.SHA256() != h.Tokenizer.SHA256 {
		return nil
	}
	known := len(s.found)
	t, err := s.read(ctx, h.Dataset.Name, h, tok)
	if err != nil {
		return nil
	}
	if len(s.found) > known {
		s.call.Remarkf("texts: %s, as the run played them", h.Dataset.Name)
	}
	return t
}

func (s *sent) keep(name string, tok *tokenizer.Tokenizer) {
	if s.tokenizers == nil {
		s.tokenizers = map[string]*tokenizer.Tokenizer{}
	}
	s.tokenizers[name] = tok
}

// read reads a file, or generates from it as the run did, and checks that it is
// what the run played.
func (s *sent) read(
	ctx context.Context, name string, h *record.Run, tok *tokenizer.Tokenizer,
) (*sentTexts, error) {
	d, err := s.open(name)
	if err != nil {
		return nil, err
	}
	key := made{file: name, tok: tok}
	if d.config != nil && h != nil {
		key.options = synth.Options{Seed: uint32(h.Seed), CleanUpSpaces: h.Dataset.CleanUpSpaces}
	}
	t := s.found[key]
	if t == nil {
		of := *d
		if err := of.generate(ctx, s.call, key.options, tok, nil); err != nil {
			return nil, err
		}
		of.describe()
		t = &sentTexts{dataset: of.Dataset, byID: of.byID(), tok: tok}
	}
	if err := plan.Played(h, &t.dataset); err != nil {
		return nil, err
	}
	if s.found == nil {
		s.found = map[made]*sentTexts{}
	}
	s.found[key] = t
	return t, nil
}

// open opens a file, once. A config whose texts come from stdin is refused if
// nobody asked for it: stdin may be something else now.
func (s *sent) open(name string) (*dataset, error) {
	if d := s.files[name]; d != nil {
		return d, nil
	}
	d, err := openDataset(s.call, name)
	if err != nil {
		return nil, err
	}
	if s.file == "" && d.readsStdin() {
		return nil, errors.New("its texts were on stdin")
	}
	if s.files == nil {
		s.files = map[string]*dataset{}
	}
	s.files[name] = d
	return d, nil
}
