package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"multiturn/internal/human"
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
)

// planRun is one run of a file of records.
type planRun struct {
	plan.Evidence
	header *record.Run
	turns  plan.Turns
}

// readRuns reads the runs of a file that have turns.
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
			run.turns.Add(x)
		case *record.Sample:
			run.turns.Add(plan.SampleTurn(x))
		}
	}
	return slices.DeleteFunc(runs, func(run *planRun) bool { return run.turns.Len() == 0 }), r.Err()
}

// records makes the plans of the runs in a file of records.
func (p *planner) records(
	ctx context.Context, in io.Reader, title string, kind plan.Kind,
) ([]*plan.Summary, error) {
	r := record.NewReader(in, title)
	runs, err := readRuns(r)
	remarkBroken(p.call, r, title)
	if err != nil {
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
		one, err := p.run(ctx, run, name, kind)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s holds no turns; they are written by mtbench --records FILE",
			title)
	}
	return out, nil
}

// run plans one run.
func (p *planner) run(
	ctx context.Context, run *planRun, name string, kind plan.Kind,
) (*plan.Summary, error) {
	texts, err := p.sent.texts(ctx, run.header)
	if err != nil {
		return nil, err
	}
	shape, err := p.shape(&run.Evidence, p.stated)
	if err != nil {
		return nil, err
	}
	e := plan.Executed{
		Template: p.template(), DatasetHistory: p.load.DatasetHistory,
		MaxMessages: p.load.MaxMessages,
	}.Of(run.header)
	e.BlockSize = shape.BlockSize
	texts.add(&e)
	w := plan.FromTurns(run.turns.Len(), run.turns.At(), e)
	if len(w.Requests) == 0 {
		return nil, fmt.Errorf("%s: no turn of %d has reached a server and has its tokens counted",
			name, run.turns.Len())
	}
	shape.Coarsen(w.BlockSize / shape.BlockSize)
	if e.Texts == nil && kind == plan.Records {
		w.Notes = append(w.Notes, "what conversations share with each other is not counted: "+
			"their texts are unknown")
	}
	w.Notes = append(w.Notes, shape.Notes...)
	if a := shape.Assumption(); a != "" {
		w.Notes = append(w.Notes, a)
	}
	if t := shape.Tiers; len(t) > 0 && t[0].From == plan.FromServer {
		p.call.Remarkf("%s: predicted for the %s blocks of %d tokens that the server said it has; "+
			"--gpu-blocks predicts for others", name, human.Thousands(t[0].Blocks), shape.BlockSize)
	}
	return p.one(w, name, kind, &shape)
}
