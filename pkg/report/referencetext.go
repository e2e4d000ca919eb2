package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"multiturn/internal/pandas"
	"multiturn/pkg/render"
)

// How the reference prints.
const (
	separatorWidth = 100
	framePrecision = 2 // its display.precision
)

var separator = strings.Repeat("-", separatorWidth) + "\n"

// reference returns the parameters and the tables. As text they are what the
// reference prints, byte for byte.
func (s *Summary) reference() []render.Section {
	parameters := list("parameters", "What the reference prints of a run's options.")
	for _, list := range [][]Parameter{s.Parameters, s.Generation} {
		for _, p := range list {
			parameters.Rows[0].Cells = append(parameters.Rows[0].Cells, render.Value(p.Name, p.Value))
		}
	}
	parameters.Text = s.parametersText
	return append([]render.Section{parameters}, s.tableSections()...)
}

// tableSections returns the tables and what stands above each.
func (s *Summary) tableSections() []render.Section {
	var out []render.Section
	for i := range s.Tables {
		t := &s.Tables[i]
		name := "table"
		if len(s.Tables) > 1 {
			name += " " + t.percent() + "%"
		}
		cells := append(t.runtime(), render.Value("warmup_share", t.Warmup), render.Value("tpot_absent",
			t.TPOTAbsent))
		table := render.Section{Name: name, About: "The reference's table: one line for each metric, " +
			"over all turns."}
		for j := range t.Rows {
			table.Rows = append(table.Rows, t.Rows[j].row())
		}
		table.Text = func(heading func(string) string) string {
			return t.text(heading,
				len(s.Tables) > 1)
		}
		out = append(out, list(name, "How long the turns of the table took.", cells...), table)
	}
	if len(s.Tables) == 0 {
		none := func(func(string) string) string { return ErrNoSamples.Error() + "\n" + separator }
		out = append(out, render.Section{Name: "table", Text: none})
	}
	return out
}

// parametersText returns what stands above the first table.
func (s *Summary) parametersText(heading func(string) string) string {
	if s.Parameters == nil {
		return separator
	}
	b := separator + heading("Parameters:") + "\n"
	for _, p := range s.Parameters {
		b += fmt.Sprintf("%s=%v\n", p.Name, p.Value)
	}
	if s.Generation != nil {
		b += heading("Conversations Generation Parameters:") + "\n"
		for _, p := range s.Generation {
			b += fmt.Sprintf("%s=%v\n", p.Name, p.Value)
		}
	}
	return b + separator
}

// percent is the share of warm-up as the reference writes it.
func (t *Table) percent() string { return strconv.FormatFloat(100*t.Warmup, 'f', -1, 64) }

// text returns the table as the reference prints it, one of several or alone.
func (t *Table) text(heading func(string) string, several bool) string {
	title := "Statistics summary:"
	if t.Warmup > 0 || several {
		title = "Statistics summary (assuming " + strconv.FormatFloat(100*t.Warmup, 'f', 0,
			64) + "% warmup samples):"
	}
	b := heading(title) + "\n"
	for _, c := range t.runtime() {
		b += c.Name + " = " + pythonFixed(c.Value.(float64), 3) + "\n"
	}
	frame := t.frame().Append(nil, pandas.Options{Precision: framePrecision})
	return b + separator + string(frame) + separator
}

// frame returns the table as pandas knows it.
func (t *Table) frame() pandas.Frame {
	var f pandas.Frame
	for i := range t.Rows {
		cells := t.Rows[i].cells()
		row := pandas.Row{Name: t.Rows[i].Name}
		for _, c := range cells {
			if i == 0 {
				f.Columns = append(f.Columns, c.Name)
			}
			row.Values = append(row.Values, t.Rows[i].row().Number(c.Name))
		}
		f.Rows = append(f.Rows, row)
	}
	return f
}

// runtime returns the numbers above a table.
func (t *Table) runtime() []render.Cell {
	cells := []render.Cell{render.Value("runtime_sec", t.RuntimeSec), render.Value("requests_per_sec",
		t.RequestsPerSec)}
	if t.WarmupRuntimeSec.OK() {
		cells = append(cells, render.Value("warmup_runtime_sec", t.WarmupRuntimeSec),
			render.Value("total_runtime_incl_warmup_sec", t.RuntimeSec+t.WarmupRuntimeSec))
	}
	return cells
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
