package main

import (
	"context"
	"errors"
	"slices"

	"multiturn/pkg/cli"
	"multiturn/pkg/render"
	"multiturn/pkg/report"
)

// reportFlags are what the flags of `mtbench report` are bound to.
type reportFlags struct {
	options   report.Options
	cache     cacheFlags
	sent      string // the file of conversations
	tokenizer string
	model     string
	view      view
	merge     bool
	output    string
	files     tableFiles
}

// reportCommand is `mtbench report`.
func reportCommand() *cli.Command {
	f := &reportFlags{
		options: newReportOptions(), cache: newCacheFlags(), view: view{format: render.Text},
		output: "-",
	}
	return &cli.Command{
		Name:  "report",
		Usage: "tables and files from the records of runs",
		Description: "Reads records (mtbench --records), also compressed and several runs in one " +
			"file, or the reference's array of measurements (--stats-json-output). Prints for " +
			"each run the reference's table and what that lacks: what the cache did, beside what " +
			"an unlimited one and one of the server's size should have hit, and what that was " +
			"worth in time.",
		Args:    "[FILE...]",
		Groups:  f.groups(),
		Options: []any{&f.options},
		Examples: []cli.Example{
			{About: "the table of a run, and the same without its first half",
				Line: "mtbench report run.jsonl --warmup-percentages 0%,50%"},
			{About: "what the reference measured", Line: "mtbench report stats.json"},
			{About: "one table of what two machines sent together",
				Line: "mtbench report --merge a.jsonl b.jsonl"},
			{About: "what a server with 40 GiB of offloading should have hit",
				Line: "mtbench report run.jsonl --gpu-blocks 7999 --cpu-gib 40 " +
					"--kv-model Llama-3.1-8B --conversations conversations.json"},
			{About: "all numbers for another program",
				Line: "mtbench report *.jsonl --format csv -o runs.csv"},
		},
		// An interrupt of a pipe reaches all of its commands. The run at its head then
		// drains, and the report is still to come out. A second interrupt ends even a
		// read that nothing else ends.
		Drain: true,
		Run: func(ctx context.Context, c *cli.Call) error {
			done := make(chan error, 1)
			go func() { done <- runReport(ctx, c, f) }()
			select {
			case err := <-done:
				return err
			case <-ctx.Done():
				return cli.Exit(cli.Interrupted, errors.New("interrupted"))
			}
		},
	}
}

func (f *reportFlags) groups() []cli.Group {
	return []cli.Group{
		{Title: "Numbers", Flags: append([]cli.Flag{
			{Name: "merge", Essential: true, Value: cli.Bool(&f.merge),
				Usage: "treat all runs as parts of one load; several clients sent it " +
					"at the same time"},
		}, numberFlags(&f.options)...)},
		{Title: "Cache", Flags: append(f.cache.flags("what the records say, else 16"), []cli.Flag{
			{Name: "conversations", Essential: true, Value: cli.File(&f.sent),
				DefaultText: "the run's own file, if it is unchanged",
				Usage:       "the conversations that were sent; predictions then know what they share"},
			cli.TokenizerFlag(&f.tokenizer),
			{Name: "model", Short: "m", Essential: true, Value: cli.String(&f.model), DefaultText: "the run's",
				Usage: "model, which names the tokenizer; and, if it is built in, " +
					"the sizes in GiB"},
		}...)},
		{Title: "Output", Flags: slices.Concat(f.view.flags(), []cli.Flag{
			{Name: "output-file", Short: "o", Essential: true, Value: cli.File(&f.output), DefaultText: "stdout",
				Usage: "write the summary to this file"},
		}, f.files.flags())},
	}
}

// formatFlag is --format, which run, report and plan share.
func formatFlag(p *render.Format) cli.Flag {
	return cli.Flag{Name: "format", Essential: true, Value: cli.Enum(p, render.Formats()...),
		Usage: "form of the summary"}
}

// newReportOptions returns the defaults of the flags below.
func newReportOptions() report.Options {
	return report.Options{Tokens: report.Usage, TTFT: report.RawTTFT, WarmupPercentages: []float64{0}}
}

// numberFlags choose what the tables show, in run and report.
func numberFlags(o *report.Options) []cli.Flag {
	return []cli.Flag{
		{Name: "warmup-percentages", Value: cli.Percents(&o.WarmupPercentages),
			Usage: "a table for each, without that share of the turns at the start; " +
				"ignored with --warmup-step"},
		{Name: "verbose", Short: "v", Value: cli.Bool(&o.Verbose),
			Usage: "one more row: the time between the starts of consecutive turns"},
		{Name: "tokens", Value: cli.Enum(&o.Tokens, report.Usage, report.Tokenizer),
			Usage: "whose counts the table shows if both are known"},
		{Name: "ttft", Value: cli.Enum(&o.TTFT, report.RawTTFT, report.ReferenceTTFT),
			Usage: "time to the first text; reference: less the time of its tokens after the first"},
		{Name: "window", DefaultText: "auto",
			Value: cli.Parsed(&o.Window, "WINDOW", report.ParseWindow, report.Window.String),
			Usage: "the part of the run that table, intervals and findings are of: all; steady, " +
				"from when all conversations of the start had their first answer until work runs " +
				"short; FROM..TO in seconds after the first turn; or auto: all, but intervals are " +
				"of the steady part if it differs by more than 10 %"},
		{Name: "goodput", DefaultText: "none",
			Value: cli.Parsed(&o.Goodput, "LIMITS", report.ParseLimits, report.Limits.String),
			Usage: "limits that a good turn meets, in ms: 'ttft:200 tpot:50 latency:5000'"},
	}
}

// tableFiles are the files of a run's numbers, in run and report.
type tableFiles struct {
	statsJSON string
	excel     bool
	excelFile string
}

func (f *tableFiles) flags() []cli.Flag {
	return []cli.Flag{
		{Name: "stats-json-output", Value: cli.File(&f.statsJSON),
			Usage: "write the reference's array of per-request numbers, with --ttft reference"},
		{Name: "excel-output", Short: "e", Value: cli.Bool(&f.excel),
			Usage: "write an Excel file named after the number of clients and the time"},
		{Name: "excel-file", Value: cli.File(&f.excelFile),
			Usage: "write an Excel file of this name"},
	}
}
