package report

import (
	"fmt"
	"maps"
	"slices"

	"multiturn/internal/human"
	"multiturn/pkg/render"
)

func (d *Details) throughput() []render.Section {
	speed := list("throughput", "Rates of the measured turns, over the time in which the server had their load.",
		render.Cells(d.Throughput)...)
	speed.Title = "Throughput:"
	speed.Columns = []render.Column{
		render.Decimals("seconds", "seconds", 3),
		render.Decimals("drain", "drain_sec", 3),
		render.Decimals("requests/s", "requests_per_sec", 3),
		render.Decimals("input tok/s", "input_tokens_per_sec", 1),
		render.Decimals("computed tok/s", "computed_input_tokens_per_sec", 1),
		render.Decimals("output tok/s", "output_tokens_per_sec", 1),
		render.Decimals("in flight", "mean_in_flight", 2),
		render.Count("most in flight", "max_in_flight"),
	}
	out := []render.Section{speed}
	if g := d.Goodput; g != nil {
		goodput := list("goodput", "Turns that met all limits.", render.Cells(g)...)
		goodput.Notes = []string{fmt.Sprintf("Goodput (%s ms): %d of %d turns, %s %%, %s/s",
			g.Limits, g.Good, g.Of, fixed(100*g.Share, 2), fixed(g.PerSec, 3))}
		out = append(out, goodput)
	}
	return out
}

// cached returns the hits by usage.
func (d *Details) cached() []render.Section {
	c := &d.Cache
	cached := list("cache", "Cached tokens by usage, of the measured turns.", render.Cells(c)...)
	for _, tier := range slices.Sorted(maps.Keys(c.Tiers)) {
		cached.Rows[0].Cells = append(cached.Rows[0].Cells, render.Value("cached_"+tier+"_tokens",
			c.Tiers[tier]))
	}
	cached.Notes = c.note()
	return []render.Section{cached}
}

func (c *Cache) note() []string {
	switch {
	case c.Of == 0:
		return nil
	case c.Known == 0:
		return []string{"Hits: not known, the server does not report cached tokens"}
	}
	line := fmt.Sprintf("Hits: %s of %s prompt tokens, %s%s", human.Thousands(c.Cached),
		human.Thousands(c.Input), percent(c.Share), c.partText())
	for _, tier := range slices.Sorted(maps.Keys(c.Tiers)) {
		line += fmt.Sprintf(", %s %s", tier, human.Thousands(c.Tiers[tier]))
	}
	return []string{line}
}

// partText says behind a number of hits how many turns it is of, if not of all.
func (c *Cache) partText() string {
	if c.Known == c.Of {
		return ""
	}
	return fmt.Sprintf(" (known for %d of %d turns)", c.Known, c.Of)
}

func (d *Details) distributions() []render.Section {
	if len(d.Distributions) == 0 {
		return nil
	}
	const about = "What the reference's table does not have."
	all := d.Distributions
	hidden := render.Section{Name: "distributions", About: about}
	// Where each chunk is a token, text shows one of the two.
	if len(all) > 1 && all[0].Name == "chunk_gap_ms" && all[0].Mean == all[1].Mean &&
		all[0].Count == all[1].Count {
		hidden.Rows = []render.Row{all[0].row()}
		all = all[1:]
	}
	shown := render.Section{Name: "distributions", Title: "Beyond the table:", About: about,
		Columns: []render.Column{
			render.Count("count", "count"), render.Decimals("mean", "mean", 2), render.Decimals("min", "min",
				2),
		}}
	for _, p := range detailPercentiles {
		name := Percentile{P: p}.name()
		shown.Columns = append(shown.Columns, render.Decimals(name, name, 2))
	}
	shown.Columns = append(shown.Columns, render.Decimals("max", "max", 2))
	for i := range all {
		shown.Rows = append(shown.Rows, all[i].row())
	}
	return []render.Section{hidden, shown}
}

var groupColumns = []render.Column{
	render.Count("count", "n"),
	render.Decimals("ttft p50", "ttft_ms_p50", 2),
	render.Decimals("ttft p90", "ttft_ms_p90", 2),
	render.Decimals("tpot p50", "tpot_ms_p50", 2),
	render.Decimals("latency p50", "latency_ms_p50", 2),
	render.Decimals("input", "input_tokens_mean", 1),
	render.Decimals("output", "output_tokens_mean", 1),
	render.Decimals("hit", "cached_tokens_mean", 1),
	render.Hundred("hit %", "cached_share"),
}

// groups returns parts of the turns. Empty parts are in data only.
func (d *Details) groups() []render.Section {
	const byTurn, byPrompt = "By turn (ms; mean tokens):", "By input tokens:"
	var out []render.Section
	titled := ""
	add := func(name, title string, groups []Group, label func(*Group) string) {
		s := render.Section{Name: name, About: "Parts of the measured turns.", Rows: rows(groups,
			(*Group).span)}
		if len(groups) > 0 && groups[0].N > 0 {
			s.Columns = groupColumns
			if title != titled {
				s.Title, titled = title, title
			}
		}
		for i := range groups {
			s.Rows[i].Label = label(&groups[i])
		}
		out = append(out, s)
	}
	add("first_turns", byTurn, []Group{d.First}, func(*Group) string { return "first turns" })
	add("later_turns", byTurn, []Group{d.Later}, func(*Group) string { return "later turns" })
	add("by_turn", byTurn, d.Turns, func(g *Group) string { return "turn " + g.span() })
	add("by_prompt", byPrompt, d.Contexts, (*Group).span)
	return out
}

func (g *Group) span() string { return spanOf(g.From, g.To) }

// spanOf is a range in words; to 0 is without end.
func spanOf(from, to int) string {
	switch to {
	case from:
		return integer(from)
	case 0:
		return integer(from) + "-"
	}
	return integer(from) + "-" + integer(to)
}

// title names the part of the run that the intervals are of.
func (in *Intervals) title() string {
	where := ""
	if in.Window == windowSteady {
		where = " of the steady part"
	}
	return fmt.Sprintf("95 %% intervals%s (%d conversations):", where, in.Conversations)
}

func (d *Details) intervals() []render.Section {
	if len(d.Intervals) == 0 {
		return nil
	}
	s := render.Section{
		Name: "intervals", About: "Where the numbers of the table lie, by chance.",
		Title: d.Intervals[0].title(),
	}
	for _, e := range d.Intervals[0].Estimates {
		s.Columns = append(s.Columns,
			render.Decimals(e.Name, e.Name, 2), render.Interval("", e.Name+" low", e.Name+" high", 2))
	}
	for _, in := range d.Intervals {
		row := render.Row{Name: in.Name, Cells: render.Cells(in, "estimates")}
		if text := in.unseenText(); text != "" {
			s.Notes = append(s.Notes, "  "+text)
		}
		for _, e := range in.Estimates {
			row.Cells = append(row.Cells,
				render.Value(e.Name, e.Value), render.Value(e.Name+" low", e.Low), render.Value(e.Name+" high",
					e.High))
		}
		s.Rows = append(s.Rows, row)
	}
	return []render.Section{s}
}
