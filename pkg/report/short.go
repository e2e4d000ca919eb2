package report

import (
	"slices"

	"multiturn/pkg/render"
)

// Short returns the summary as text that fits a screen: what was run, the
// reference's table, and below it what most readers look for. Of the reference's
// own measurements it is what the reference prints.
func (s *Summary) Short() render.Document {
	d := s.Reference()
	if s.Details == nil {
		return d
	}
	d.Sections = slices.Concat(s.what(), s.tableSections(), s.answers(), s.worst())
	return d
}

// Verdict returns the part of the short text that shows whether the run can be
// used: its work, trust and findings.
func (s *Summary) Verdict() render.Document {
	d := s.Reference()
	if s.Details == nil {
		return d
	}
	d.Sections = slices.Concat(answerSection(s.workFact(), s.trustFact()), s.worst())
	return d
}

// below are the rows below the table, in their order.
var below = []func(*Summary) render.Fact{
	(*Summary).windowFact,
	(*Summary).throughputFact,
	(*Summary).workFact,
	(*Summary).goodputFact,
	(*Summary).cacheFact,
	(*Summary).replicasFact,
	(*Summary).controlFact,
	(*Summary).intervalsFact,
	(*Summary).firstEventsFact,
	(*Summary).steadyFact,
	(*Summary).trustFact,
}

// answers returns what the short text has below the table.
func (s *Summary) answers() []render.Section {
	var rows []render.Fact
	for _, row := range below {
		rows = append(rows, row(s))
	}
	return answerSection(rows...)
}

// labelWidth is the width of the rows' names.
const labelWidth = 12

// answerSection returns a section of rows.
func answerSection(list ...render.Fact) []render.Section {
	return []render.Section{{Name: "short", Text: render.Facts(labelWidth, list...)}}
}

// answer returns a fact of lines that are not empty.
func answer(label string, lines ...string) render.Fact {
	return render.Fact{Label: label, Lines: slices.DeleteFunc(lines, func(l string) bool { return l == "" })}
}
