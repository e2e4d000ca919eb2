package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"multiturn/pkg/kvcache"
)

// findings writes what the records show, with its evidence.
func (t *text) findings(d *Details) {
	if len(d.Findings) == 0 {
		return
	}
	t.heading("Findings:")
	for _, f := range d.Findings {
		t.wrapped("  - ", f.Text)
		t.wrapped("      ", f.Evidence)
	}
	t.line("")
}

// cache writes the blocks about the cache.
func (t *text) cache(d *Details) {
	if p := d.Prediction; p != nil {
		t.cachePlan(d, p)
	}
	t.metrics(d.Counters)
	if r := d.Reuse; r != nil {
		t.reuse(r)
	}
	if m := d.Cost; m != nil {
		t.cost(m)
	}
	if a := d.Arms; a != nil {
		t.arms(a)
	}
}

func (t *text) cachePlan(d *Details, p *CachePlan) {
	t.line("")
	t.heading("Cache, predicted beside measured (mean tokens a turn; ms):")
	g := grid{{"", "turns", "prompt", "new", "ideal", "predicted", "usage", "counters", "hit %", "of ideal %", "ttft p50", "recompute"}}
	row := func(name string, r *CacheRow, counters string) []string {
		mean := func(n Number) string { return fixed(share(n, int64(r.N)), 1) }
		eligible := r.EligibleRate
		if !p.SharedKnown && eligible > 1 {
			eligible = Unknown // of an ideal that is known to be too low
		}
		return []string{
			name, integer(r.N), mean(Number(r.Prompt)), mean(Number(r.New)), mean(Number(r.Ideal)), mean(r.Predicted), fixed(share(r.Cached, int64(r.Known)), 1),
			counters, fixed(100*r.HitRate, 1), fixed(100*eligible, 1), fixed(r.TTFT50, 2), fixed(r.Recompute50, 2),
		}
	}
	rows := p.named()
	for _, r := range rows {
		counters := absent
		if r.row == &p.All {
			counters = fixed(share(d.countersOf(p), int64(r.row.N)), 1)
		}
		g = append(g, row(r.name, r.row, counters))
	}
	t.grid(g)
	t.tiers(rows)
	t.wrapped("  ", p.Shape.String())
	if p.All.Known < p.All.N && p.All.Known > 0 {
		t.wrapped("  ", fmt.Sprintf("usage: known for %d of %s; the mean and the rates are of those", p.All.Known, plural(p.All.N, "turn")))
	}
	if !p.SharedKnown {
		t.wrapped("  ", "ideal, predicted: what conversations share with each other is not in them, their texts were not given (report takes them with --conversations FILE)")
	}
	t.wrapped("  ", d.Counters.String())
	for _, n := range p.Notes {
		t.wrapped("  ", n)
	}
}

// namedRow is a row of the table and what it is called.
type namedRow struct {
	name string
	row  *CacheRow
}

func (p *CachePlan) named() []namedRow {
	rows := []namedRow{{"all turns", &p.All}}
	if p.First.N > 0 && p.Later.N > 0 {
		rows = append(rows, namedRow{"first turns", &p.First}, namedRow{"later turns", &p.Later})
	}
	for i := range p.Turns {
		rows = append(rows, namedRow{"turn " + spanOf(p.Turns[i].From, p.Turns[i].To), &p.Turns[i]})
	}
	return rows
}

// countersOf is what the counters say was cached, if they are of just the turns of the table.
func (d *Details) countersOf(p *CachePlan) Number {
	if d.Counters.Turns != p.All.N {
		return Unknown
	}
	return d.Counters.value("cached_tokens")
}

// tiers writes the split by tier, if any tier below the GPU is predicted or measured.
func (t *text) tiers(rows []namedRow) {
	names := make(map[string]bool)
	told, predicted := false, false
	for _, r := range rows {
		for tier, n := range r.row.CachedTier {
			names[tier] = names[tier] || n > 0
			told = true
		}
		for tier, n := range r.row.PredictedTier {
			names[tier] = names[tier] || n > 0
			predicted = true
		}
	}
	maps.DeleteFunc(names, func(_ string, some bool) bool { return !some })
	if len(names) == 0 || len(names) == 1 && names[kvcache.GPU.String()] {
		return
	}
	list := tierOrder(names)
	g := grid{{""}}
	head := func(of string, has bool) {
		for _, tier := range list {
			if has {
				g[0] = append(g[0], of+" "+tier)
			}
		}
	}
	head("predicted", predicted)
	head("usage", told)
	for _, r := range rows {
		line := []string{r.name}
		for _, tier := range list {
			if predicted {
				line = append(line, meanOf(r.row.PredictedTier, tier, r.row.N, true))
			}
		}
		for _, tier := range list {
			if told {
				// A server that tells tiers leaves them out where nothing was cached.
				line = append(line, meanOf(r.row.CachedTier, tier, r.row.Known, r.row.CachedTier != nil || r.row.Cached == 0))
			}
		}
		g = append(g, line)
	}
	t.grid(g)
}

func meanOf(by map[string]Number, tier string, n int, known bool) string {
	if !known {
		return absent
	}
	return fixed(share(by[tier], int64(n)), 1)
}

// tierOrder sorts tiers, the fastest first and what is not one of ours last.
func tierOrder(names map[string]bool) []string {
	rank := func(s string) int {
		for t := range kvcache.Tier(kvcache.NumTiers) {
			if t.String() == s {
				return int(t)
			}
		}
		return kvcache.NumTiers
	}
	return slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		if r := rank(a) - rank(b); r != 0 {
			return r
		}
		return strings.Compare(a, b)
	})
}

// String says the shape in a line.
func (s *CacheShape) String() string {
	if len(s.Tiers) == 0 {
		return fmt.Sprintf("predicted: the size of the cache is not known (blocks of %s, %s)", plural(s.BlockSize, "token"), by(s.BlockSizeFrom))
	}
	var parts []string
	for _, t := range s.Tiers {
		size := "no limit"
		if t.Blocks >= 0 {
			size = thousands(int64(t.Blocks)) + " blocks"
		}
		parts = append(parts, fmt.Sprintf("%s %s (%s; keeps %s)", t.Tier, size, by(t.From), t.Store))
	}
	line := fmt.Sprintf("predicted: blocks of %s (%s), %s", plural(s.BlockSize, "token"), by(s.BlockSizeFrom), strings.Join(parts, ", "))
	if s.Exclusive {
		line += ", exclusive"
	}
	return line
}

// by says who tells a number.
func by(from string) string {
	switch from {
	case FromServer:
		return "the server says"
	case FromProbe:
		return "the preflight's guess"
	case FromUsage:
		return "as usage has it"
	}
	return from
}

// String says the counters in a sentence.
func (k *Counters) String() string {
	switch {
	case k.Absent != "":
		return "counters: " + k.Absent
	case k.Invalid != "":
		return "counters: not valid, " + k.Invalid
	}
	var parts []string
	for _, q := range []struct{ name, short string }{
		{"prompt_tokens", "prompt"}, {"cached_tokens", "cached"}, {"cached_tokens_gpu", "gpu"}, {"cached_tokens_cpu", "cpu"}, {"cached_tokens_disk", "disk"},
		{"cached_tokens_external", "external"}, {"computed_tokens", "computed"},
	} {
		if v := k.value(q.name); v.OK() {
			parts = append(parts, q.short+" "+thousands(int64(v)))
		}
	}
	if len(parts) == 0 {
		return "counters: the server exposes none of tokens"
	}
	return fmt.Sprintf("counters (of the whole run, all requests; they do not tell turns apart): %s tokens", strings.Join(parts, ", "))
}

func (t *text) reuse(r *ReuseDistance) {
	t.line("")
	t.heading("Reuse distance (since the conversation's last answer):")
	for i, part := range []struct {
		name    string
		buckets []ReuseBucket
	}{{"seconds", r.Seconds}, {"other turns", r.Turns}, {"tokens of those", r.Tokens}} {
		if i == 0 {
			t.line("  %-23s  turns  up to %%  hit %%  of ideal %%  predicted %%", "")
		}
		t.line("  %s:", part.name)
		for _, b := range part.buckets {
			t.line("    %-21s  %5d  %7s  %5s  %10s  %11s", b.span(), b.N, fixed(100*b.Share, 1), fixed(100*b.HitRate, 1), fixed(100*b.EligibleRate, 1), fixed(100*b.PredictedRate, 1))
		}
	}
}

// span is the range in words.
func (b *ReuseBucket) span() string {
	edge := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	if !b.To.OK() {
		return edge(b.From) + " or more"
	}
	if b.To == 1 && b.From == 0 {
		return "below 1"
	}
	if b.From == 0 {
		return "below " + edge(float64(b.To))
	}
	return edge(b.From) + " to " + edge(float64(b.To))
}

func (t *text) cost(m *CostModel) {
	t.line("")
	t.heading("Cost of the first token:")
	if len(m.Terms) > 0 {
		line := "ttft = " + significant(m.Terms[0].Value) + " ms"
		for _, term := range m.Terms[1:] {
			if sign := " + "; term.Value < 0 {
				line += " - " + significant(-term.Value)
			} else {
				line += sign + significant(term.Value)
			}
			line += " ms x tokens " + costOf(term.Name)
		}
		t.wrapped("  ", line)
		for _, term := range m.Terms {
			unit := "ms a token"
			if term.Name == "base" {
				unit = "ms"
			}
			t.line("    %-9s %s [%s, %s] %s", term.Name, significant(term.Value), significant(term.Low), significant(term.High), unit)
		}
	}
	t.wrapped("  ", fmt.Sprintf("fitted to %d of %s: %s", m.N, plural(m.Of, "turn"), m.Rule))
	if m.R2.OK() {
		t.line("  R2 %s; residuals: std %s ms, half within %s, 95 %% within %s, largest %s", fixed(m.R2, 3), short(float64(m.ResidualStd)),
			short(float64(m.Residual50)), short(float64(m.Residual95)), short(float64(m.ResidualMax)))
	}
	if !m.Fit {
		t.wrapped("  ", "unfit, nothing is concluded from it: "+m.Why)
		return
	}
	t.line("  prefill: %s%s; a tier that loads more slowly is worth nothing", perSecond(m.Prefill), inBytes(m.BreakEvenBytes))
	for i := range m.Tiers {
		r := &m.Tiers[i]
		t.line("  %s: %s%s", r.Tier, perSecond(r.Tokens), inBytes(r.Bytes))
	}
	t.line("  the cache saved %s s [%s, %s] of the %s s that computing all prompts would have taken", significant(m.Saved.Value), significant(m.Saved.Low),
		significant(m.Saved.High), significant(m.Whole.Value))
	for _, n := range m.Notes {
		t.wrapped("  ", n)
	}
}

func costOf(term string) string {
	if term == "computed" {
		return term
	}
	return "from " + term
}

func perSecond(e Estimate) string {
	end := func(n Number) string {
		if !n.OK() {
			return "no end"
		}
		return thousands(int64(n))
	}
	if !e.Value.OK() {
		return fmt.Sprintf("faster than can be told, at least %s tokens/s", end(e.Low))
	}
	return fmt.Sprintf("%s tokens/s [%s, %s]", end(e.Value), end(e.Low), end(e.High))
}

func inBytes(e Estimate) string {
	if !e.Value.OK() {
		return ""
	}
	return fmt.Sprintf(", %s GB/s", significant(e.Value/1e9))
}

func (t *text) arms(a *Arms) {
	t.line("")
	t.heading("Arms:")
	g := grid{{"", "conversations", "turns", "failed", "cached", "cached %", "ttft p50", "ttft mean"}}
	for i := range a.Arms {
		r := &a.Arms[i]
		g = append(g, []string{
			r.Name, integer(r.Conversations), integer(r.Turns), integer(r.Failed), fixed(perTurn(r), 1), fixed(100*r.CachedShare, 1),
			fixed(r.TTFT50, 2), fixed(r.TTFTMean, 2),
		})
	}
	t.grid(g)
	for i := range a.Effects {
		e := &a.Effects[i]
		how := "turn by turn of the same conversations"
		if !e.Paired {
			how = "means of turns of the same number, of different conversations"
		}
		t.line("  ttft of %s less that of %s, ms (%s):", e.Control, a.Measured, how)
		g := grid{{"", "turns", "difference", "95 %", "of " + e.Control + " %"}}
		row := func(name string, r *EffectRow) {
			value := fixed(r.Difference.Value, 2)
			if r.Difference.Low.OK() && !r.Significant() {
				value = "~ " + value
			}
			interval := absent
			if r.Difference.Low.OK() {
				interval = "[" + fixed(r.Difference.Low, 2) + ", " + fixed(r.Difference.High, 2) + "]"
			}
			g = append(g, []string{name, integer(r.N), value, interval, fixed(100*r.Relative, 1)})
		}
		row("  all turns", &e.All)
		row("  later turns", &e.Later)
		for j := range e.Turns {
			row("  turn "+spanOf(e.Turns[j].From, e.Turns[j].To), &e.Turns[j])
		}
		t.grid(g)
	}
}
