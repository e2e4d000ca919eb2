package report

import (
	"fmt"

	"multiturn/pkg/render"
)

func (d *Details) arms() []render.Section {
	a := d.Arms
	if a == nil {
		return nil
	}
	out := []render.Section{{
		Name: "arms", Title: "Arms:", About: "What each arm took.",
		Rows: rows(a.Arms, func(r *Arm) string { return r.Name }),
		Columns: []render.Column{
			render.Count("conversations", "conversations"),
			render.Count("turns", "turns"),
			render.Count("failed", "failed"),
			render.Mean("hit", "cached_tokens", "cached_known"),
			render.Hundred("hit %", "cached_share"),
			render.Decimals("ttft p50", "ttft_ms_p50", 2),
			render.Decimals("ttft mean", "ttft_ms_mean", 2),
			render.Decimals("requests/s", "requests_per_sec", 3),
		},
	}}
	for i := range a.Effects {
		out = append(out, a.Effects[i].sections(a.Measured)...)
	}
	return out
}

func (e *Effect) sections(measured string) []render.Section {
	how := "turn by turn of the same conversations"
	if !e.Paired {
		how = "means of turns of the same number, of different conversations"
	}
	name := "effect of " + e.Control
	about := list(name, "How the arms are compared.", render.Cells(e, "later_turns", "all_turns")...)
	table := render.Section{
		Name: name, About: "How much later the control arm's first tokens came.",
		Title: fmt.Sprintf("  ttft of %s less that of %s, ms (%s):", e.Control, measured, how),
		Columns: []render.Column{
			render.Count("turns", "n"),
			{Head: "difference", Text: differenceText},
			render.Interval("95 %", "low", "high", 2),
			render.Decimals(measured+" / "+e.Control, "ratio", 3),
			render.Interval("95 %", "ratio low", "ratio high", 3),
		},
	}
	row := func(name string, r *EffectRow) {
		cells := append(render.Cells(r, "difference_ms", "ratio"),
			render.Cells(r.Difference, "name")...)
		cells = append(cells, render.Value("ratio", r.Ratio.Value),
			render.Value("ratio low", r.Ratio.Low), render.Value("ratio high", r.Ratio.High))
		table.Rows = append(table.Rows, render.Row{Name: name, Label: "  " + name, Cells: cells})
	}
	row("all turns", &e.All)
	row("later turns", &e.Later)
	for j := range e.Turns {
		row("turn "+spanOf(e.Turns[j].From, e.Turns[j].To), &e.Turns[j])
	}
	return []render.Section{about, table}
}

// differenceText marks a difference that may be chance.
func differenceText(r render.Row) string {
	text := render.Fixed(r.Number("value"), 2)
	if p := Number(r.Number("p")); p.OK() && !(p < maxP) {
		return "~ " + text
	}
	return text
}
