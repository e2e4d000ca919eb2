package plan

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"multiturn/internal/human"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/render"
)

// Document returns the summary as sections, for every format.
func (s *Summary) Document() render.Document {
	d := render.Document{Name: s.Name, Value: s}
	for _, part := range []func(*Summary) []render.Section{
		(*Summary).facts, (*Summary).layers, (*Summary).curve, (*Summary).workingSet, (*Summary).turns,
		(*Summary).notes,
	} {
		d.Sections = append(d.Sections, part(s)...)
	}
	return d
}

// facts returns what the workload is, and what an unlimited cache hits.
func (s *Summary) facts() []render.Section {
	all := render.List("plan", render.Cells(s, "all_turns", "first_turns", "later_turns", "cliff",
		"prediction")...)
	all.About = "What was sent, and what a cache without limit hits."
	all.Text = func(heading func(string) string) string {
		var facts []render.Fact
		for _, f := range s.factRows() {
			facts = append(facts, render.Fact{Label: f[0], Lines: f[1:]})
		}
		text := func(lines ...string) string {
			return render.Facts(0, render.Fact{Lines: lines})(heading)
		}
		answer := text(s.answer()...)
		if answer != "" {
			answer += "\n"
		}
		return heading(s.title()) + "\n" + text(s.How) + "\n" + answer +
			render.Facts(factWidth, facts...)(heading) + "\n"
	}
	return []render.Section{all}
}

// factWidth is the width of the facts' names.
const factWidth = 18

func (s *Summary) title() string {
	requests := human.Thousands(s.Requests) + " requests"
	if s.Conversations > 0 {
		requests += " of " + human.Thousands(s.Conversations) + " conversations"
	}
	return s.Name + ": " + requests
}

// factRows are the lines above the tables: a name and a sentence each.
func (s *Summary) factRows() [][2]string {
	blocks := func(n int) string {
		text := human.Thousands(s.tokens(n)) + " tokens"
		if g := s.gib(n); g != nil {
			text += ", " + size(*g) + " GiB"
		}
		return text
	}
	prompts := human.Thousands(s.PromptTokens)
	if s.Conversations > 0 {
		prompts += fmt.Sprintf(", %s of them new", human.Thousands(s.NewTokens))
	}
	rows := [][2]string{
		{"Prompt tokens",
			fmt.Sprintf("%s; %s generated", prompts, human.Thousands(s.OutputTokens))},
		{"Blocks", fmt.Sprintf("%s used, %s different (of %d tokens: %s)",
			human.Thousands(s.BlockAccesses), human.Thousands(s.UniqueBlocks), s.BlockSize,
			blocks(s.UniqueBlocks))},
		{"Largest request", fmt.Sprintf("%s blocks (%s)", human.Thousands(s.LargestBlocks),
			blocks(s.LargestBlocks))},
		{"Running requests", fmt.Sprintf("%s blocks at most at a time (%s)",
			human.Thousands(s.PinnedBlocks), blocks(s.PinnedBlocks))},
		{"Possible hits", fmt.Sprintf("%s tokens, %s of the prompt tokens: an unlimited cache that "+
			"keeps %s",
			human.Thousands(s.Possible.HitTokens), render.Percent(s.Possible.Rate), keeps(s.Store))},
		{"", `(no cache hits more; "of possible" below is the share of them)`},
	}
	m := s.Model
	if m == nil {
		return rows
	}
	per := ""
	if m.TP > 1 {
		per = fmt.Sprintf(" on each of %d GPUs, as all sizes in GiB here but those of lower tiers",
			m.TP)
	}
	rows = append(rows, [2]string{"Model", fmt.Sprintf("%s: %s bytes a token%s", m.Name,
		human.Thousands(m.BytesPerToken), per)})
	for _, n := range m.Notes {
		rows = append(rows, [2]string{"", n})
	}
	return rows
}

// layers returns what the layers of a model keep that do not all keep every token.
func (s *Summary) layers() []render.Section {
	if s.Model == nil || len(s.Model.Layers) == 0 {
		return nil
	}
	out := render.Section{
		Name: "layers", Title: "Layers of the model, by what they keep (bytes on each GPU; sizes " +
			"in GiB are of full attention):",
		About: "What the layers of the model keep of a sequence.", RowHead: "kind",
		Columns: []render.Column{
			thousands("layers", "layers"), thousands("bytes a token", "bytes_per_token"),
			thousands("window", "window"), thousands("bytes a sequence", "bytes_per_sequence"),
		},
	}
	for _, l := range s.Model.Layers {
		out.Rows = append(out.Rows, render.Row{Name: string(l.Kind), Cells: render.Cells(l, "kind")})
	}
	return []render.Section{out}
}

func keeps(store string) string {
	switch store {
	case kvcache.PromptAndOutput.String():
		return "prompts and answers"
	case kvcache.PromptOnly.String():
		return "prompts"
	}
	return store
}

func (s *Summary) tokens(blocks int) int64 { return int64(blocks) * int64(s.BlockSize) }

// curve returns hits against capacity, and the capacities that matter.
func (s *Summary) curve() []render.Section {
	if len(s.Curve) == 0 {
		return []render.Section{{
			Name: "curve", Title: "Nothing is ever used again: no cache hits anything.",
		}}
	}
	curve := render.Section{
		Name: "curve", Title: "Hits against capacity (one LRU cache, nothing pinned):",
		About: "What one LRU cache of each capacity hits.", RowHead: "tokens",
		Columns: []render.Column{
			thousands("blocks", "blocks"), gibColumn("gib"), thousands("hit tokens", "hit_tokens"),
			percent("hit", "hit_rate"), percent("of possible", "share_of_possible"),
			{Head: "of possible, drawn", Left: true, Text: func(r render.Row) string {
				return render.Bar(r.Number("share_of_possible"))
			}},
		},
	}
	for i := range s.Curve {
		c := &s.Curve[i]
		curve.Rows = append(curve.Rows, render.Row{
			Name: strconv.Itoa(c.Blocks), Label: human.Thousands(c.Tokens), Cells: render.Cells(c),
		})
	}
	out := []render.Section{curve}
	if c := s.Cliff; c != nil {
		cliff := render.List("cliff", render.Cells(c)...)
		cliff.About, cliff.Notes = "Where the curve rises most.", []string{c.text()}
		out = append(out, cliff)
	}
	if len(s.Reach) > 0 {
		out = append(out, s.reach())
	}
	return out
}

func (c *Cliff) text() string {
	name, gib := "Cliff", ""
	if c.Rise < 0.5 { // less than half of the hits are at stake there
		name = "Steepest part (no cliff)"
	}
	if c.From.GiB != nil {
		gib = fmt.Sprintf(" (%s to %s GiB)", size(*c.From.GiB), size(*c.To.GiB))
	}
	return fmt.Sprintf("%s: from %s to %s tokens%s it gains %s of the possible hits.",
		name, human.Thousands(c.From.Tokens), human.Thousands(c.To.Tokens), gib,
		render.Percent(c.Rise))
}

func (s *Summary) reach() render.Section {
	reach := render.Section{
		Name: "reach", Title: "Capacity that reaches a share of the possible hits (what running " +
			"requests pin comes on top):",
		About: "The smallest capacity for a share of the possible hits.", RowHead: "of possible",
		Columns: []render.Column{
			thousands("tokens", "tokens"), thousands("blocks", "blocks"), gibColumn("gib"),
			percent("hit",
				"hit_rate"),
		},
	}
	for _, r := range s.Reach {
		name := strconv.FormatFloat(100*r.Share, 'f', -1, 64) + " %"
		reach.Rows = append(reach.Rows, render.Row{Name: name, Cells: render.Cells(r)})
	}
	return reach
}

// workingSet returns what the workload needs over its time.
func (s *Summary) workingSet() []render.Section {
	if len(s.WorkingSet) == 0 {
		return nil
	}
	most := 1
	for _, p := range s.WorkingSet {
		most = max(most, p.LiveBlocks)
	}
	tokens := func(head, cell string) render.Column {
		return render.Column{Head: head, Text: func(r render.Row) string {
			return human.Thousands(s.tokens(int(r.Number(cell))))
		}}
	}
	set := render.Section{
		Name:    "working_set",
		Title:   "Working set: used so far and again later (live), all used so far, of running requests:",
		About:   "How many blocks matter, over the time of the workload.",
		RowHead: "requests",
		Columns: []render.Column{
			tokens("live tokens", "live_blocks"), gibColumn("live_gib"), tokens("all tokens",
				"unique_blocks"),
			tokens("running", "running_blocks"),
			{Head: "live, drawn", Left: true, Text: func(r render.Row) string {
				return render.Bar(r.Number("live_blocks") / float64(most))
			}},
		},
	}
	if s.timed {
		set.RowHead = "until"
	}
	for i, p := range s.WorkingSet {
		row := render.Row{Name: strconv.Itoa(i + 1), Label: human.Thousands(p.Requests),
			Cells: render.Cells(p)}
		if p.AtMS != nil {
			row.Label = seconds(*p.AtMS)
		}
		set.Rows = append(set.Rows, row)
	}
	return []render.Section{set}
}

// textTurns is how many turns text lists; later ones are one line.
const textTurns = 24

// turns returns what caches hit, turn by turn.
func (s *Summary) turns() []render.Section {
	shown := render.Section{
		Name: "turns", Title: "By turn:",
		About:   "Tokens by number of the turn, and what caches hit of them.",
		RowHead: "turn", Columns: s.turnColumns(),
	}
	hidden := render.Section{Name: "turns", About: "The later turns one by one."}
	row := func(to *render.Section, name string, r *Row) {
		to.Rows = append(to.Rows, render.Row{Name: name, Cells: render.Cells(r)})
	}
	rest := Row{Turn: -1}
	for i := range s.Turns {
		r := &s.Turns[i]
		if i < textTurns || len(s.Turns) == textTurns+1 {
			row(&shown, strconv.Itoa(r.Turn+1), r)
		} else {
			row(&hidden, strconv.Itoa(r.Turn+1), r)
			rest = rest.plus(r)
		}
	}
	if rest.Requests > 0 {
		row(&shown, strconv.Itoa(s.Turns[textTurns].Turn+1)+"...", &rest)
	}
	if s.First != nil {
		row(&shown, "first", s.First)
		row(&shown, "later", s.Later)
	}
	row(&shown, "all", &s.All)
	if n := s.All.Waited; n > 0 {
		shown.Notes = append(shown.Notes, human.Thousands(n)+" requests found no room when "+
			"they came and waited.")
	}
	if n := s.All.TooLarge; n > 0 {
		shown.Notes = append(shown.Notes, human.Thousands(n)+" requests are too large for this "+
			"GPU tier and could never run.")
	}
	out := []render.Section{shown, hidden}
	if p := s.Prediction; p != nil {
		out[0].Title = p.text()
		shape := render.Section{Name: "prediction", About: "The cache of the stated size."}
		for i := range p.Tiers {
			shape.Rows = append(shape.Rows, render.Row{Name: p.Tiers[i].Tier,
				Cells: render.Cells(p.Tiers[i], "tier")})
		}
		out = append(out, render.List("prediction", render.Cells(p)...), shape)
	}
	return out
}

// turnColumns are shares of the prompt tokens; hits by tier if a shape is stated.
func (s *Summary) turnColumns() []render.Column {
	share := func(head, whole string, parts ...string) render.Column {
		return render.Column{Head: head, Text: func(r render.Row) string {
			sum := 0.0
			for _, part := range parts {
				sum += r.Number(part)
			}
			if of := r.Number(whole); of > 0 {
				return render.Percent(sum / of)
			}
			return render.Unknown
		}}
	}
	const prompt = "prompt_tokens"
	columns := []render.Column{thousands("requests", "requests"), thousands("prompt", prompt)}
	if s.Conversations > 0 {
		columns = append(columns, thousands("new", "new_tokens"))
	}
	columns = append(columns, share("possible", prompt, "possible_tokens"))
	if s.Prediction == nil {
		return columns
	}
	for _, tier := range s.Prediction.Tiers {
		columns = append(columns, share(tier.Tier, prompt, tier.Tier+"_tokens"))
	}
	hits := []string{"gpu_tokens", "cpu_tokens", "disk_tokens"}
	return append(columns, share("predicted", prompt, hits...), share("of possible", "possible_tokens",
		hits...))
}

// text returns the shape in a line.
func (p *Prediction) text() string {
	var shape []string
	for _, tier := range p.Tiers {
		text := tier.Tier + " without limit"
		if tier.Blocks >= 0 {
			text = fmt.Sprintf("%s %s blocks (%s tokens", tier.Tier, human.Thousands(tier.Blocks),
				human.Thousands(tier.Tokens))
			if tier.GiB != nil {
				text += ", " + size(*tier.GiB) + " GiB"
			}
			text += ")"
		}
		shape = append(shape, text+" of "+keeps(tier.Store))
	}
	how := ""
	switch {
	case len(p.Tiers) > 1 && p.Exclusive:
		how = ", exclusive"
	case len(p.Tiers) > 1:
		how = ", inclusive"
	}
	if p.OffloadBlockSize > 0 {
		how += ", offloaded by " + human.Count(p.OffloadBlockSize, "token")
	}
	return fmt.Sprintf("Predicted hits: %s%s; running requests pinned:", strings.Join(shape, "; "),
		how)
}

// notes returns what was assumed or left out; the list of facts has them, too.
func (s *Summary) notes() []render.Section {
	if len(s.Notes) == 0 {
		return nil
	}
	out := render.Section{Name: "notes", Title: "Notes:"}
	for _, n := range s.Notes {
		out.Notes = append(out.Notes, "- "+n)
	}
	return []render.Section{out}
}

func thousands(head, cell string) render.Column {
	return render.Column{Head: head, Text: func(r render.Row) string {
		n := r.Number(cell)
		if math.IsNaN(n) {
			return render.Unknown
		}
		return human.Thousands(int64(n))
	}}
}

func percent(head, cell string) render.Column {
	return render.Column{Head: head,
		Text: func(r render.Row) string { return render.Percent(r.Number(cell)) }}
}

// gibColumn is empty where sizes are not known.
func gibColumn(cell string) render.Column {
	return render.Column{Head: "GiB", Text: func(r render.Row) string {
		return size(r.Number(cell))
	}}
}

// size writes GiB with three digits, or two decimals; nothing if it is not known.
func size(gib float64) string {
	switch {
	case math.IsNaN(gib):
		return ""
	case gib >= 100:
		return human.Thousands(int64(math.Round(gib)))
	case gib >= 10:
		return render.Fixed(gib, 1)
	}
	return render.Fixed(gib, 2)
}

// seconds writes a time of a run in the unit that suits it.
func seconds(ms float64) string {
	switch {
	case ms < 1000:
		return render.Fixed(ms, 1) + " ms"
	case ms < 600_000:
		return render.Fixed(ms/1000, 1) + " s"
	}
	return time.Duration(ms * 1e6).Round(time.Second).String()
}
