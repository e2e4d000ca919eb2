package main

import (
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"multiturn/pkg/chat"
	"multiturn/pkg/cli"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
	"multiturn/pkg/render/xlsx"
	"multiturn/pkg/report"
)

// outputs are the files of a run and its table. They are opened before anything is sent: a run whose results cannot be
// kept is not begun.
type outputs struct {
	call *cli.Call
	f    *runFlags

	recordFile *cli.Output
	records    *record.Writer
	convFile   *cli.Output
	convs      *chat.Writer
	statsFile  *cli.Output
	excelFile  *cli.Output

	mu        sync.Mutex // turns and readings of metrics come from two goroutines, neither of which sends requests
	collector *report.Collector
}

func openOutputs(c *cli.Call, f *runFlags) (_ *outputs, err error) {
	o := &outputs{call: c, f: f}
	defer func() {
		if err != nil {
			o.close()
		}
	}()
	ro := f.report
	if f.bench.Warmup {
		ro.WarmupPercentages = nil // the reference ignores them, too: the start is not in the numbers
	}
	if err := ro.Validate(); err != nil {
		return nil, cli.Exit(cli.Usage, err)
	}
	o.collector = report.NewCollector("", ro)
	if f.output != "" {
		format, err := chat.FormatFor(f.output, f.outputFormat, chat.Generated)
		if err != nil {
			return nil, cli.UsageErrorf("--output-file: %w", err)
		}
		if o.convFile, err = c.Create(f.output); err != nil {
			return nil, err
		}
		o.convs = chat.NewWriter(o.convFile, format)
	}
	if f.files.statsJSON != "" {
		if o.statsFile, err = c.Create(f.files.statsJSON); err != nil {
			return nil, err
		}
	}
	if f.files.excel && f.files.excelFile == "" {
		f.files.excelFile = report.WorkbookName(f.bench.Clients, time.Now())
	}
	if f.files.excelFile != "" {
		if o.excelFile, err = c.Create(f.files.excelFile); err != nil {
			return nil, err
		}
	}
	for name, file := range map[string]string{"records": f.records, "stats-json-output": f.files.statsJSON} {
		if strings.HasSuffix(file, ".gz") {
			return nil, cli.UsageErrorf("--%s is written as it is, not packed: leave .gz off", name)
		}
	}
	return o, nil
}

// begin writes the header. The records are under their own name from here on, for those of a run that is killed are worth
// having; not before, for a run that cannot start must not cost an earlier one's records.
func (o *outputs) begin(h *record.Run) (err error) {
	o.collector.Add(h)
	if o.f.records == "" {
		return nil
	}
	if o.recordFile, err = o.call.CreateInPlace(o.f.records); err != nil {
		return err
	}
	o.records = record.NewWriter(o.recordFile)
	return o.records.Run(h)
}

func (o *outputs) turn(t *record.Turn) error {
	o.collect(t)
	if o.records == nil {
		return nil
	}
	return o.records.Turn(t)
}

// scrape takes a reading of metrics. A file that cannot be written is found by the turns.
func (o *outputs) scrape(s record.Scrape) {
	o.collect(&s)
	if o.records != nil {
		_ = o.records.Scrape(&s)
	}
}

// prefix takes what was found of a turn's prefix.
func (o *outputs) prefix(p *record.Prefix) error {
	o.collect(p)
	if o.records == nil {
		return nil
	}
	return o.records.Prefix(p)
}

func (o *outputs) collect(rec any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.collector.Add(rec)
}

// finish judges the client, ends the records and writes all that is made of the whole run.
func (o *outputs) finish(end *record.End) error {
	if o.records != nil {
		end.Certificate.DroppedWrites = o.records.Waits()
	}
	end.Certificate = o.collector.Certificate(end.Certificate)
	o.collector.Add(end)
	s := o.collector.Summary()
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	if o.records != nil {
		keep(o.records.End(end))
		keep(o.records.Close())
		o.records = nil
		keep(o.recordFile.Commit())
	}
	if o.convs != nil {
		keep(o.convs.Close())
		// A run that finished no conversation leaves an earlier file as it was.
		if end.Conversations.Finished > 0 {
			keep(o.convFile.Commit())
		}
	}
	if o.statsFile != nil {
		keep(report.SamplesJSON(o.statsFile, []*report.Summary{s}))
		keep(o.statsFile.Commit())
	}
	if o.excelFile != nil {
		keep(xlsx.Write(o.excelFile, s.Workbook(o.f.report.Verbose)))
		keep(o.excelFile.Commit())
		o.call.Remarkf("wrote %s", o.excelFile.Name())
	}
	keep(writeSummary(o.call, "-", render.Text, []render.Document{s.Document()}))
	return errors.Join(errs...)
}

// close gives up what was not committed.
func (o *outputs) close() {
	if o.records != nil {
		o.records.Close()
	}
	for _, f := range []*cli.Output{o.recordFile, o.convFile, o.statsFile, o.excelFile} {
		if f != nil {
			f.Close()
		}
	}
}

var _ io.Writer = (*cli.Output)(nil)
