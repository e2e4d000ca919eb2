package report

import (
	"fmt"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/render"
)

func (d *Details) cost() []render.Section {
	m := d.Cost
	if m == nil {
		return nil
	}
	const name = "cost_model"
	model := list(name, "What a first token costs, by least squares without outliers.",
		render.Cells(m, "prefill_tokens_per_sec", "break_even_bytes_per_sec", "prefill_sec_saved",
			"prefill_sec_without_cache")...)
	terms := render.Section{Name: name, About: "The fitted costs and what follows from them, with 95 " +
		"% intervals."}
	add := func(name string, e Estimate, more ...render.Cell) {
		terms.Rows = append(terms.Rows, render.Row{Name: name, Cells: append(render.Cells(e, "name"),
			more...)})
	}
	for _, t := range m.Terms {
		add(t.Name+"_ms", t)
	}
	add("prefill_tokens_per_sec", m.Prefill)
	add("break_even_bytes_per_sec", m.BreakEvenBytes)
	for _, t := range m.Tiers {
		add(t.Tier+"_tokens_per_sec", t.Tokens, render.Value("loaded_tokens", t.Loaded))
		add(t.Tier+"_bytes_per_sec", t.Bytes)
	}
	add("prefill_sec_saved", m.Saved)
	add("prefill_sec_without_cache", m.Whole)
	model.Title, model.Notes = "Cost of the first token:", m.text()
	return []render.Section{model, terms}
}

// text returns the model in sentences.
func (m *CostModel) text() []string {
	notes := m.termsText()
	add := func(format string, args ...any) {
		notes = append(notes, "  "+fmt.Sprintf(format,
			args...))
	}
	add("fitted to %d of %s: %s", m.N, human.Count(m.Of, "turn"), m.Rule)
	if m.Outliers > 0 {
		add("%s", m.outliersNote())
	}
	if m.R2.OK() {
		add("R2 %s; residuals: std %s ms, half within %s, 95 %% within %s, largest %s", fixed(m.R2, 3),
			render.Short(float64(m.ResidualStd)), render.Short(float64(m.Residual50)),
			render.Short(float64(m.Residual95)),
			render.Short(float64(m.ResidualMax)))
	}
	if !m.Fit {
		add("rejected, nothing is concluded from it: %s", m.Why)
		return notes
	}
	add("prefill: %s%s; a tier that loads more slowly is worth nothing", perSecond(m.Prefill),
		inBytes(m.BreakEvenBytes))
	for i := range m.Tiers {
		r := &m.Tiers[i]
		add("%s: %s%s", r.Tier, perSecond(r.Tokens), inBytes(r.Bytes))
	}
	if m.Saved.Value.OK() {
		add("the cache saved %s s [%s, %s] of the %s s that computing all prompts would have taken",
			significant(m.Saved.Value), significant(m.Saved.Low), significant(m.Saved.High),
			significant(m.Whole.Value))
	}
	if m.Waiting >= 0.05 { // what is written as 0.1
		add("TTFT is %s ms a turn above this cost on average: waiting for other requests",
			fixed(m.Waiting, 1))
	}
	for _, n := range m.Notes {
		add("%s", n)
	}
	return notes
}

// termsText returns the formula and the intervals of its terms.
func (m *CostModel) termsText() []string {
	if len(m.Terms) == 0 {
		return nil
	}
	line := "  ttft = " + significant(m.Terms[0].Value) + " ms"
	for _, term := range m.Terms[1:] {
		sign, value := " + ", term.Value
		if value < 0 {
			sign, value = " - ", -value
		}
		line += sign + significant(value) + " ms x " + m.quantity(term.Name)
	}
	notes := []string{line}
	for _, term := range m.Terms {
		unit := "ms a token"
		switch term.Name {
		case termBase:
			unit = "ms" + m.beside()
		case termAttention:
			unit = "ms a pair"
		case termDecoding:
			unit = "ms a request"
		}
		notes = append(notes, fmt.Sprintf("    %s: %s [%s, %s] %s",
			term.Name, significant(term.Value), significant(term.Low), significant(term.High), unit))
	}
	return notes
}

// quantity returns what a term's cost is multiplied with.
func (m *CostModel) quantity(term string) string {
	switch term {
	case termComputed, termCached:
		return "tokens " + term
	case termAttention:
		return "pairs of a computed token and one before it"
	case termDecoding:
		return "(requests decoding - " + fixed(m.Decoding, 1) + ")"
	}
	return "tokens from " + term
}

// beside names the number of decoding requests that the base is measured beside.
func (m *CostModel) beside() string {
	if !(m.Decoding >= 0.05) {
		return ""
	}
	return fmt.Sprintf(" beside %s decoding requests, their mean number", fixed(m.Decoding, 1))
}

// outliersNote says which turns were left out.
func (m *CostModel) outliersNote() string {
	var list []string
	for _, o := range m.Outlying {
		list = append(list, fmt.Sprintf("%s turn %d took %s ms, not %s", o.Conversation, o.Turn,
			significant(o.TTFT), significant(o.Expected)))
	}
	if m.Outliers > len(list) {
		list = append(list, "...")
	}
	are := "are outliers"
	if m.Outliers == 1 {
		are = "is an outlier"
	}
	return fmt.Sprintf("%s %s, left out of the fit: %s", human.Count(m.Outliers, "turn"), are,
		strings.Join(list, "; "))
}

func perSecond(e Estimate) string {
	end := func(n Number) string {
		if !n.OK() {
			return "no end"
		}
		return human.Thousands(int64(n))
	}
	if !e.Value.OK() {
		return fmt.Sprintf("too fast to measure, at least %s tokens/s", end(e.Low))
	}
	return fmt.Sprintf("%s tokens/s [%s, %s]", end(e.Value), end(e.Low), end(e.High))
}

func inBytes(e Estimate) string {
	if !e.Value.OK() {
		return ""
	}
	return fmt.Sprintf(", %s GB/s", significant(e.Value/1e9))
}
