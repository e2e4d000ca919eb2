package report

import (
	"fmt"
	"strings"

	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// loadOf returns the load in a run's header; the zero value if there is none. The
// header may be nil.
func loadOf(r *record.Run) record.Load {
	if r == nil || r.Load == nil {
		return record.Load{}
	}
	return *r.Load
}

// header returns all that the run's header says.
func (s *Summary) header() []render.Section {
	if s.Run == nil {
		return nil
	}
	cells, err := render.Tree(s.Run)
	if err != nil {
		return nil // not from a reader: what it reads is JSON
	}
	run := render.List("run", cells...)
	run.About = "What the run was: its header."
	run.Text = func(heading func(string) string) string { return headerText(heading, cells) }
	return []render.Section{run}
}

// headerText returns the header's fields, one a line, without what marks it as a
// record. The options are many, and share lines.
func headerText(heading func(string) string, cells []render.Cell) string {
	const options = "options."
	var (
		fields []render.Fact
		words  []string
		width  = len("options")
	)
	for _, c := range cells {
		if c.Name == "type" || c.Name == "format" || c.Name == "version" {
			continue
		}
		name, option := strings.CutPrefix(c.Name, options)
		if option {
			words = append(words, fmt.Sprintf("%s=%v", name, c.Value))
			continue
		}
		width = max(width, len(name))
		fields = append(fields, answer(name, fmt.Sprint(c.Value)))
	}
	if len(words) > 0 {
		fields = append(fields, answer("options", strings.Join(words, " ")))
	}
	plain := func(s string) string { return s }
	return heading("The run's header:") + "\n" + render.Facts(width+2, fields...)(plain)
}
