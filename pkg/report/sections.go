package report

import (
	"slices"

	"multiturn/pkg/render"
)

// Document returns all of the summary as sections, for every format.
//
// A new number is a field of one of the summary's structs: it is then in JSON,
// CSV, Markdown and XLSX. The full text shows it when a column or a note of its
// section does.
func (s *Summary) Document() render.Document {
	d := s.Reference()
	if s.Details == nil {
		return d
	}
	d.Sections = append(of((*Details).findings)(s), d.Sections...)
	d.Sections = append(d.Sections, s.blocks()...)
	return d
}

// Full returns the summary as text with everything: the short text with all
// findings, and then all blocks by the question that they answer.
func (s *Summary) Full() render.Document {
	d := s.Reference()
	if s.Details == nil {
		return d
	}
	d.Sections = slices.Concat(s.what(), s.tableSections(), s.answers(),
		of((*Details).findings)(s), s.blocks())
	return d
}

// Reference returns the part of the summary that the reference prints, too.
func (s *Summary) Reference() render.Document {
	d := render.Document{Name: s.Name, Value: s, Sections: s.reference()}
	if s.Run != nil {
		d.Label = s.Run.Label
	}
	return d
}

// questions are what a summary answers below its table, with the blocks that
// answer each, in the order of text.
var questions = []struct {
	question string
	blocks   []func(*Summary) []render.Section
}{
	{"Was the work done?", []func(*Summary) []render.Section{
		of((*Details).work),
		of((*Details).outcomes),
		of((*Details).answers),
		of((*Details).connections),
	}},
	{"How fast was it?", []func(*Summary) []render.Section{
		(*Summary).aboutTable,
		of((*Details).firstEvents),
		of((*Details).windowPart),
		of((*Details).throughput),
		of((*Details).steadyPart),
		of((*Details).distributions),
		of((*Details).groups),
		of((*Details).replicas),
		of((*Details).intervals),
	}},
	{"What did the cache do?", []func(*Summary) []render.Section{
		of((*Details).cached),
		of((*Details).cachePlan),
		of((*Details).reuse),
		of((*Details).counters),
		of((*Details).tierCounters),
		of((*Details).metrics),
	}},
	{"What is the cache worth?", []func(*Summary) []render.Section{
		of((*Details).tierWorth),
		of((*Details).cost),
		of((*Details).arms),
	}},
	{"Did the client measure well?", []func(*Summary) []render.Section{
		of((*Details).certificate),
	}},
	{"What was run?", []func(*Summary) []render.Section{(*Summary).header}},
}

// blocks returns the blocks of all questions.
func (s *Summary) blocks() (out []render.Section) {
	for _, q := range questions {
		for _, block := range q.blocks {
			for _, section := range block(s) {
				section.Question = q.question
				out = append(out, section)
			}
		}
	}
	return out
}

// of makes a part of the summary from a part of its details.
func of(part func(*Details) []render.Section) func(*Summary) []render.Section {
	return func(s *Summary) []render.Section { return part(s.Details) }
}

// list returns a section of one list with what it is for.
func list(name, about string, cells ...render.Cell) render.Section {
	s := render.List(name, cells...)
	s.About = about
	return s
}

// rows returns a row for each item.
func rows[T any](items []T, name func(*T) string) []render.Row {
	out := make([]render.Row, len(items))
	for i := range items {
		out[i] = render.Row{Name: name(&items[i]), Cells: render.Cells(&items[i])}
	}
	return out
}

// numbered returns a row for each item, named by its place.
func numbered[T any](items []T) []render.Row {
	n := 0
	return rows(items, func(*T) string { n++; return integer(n) })
}
