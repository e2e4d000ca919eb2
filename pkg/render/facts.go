package render

import (
	"strings"
	"unicode/utf8"

	"multiturn/internal/human"
)

// Fact is a few lines of text beside a label.
type Fact struct {
	Label string
	Lines []string // long ones are wrapped
}

// Facts returns facts as the Text of a section, with a column of that width for
// labels. Facts without lines are left out.
func Facts(labels int, facts ...Fact) func(heading func(string) string) string {
	return func(heading func(string) string) string {
		var b strings.Builder
		for _, f := range facts {
			label := human.Visible(f.Label)
			for i, line := range f.lines(labels) {
				pad := strings.Repeat(" ", max(0, labels-utf8.RuneCountInString(label)))
				if i == 0 {
					label = heading(label)
				}
				b.WriteString(strings.TrimRight(label+pad+line, " ") + "\n")
				label = ""
			}
		}
		return b.String()
	}
}

// lines returns the lines, wrapped for a column that begins at from. One that
// fits stays as it is.
func (f *Fact) lines(from int) []string {
	var out []string
	for _, line := range f.Lines {
		line = human.Visible(line)
		if utf8.RuneCountInString(line) <= Width-from {
			out = append(out, line)
			continue
		}
		for i, part := range wrap(line, Width-from) {
			if i > 0 {
				part = strings.TrimPrefix(part, "  ") // the label is indent enough
			}
			out = append(out, part)
		}
	}
	return out
}
