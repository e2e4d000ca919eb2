package report

import (
	"multiturn/internal/human"
	"multiturn/pkg/render"
)

// shownFindings is how many findings the short text has.
const shownFindings = 3

// worst returns the first findings.
func (s *Summary) worst() []render.Section {
	all := s.Details.Findings
	var list []render.Fact
	for _, f := range all[:min(len(all), shownFindings)] {
		list = append(list, answer("!", f.Text))
	}
	if more := len(all) - shownFindings; more > 0 {
		list = append(list, answer("", human.Count(more, "more finding")+" in the full report"))
	}
	return []render.Section{{Name: "short", Text: render.Facts(len("! "), list...)}}
}
