package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"multiturn/pkg/record"
)

// absent stands for a number that does not exist or is not known.
const absent = "-"

// details writes the blocks after the table.
func (t *text) details(s *Summary) {
	d := s.Details
	if len(s.Tables) > 0 && s.Tables[0].TPOTAbsent > 0 {
		t.line("tpot_ms leaves out %s that came in one chunk: there is no time between their tokens.", plural(s.Tables[0].TPOTAbsent, "answer"))
	}
	if d.Arms != nil {
		t.line("The run has control arms: the table and all that is not said to be of all arms is of %q only.", d.Arms.Measured)
	}
	t.work(d)
	t.throughput(d)
	t.distributions(d)
	t.groups(d)
	t.cache(d)
	t.intervals(d)
	t.certificate(d)
}

func (t *text) work(d *Details) {
	t.heading("Work:")
	g := grid{{"", "planned", "started", "finished", "failed", "abandoned"}}
	for _, r := range []struct {
		name string
		record.Tally
	}{{"conversations", d.Work.Conversations}, {"turns", d.Work.Turns}} {
		g = append(g, []string{r.name, integer(r.Planned), integer(r.Started), integer(r.Finished), integer(r.Failed), integer(r.Abandoned)})
	}
	t.grid(g)
	switch d.Work.Why {
	case "":
		t.line("  The records have no end: the run was killed, or goes on. Finished conversations are not known.")
	case record.WhyDone:
	default:
		t.line("  The run ended early: %s%s.", d.Work.Why, after(": ", d.Work.Error))
	}
	if d.Work.Warmup > 0 {
		t.line("  Warm-up: %s, only in the outcomes, failures and connections below.", plural(d.Work.Warmup, "turn"))
	}
	var parts []string
	for _, o := range d.Outcomes {
		parts = append(parts, fmt.Sprintf("%s %d", o.Outcome, o.N))
	}
	if len(parts) == 0 {
		parts = []string{"none"}
	}
	t.line("Outcomes: %s", strings.Join(parts, ", "))
	for _, f := range d.Failures {
		name := string(f.Outcome)
		if f.Status != 0 && f.Status != 200 {
			name += " " + strconv.Itoa(f.Status)
		}
		t.line("  %6d x %s%s", f.N, name, after(": ", f.Error))
	}
	if d.Retried > 0 {
		t.line("Retries: %s sent more than once; the clocks are the last attempt's", plural(d.Retried, "turn"))
	}
	if v := d.Verify; v != nil {
		t.line("Verified: %s as in the dataset, %d not", plural(v.Match, "answer"), v.Mismatch)
	}
	t.line("Answers: %s", lengths(d))
	t.line("Tokens: %s", tokens(&d.Tokens))
	t.line("Connections: %s", connections(&d.Connections))
}

func lengths(d *Details) string {
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
	return fmt.Sprintf("%d of %d missed the length asked for%s: %d shorter, %d longer", l.Asked-l.Met, l.Asked, mode, l.Shorter, l.Longer)
}

func tokens(n *TokenCounts) string {
	var parts []string
	if n.Usage > 0 {
		parts = append(parts, fmt.Sprintf("the server's usage for %s", plural(n.Usage, "turn")))
	}
	if n.Estimated > 0 {
		parts = append(parts, fmt.Sprintf("counted by the client's tokenizer for %s (estimated: without the chat template)", plural(n.Estimated, "turn")))
	}
	if n.Unknown > 0 {
		parts = append(parts, fmt.Sprintf("unknown for %s (0 in the table)", plural(n.Unknown, "turn")))
	}
	if len(parts) == 0 {
		parts = []string{absent}
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

func connections(n *Connections) string {
	var parts []string
	add := func(count int, what string) {
		if count > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", plural(count, "turn"), what))
		}
	}
	add(n.Reused, "on an open one")
	add(n.New, "on a new one")
	add(n.Retried, "sent again on a new one, the server had closed the open one")
	if len(parts) == 0 {
		return absent
	}
	if m := &n.ConnectMS; m.Count > 0 {
		parts = append(parts, fmt.Sprintf("connecting took %s ms (median; longest %s)", short(float64(m.Percentiles[0].Value)), short(float64(m.Max))))
	}
	return strings.Join(parts, ", ")
}

func (t *text) throughput(d *Details) {
	p := &d.Throughput
	t.line("")
	t.heading("Throughput:")
	t.grid(grid{
		{"seconds", "drain", "requests/s", "input tok/s", "uncached tok/s", "output tok/s", "in flight", "most"},
		{fixed(p.Seconds, 3), fixed(p.DrainSec, 3), fixed(p.Requests, 3), fixed(p.Input, 1), fixed(p.NewInput, 1), fixed(p.Output, 1),
			fixed(p.InFlight, 2), integer(p.MaxInFlight)},
	})
	if g := d.Goodput; g != nil {
		t.line("Goodput (%s ms): %d of %d turns, %s %%, %s/s", g.Limits, g.Good, g.Of, fixed(100*g.Share, 2), fixed(g.PerSec, 3))
	}
	c := &d.Cache
	switch {
	case c.Of == 0:
	case c.Known == 0:
		t.line("Cached tokens: not known, the server does not report them")
	default:
		line := fmt.Sprintf("Cached tokens: %s of %s input tokens, %s %%", thousands(c.Cached), thousands(c.Input), fixed(100*c.Share, 1))
		if c.Known < c.Of {
			line += fmt.Sprintf(" (known for %d of %d turns)", c.Known, c.Of)
		}
		for _, tier := range slices.Sorted(maps.Keys(c.Tiers)) {
			line += fmt.Sprintf(", %s %s", tier, thousands(c.Tiers[tier]))
		}
		t.line("%s", line)
	}
}

func (t *text) distributions(d *Details) {
	if len(d.Distributions) == 0 {
		return
	}
	t.line("")
	t.heading("Beyond the table:")
	g := grid{{"", "count", "mean", "min", "50%", "90%", "99%", "max"}}
	rows := d.Distributions
	// Where each chunk is a token, one of the two says it all.
	if len(rows) > 1 && rows[0].Name == "chunk_gap_ms" && rows[0].Mean == rows[1].Mean && rows[0].Count == rows[1].Count {
		rows = rows[1:]
	}
	for i := range rows {
		r := &rows[i]
		row := []string{r.Name, integer(r.Count), fixed(r.Mean, 2), fixed(r.Min, 2)}
		for _, p := range r.Percentiles {
			row = append(row, fixed(p.Value, 2))
		}
		g = append(g, append(row, fixed(r.Max, 2)))
	}
	t.grid(g)
}

func (t *text) groups(d *Details) {
	if d.First.N+d.Later.N == 0 {
		return
	}
	head := []string{"", "count", "ttft p50", "ttft p99", "tpot p50", "latency p50", "input", "output", "cached", "cached %"}
	row := func(name string, g *Group) []string {
		return []string{
			name, integer(g.N), fixed(g.TTFT50, 2), fixed(g.TTFT99, 2), fixed(g.TPOT50, 2), fixed(g.Latency, 2),
			fixed(g.Input, 1), fixed(g.Output, 1), fixed(g.Cached, 1), fixed(100*g.CachedShare, 1),
		}
	}
	t.line("")
	t.heading("By turn (ms; mean tokens):")
	g := grid{head}
	if d.First.N > 0 {
		g = append(g, row("first turns", &d.First))
	}
	if d.Later.N > 0 {
		g = append(g, row("later turns", &d.Later))
	}
	for i := range d.Turns {
		g = append(g, row("turn "+span(&d.Turns[i]), &d.Turns[i]))
	}
	t.grid(g)
	if len(d.Contexts) > 0 {
		t.line("")
		t.heading("By input tokens:")
		g = grid{head}
		for i := range d.Contexts {
			g = append(g, row(span(&d.Contexts[i]), &d.Contexts[i]))
		}
		t.grid(g)
	}
}

func span(g *Group) string { return spanOf(g.From, g.To) }

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

func (t *text) intervals(d *Details) {
	if len(d.Intervals) == 0 {
		return
	}
	t.line("")
	t.heading(fmt.Sprintf("95 %% intervals (%d conversations resampled):", d.Intervals[0].Conversations))
	g := grid{{""}}
	for _, e := range d.Intervals[0].Estimates {
		g[0] = append(g[0], e.Name, "")
	}
	for _, in := range d.Intervals {
		row := []string{in.Name}
		for _, e := range in.Estimates {
			row = append(row, fixed(e.Value, 2), "["+fixed(e.Low, 2)+", "+fixed(e.High, 2)+"]")
		}
		g = append(g, row)
	}
	t.grid(g)
}

func (t *text) certificate(d *Details) {
	c := &d.Certificate
	t.line("")
	clocks := c.Clocks
	if clocks == "" {
		clocks = "not known"
	}
	t.line("client: %s (arrival times: %s)", c.Verdict, clocks)
	for _, r := range c.Reasons {
		t.wrapped("  - ", r)
	}
	g := grid{{"", "50%", "99%", "max"}}
	for _, q := range []struct {
		name string
		record.Quantiles
	}{{"sent late, ms", c.Lag}, {"timers late, ms", c.Wake}, {"read late, ms", c.ReadLate}} {
		if q.N > 0 {
			g = append(g, []string{q.name, short(q.P50), short(q.P99), short(q.Max)})
		}
	}
	if len(g) > 1 {
		t.grid(g)
	}
	var parts []string
	if c.CPUSeconds > 0 {
		parts = append(parts, fmt.Sprintf("%s s CPU (%.0f %% of the machine)", short(c.CPUSeconds), 100*c.CPUShare))
	}
	if c.PeakMemoryMB > 0 {
		parts = append(parts, fmt.Sprintf("%.0f MB", c.PeakMemoryMB))
	}
	if c.GCs > 0 {
		parts = append(parts, fmt.Sprintf("%s (longest pause %s ms)", plural(c.GCs, "collection"), short(c.GCPauseMaxMS)))
	}
	if c.Chunks > 0 {
		parts = append(parts, fmt.Sprintf("%s chunks in %s reads", thousands(c.Chunks), thousands(c.Reads)))
	}
	if c.Opened > 0 {
		parts = append(parts, plural(c.Opened, "connection")+" opened")
	}
	if len(parts) > 0 {
		t.wrapped("  ", strings.Join(parts, ", "))
	}
}

// wrapped writes a long sentence over as many lines as it takes.
func (t *text) wrapped(lead, s string) {
	const width = 110
	line := lead
	indent := strings.Repeat(" ", len(lead))
	empty := true
	for word := range strings.FieldsSeq(s) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			t.line("%s", line)
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	t.line("%s", line)
}

// grid is a small table: a row of headings, then rows with a name each. Names stand left, numbers right.
type grid [][]string

func (t *text) grid(g grid) {
	for _, row := range g {
		line := "  "
		for i, cell := range row {
			width := 0
			for _, other := range g {
				if i < len(other) {
					width = max(width, utf8.RuneCountInString(other[i]))
				}
			}
			pad := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
			switch {
			case i == 0 && g[0][0] == "":
				line += cell + pad
			case i == 0:
				line += pad + cell
			default:
				line += "  " + pad + cell
			}
		}
		t.line("%s", strings.TrimRight(line, " "))
	}
}

// fixed formats n with that many decimals.
func fixed(n Number, decimals int) string {
	if !n.OK() {
		return absent
	}
	return strconv.FormatFloat(float64(n), 'f', decimals, 64)
}

// short formats a measured time with as many decimals as say something.
func short(f float64) string {
	switch n := Number(f); {
	case !n.OK():
		return absent
	case f >= 100:
		return fixed(n, 0)
	case f >= 1:
		return fixed(n, 1)
	default:
		return fixed(n, 3)
	}
}

func integer(n int) string { return strconv.Itoa(n) }

// thousands parts large numbers by commas.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// after is lead and s, or nothing when s is empty.
func after(lead, s string) string {
	if s == "" {
		return ""
	}
	return lead + s
}
