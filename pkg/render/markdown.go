package render

import (
	"io"
	"math"
	"strconv"
	"strings"
)

// writeMarkdown writes a heading and a table of all cells for each section.
func writeMarkdown(w io.Writer, docs []Document) error {
	var b strings.Builder
	for _, d := range visibleAll(docs) {
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		b.WriteString("# " + escape(d.Name) + "\n")
		for _, s := range joined(d.Sections) {
			markdownSection(&b, s)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownSection(b *strings.Builder, s Section) {
	if len(s.Rows) == 0 && len(s.Notes) == 0 {
		return
	}
	title := strings.TrimSuffix(strings.TrimSpace(s.Title), ":")
	if title == "" {
		title = s.Name
	}
	b.WriteString("\n## " + escape(title) + "\n")
	if s.About != "" {
		b.WriteString("\n" + escape(s.About) + "\n")
	}
	if len(s.Rows) > 0 {
		b.WriteString("\n")
		markdownTable(b, s.Rows)
	}
	for i, n := range s.Notes {
		if i == 0 {
			b.WriteString("\n")
		}
		b.WriteString("- " + escape(strings.TrimPrefix(strings.TrimSpace(n), "- ")) + "\n")
	}
}

// markdownTable writes rows; a list goes down the page.
func markdownTable(b *strings.Builder, rows []Row) {
	line := func(cells ...string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	if len(rows) == 1 && rows[0].Name == "" {
		line("", "")
		line("---", "---:")
		for _, c := range rows[0].Cells {
			line(escape(c.Name), escape(readable(c.Value)))
		}
		return
	}
	columns := names(rows)
	head, rule := []string{""}, []string{"---"}
	for _, name := range columns {
		head, rule = append(head, escape(columnName(name))), append(rule, "---:")
	}
	line(head...)
	line(rule...)
	for _, r := range rows {
		cells := []string{escape(strings.TrimSpace(r.label()))}
		for _, name := range columns {
			cell := ""
			for _, c := range r.Cells {
				if c.Name == name {
					cell = readable(c.Value)
				}
			}
			cells = append(cells, escape(cell))
		}
		line(cells...)
	}
}

// readable writes a number with six digits, which is more than anybody can
// measure, and whole numbers in full.
func readable(v any) string {
	f, ok := v.(float64)
	switch {
	case !ok:
		return full(v)
	case !known(f):
		return Unknown
	case f == math.Trunc(f) && math.Abs(f) < 1<<53, math.Abs(f) >= 1e6:
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', 6, 64)
}

var escaper = strings.NewReplacer(`\`, `\\`, "|", `\|`, "\n", " ", "<", "&lt;", "*", `\*`,
	"`", "\\`", "](", `]\(`)

// escape writes a text so that Markdown shows it as it is.
func escape(s string) string { return escaper.Replace(s) }
