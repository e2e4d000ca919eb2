package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"multiturn/pkg/chat"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/cli"
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
	"multiturn/pkg/synth"
	"multiturn/pkg/tokenizer"
)

// planner turns files into plans.
type planner struct {
	*planFlags
	call   *cli.Call
	stated *record.StatedCache           // by flags; nil = by the runs' headers
	texts  map[string]*chat.Conversation // of --conversations, once they were read
	tok    template.Tokenizer
}

func (p *planner) template() *template.Template {
	if p.overhead == templateBuiltIn {
		return template.Plain
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
	if err := d.generate(ctx, p.call, synth.Options{Seed: p.load.Seed}, tok); err != nil {
		return nil, nil, err
	}
	if len(d.conversations) == 0 {
		return nil, nil, cli.UsageErrorf("%s: no conversation in it", inputName(name))
	}
	return d.conversations, tok, nil
}

// unsent plans a workload that is not of a run: its blocks are what they are.
func (p *planner) unsent(w *plan.Workload, title string, kind plan.Kind) ([]*plan.Summary, error) {
	stated := p.state
	if p.stated != nil {
		stated = *p.stated
	}
	stated.BlockSize = w.BlockSize
	s, err := p.shape(&plan.Evidence{}, &stated)
	if err != nil {
		return nil, err
	}
	one, err := p.one(w, title, kind, &s)
	return []*plan.Summary{one}, err
}

// one analyses a workload.
func (p *planner) one(
	w *plan.Workload, title string, kind plan.Kind, s *plan.Shape,
) (*plan.Summary, error) {
	a, err := plan.Analyse(w, s.Config, s.Store)
	if err != nil {
		return nil, err
	}
	return plan.Summarise(a, plan.View{
		Name: title, Kind: kind, Sizes: s.Sizes, Capacities: p.capacities,
	}), nil
}

// planRun is one run of a file of records.
type planRun struct {
	plan.Evidence
	header *record.Run
	turns  []*record.Turn
}

// records makes a plan of each run in a file of records.
func (p *planner) records(
	ctx context.Context, in io.Reader, title string, kind plan.Kind,
) ([]*plan.Summary, error) {
	r := record.NewReader(in, title)
	runs, err := readRuns(r)
	remarkBroken(p.call, r, title)
	if err != nil {
		return nil, err
	}
	if err := p.readTexts(ctx, runs); err != nil {
		return nil, err
	}
	var out []*plan.Summary
	for i, run := range runs {
		name := title
		if len(runs) > 1 {
			name = fmt.Sprintf("%s, run %d", title, i+1)
		}
		if h := run.header; h != nil && h.Label != "" {
			name += " (" + h.Label + ")"
		}
		one, err := p.run(run, name, kind)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s holds no turns; they are written by mtbench --records FILE", title)
	}
	return out, nil
}

// run plans one run.
func (p *planner) run(run *planRun, name string, kind plan.Kind) (*plan.Summary, error) {
	shape, err := p.shape(&run.Evidence, p.stated)
	if err != nil {
		return nil, err
	}
	e := plan.Executed{
		Template: p.template(), DatasetHistory: p.load.DatasetHistory, Texts: p.texts,
		Tokenizer: p.tok, MaxMessages: p.load.MaxMessages,
	}.Of(run.header)
	e.BlockSize = shape.BlockSize
	w := plan.FromTurns(run.turns, e)
	if len(w.Requests) == 0 {
		return nil, fmt.Errorf("%s: no turn of %d has reached a server and has its tokens counted",
			name, len(run.turns))
	}
	w.Notes = append(w.Notes, shape.Notes...)
	if a := shape.Assumption(); a != "" {
		w.Notes = append(w.Notes, a)
	}
	if t := shape.Tiers; len(t) > 0 && t[0].From == plan.FromServer {
		p.call.Remarkf("%s: predicted for the %d blocks of %d tokens that the server said it has; "+
			"--gpu-blocks predicts for others", name, t[0].Blocks, shape.BlockSize)
	}
	return p.one(w, name, kind, &shape)
}

// readTexts reads --conversations, once, and opens the tokenizer: the runs' own if none is named.
func (p *planner) readTexts(ctx context.Context, runs []*planRun) error {
	if p.conversations == "" || p.texts != nil {
		return nil
	}
	tok, model := p.tokenizer, p.model
	for _, run := range runs {
		if h := run.header; h != nil && tok == "" && model == "" {
			if model = h.Model; h.Tokenizer.Name == tokenizer.O200k {
				tok = tokenizer.O200k
			}
		}
	}
	file, err := p.call.Open(p.conversations)
	if err != nil {
		return err
	}
	defer file.Close()
	conversations, t, err := p.dataset(ctx, file, p.conversations, tok, model)
	if err != nil {
		return err
	}
	p.tok, p.texts = t, make(map[string]*chat.Conversation, len(conversations))
	for i := range conversations {
		p.texts[conversations[i].ID] = &conversations[i]
	}
	return nil
}

// readRuns reads the turns of a file, by run, and what servers report of their
// cache.
func readRuns(r *record.Reader) ([]*planRun, error) {
	var runs []*planRun
	var run *planRun
	begin := func() *planRun {
		if run == nil {
			run = &planRun{}
			runs = append(runs, run)
		}
		return run
	}
	for r.Scan() {
		if h, ok := r.Record().(*record.Run); ok {
			run = nil
			begin().header = h
		}
		begin().Add(r.Record())
		switch x := r.Record().(type) {
		case *record.Turn:
			run.turns = append(run.turns, x)
		case *record.Sample:
			run.turns = append(run.turns, plan.SampleTurn(x))
		}
	}
	return slices.DeleteFunc(runs, func(run *planRun) bool { return len(run.turns) == 0 }), r.Err()
}
