package render

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"multiturn/internal/human"
)

// Names, labels and values may come from servers and files. Every format escapes
// in them what a terminal would obey or hide: the functions here see all sections
// before they are written.

// visibleAll returns documents whose texts are safe to print.
func visibleAll(docs []Document) []Document {
	out := make([]Document, len(docs))
	for i, d := range docs {
		d.Name, d.Label = human.Visible(d.Name), human.Visible(d.Label)
		sections := make([]Section, len(d.Sections))
		for k, s := range d.Sections {
			sections[k] = visibleSection(s)
		}
		d.Sections = sections
		out[i] = d
	}
	return out
}

func visibleSection(s Section) Section {
	s.Name, s.Title, s.About = human.Visible(s.Name), human.Visible(s.Title), human.Visible(s.About)
	s.Question = human.Visible(s.Question)
	rows, notes := make([]Row, len(s.Rows)), make([]string, len(s.Notes))
	for i, r := range s.Rows {
		rows[i] = Row{human.Visible(r.Name), human.Visible(r.Label), visibleCells(r.Cells)}
	}
	for i, n := range s.Notes {
		notes[i] = human.Visible(n)
	}
	s.Rows, s.Notes = rows, notes
	return s
}

// visibleCells returns the cells themselves if nothing in them is to be escaped.
func visibleCells(cells []Cell) []Cell {
	var out []Cell
	for i, c := range cells {
		name, value := human.Visible(c.Name), c.Value
		changed := name != c.Name
		if s, ok := value.(string); ok {
			text := human.Visible(s)
			value, changed = text, changed || text != s
		}
		if changed && out == nil {
			out = append(make([]Cell, 0, len(cells)), cells[:i]...)
		}
		if out != nil {
			out = append(out, Cell{name, value})
		}
	}
	if out == nil {
		return cells
	}
	return out
}

// unformulated returns a text that no spreadsheet takes for a formula: it has an
// apostrophe in front if it begins like one. Numbers, and the dash of what is
// unknown, are left.
func unformulated(s string) string {
	if s == "" || s == Unknown || !strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}

// visibleJSON escapes in encoded JSON what a terminal would obey or hide: that only
// stands within strings, and JSON has escapes of its own for it.
func visibleJSON(text []byte) []byte {
	hidden := func(r rune) bool { return r >= 0x7f && human.Hidden(r) }
	if bytes.IndexFunc(text, hidden) < 0 {
		return text
	}
	var out []byte
	for _, r := range string(text) {
		switch {
		case !hidden(r):
			out = utf8.AppendRune(out, r)
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
	}
	return out
}
