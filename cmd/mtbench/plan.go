package main

import (
	"context"
	"io"
	"slices"

	"multiturn/pkg/bench"
	"multiturn/pkg/cli"
	"multiturn/pkg/plan"
	"multiturn/pkg/render"
)

// runPlan is the plan command.
func runPlan(ctx context.Context, c *cli.Call, f *planFlags) error {
	defer lean()()
	names := c.Args
	if len(names) == 0 {
		names = []string{"-"}
	}
	if f.noTokenizer && f.conversations != "" {
		return cli.UsageErrorf("--no-tokenizer and --conversations: " +
			"texts cannot be compared without a tokenizer; give one of the two")
	}
	if err := cli.Apart(f.svg, f.output); err != nil {
		return err
	}
	slices.Sort(f.capacities)
	p := &planner{planFlags: f, call: c}
	p.sent = sent{
		call: c, file: f.conversations, tokenizer: f.tokenizer, model: f.model,
		askedOnly: f.noTokenizer,
	}
	p.load.DatasetHistory = f.history == bench.DatasetAnswers
	p.load.Template = p.template()
	if err := p.load.Validate(); err != nil {
		return cli.Exit(cli.Usage, err)
	}
	var err error
	if p.stated, err = f.given(c); err != nil {
		return err
	}
	if f.svg != "" && len(names) > 1 {
		return cli.UsageErrorf("--svg draws one plan, and %d files are given", len(names))
	}
	var plans []*plan.Summary
	for _, name := range names {
		more, err := p.read(ctx, name)
		if err != nil {
			return err
		}
		plans = append(plans, more...)
	}
	if f.svg != "" {
		if err := drawPlan(c, f.svg, plans); err != nil {
			return err
		}
	}
	var docs []render.Document
	for _, p := range plans {
		docs = append(docs, p.Document())
	}
	return writeSummary(c, f.output, f.format, docs)
}

// drawPlan writes the picture of the one plan.
func drawPlan(c *cli.Call, name string, plans []*plan.Summary) error {
	if len(plans) != 1 {
		return cli.UsageErrorf("--svg draws one plan, and the file holds %d runs", len(plans))
	}
	return writeFile(c, name, func(w io.Writer) error { return plan.SVG(w, plans[0]) })
}
