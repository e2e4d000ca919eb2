package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"multiturn/internal/human"
	"multiturn/pkg/cli"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
	"multiturn/pkg/render/xlsx"
	"multiturn/pkg/report"
)

// runReport is the report command.
func runReport(ctx context.Context, c *cli.Call, f *reportFlags) (err error) {
	if f.cache.kvModel == listModels {
		return writeModels(c)
	}
	if err := f.options.Validate(); err != nil {
		return cli.Exit(cli.Usage, err)
	}
	f.options.Cache.Model = f.model
	if f.options.Cache.Stated, err = f.cache.given(c); err != nil {
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
				err = cli.Exit(cli.Missed, fmt.Errorf("%s could not be read: "+
					"the numbers leave out what was in them", human.Count(broken, "line")))
			}
		}()
	}
	if f.files.statsJSON != "" {
		if err := writeFile(c, f.files.statsJSON, func(w io.Writer) error { return report.SamplesJSON(w, summaries) }); err != nil {
			return err
		}
	}
	if f.files.excel || f.files.excelFile != "" {
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

// setCaches sets the cache of each run: as the flags state it, else as the run's
// header does.
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
		o.Turns.Texts, o.Turns.Tokenizer = p.texts, p.tok
		run.SetCache(o)
		if _, err := run.Shape(); err != nil && o.Stated != nil {
			return f.cache.refused(err)
		}
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

func (f *reportFlags) writeExcel(c *cli.Call, summaries []*report.Summary) error {
	if len(summaries) != 1 {
		return cli.UsageErrorf("an Excel file holds one run, and %d were read: give one file of one run", len(summaries))
	}
	s := summaries[0]
	name := f.files.excelFile
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
