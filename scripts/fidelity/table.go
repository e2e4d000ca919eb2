package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
)

// report is the JSON file.
type report struct {
	Host   host          `json:"host"`
	Points []pointResult `json:"points"`
}

// pointResult has the results of the clients at a point.
type pointResult struct {
	Point   point    `json:"point"`
	Clients []result `json:"clients"`
}

func (r *report) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// row is a line of the table: one number of each result.
type row struct {
	name string
	// value returns a number, whose unit is in the name; ok is false if it does not exist.
	value func(*result) (v float64, ok bool)
	text  func(*result) string // instead of value
}

// rows are the rows of the table, in order.
var rows = []row{
	spreadRow("TTFT error, ms: mean", func(r *result) *spread { return r.TTFT }, mean),
	spreadRow("  p50", func(r *result) *spread { return r.TTFT }, p50),
	spreadRow("  p99", func(r *result) *spread { return r.TTFT }, p99),
	spreadRow("  max", func(r *result) *spread { return r.TTFT }, largest),
	spreadRow("  of first turns: mean", func(r *result) *spread { return r.FirstTTFT }, mean),
	spreadRow("  of first turns: p99", func(r *result) *spread { return r.FirstTTFT }, p99),
	spreadRow("ITL error of a gap, ms: mean", func(r *result) *spread { return r.Gap }, mean),
	spreadRow("  p99", func(r *result) *spread { return r.Gap }, p99),
	{name: "  turns without", text: func(r *result) string {
		return count(r.GapsLeftOut, r.Gap != nil || r.GapsLeftOut > 0)
	}},
	spreadRow("TPOT error, ms: mean", func(r *result) *spread { return r.TPOT }, mean),
	spreadRow("latency error, ms: mean", func(r *result) *spread { return r.Latency }, mean),
	spreadRow("  p99", func(r *result) *spread { return r.Latency }, p99),
	{name: "throughput error, %", value: func(r *result) (float64, bool) {
		if r.ThroughputError == nil {
			return 0, false
		}
		return *r.ThroughputError, true
	}},
	numberRow("chunks/s", func(r *result) float64 { return r.ChunksPerSec }),
	numberRow("  chunks a write of the server", func(r *result) float64 {
		return r.ChunksPerWrite
	}),
	numberRow("CPU s per million chunks", func(r *result) float64 { return r.RunCPU }),
	numberRow("  with start-up", func(r *result) float64 { return r.ProcessCPU }),
	numberRow("peak memory, MiB", func(r *result) float64 { return r.MemoryMiB }),
	numberRow("start to first request, s", func(r *result) float64 { return r.FirstRequest }),
	spreadRow("answer to next request, ms: mean", func(r *result) *spread {
		return r.NextRequest
	}, mean),
	spreadRow("  p99", func(r *result) *spread { return r.NextRequest }, p99),
	{name: "open at once", text: func(r *result) string { return count(r.Open, r.Turns > 0) }},
	{name: "turns", text: func(r *result) string { return count(r.Turns, r.Turns > 0) }},
	{name: "errors", text: func(r *result) string { return count(r.Errors, r.Turns > 0) }},
	{name: "not matched / other tokens", text: func(r *result) string {
		if r.Turns == 0 {
			return none
		}
		return fmt.Sprintf("%d / %d", r.Unmatched, r.Differing)
	}},
	{name: "chunks merged, %", value: func(r *result) (float64, bool) {
		return 100 * r.MergedShare, r.Verdict != ""
	}},
	{name: "clocks", text: func(r *result) string { return cmp.Or(r.Clocks, none) }},
	{name: "certificate", text: func(r *result) string { return cmp.Or(r.Verdict, none) }},
	{name: "server late, ms: p99", value: func(r *result) (float64, bool) {
		return r.Server.LateP99, r.Turns > 0
	}},
	{name: "server on time", text: func(r *result) string {
		switch {
		case r.Turns == 0:
			return none
		case r.Server.OnTime:
			return "yes"
		}
		return "NO"
	}},
}

// none stands for a number that does not exist.
const none = "-"

func mean(s *spread) float64    { return s.Mean }
func p50(s *spread) float64     { return s.P50 }
func p99(s *spread) float64     { return s.P99 }
func largest(s *spread) float64 { return s.Max }

func spreadRow(name string, of func(*result) *spread, which func(*spread) float64) row {
	return row{name: name, value: func(r *result) (float64, bool) {
		s := of(r)
		if s == nil {
			return 0, false
		}
		return which(s), true
	}}
}

// numberRow is a row of numbers that do not exist if they are 0.
func numberRow(name string, of func(*result) float64) row {
	return row{name: name, value: func(r *result) (float64, bool) { v := of(r); return v, v != 0 }}
}

func count(n int, there bool) string {
	if !there {
		return none
	}
	return strconv.Itoa(n)
}

func (w *row) cell(r *result) string {
	if w.text != nil {
		return w.text(r)
	}
	if v, ok := w.value(r); ok {
		return number(v)
	}
	return none
}

// ratio returns the other's number divided by ours; "" if ours is shown as 0.
func (w *row) ratio(ours, other *result) string {
	if w.value == nil {
		return ""
	}
	a, ok := w.value(ours)
	b, ok2 := w.value(other)
	if !ok || !ok2 || math.Abs(a) < 0.0005 {
		return ""
	}
	return number(b / a)
}

// number returns v with three significant digits, or all digits of a larger
// whole number.
func number(v float64) string {
	switch a := max(v, -v); {
	case a == 0:
		return "0"
	case a >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 0.9995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// text writes our client's table, with a column for each point, and then, if
// another client ran, a table with both for each point. Our client is the first
// at each point.
func (r *report) text(w io.Writer) error {
	var columns []*result
	var heads []string
	for i := range r.Points {
		columns = append(columns, &r.Points[i].Clients[0])
		heads = append(heads, r.Points[i].Point.Name)
	}
	t := newTable(w)
	t.line("mtbench at streams", heads...)
	for i := range rows {
		var cells []string
		for _, c := range columns {
			cells = append(cells, rows[i].cell(c))
		}
		t.line(rows[i].name, cells...)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i := range r.Points {
		if err := r.Points[i].text(w); err != nil {
			return err
		}
	}
	return nil
}

// failures counts the clients that failed, and ours if one of its turns failed.
// The reference is known to lose some.
func (p *pointResult) failures() int {
	n := 0
	for i := range p.Clients {
		if c := &p.Clients[i]; c.Failed != "" || i == 0 && c.Errors+c.Unmatched > 0 {
			n++
		}
	}
	return n
}

// text writes the table of both clients at a point, and then the certificate's
// reasons.
func (p *pointResult) text(w io.Writer) error {
	ours := &p.Clients[0]
	for i := range p.Clients[1:] {
		other := &p.Clients[1+i]
		switch {
		case other.Skipped != "":
			fmt.Fprintf(w, "\n%s streams: the %s was left out: %s\n", p.Point.Name, other.Client,
				other.Skipped)
			continue
		case other.Failed != "":
			fmt.Fprintf(w, "\n%s streams: the %s failed: %s\n", p.Point.Name, other.Client,
				other.Failed)
			continue
		}
		fmt.Fprintln(w)
		t := newTable(w)
		t.line("at "+p.Point.Name+" streams", ours.Client, other.Client, "ratio")
		for j := range rows {
			t.line(rows[j].name, rows[j].cell(ours), rows[j].cell(other),
				rows[j].ratio(ours, other))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	for _, why := range ours.Reasons {
		fmt.Fprintf(w, "\n%s streams, certificate: %s", p.Point.Name, why)
	}
	if len(ours.Reasons) > 0 {
		fmt.Fprintln(w)
	}
	return nil
}

// table has a column of names on the left and right-aligned columns.
type table struct{ *tabwriter.Writer }

func newTable(w io.Writer) table {
	return table{tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)}
}

func (t table) line(name string, cells ...string) {
	// The writer aligns all columns to the right; padding moves the name to the left.
	fmt.Fprintf(t, "%-*s\t%s\t\n", nameWidth, name, strings.Join(cells, "\t"))
}

const nameWidth = 33
