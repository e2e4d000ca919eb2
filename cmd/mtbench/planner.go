package main

import (
	"context"
	"fmt"
	"io"

	"multiturn/pkg/chat"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/cli"
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
	"multiturn/pkg/synth"
)

// planner turns files into plans.
type planner struct {
	*planFlags
	call   *cli.Call
	stated *record.StatedCache // by flags; nil = by the runs' headers
	sent   sent
}

// template returns what the flags say of the chat template; nil = nothing.
func (p *planner) template() *template.Template {
	if p.overhead == templateBuiltIn {
		return nil
	}
	return template.Opaque(p.overhead)
}

// shape returns the cache to predict for. Flags that cannot be met are an error;
// what a run was started with is not.
func (p *planner) shape(e *plan.Evidence, stated *record.StatedCache) (plan.Shape, error) {
	s, err := e.Shape(stated, p.model)
	if err != nil && p.stated == nil {
		s.Notes = append(s.Notes, fmt.Sprintf("nothing is predicted: %v", err))
		return s, nil
	}
	return s, p.refused(err)
}

// read makes the plans of a file: one, or one for each run.
func (p *planner) read(ctx context.Context, name string) ([]*plan.Summary, error) {
	file, err := p.call.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	title := inputName(name)
	kind, in, err := plan.Detect(file)
	if err != nil {
		return nil, cli.UsageErrorf("%s: %w", title, err)
	}
	if p.noTokenizer && (kind == plan.Conversations || kind == plan.Generator) {
		return nil, cli.UsageErrorf("%s holds conversations, whose texts have to be tokenized: "+
			"--no-tokenizer is for records", title)
	}
	if p.conversations != "" && kind != plan.Records {
		return nil, cli.UsageErrorf("%s holds %s: --conversations goes with records", title, kind)
	}
	switch kind {
	case plan.Records, plan.Samples:
		return p.records(ctx, in, title, kind)
	case plan.Trace:
		w, err := plan.FromTrace(in, p.state.BlockSize, p.load.Speed)
		if err != nil {
			return nil, cli.UsageErrorf("%s: %w", title, err)
		}
		return p.unsent(w, title, kind)
	}
	d, tok, err := p.dataset(ctx, in, name, p.tokenizer, p.model)
	if err != nil {
		return nil, err
	}
	load := p.load
	load.BlockSize = p.state.BlockSize
	if err := enough(title, len(d), &load.Options); err != nil {
		return nil, err
	}
	bar := p.call.Progress("tokenizing", "conversations", int64(len(d)))
	defer bar.Done()
	load.Progress = bar.Add
	w, err := plan.Simulate(ctx, d, tok, load)
	bar.Done()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	return p.unsent(w, title, plan.Conversations)
}

// dataset reads conversations, or makes them by a generator's config, and opens
// the tokenizer.
func (p *planner) dataset(
	ctx context.Context, in io.Reader, name, tokenizer, model string,
) ([]chat.Conversation, template.Tokenizer, error) {
	tok, _, err := p.call.Tokenizer(ctx, tokenizer, model)
	if err != nil {
		return nil, nil, err
	}
	d, err := readDataset(in, name)
	if err != nil {
		return nil, nil, err
	}
	d.remarkNames(p.call)
	if err := d.generate(ctx, p.call, synth.Options{Seed: p.load.Seed}, tok, p.call.Stderr); err != nil {
		return nil, nil, err
	}
	if len(d.conversations) == 0 {
		return nil, nil, cli.UsageErrorf("%s: no conversation in it", inputName(name))
	}
	return d.conversations, tok, nil
}

// unsent plans a workload that is not of a run: its blocks are what they are.
func (p *planner) unsent(
	w *plan.Workload, title string, kind plan.Kind,
) ([]*plan.Summary, error) {
	stated := p.state
	if p.stated != nil {
		stated = *p.stated
	}
	step := max(1, w.Step)
	stated.BlockSize = w.BlockSize / step
	s, err := p.shape(&plan.Evidence{}, &stated)
	if err != nil {
		return nil, err
	}
	s.Coarsen(step)
	w.Notes = append(w.Notes, s.Notes...)
	one, err := p.one(w, title, kind, &s)
	return []*plan.Summary{one}, err
}

// one analyses a workload.
func (p *planner) one(
	w *plan.Workload, title string, kind plan.Kind, s *plan.Shape,
) (*plan.Summary, error) {
	a, err := plan.Analyse(w, s.Caches, s.Store)
	if err != nil {
		return nil, err
	}
	if err := p.call.TokenizerErr(); err != nil {
		return nil, err
	}
	return plan.Summarise(a, plan.View{
		Name: title, Kind: kind, Sizes: s.Sizes, Capacities: p.capacities,
	}), nil
}
