package describe

import (
	"fmt"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/render"
)

// Document returns the summary as sections, for every format.
func (s *Summary) Document() render.Document {
	return render.Document{Name: s.Name, Value: s, Sections: []render.Section{
		s.facts(), s.perConversation(), s.roles(), s.byTurn(), s.systems(), s.longest(),
		s.counts("media", s.Media), s.counts("scripts", s.Scripts),
	}}
}

const factWidth = 18

// counted writes a number with commas and what it counts.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return human.Thousands(n) + " " + noun
}

// facts returns how much there is, and what is shared.
func (s *Summary) facts() render.Section {
	out := render.List("dataset", render.Cells(s)...)
	out.About = "How much the dataset holds, and what its first prompts share."
	out.Text = func(heading func(string) string) string {
		var facts []render.Fact
		for _, f := range s.factRows() {
			facts = append(facts, render.Fact{Label: f[0], Lines: f[1:]})
		}
		return heading(s.Name+": "+counted(s.Conversations, "conversation")) + "\n" +
			render.Facts(factWidth, facts...)(heading) + "\n"
	}
	return out
}

func (s *Summary) factRows() [][2]string {
	p := &s.Prefixes
	rows := [][2]string{
		{"Read as", s.Form},
		{"Turns", fmt.Sprintf("%s, %s messages", human.Thousands(s.Turns), human.Thousands(s.Messages))},
		{"Tokens", fmt.Sprintf("%s by %s, without a chat template", human.Thousands(s.Tokens),
			s.Tokenizer)},
		{"Shared prefixes", fmt.Sprintf("%s of the bytes of first prompts stand at the beginning of "+
			"an earlier one, too", render.Percent(float64(p.Share)))},
		{"", fmt.Sprintf("in %s of %s conversations", human.Thousands(p.Conversations),
			human.Thousands(s.Conversations))},
	}
	atLeast := ""
	if p.AtLeast {
		atLeast = "more than "
	}
	rows = append(rows, [2]string{"System prompts", fmt.Sprintf("%s%s different; %s without one",
		atLeast, human.Thousands(p.SystemPrompts),
		counted(p.WithoutSystem, "conversation"))})
	rows = append(rows, [2]string{"Duplicates", counted(s.Duplicates, "conversation") +
		" with the messages of an earlier one"})
	if t := s.Tools; t != (Tools{}) {
		rows = append(rows, [2]string{"Tools", fmt.Sprintf("%s; %s, %s; %s with descriptions",
			counted(t.Conversations, "conversation"), counted(t.Calls, "call"),
			counted(t.Results, "result"), human.Thousands(t.Described))})
	}
	if len(s.Media) > 0 {
		rows = append(rows, [2]string{"Media", list(s.Media)})
	}
	return append(rows, [2]string{"Scripts", list(s.Scripts)})
}

// list returns counts in one line.
func list(counts []Named) string {
	var all []string
	for _, n := range counts {
		all = append(all, n.Name+" "+human.Thousands(n.Count))
	}
	return strings.Join(all, ", ")
}

func thousands(head, cell string) render.Column {
	return render.Column{Head: head, Text: func(r render.Row) string {
		f := r.Number(cell)
		if f != f {
			return render.Unknown
		}
		return human.Thousands(int64(f + 0.5))
	}}
}

func lengthRows(all []Lengths) (rows []render.Row) {
	for _, l := range all {
		rows = append(rows, render.Row{Name: l.Name, Cells: render.Cells(l, "name")})
	}
	return rows
}

var lengthColumns = []render.Column{
	thousands("count", "count"), thousands("sum", "sum"), render.Decimals("mean", "mean", 1),
	thousands("p50", "p50"), thousands("p90", "p90"), thousands("p99", "p99"), thousands("max", "max"),
}

func (s *Summary) perConversation() render.Section {
	return render.Section{
		Name: "per_conversation", Title: "In a conversation", RowHead: "of a conversation",
		Rows: lengthRows(s.PerConversation), Columns: lengthColumns[2:],
	}
}

func (s *Summary) roles() render.Section {
	return render.Section{
		Name: "roles", Title: "Tokens of a message, by role", RowHead: "role",
		Rows: lengthRows(s.Roles), Columns: lengthColumns,
	}
}

func (s *Summary) byTurn() render.Section {
	out := render.Section{
		Name: "by_turn", Title: "Tokens by turn", RowHead: "turn",
		Columns: []render.Column{
			thousands("turns", "count"), thousands("new p50", "new_p50"),
			thousands("p99", "new_p99"), thousands("prompt p50", "prompt_p50"),
			thousands("p90", "prompt_p90"), thousands("p99", "prompt_p99"),
			thousands("max", "prompt_max"), thousands("answer p50", "answer_p50"),
			thousands("p99", "answer_p99"),
		},
		Notes: []string{"new: what a turn sends for the first time; prompt: with the history before it."},
	}
	for _, t := range s.ByTurn {
		out.Rows = append(out.Rows, render.Row{Name: t.Turn, Cells: render.Cells(t, "turn")})
	}
	return out
}

func (s *Summary) systems() render.Section {
	out := render.Section{Name: "system_prompts"}
	if len(s.Systems) == 0 {
		return out
	}
	out.Title, out.RowHead = "System prompts of several conversations", "begin"
	out.Columns = []render.Column{
		thousands("conversations", "conversations"), thousands("tokens", "tokens"),
	}
	for i, p := range s.Systems {
		out.Rows = append(out.Rows, render.Row{Name: fmt.Sprint(i + 1), Label: p.Begin,
			Cells: render.Cells(p)})
	}
	return out
}

func (s *Summary) longest() render.Section {
	out := render.Section{
		Name: "longest", Title: "Longest contexts", RowHead: "conversation",
		Columns: []render.Column{
			thousands("tokens", "tokens"), thousands("turns", "turns"),
			thousands("messages", "messages"),
		},
	}
	for _, l := range s.Longest {
		out.Rows = append(out.Rows, render.Row{Name: l.ID, Cells: render.Cells(l, "id")})
	}
	return out
}

// counts returns a section that only formats for programs show.
func (s *Summary) counts(name string, all []Named) render.Section {
	out := render.Section{Name: name}
	for _, n := range all {
		out.Rows = append(out.Rows, render.Row{Name: n.Name, Cells: render.Cells(n, "name")})
	}
	return out
}
