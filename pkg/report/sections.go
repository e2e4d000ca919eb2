package report

import "multiturn/pkg/render"

// Document returns the summary as sections, for every format.
//
// A new number is a field of one of the summary's structs: it is then in JSON,
// CSV, Markdown and XLSX. Text shows it when a column or a note of its section
// does.
func (s *Summary) Document() render.Document {
	d := s.Reference()
	if s.Details == nil {
		return d
	}
	d.Sections = nil
	for _, part := range order {
		d.Sections = append(d.Sections, part(s)...)
	}
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

// order is what a document has of a run, in the order of text.
var order = []func(*Summary) []render.Section{
	of((*Details).findings),
	(*Summary).reference,
	(*Summary).aboutTable,
	of((*Details).work),
	of((*Details).outcomes),
	of((*Details).answers),
	of((*Details).connections),
	of((*Details).throughput),
	of((*Details).distributions),
	of((*Details).groups),
	of((*Details).cachePlan),
	of((*Details).counters),
	of((*Details).metrics),
	of((*Details).reuse),
	of((*Details).tierWorth),
	of((*Details).cost),
	of((*Details).arms),
	of((*Details).intervals),
	of((*Details).certificate),
	(*Summary).header,
}

// of makes a part of the summary from a part of its details.
func of(part func(*Details) []render.Section) func(*Summary) []render.Section {
	return func(s *Summary) []render.Section { return part(s.Details) }
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
	return []render.Section{run}
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
