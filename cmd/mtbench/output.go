package main

import (
	"errors"
	"io"
	"sync"
	"time"

	"multiturn/internal/packed"
	"multiturn/pkg/chat"
	"multiturn/pkg/cli"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
	"multiturn/pkg/render/xlsx"
	"multiturn/pkg/report"
)

// outputs are the files of a run and its table. They are opened before anything is
// sent: a run whose results cannot be kept does not begin.
type outputs struct {
	call *cli.Call
	f    *runFlags

	recordFile *cli.Output
	records    *record.Writer
	convFile   *cli.Output
	convs      *chat.Writer
	statsFile  *cli.Output
	excelFile  *cli.Output

	// Turns and readings of metrics come from two goroutines, neither of which sends
	// requests.
	mu        sync.Mutex
	collector *report.Collector
}

// openOutputs opens the files that the flags name.
func openOutputs(c *cli.Call, f *runFlags) (*outputs, error) {
	options := f.report
	f.view.adapt(c, &options)
	if f.bench.Warmup {
		options.WarmupPercentages = nil // as the reference: the warm-up is not in the numbers
	}
	if err := options.Validate(); err != nil {
		return nil, err
	}
	o := &outputs{call: c, f: f, collector: report.NewCollector("", options)}
	err := errors.Join(o.openRecords(), o.openConversations(), o.openTables(), o.checkNames())
	if err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *outputs) openConversations() error {
	if o.f.output == "" {
		return nil
	}
	format, err := chat.FormatFor(o.f.output, o.f.outputFormat, chat.Generated)
	if err != nil {
		return cli.UsageErrorf("--output-file: %w", err)
	}
	if o.convFile, err = o.call.Create(o.f.output); err != nil {
		return err
	}
	o.convs = chat.NewWriter(o.convFile, format)
	return nil
}

func (o *outputs) openTables() (err error) {
	files := &o.f.files
	if files.statsJSON != "" {
		if o.statsFile, err = o.call.Create(files.statsJSON); err != nil {
			return err
		}
	}
	if files.excel && files.excelFile == "" {
		files.excelFile = report.WorkbookName(o.f.bench.Clients, time.Now())
	}
	if files.excelFile != "" {
		o.excelFile, err = o.call.Create(files.excelFile)
	}
	return err
}

// checkNames refuses names that promise compressed files, and files in use.
func (o *outputs) checkNames() error {
	for _, file := range []struct{ flag, name string }{
		{"records", o.f.records}, {"stats-json-output", o.f.files.statsJSON},
	} {
		if _, suffix := packed.CutSuffix(file.name); suffix != "" {
			return cli.UsageErrorf("--%s is not compressed: leave %s off", file.flag, suffix)
		}
	}
	return o.checkUsed()
}

// checkUsed refuses to overwrite results of an earlier run that cannot be had
// again. The reference overwrites the files of its own flags, and so do these.
func (o *outputs) checkUsed() error {
	if o.f.force {
		return nil
	}
	return errors.Join(cli.Unused(o.f.records), cli.Unused(o.f.files.excelFile))
}

// openRecords opens the file of records. It has its name once it has a header, so
// that a run that cannot start leaves an earlier run's records alone. Those of a
// run that is killed are useful.
func (o *outputs) openRecords() (err error) {
	if o.f.records != "" {
		o.recordFile, err = o.call.CreateInPlace(o.f.records)
	}
	return err
}

// begin writes the header.
func (o *outputs) begin(h *record.Run) error {
	record.Check(h) // servers said much of it
	o.collector.Add(h)
	if o.recordFile == nil {
		return nil
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

// scrape takes a reading of metrics. An error of the file comes back with a turn.
func (o *outputs) scrape(s record.Scrape) {
	o.collect(&s)
	if o.records != nil {
		_ = o.records.Scrape(&s)
	}
}

// prefix takes the finding about a turn's prefix.
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

// finish rates the client, ends the records and writes everything that is made of
// the whole run. The records come first: they are there even if nobody waits for
// the rest.
func (o *outputs) finish(end *record.End) error {
	if o.records != nil {
		end.Certificate.DroppedWrites = o.records.Waits()
	}
	end.Certificate = o.collector.Certificate(end.Certificate)
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	if w := o.records; w != nil {
		keep(o.recordFile.Fill(func(io.Writer) error { return errors.Join(w.End(end), w.Close()) }))
		o.records = nil
	}
	o.collector.Add(end)
	// If no conversation finished, an earlier file stays as it was.
	if o.convs != nil && end.Conversations.Finished > 0 {
		keep(o.convFile.Fill(func(io.Writer) error { return o.convs.Close() }))
	}
	s := o.collector.Summary()
	if o.statsFile != nil {
		keep(o.statsFile.Fill(func(w io.Writer) error {
			return report.SamplesJSON(w, []*report.Summary{s})
		}))
	}
	if o.excelFile != nil {
		err := o.excelFile.Fill(func(w io.Writer) error {
			return xlsx.Write(w, s.Workbook(o.f.report.Verbose))
		})
		if keep(err); err == nil {
			o.call.Remarkf("wrote %s", o.excelFile.Name())
		}
	}
	keep(printSummary(o.call, o.f.view.format, o.documents(s)))
	return errors.Join(errs...)
}

// documents returns the summary as it is printed. If the records go to stdout,
// what reads them there shows the rest.
func (o *outputs) documents(s *report.Summary) []render.Document {
	if v := &o.f.view; o.f.records == "-" && v.format == render.Text && !v.tableOnly && !v.full {
		return []render.Document{s.Verdict()}
	}
	return o.f.view.documents([]*report.Summary{s}, o.f.view.where(false, o.f.records))
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
