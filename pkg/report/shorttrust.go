package report

import (
	"fmt"

	"multiturn/internal/human"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// trustFact says which numbers the client measured well.
func (s *Summary) trustFact() render.Fact {
	c := &s.Details.Certificate
	line := fmt.Sprintf("client: %s", c.Verdict)
	if c.Clocks != "" {
		line += fmt.Sprintf(" (arrival times: %s)", c.Clocks)
	}
	if c.Verdict == record.VerdictOK {
		return answer("Trust", line)
	}
	return answer("Trust", append([]string{line}, c.Reasons[:min(len(c.Reasons), shownReasons)]...)...)
}

// shownReasons is how many reasons for doubt the short text has.
const shownReasons = 2

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
