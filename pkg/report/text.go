package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"multiturn/internal/pandas"
)

// TextOptions say how a text is written.
type TextOptions struct {
	// Color makes the headings yellow, as the reference does always: for terminals.
	Color bool
	// TableOnly leaves out what the reference does not print.
	TableOnly bool
}

// separatorWidth is the reference's.
const separatorWidth = 100

// Text writes summaries for people: for each what a reader should know first, the reference's table, then the blocks. Several are told apart by their
// names.
func Text(w io.Writer, summaries []*Summary, o TextOptions) error {
	t := &text{o: o}
	for _, s := range summaries {
		if len(summaries) > 1 {
			t.line("\n=== %s%s ===\n", s.Name, label(s))
		}
		if s.Details != nil && !o.TableOnly {
			t.findings(s.Details)
		}
		t.table(s)
		if s.Details != nil && !o.TableOnly {
			t.details(s)
		}
	}
	_, err := w.Write(t.b)
	return err
}

func label(s *Summary) string {
	if s.Run != nil && s.Run.Label != "" && s.Run.Label != s.Name {
		return " (" + s.Run.Label + ")"
	}
	return ""
}

type text struct {
	b []byte
	o TextOptions
}

func (t *text) line(format string, args ...any) {
	t.b = fmt.Appendf(t.b, format+"\n", args...)
}

func (t *text) heading(s string) {
	if t.o.Color {
		s = "\x1b[93m" + s + "\x1b[0m"
	}
	t.line("%s", s)
}

func (t *text) separator() { t.line("%s", strings.Repeat("-", separatorWidth)) }

// table writes what the reference prints, byte for byte.
func (t *text) table(s *Summary) {
	t.separator()
	if s.Parameters != nil {
		t.heading("Parameters:")
		for _, p := range s.Parameters {
			t.line("%s=%v", p.Name, p.Value)
		}
		if s.Generation != nil {
			t.heading("Conversations Generation Parameters:")
			for _, p := range s.Generation {
				t.line("%s=%v", p.Name, p.Value)
			}
		}
		t.separator()
	}
	if len(s.Tables) == 0 {
		t.line("%s", ErrNoSamples)
		t.separator()
	}
	for i := range s.Tables {
		table := &s.Tables[i]
		if table.Warmup > 0 || len(s.Tables) > 1 {
			t.heading("Statistics summary (assuming " + strconv.FormatFloat(100*table.Warmup, 'f', 0, 64) + "% warmup samples):")
		} else {
			t.heading("Statistics summary:")
		}
		for _, p := range table.Runtime() {
			t.line("%s = %s", p.Name, pythonFixed(float64(p.Value), 3))
		}
		t.separator()
		t.b = table.frame().Append(t.b, pandas.Options{Precision: framePrecision})
		t.separator()
	}
}

// framePrecision is the reference's display.precision.
const framePrecision = 2

// frame is the table as pandas knows it.
func (t *Table) frame() pandas.Frame {
	var f pandas.Frame
	for i := range t.Rows {
		row := pandas.Row{Name: t.Rows[i].Name}
		for _, c := range t.Rows[i].Columns() {
			if i == 0 {
				f.Columns = append(f.Columns, c.Name)
			}
			row.Values = append(row.Values, float64(c.Value))
		}
		f.Rows = append(f.Rows, row)
	}
	return f
}

// Runtime are the numbers above a table.
func (t *Table) Runtime() []Column {
	cols := []Column{{"runtime_sec", t.RuntimeSec}, {"requests_per_sec", t.RequestsPerSec}}
	if t.WarmupRuntimeSec.OK() {
		cols = append(cols, Column{"warmup_runtime_sec", t.WarmupRuntimeSec},
			Column{"total_runtime_incl_warmup_sec", t.RuntimeSec + t.WarmupRuntimeSec})
	}
	return cols
}

// pythonFixed is Python's "%.3f".
func pythonFixed(f float64, decimals int) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 0):
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(f, 'f', decimals, 64), "+"))
	}
	return strconv.FormatFloat(f, 'f', decimals, 64)
}
