package report

import (
	"fmt"
	"slices"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// aboutTable returns remarks on the reference's table.
func (s *Summary) aboutTable() []render.Section {
	about := render.Section{Name: "table"}
	if len(s.Tables) > 0 && s.Tables[0].TPOTAbsent > 0 {
		about.Notes = append(about.Notes, fmt.Sprintf("tpot_ms leaves out %s that came in one chunk: "+
			"there is no time between their tokens.",
			human.Count(s.Tables[0].TPOTAbsent, "answer")))
	}
	if a := s.Details.Arms; a != nil {
		about.Notes = append(about.Notes, fmt.Sprintf(
			"The run has control arms: the table and all that is not said to be of all arms is of %q only.",
			a.Measured))
	}
	return []render.Section{about}
}

func (d *Details) work() []render.Section {
	w := &d.Work
	tallies := render.Section{
		Name: "work", Title: "Work:", About: "What was planned, and what became of it.",
		Rows: []render.Row{
			{Name: "conversations", Cells: render.Cells(w.Conversations)},
			{Name: "turns", Cells: render.Cells(w.Turns)},
		},
	}
	for _, name := range []string{"planned", "started", "finished", "failed", "abandoned"} {
		tallies.Columns = append(tallies.Columns, render.Count(name, name))
	}
	switch w.Why {
	case "":
		tallies.Notes = append(tallies.Notes,
			"  The records have no end: the run was killed, or goes on. Finished conversations are not "+
				"known.")
	case record.WhyDone, record.WhyLimit:
	default:
		tallies.Notes = append(tallies.Notes, fmt.Sprintf("  The run ended early: %s%s.", w.Why,
			after(": ", w.Error)))
	}
	if w.Warmup > 0 {
		tallies.Notes = append(tallies.Notes, fmt.Sprintf(
			"  Warm-up: %s, only in the outcomes, failures and connections below.", human.Count(w.Warmup,
				"turn")))
	}
	cells := append(render.Cells(w, "conversations", "turns"),
		render.Value("turns_retried", d.Retried), render.Value("retry_pauses_sec", d.RetryPauses))
	return []render.Section{list("work", "How the run ended.", cells...), tallies}
}

func (d *Details) outcomes() []render.Section {
	outcomes := render.Section{Name: "outcomes", About: "How turns ended, warm-up included."}
	parts := []string{}
	for _, o := range d.Outcomes {
		outcomes.Rows = append(outcomes.Rows, render.Row{Name: string(o.Outcome),
			Cells: []render.Cell{render.Value("", o.N)}})
		parts = append(parts, fmt.Sprintf("%s %d", o.Outcome, o.N))
	}
	if len(parts) == 0 {
		parts = []string{"none"}
	}
	outcomes.Notes = []string{"Outcomes: " + strings.Join(parts, ", ")}

	failures := render.Section{Name: "failures", About: "The commonest failures.",
		Rows: numbered(d.Failures)}
	for _, f := range d.Failures {
		if len(d.Failures) > 1 {
			f.Error = firstWords(f.Error)
		}
		failures.Notes = append(failures.Notes, "  "+f.String())
	}
	if d.Retried > 0 {
		failures.Notes = append(failures.Notes, fmt.Sprintf(
			"Retries: %s sent more than once, after pauses of %s s in all; clocks are of the last attempt, "+
				"rates include the pauses", human.Count(d.Retried, "turn"), fixed(d.RetryPauses, 1)))
	}
	return []render.Section{outcomes, failures}
}

// answers returns what is known of the answers: whether they are as in the
// dataset, as long as asked for, and who counted their tokens.
func (d *Details) answers() []render.Section {
	var out []render.Section
	if v := d.Verify; v != nil {
		verify := list("verify", "Answers beside those of the dataset.", render.Cells(v)...)
		verify.Notes = []string{"Verified: " + v.String()}
		out = append(out, verify)
	}
	if h := d.Histories; h != nil {
		histories := list("histories", "What stands for answers in the history of the next turn.",
			render.Cells(h)...)
		histories.Notes = []string{"Histories: " + h.String()}
		out = append(out, histories)
	}
	lengths := list("answer_lengths", "Answers beside the length that was asked for.",
		render.Cells(d.Lengths)...)
	lengths.Notes = []string{"Answers: " + lengthsNote(d)}
	tokens := list("tokens", "Who counted the tokens of the measured turns.",
		render.Cells(d.Tokens)...)
	tokens.Notes = []string{"Tokens: " + tokensNote(&d.Tokens)}
	if d.has(promptsNotGrow) {
		tokens.Notes = append(tokens.Notes, "Input tokens are too low: prompts by usage are not whole")
	}
	return append(out, lengths, tokens)
}

func lengthsNote(d *Details) string {
	var (
		l    = d.Lengths
		mode = after(" (", d.Tokens.OutputLength)
	)
	if mode != "" {
		mode += ")"
	}
	switch {
	case l.Asked == 0:
		return "no length was asked for" + mode
	case l.Met == l.Asked:
		return fmt.Sprintf("all %d as long as asked%s", l.Asked, mode)
	}
	return fmt.Sprintf("%d of %d missed the length asked for%s: %d shorter, %d longer",
		l.Asked-l.Met, l.Asked, mode, l.Shorter, l.Longer)
}

func tokensNote(n *TokenCounts) string {
	var parts []string
	if n.Usage > 0 {
		parts = append(parts, fmt.Sprintf("the server's usage for %s", human.Count(n.Usage, "turn")))
	}
	if n.Estimated > 0 {
		parts = append(parts, fmt.Sprintf("counted by the client's tokenizer for %s (estimated: without "+
			"the chat template)",
			human.Count(n.Estimated, "turn")))
	}
	if n.Unknown > 0 {
		parts = append(parts, fmt.Sprintf("unknown for %s (0 in the table)", human.Count(n.Unknown,
			"turn")))
	}
	if len(parts) == 0 {
		parts = []string{render.Unknown}
	}
	if n.Tokenizer.Name != "" {
		source := n.Tokenizer.Source
		if source != "" {
			source = " (" + source + ")"
		}
		parts = append(parts, "tokenizer "+n.Tokenizer.Name+source)
	}
	return strings.Join(parts, "; ")
}

func (d *Details) connections() []render.Section {
	n := &d.Connections
	connections := list("connections", "What the turns were sent over.", render.Cells(n)...)
	connections.Notes = []string{"Connections: " + connectionsNote(n)}
	times := render.Section{Name: "connections", About: "How long connecting took.",
		Rows: []render.Row{n.ConnectMS.row()}}
	return []render.Section{connections, times}
}

func connectionsNote(n *Connections) string {
	var parts []string
	add := func(count int, what string) {
		if count > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", human.Count(count, "turn"), what))
		}
	}
	add(n.Reused, "on a reused one")
	add(n.New, "on a new one")
	add(n.Retried, "sent again on a new one after the server had closed the reused one")
	if len(parts) == 0 {
		return render.Unknown
	}
	if m := &n.ConnectMS; m.Count > 0 {
		parts = append(parts, fmt.Sprintf("connecting took %s ms (median; longest %s)",
			render.Short(float64(m.Percentiles[0].Value)), render.Short(float64(m.Max))))
	}
	return strings.Join(parts, ", ")
}

func (d *Details) certificate() []render.Section {
	c := &d.Certificate
	clocks := c.Clocks
	if clocks == "" {
		clocks = "not known"
	}
	verdict := list("certificate", "Whether the client measured well.", render.Cells(c, "lag_ms",
		"wake_ms", "read_late_ms")...)
	verdict.Title = fmt.Sprintf("client: %s (arrival times: %s):", c.Verdict, clocks)
	for _, line := range trustLines(c) {
		verdict.Notes = append(verdict.Notes, "  "+line)
	}
	for _, v := range c.Verdicts {
		if v.Reason != "" {
			verdict.Notes = append(verdict.Notes, "  - "+kindNames[v.Kind]+": "+v.Reason)
		}
	}
	kinds := render.Section{Name: "verdicts",
		About: "How far the client's own lateness shows in each kind of number.",
		Rows:  rows(c.Verdicts, func(v *record.Verdict) string { return v.Kind })}
	late := render.Section{Name: "certificate", About: "How late the client was."}
	shown := late
	shown.Columns = []render.Column{render.Decimals("50%", "p50", 3),
		render.Decimals("99%", "p99", 3), render.Decimals("max", "max", 3)}
	for _, q := range []struct {
		name, label string
		record.Quantiles
	}{
		{"lag_ms", "sent late, ms", c.Lag}, {"wake_ms", "timers late, ms", c.Wake}, {"read_late_ms",
			"read late, ms", c.ReadLate},
	} {
		to := &late
		if q.N > 0 {
			to = &shown
		}
		to.Rows = append(to.Rows, render.Row{Name: q.name, Label: q.label,
			Cells: render.Cells(q.Quantiles)})
	}
	if used := clientUse(c); len(used) > 0 {
		shown.Notes = []string{"  " + strings.Join(used, ", ")}
	}
	return slices.DeleteFunc([]render.Section{verdict, kinds, late, shown}, func(s render.Section) bool {
		return len(s.Rows)+len(s.Notes) == 0
	})
}

// clientUse returns what the client used, in parts of a sentence.
func clientUse(c *record.Certificate) (parts []string) {
	if c.CPUSeconds > 0 {
		parts = append(parts, fmt.Sprintf("%s s CPU (%.0f %% of the machine)",
			render.Short(c.CPUSeconds), 100*c.CPUShare))
	}
	if c.PeakMemoryMB > 0 {
		parts = append(parts, fmt.Sprintf("%.0f MB", c.PeakMemoryMB))
	}
	if c.GCs > 0 {
		parts = append(parts, fmt.Sprintf("%s (longest pause %s ms)", human.Count(c.GCs, "collection"),
			render.Short(c.GCPauseMaxMS)))
	}
	if c.Chunks > 0 {
		parts = append(parts, fmt.Sprintf("%s chunks in %s reads", human.Thousands(c.Chunks),
			human.Thousands(c.Reads)))
	}
	if c.Opened > 0 {
		parts = append(parts, human.Count(c.Opened, "connection")+" opened")
	}
	return parts
}

// after is lead and s, or nothing when s is empty.
func after(lead, s string) string {
	if s == "" {
		return ""
	}
	return lead + s
}
