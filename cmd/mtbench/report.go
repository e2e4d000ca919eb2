package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"multiturn/pkg/cli"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
	"multiturn/pkg/render/xlsx"
	"multiturn/pkg/report"
)

// reportFlags are the flags of `mtbench report`.
type reportFlags struct {
	options   report.Options
	cache     cacheFlags
	sent      string // the conversations, file
	tokenizer string
	model     string
	format    render.Format
	tableOnly bool
	merge     bool
	output    string
	statsJSON string
	excel     bool
	excelFile string
}

// reportCommand is `mtbench report`.
func reportCommand() *cli.Command {
	f := &reportFlags{
		options: report.Options{Tokens: report.Usage, WarmupPercentages: []float64{0}}, cache: newCacheFlags(), format: render.Text, output: "-",
	}
	return &cli.Command{
		Name:  "report",
		Usage: "tables and files from the records of runs",
		Description: "Reads records (mtbench --records), also packed with gzip and several runs after another, or the array of measurements " +
			"that the reference writes (--stats-json-output), and prints of each run the reference's table and what that lacks: what the cache did, " +
			"beside what an unlimited one and one of the server's size should have hit, and what that was worth in time.",
		Args: "[FILE...]",
		Groups: []cli.Group{
			{Title: "Numbers", Flags: []cli.Flag{
				{Name: "merge", Value: cli.Bool(&f.merge), Usage: "take all runs for parts of one load, sent by several clients at the same time"},
				{Name: "warmup-percentages", Value: cli.Percents(&f.options.WarmupPercentages), Usage: "a table for each, of the turns left without so much of the start"},
				{Name: "verbose", Short: "v", Value: cli.Bool(&f.options.Verbose), Usage: "one more row: the time between starts of consecutive turns"},
				{Name: "tokens", Value: cli.Enum(&f.options.Tokens, report.Usage, report.Tokenizer), Usage: "whose counts the table shows where both are known"},
				{Name: "goodput", Value: cli.Parsed(&f.options.Goodput, "LIMITS", report.ParseLimits, report.Limits.String), DefaultText: "none", Usage: "what a turn must meet to count as good, in ms: 'ttft:200 tpot:50 latency:5000'"},
			}},
			{Title: "Cache", Flags: append(f.cache.flags("what the records say, else 16"),
				cli.Flag{Name: "conversations", Value: cli.File(&f.sent), Usage: "the conversations that were sent, so that what they share is in what is predicted"},
				cli.TokenizerFlag(&f.tokenizer),
				cli.Flag{Name: "model", Short: "m", Value: cli.String(&f.model), DefaultText: "the run's", Usage: "model; names the tokenizer of --conversations and, if it is built in, the sizes in GiB"},
			)},
			{Title: "Output", Flags: []cli.Flag{
				{Name: "format", Value: cli.Enum(&f.format, render.Formats()...), Usage: "form of the summary"},
				{Name: "table-only", Value: cli.Bool(&f.tableOnly), Usage: "text: only what the reference prints"},
				{Name: "output-file", Short: "o", Value: cli.File(&f.output), DefaultText: "stdout", Usage: "write the summary there"},
				{Name: "stats-json-output", Value: cli.File(&f.statsJSON), Usage: "write the reference's array of per-request numbers"},
				{Name: "excel-output", Short: "e", Value: cli.Bool(&f.excel), Usage: "write an Excel file named by the number of clients and the time"},
				{Name: "excel-file", Value: cli.File(&f.excelFile), Usage: "write an Excel file of this name"},
			}},
		},
		Examples: []cli.Example{
			{About: "the table of a run, and the same without its first half", Line: "mtbench report run.jsonl --warmup-percentages 0%,50%"},
			{About: "what the reference measured", Line: "mtbench report stats.json"},
			{About: "one table of what two machines sent together", Line: "mtbench report --merge a.jsonl b.jsonl"},
			{About: "what a server with 40 GiB of offloading should have hit", Line: "mtbench report run.jsonl --gpu-blocks 7999 --cpu-gib 40 --kv-model Llama-3.1-8B --conversations conversations.json"},
			{About: "all numbers for another program", Line: "mtbench report *.jsonl --format csv -o runs.csv"},
		},
		// An interrupt of a pipe reaches all of it: the run at its head drains then, and its table is to come out all the same.
		// A second one leaves, even a read that nothing ends.
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

func runReport(ctx context.Context, c *cli.Call, f *reportFlags) (err error) {
	if f.cache.kvModel == listModels {
		return writeModels(c)
	}
	if err := f.options.Validate(); err != nil {
		return cli.Exit(cli.Usage, err)
	}
	if f.options.Cache, err = f.cache.options(c, f.model); err != nil {
		return err
	}
	names := c.Args
	if len(names) == 0 {
		names = []string{"-"}
	}
	summaries, broken, err := f.summaries(ctx, c, names)
	if err != nil {
		return err
	}
	if broken > 0 {
		defer func() {
			if err == nil {
				err = cli.Exit(cli.Missed, fmt.Errorf("%s could not be read: the numbers are without what was in them", lines(broken)))
			}
		}()
	}
	if f.statsJSON != "" {
		if err := writeFile(c, f.statsJSON, func(w io.Writer) error { return report.SamplesJSON(w, summaries) }); err != nil {
			return err
		}
	}
	if f.excel || f.excelFile != "" {
		if err := f.writeExcel(c, summaries); err != nil {
			return err
		}
	}
	var docs []render.Document
	for _, s := range summaries {
		if f.tableOnly && f.format == render.Text {
			docs = append(docs, s.Reference())
		} else {
			docs = append(docs, s.Document())
		}
	}
	return writeSummary(c, f.output, f.format, docs)
}

// summaries reads all files, and makes one summary of each run in them, or of all together.
// Broken is how many lines of them could not be read.
func (f *reportFlags) summaries(ctx context.Context, c *cli.Call, names []string) (out []*report.Summary, broken int, err error) {
	var (
		runs []*report.Collector
		logs []*record.Log
	)
	for _, name := range names {
		n, err := readRecords(c, name, func(r *record.Reader, name string) (int, error) {
			if f.merge {
				more, err := record.ReadLogs(r)
				logs = append(logs, more...)
				return len(more), err
			}
			more, err := report.Read(r, name, f.options)
			runs = append(runs, more...)
			return len(more), err
		})
		if err != nil {
			return nil, 0, err
		}
		broken += n
	}
	if f.merge {
		l, err := record.Merge(logs...)
		if err != nil {
			return nil, 0, fmt.Errorf("--merge: %w", err)
		}
		all := report.NewCollector(l.Run.ID, f.options)
		all.AddLog(l)
		runs = append(runs, all)
	}
	if err := f.setCaches(ctx, c, runs); err != nil {
		return nil, 0, err
	}
	for _, run := range runs {
		out = append(out, run.Summary())
	}
	return out, broken, nil
}

// setCaches tells each run's cache: as the flags state it, or else those that the run was started with.
func (f *reportFlags) setCaches(ctx context.Context, c *cli.Call, runs []*report.Collector) error {
	p := &planner{call: c, planFlags: &planFlags{conversations: f.sent, tokenizer: f.tokenizer, model: f.model}}
	var headers []*planRun
	for _, run := range runs {
		headers = append(headers, &planRun{header: run.Header()})
	}
	if err := p.readTexts(ctx, headers); err != nil {
		return err
	}
	for _, run := range runs {
		o := f.options.Cache
		if h := run.Header(); h != nil && f.cache == newCacheFlags() {
			then := statedFlags(h.Cache)
			if told, err := then.options(c, cmp.Or(f.model, h.Model)); err == nil {
				o = told
			}
		}
		o.Turns.Texts, o.Turns.Tokenizer = p.texts, p.tok
		run.SetCache(o)
	}
	return nil
}

// readRecords opens a file and has it read; read returns how many runs it found. What cannot be read of the file is
// said, counted, and left out.
func readRecords(c *cli.Call, name string, read func(r *record.Reader, name string) (int, error)) (broken int, err error) {
	in, err := c.Open(name)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	if name == "-" {
		name = "stdin"
	}
	r := record.NewReader(in, name)
	runs, err := read(r, name)
	n, first := r.Broken()
	for _, bad := range first {
		c.Remarkf("%v (skipped)", bad)
	}
	if more := n - len(first); more > 0 {
		c.Remarkf("%s: %d more that could not be read (skipped)", name, more)
	}
	if err != nil {
		return n, err
	}
	if runs == 0 {
		return n, fmt.Errorf("%s holds no records; they are written by mtbench --records FILE, or by the reference's --stats-json-output", name)
	}
	return n, nil
}

func lines(n int) string {
	if n == 1 {
		return "1 line"
	}
	return fmt.Sprintf("%d lines", n)
}

func (f *reportFlags) writeExcel(c *cli.Call, summaries []*report.Summary) error {
	if len(summaries) != 1 {
		return cli.UsageErrorf("an Excel file holds one run, and %d were read: give one file of one run", len(summaries))
	}
	s := summaries[0]
	name := f.excelFile
	if name == "" {
		clients := 0
		if s.Run != nil {
			clients = s.Run.Clients
		} else {
			seen := make(map[int]bool)
			for i := range s.Samples {
				seen[s.Samples[i].Client] = true
			}
			clients = len(seen)
		}
		name = report.WorkbookName(clients, time.Now())
	}
	if err := writeFile(c, name, func(w io.Writer) error { return xlsx.Write(w, s.Workbook(f.options.Verbose)) }); err != nil {
		return err
	}
	c.Remarkf("wrote %s", name)
	return nil
}
