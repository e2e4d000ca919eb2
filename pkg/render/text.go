package render

import (
	"io"
	"strings"
	"unicode/utf8"
)

// noteWidth is the width that notes are wrapped at: with it, a line with an
// indent stays within 120 columns.
const noteWidth = 110

// WriteText writes documents for people. With color, headings are yellow.
func WriteText(w io.Writer, docs []Document, color bool) error {
	heading := func(s string) string { return s }
	if color {
		heading = func(s string) string { return "\x1b[93m" + s + "\x1b[0m" }
	}
	t := &text{heading: heading}
	for _, d := range docs {
		if len(docs) > 1 {
			label := ""
			if d.Label != "" && d.Label != d.Name {
				label = " (" + d.Label + ")"
			}
			t.line("\n=== " + d.Name + label + " ===\n")
		}
		t.document(d)
	}
	_, err := io.WriteString(w, t.b.String())
	return err
}

type text struct {
	b       strings.Builder
	heading func(string) string
}

func (t *text) line(s string) { t.b.WriteString(strings.TrimRight(s, " ") + "\n") }

func (t *text) document(d Document) {
	const (
		begin = iota // nothing was written yet
		inside
		bordered // the section before draws its own border
	)
	state := begin
	for _, s := range joined(d.Sections) {
		part := s.Text != nil || s.Title != "" && !strings.HasPrefix(s.Title, " ")
		if part && state == inside {
			t.line("")
		}
		if s.Text != nil {
			t.b.WriteString(s.Text(t.heading))
			state = bordered
			continue
		}
		before := t.b.Len()
		t.section(s)
		if t.b.Len() > before {
			state = inside
		}
	}
}

func (t *text) section(s Section) {
	if s.Title != "" {
		t.line(t.heading(s.Title))
	}
	if len(s.Columns) > 0 && len(s.Rows) > 0 {
		for _, line := range grid(s) {
			t.line(line)
		}
	}
	for _, n := range s.Notes {
		for _, line := range wrap(n, noteWidth) {
			t.line(line)
		}
	}
}

// grid returns the lines of a section's table: labels flush left if nothing
// stands above them, other columns flush right unless they are Left. Columns
// that are empty throughout are left out.
func grid(s Section) []string {
	columns := s.Columns
	named := s.RowHead != ""
	for _, r := range s.Rows {
		named = named || r.label() != ""
	}
	if named {
		label := Column{Head: s.RowHead, Text: Row.label, Left: s.RowHead == ""}
		columns = append([]Column{label}, columns...)
	}
	lines := make([]string, len(s.Rows)+1)
	for _, c := range columns {
		cells := []string{c.Head}
		width, used := utf8.RuneCountInString(c.Head), false
		for _, r := range s.Rows {
			cell := c.Text(r)
			cells = append(cells, cell)
			width = max(width, utf8.RuneCountInString(cell))
			used = used || cell != ""
		}
		if !used {
			continue
		}
		for i, cell := range cells {
			pad := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
			if c.Left {
				lines[i] += "  " + cell + pad
			} else {
				lines[i] += "  " + pad + cell
			}
		}
	}
	return lines
}

// wrap cuts a sentence into lines of at most width characters. Its leading blanks
// and dash indent all lines.
func wrap(s string, width int) []string {
	body := strings.TrimLeft(s, " ")
	if after, ok := strings.CutPrefix(body, "- "); ok {
		body = after
	}
	lead := s[:len(s)-len(body)]
	indent := strings.Repeat(" ", max(2, len(lead)))
	var lines []string
	line, empty := lead, true
	for word := range strings.FieldsSeq(body) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	return append(lines, line)
}
