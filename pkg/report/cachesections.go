package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/plan"
	"multiturn/pkg/render"
)

// findings returns what the records show, with its evidence.
func (d *Details) findings() []render.Section {
	if len(d.Findings) == 0 {
		return nil
	}
	s := render.Section{
		Name: "findings", Title: "Findings:", About: "What a reader should know first.",
		Rows: numbered(d.Findings),
	}
	for _, f := range d.Findings {
		s.Notes = append(s.Notes, "  - "+f.Text, "      "+f.Evidence)
	}
	return []render.Section{s}
}

func (d *Details) cachePlan() []render.Section {
	p := d.Prediction
	if p == nil {
		return nil
	}
	shape := render.Row{Name: "shape", Cells: render.Cells(p.Shape)}
	for _, t := range p.Shape.Tiers {
		shape.Cells = append(shape.Cells, render.Value(t.Tier+"_blocks", t.Blocks),
			render.Value(t.Tier+"_from", t.From), render.Value(t.Tier+"_store", t.Store))
	}
	shape.Cells = append(shape.Cells, render.Cells(p, "shape", "all_turns", "first_turns",
		"later_turns")...)
	rows := p.named()
	return []render.Section{
		{Name: "cache_plan", About: "The cache that hits are predicted for.", Rows: []render.Row{shape}},
		d.cacheRowsSection(p, rows),
		d.tiersSection(p, rows),
	}
}

func (d *Details) cacheRowsSection(p *CachePlan, rows []namedRow) render.Section {
	s := render.Section{
		Name: "cache_plan", Title: "Cache, predicted beside measured (mean tokens a turn; ms):",
		About: "What a cache without limit and one of the stated size would have hit, beside what usage " +
			"and counters say.",
		Columns: []render.Column{
			render.Count("turns", "n"),
			render.Mean("prompt", "prompt_tokens", "n"),
			render.Mean("new", "new_tokens", "n"),
			render.Mean("possible", "possible_tokens", "n"),
			render.Mean("predicted", "predicted_tokens", "n"),
			render.Mean("usage", "cached_tokens", "cached_known"),
			render.Mean("counters", "counters_cached_tokens", "n"),
			render.Hundred("hit %", "hit_rate"),
			p.eligibleColumn(),
			render.Decimals("ttft p50", "ttft_ms_p50", 2),
			render.Decimals("recompute", "recompute_ttft_ms_p50", 2),
		},
	}
	for _, r := range rows {
		row := render.Row{Name: r.name, Cells: render.Cells(r.row)}
		if r.row == &p.All {
			row.Cells = append(row.Cells, render.Value("counters_cached_tokens", d.countersOf(p)))
		}
		s.Rows = append(s.Rows, row)
	}
	return s
}

// eligibleColumn shows no share above 100 %: the possible hits are too low then.
func (p *CachePlan) eligibleColumn() render.Column {
	c := render.Hundred("of possible %", "share_of_possible")
	if p.SharedKnown {
		return c
	}
	capped := c
	capped.Text = func(r render.Row) string {
		if r.Number("share_of_possible") > 1 {
			return render.Unknown
		}
		return c.Text(r)
	}
	return capped
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

// countersOf is what the counters say was cached, if they are of just the turns
// of the table.
func (d *Details) countersOf(p *CachePlan) Number {
	if d.Counters.Turns != p.All.N {
		return unknown
	}
	return d.Counters.value("cached_tokens")
}

// tiersSection splits the hits by tier. Text shows that if any tier below the
// GPU is predicted or measured.
func (d *Details) tiersSection(p *CachePlan, rows []namedRow) render.Section {
	s := render.Section{Name: "cache_plan", About: "Hits by tier.", Notes: d.cacheNotes(p)}
	byName := make(map[string]*CacheRow)
	hit := make(map[string]bool) // tiers with any hit
	var usage, predicted bool
	for _, r := range rows {
		byName[r.name] = r.row
		row := render.Row{Name: r.name}
		for _, tier := range slices.Sorted(maps.Keys(r.row.PredictedTier)) {
			n := r.row.PredictedTier[tier]
			row.Cells = append(row.Cells, render.Value("predicted_"+tier+"_tokens", n))
			hit[tier], predicted = hit[tier] || n > 0, true
		}
		for _, tier := range slices.Sorted(maps.Keys(r.row.CachedTier)) {
			n := r.row.CachedTier[tier]
			row.Cells = append(row.Cells, render.Value("cached_"+tier+"_tokens", n))
			hit[tier], usage = hit[tier] || n > 0, true
		}
		s.Rows = append(s.Rows, row)
	}
	maps.DeleteFunc(hit, func(_ string, some bool) bool { return !some })
	if len(hit) == 0 || len(hit) == 1 && hit[kvcache.GPU.String()] {
		return s
	}
	column := func(head, cell string, mean func(*CacheRow, float64) Number) {
		s.Columns = append(s.Columns, render.Column{Head: head, Text: func(r render.Row) string {
			return fixed(mean(byName[r.Name], r.Number(cell)), 1)
		}})
	}
	tiers := tierOrder(hit)
	for _, tier := range tiers {
		if predicted {
			column("predicted "+tier, "predicted_"+tier+"_tokens", func(row *CacheRow, n float64) Number {
				return share(orNothing(n), int64(row.N))
			})
		}
	}
	for _, tier := range tiers {
		if usage {
			column("usage "+tier, "cached_"+tier+"_tokens", func(row *CacheRow, n float64) Number {
				// A server that reports tiers leaves them out where nothing was
				// cached.
				if row.CachedTier == nil && row.Cached != 0 {
					return unknown
				}
				return share(orNothing(n), int64(row.Known))
			})
		}
	}
	return s
}

// orNothing is n, or 0 if a row has no such tier.
func orNothing(n float64) Number {
	if !Number(n).OK() {
		return 0
	}
	return Number(n)
}

// tierOrder sorts tiers, the fastest first and names that are not ours last.
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

// cacheNotes are the sentences below the cache's table.
func (d *Details) cacheNotes(p *CachePlan) []string {
	notes := []string{"predicted: " + shapeText(&p.Shape)}
	if p.All.Known < p.All.N && p.All.Known > 0 {
		notes = append(notes, fmt.Sprintf("usage: known for %d of %s; the mean and the rates cover those",
			p.All.Known, human.Count(p.All.N, "turn")))
	}
	if !p.SharedKnown {
		notes = append(notes, "possible, predicted: without hits between conversations, since their texts "+
			"were not given")
	}
	notes = append(append(notes, d.Counters.String()), p.Notes...)
	for i := range notes {
		notes[i] = "  " + notes[i]
	}
	return notes
}

// shapeText describes a shape in a line.
func shapeText(s *plan.Shape) string {
	if len(s.Tiers) == 0 {
		return fmt.Sprintf("the size of the cache is not known (blocks of %s, %s)",
			human.Count(s.BlockSize, "token"), by(s.BlockSizeFrom))
	}
	var parts []string
	for _, t := range s.Tiers {
		parts = append(parts, fmt.Sprintf("%s (%s; keeps %s)", sizeText(&t), by(t.From), t.Store))
	}
	line := fmt.Sprintf("blocks of %s (%s), %s", human.Count(s.BlockSize, "token"),
		by(s.BlockSizeFrom), strings.Join(parts, ", ")+eachText(s))
	if s.OffloadBlockSize > 0 {
		line += ", offloaded by " + human.Count(s.OffloadBlockSize, "token")
	}
	if s.Exclusive {
		line += ", exclusive"
	}
	return line
}

// by says where a number comes from.
func by(from plan.Source) string {
	switch from {
	case plan.FromServer:
		return "the server says"
	case plan.FromProbe:
		return "the preflight's guess"
	case plan.FromUsage:
		return "as usage has it"
	case plan.FromHits:
		return "size unknown"
	}
	return string(from)
}

// counters returns what the server's counters say. In text, a sentence below the
// cache's table has it.
func (d *Details) counters() []render.Section {
	k := d.Counters
	values := render.Section{Name: "counters", About: "By how much the server's counters grew."}
	names := render.Section{Name: "counter_names", About: "The metrics that the counters were read " +
		"from."}
	for _, q := range slices.Sorted(maps.Keys(k.Values)) {
		values.Rows = append(values.Rows, render.Row{Name: q, Cells: []render.Cell{render.Value("",
			k.Values[q])}})
	}
	for _, q := range slices.Sorted(maps.Keys(k.Names)) {
		names.Rows = append(names.Rows, render.Row{Name: q, Cells: []render.Cell{render.Value("",
			k.Names[q])}})
	}
	return []render.Section{list("counters", "What the counters are of.", render.Cells(k)...), values,
		names}
}

// String says in a sentence what the counters show of tokens.
func (k *Counters) String() string {
	switch {
	case k.Absent != "":
		return "counters: " + k.Absent
	case k.Invalid != "":
		return "counters: not valid, " + k.Invalid
	}
	var parts []string
	for _, q := range []struct{ name, short string }{
		{"prompt_tokens", "prompt"}, {"cached_tokens", "cached"}, {"cached_tokens_gpu", "gpu"},
		{"cached_tokens_cpu", "cpu"},
		{"cached_tokens_disk", "disk"}, {"cached_tokens_p2p", "p2p"},
		{"cached_tokens_external", "external"}, {"computed_tokens", "computed"},
	} {
		if v := k.value(q.name); v.OK() {
			parts = append(parts, q.short+" "+human.Thousands(int64(v)))
		}
	}
	if len(parts) == 0 {
		return "counters: the server exposes no counters of tokens"
	}
	return fmt.Sprintf("counters (totals of the whole run and all its requests): %s tokens", strings.Join(parts, ", "))
}

func (d *Details) reuse() []render.Section {
	r := d.Reuse
	if r == nil {
		return nil
	}
	columns := []render.Column{
		render.Count("turns", "n"),
		render.Hundred("up to %", "cumulative_share"),
		render.Hundred("hit %", "hit_rate"),
		render.Hundred("of possible %", "share_of_possible"),
		render.Hundred("predicted %", "predicted_share_of_possible"),
	}
	var out []render.Section
	for _, part := range []struct {
		name, label string
		buckets     []ReuseBucket
	}{{"seconds", " s", r.Seconds}, {"turns", " other turns", r.Turns}, {"tokens", " tokens of those",
		r.Tokens}} {
		s := render.Section{
			Name: "reuse_" + part.name, About: "Hits by how long a conversation was away.",
			Rows: rows(part.buckets, (*ReuseBucket).span), Columns: columns,
		}
		if len(out) == 0 {
			s.Title = "Reuse distance (since the conversation's last answer):"
		}
		for i := range s.Rows {
			s.Rows[i].Label = s.Rows[i].Name + part.label
		}
		out = append(out, s)
	}
	return out
}

// span is the range in words.
func (b *ReuseBucket) span() string {
	edge := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	if !b.To.OK() {
		return edge(b.From) + " or more"
	}
	if b.From == 0 {
		return "below " + edge(float64(b.To))
	}
	return edge(b.From) + " to " + edge(float64(b.To))
}
