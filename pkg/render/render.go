// Package render writes summaries in every format: as text, JSON, CSV and
// Markdown, and in a package of its own as XLSX.
//
// A summary is a [Document]: a list of sections. A [Section] is a table: rows
// with names, and in each row cells with names. Renderers only know sections,
// so a number that is in a cell is in every format, and a new format shows
// everything that the others show.
//
// Cells usually come from the fields of a struct, see [Cells]: the struct is
// what JSON has, and its field names are the names of cells. What people read
// is chosen from the cells by Columns, which name a cell and say how to
// format it. A section without Columns shows only its Notes in text, often a
// sentence that says the same.
//
// The unit of a number is part of its name: ttft_ms_p50, prompt_tokens,
// seconds. Shares and rates of hits are between 0 and 1.
//
// # A new format
//
// A format is one file with a function that takes documents, and one line in
// the list of formats in formats.go.
package render

import (
	"math"
	"slices"
)

// Document is a summary that can be written in every format.
type Document struct {
	// Name is the file or run that the summary is of.
	Name string
	// Label is what the user calls it, if that is something else.
	Label string
	// Value is what JSON shows: the struct that the sections were made from.
	Value    any
	Sections []Section
}

// Section is a table, with a heading and remarks.
type Section struct {
	// Name is for programs. Several sections may share one.
	Name string
	// Title is the heading in text. A section without one continues the section
	// before it: if both have the same Columns, their rows form one table. A
	// title that begins with a blank is a heading within a section.
	Title string
	// About says in one line what the section is for. Text shows it below the title
	// if the section answers a question.
	About string
	// Question is what the section helps to answer. Text shows it above the first of
	// several sections with the same one.
	Question string
	Rows     []Row
	// Columns are what text shows of the rows, and RowHead stands above the
	// rows' labels.
	Columns []Column
	RowHead string
	// Notes follow the table. Long ones are wrapped; leading blanks and a dash
	// are kept as the indent of all their lines.
	Notes []string
	// Text, if not nil, returns the section as text in place of all this.
	// heading marks a line as a heading.
	Text func(heading func(string) string) string
}

// Row is a row of a section. A section that is one list of numbers has one row
// without a name.
type Row struct {
	Name  string
	Label string // what text shows for Name, if that is something else
	Cells []Cell
}

// Cell is a named value: a float64 (NaN if it is unknown), an int64, a string or
// a bool.
type Cell struct {
	Name  string
	Value any
}

// Column is a column of the text of a section.
type Column struct {
	Head string
	Text func(Row) string
	Left bool // flush left; others are flush right
}

// List returns a section that is one list of values.
func List(name string, cells ...Cell) Section {
	return Section{Name: name, Rows: []Row{{Cells: cells}}}
}

// Number returns the number in a cell; NaN if it is unknown or not there.
func (r Row) Number(name string) float64 {
	for _, c := range r.Cells {
		if c.Name == name {
			switch v := c.Value.(type) {
			case float64:
				return v
			case int64:
				return float64(v)
			}
			break
		}
	}
	return math.NaN()
}

// String returns the string in a cell; "" if there is none.
func (r Row) String(name string) string {
	for _, c := range r.Cells {
		if c.Name == name {
			s, _ := c.Value.(string)
			return s
		}
	}
	return ""
}

func (r Row) label() string {
	if r.Label != "" {
		return r.Label
	}
	return r.Name
}

// names returns the names of all cells of the rows, in the order in which they
// first appear.
func names(rows []Row) []string {
	var out []string
	seen := make(map[string]bool)
	for _, r := range rows {
		for _, c := range r.Cells {
			if !seen[c.Name] {
				seen[c.Name] = true
				out = append(out, c.Name)
			}
		}
	}
	return out
}

// columnName is the name above a column; rows with one value need none for it.
func columnName(cell string) string {
	if cell == "" {
		return "value"
	}
	return cell
}

// joined returns the sections with those merged that form one table: a section
// without a title and the one before it, if their columns have the same heads.
func joined(sections []Section) []Section {
	var out []Section
	for _, s := range sections {
		last := len(out) - 1
		if s.Title == "" && s.Text == nil && len(s.Columns) > 0 && last >= 0 &&
			sameHeads(out[last], s) {
			out[last].Rows = slices.Concat(out[last].Rows, s.Rows)
			out[last].Notes = slices.Concat(out[last].Notes, s.Notes)
			continue
		}
		out = append(out, s)
	}
	return out
}

func sameHeads(a, b Section) bool {
	return a.RowHead == b.RowHead &&
		slices.EqualFunc(a.Columns, b.Columns, func(x, y Column) bool { return x.Head == y.Head })
}
