package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"multiturn/internal/human"
	"multiturn/pkg/cli"
	"multiturn/pkg/record"
	"multiturn/pkg/render/xlsx"
	"multiturn/pkg/report"
)

// runReport is the report command.
func runReport(ctx context.Context, c *cli.Call, f *reportFlags) (err error) {
	defer lean()()
	if err := f.options.Validate(); err != nil {
		return cli.Exit(cli.Usage, err)
	}
	f.options.Cache.Model = f.model
	if f.options.Cache.Stated, err = f.cache.given(c); err != nil {
		return err
	}
	if err := f.view.check(); err != nil {
		return err
	}
	if err := cli.Apart(f.files.statsJSON, f.files.excelFile, f.output); err != nil {
		return err
	}
	f.view.adapt(c, &f.options)
	summaries, broken, err := f.summaries(ctx, c, inputs(c))
	if err != nil {
		return err
	}
	if err := f.write(c, summaries); err != nil || broken == 0 {
		return err
	}
	return cli.Exit(cli.Missed, fmt.Errorf("%s could not be read: "+
		"the numbers leave out what was in them", human.Count(broken, "line")))
}

// inputs returns the files to read; - is stdin.
func inputs(c *cli.Call) []string {
	if len(c.Args) == 0 {
		return []string{"-"}
	}
	return c.Args
}

// write writes the files and the summary.
func (f *reportFlags) write(c *cli.Call, summaries []*report.Summary) error {
	if f.files.statsJSON != "" {
		samples := func(w io.Writer) error { return report.SamplesJSON(w, summaries) }
		if err := writeFile(c, f.files.statsJSON, samples); err != nil {
			return err
		}
	}
	if f.files.excel || f.files.excelFile != "" {
		if err := f.writeExcel(c, summaries); err != nil {
			return err
		}
	}
	docs := f.view.documents(summaries, f.view.where(f.merge, inputs(c)...))
	return writeSummary(c, f.output, f.view.format, docs)
}

// summaries reads all files and returns a summary of each run in them, or of all
// runs together. broken is the number of lines that could not be read.
func (f *reportFlags) summaries(ctx context.Context, c *cli.Call, names []string) (
	out []*report.Summary, broken int, err error,
) {
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
			for i := range names {
				names[i] = inputName(names[i])
			}
			return nil, 0, fmt.Errorf("--merge of %s: %w", strings.Join(names, ", "), err)
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
	texts := sent{
		call: c, file: f.sent, tokenizer: f.tokenizer, model: f.model,
		// Merging may give conversations new names; a table needs no texts.
		askedOnly: f.merge || f.view.reference(),
	}
	for _, run := range runs {
		t, err := texts.texts(ctx, run.Header())
		if err != nil {
			return err
		}
		o := f.options.Cache
		t.add(&o.Turns)
		run.SetCache(o)
		if _, err := run.Shape(); err != nil && o.Stated != nil {
			return f.cache.refused(err)
		}
	}
	return nil
}

// readRecords opens a file and calls read, which returns the number of runs that it
// found. broken is the number of lines that could not be read.
func readRecords(
	c *cli.Call, name string, read func(r *record.Reader, name string) (int, error),
) (broken int, err error) {
	in, err := c.Open(name)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	name = inputName(name)
	r := record.NewReader(in, name)
	runs, err := read(r, name)
	if err == nil && runs == 0 {
		return 0, noRecords(r, name)
	}
	return remarkBroken(c, r, name), err
}

// noRecords is the error of a file without records. It says what the first thing
// in it is.
func noRecords(r *record.Reader, name string) error {
	what := name + " holds no records"
	if _, first := r.Broken(); len(first) > 0 {
		what = first[0].Error()
	}
	return fmt.Errorf("%s; records are written by mtbench --records FILE, "+
		"or by the reference's --stats-json-output", what)
}

// remarkBroken names the lines that could not be read, and returns their number.
func remarkBroken(c *cli.Call, r *record.Reader, name string) int {
	n, first := r.Broken()
	for _, bad := range first {
		c.Remarkf("%v (skipped)", bad)
	}
	if more := n - len(first); more > 0 {
		c.Remarkf("%s: %d more that could not be read (skipped)", name, more)
	}
	return n
}

func (f *reportFlags) writeExcel(c *cli.Call, summaries []*report.Summary) error {
	if len(summaries) != 1 {
		return cli.UsageErrorf("an Excel file holds one run, and %d were read: give one file "+
			"of one run", len(summaries))
	}
	s := summaries[0]
	name := f.files.excelFile
	if name == "" {
		name = report.WorkbookName(clients(s), time.Now())
	}
	workbook := func(w io.Writer) error { return xlsx.Write(w, s.Workbook(f.options.Verbose)) }
	if err := writeFile(c, name, workbook); err != nil {
		return err
	}
	c.Remarkf("wrote %s", name)
	return nil
}

// clients returns the number of clients of a run.
func clients(s *report.Summary) int {
	if s.Run != nil {
		return s.Run.Clients
	}
	seen := make(map[int]bool)
	for _, sample := range s.Samples() {
		seen[sample.Client] = true
	}
	return len(seen)
}
