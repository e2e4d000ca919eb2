package render

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"multiturn/internal/human"
)

// Width is the width of text, in characters: lines are wrapped and tables split at
// it. It is that of the reference's lines, and a terminal of 100 columns shows it
// whole.
const Width = 100

// longestCell is the length, in characters, of what a table shows of a name: some
// numbers fit beside it.
const longestCell = 64

// longestWord is the longest word in a sentence: a path of any file is shown whole.
const longestWord = 4096

// WriteText writes documents for people. With color, headings are yellow.
func WriteText(w io.Writer, docs []Document, color bool) error {
	heading, visible := func(s string) string { return s }, human.VisibleText
	if color {
		heading, visible = human.Heading, human.VisibleHeadings
	}
	t := &text{heading: heading}
	for _, d := range visibleAll(docs) {
		if len(docs) > 1 {
			label := ""
			if d.Label != "" && d.Label != d.Name {
				label = " (" + d.Label + ")"
			}
			t.line("\n=== " + d.Name + label + " ===\n")
		}
		t.document(d)
	}
	_, err := io.WriteString(w, visible(t.b.String()))
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
		bordered // what stands before draws its own border
	)
	state, question := begin, ""
	for _, s := range joined(d.Sections) {
		body := t.section(s)
		if body == "" {
			continue
		}
		part := s.Text != nil || s.Title != "" && !strings.HasPrefix(s.Title, " ")
		switch {
		case s.Question != question:
			t.line("")
			if s.Question != "" {
				t.line(t.heading(ruled(s.Question)))
			}
			question = s.Question
		case part && state == inside:
			t.line("")
		}
		t.b.WriteString(body)
		state = inside
		if s.Text != nil {
			state = bordered
		}
	}
}

// ruled returns a line with a text in it.
func ruled(s string) string {
	line := "--- " + s + " "
	return line + strings.Repeat("-", max(0, Width-utf8.RuneCountInString(line)))
}

// section returns a section as text.
func (t *text) section(s Section) string {
	if s.Text != nil {
		return s.Text(t.heading)
	}
	part := text{heading: t.heading}
	part.title(s)
	if len(s.Columns) > 0 && len(s.Rows) > 0 {
		for _, lines := range grid(s) {
			for _, line := range lines {
				part.line(line)
			}
		}
	}
	for _, n := range s.Notes {
		for _, line := range wrap(n, Width) {
			part.line(line)
		}
	}
	return part.b.String()
}

// title writes the title, and what the section is for if it answers a question:
// beside the title where there is room.
func (t *text) title(s Section) {
	if s.Title == "" {
		return
	}
	about := ""
	if s.Question != "" && !strings.HasPrefix(s.Title, " ") {
		about = s.About
	}
	if about != "" && utf8.RuneCountInString(s.Title)+1+utf8.RuneCountInString(about) <= Width {
		t.line(t.heading(s.Title) + " " + about)
		return
	}
	for _, line := range wrap(s.Title, Width) {
		t.line(t.heading(line))
	}
	if about != "" {
		for _, line := range wrap("  "+about, Width) {
			t.line(line)
		}
	}
}

// grid returns the lines of a section's table, and of several tables with the same
// labels if it is wider than text. Labels are flush left if nothing stands above
// them, other columns flush right unless they are Left. Columns that are empty
// throughout are left out.
func grid(s Section) [][]string {
	label := Column{Head: s.RowHead, Text: Row.label, Left: s.RowHead == ""}
	labels := label.lines(s.Rows)
	var (
		tables [][]string
		used   int // width of the last table
	)
	for _, c := range s.Columns {
		cells := c.lines(s.Rows)
		if cells == nil {
			continue
		}
		width := utf8.RuneCountInString(cells[0])
		if tables == nil || used+width > Width {
			begin := slices.Clone(labels)
			if begin == nil {
				begin = make([]string, len(cells))
			}
			tables, used = append(tables, begin), utf8.RuneCountInString(begin[0])
		}
		last := tables[len(tables)-1]
		for i, cell := range cells {
			last[i] += cell
		}
		used += width
	}
	return tables
}

// lines returns the column's cells below its head, all of the same width; nil if
// there are none.
func (c Column) lines(rows []Row) []string {
	cells := []string{c.Head}
	width, used := utf8.RuneCountInString(c.Head), false
	for _, r := range rows {
		cell := human.Shorten(human.Visible(c.Text(r)), longestCell)
		cells = append(cells, cell)
		width, used = max(width, utf8.RuneCountInString(cell)), used || cell != ""
	}
	if !used {
		return nil
	}
	for i, cell := range cells {
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
		if c.Left {
			cells[i] = "  " + cell + pad
		} else {
			cells[i] = "  " + pad + cell
		}
	}
	return cells
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
	for _, word := range words(body) {
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

// words returns what a line is not broken within: words, and numbers with a percent
// sign.
func words(s string) (out []string) {
	for word := range strings.FieldsSeq(s) {
		word = human.Shorten(word, longestWord)
		if last := len(out) - 1; last >= 0 && strings.HasPrefix(word, "%") {
			out[last] += " " + word
			continue
		}
		out = append(out, word)
	}
	return out
}
