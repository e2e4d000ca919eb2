package plan

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// textTurns is how many turns a text lists; those after them are one line.
const textTurns = 24

// Text writes the summary for people, with charts of characters.
func Text(w io.Writer, s *Summary) error {
	t := &text{Summary: s}
	t.head()
	t.curve()
	t.set()
	t.turns()
	if len(s.Notes) > 0 {
		t.line("\nNotes:")
		for _, n := range s.Notes {
			t.line("- %s", n)
		}
	}
	_, err := w.Write(t.b)
	return err
}

type text struct {
	*Summary
	b []byte
}

func (t *text) line(format string, args ...any) { t.b = fmt.Appendf(t.b, format+"\n", args...) }

func (t *text) head() {
	of := ""
	if t.Conversations > 0 {
		of = fmt.Sprintf(" of %s conversations", group(int64(t.Conversations)))
	}
	t.line("%s: %s requests%s", t.Name, group(int64(t.Requests)), of)
	t.line("%s", t.How)
	t.line("")
	gib := func(blocks int) string {
		if g := t.gib(blocks); g != nil {
			return ", " + size(g) + " GiB"
		}
		return ""
	}
	prompts := group(t.PromptTokens)
	if t.Conversations > 0 {
		prompts += fmt.Sprintf(", %s of them new", group(t.NewTokens))
	}
	prompts += fmt.Sprintf("; %s generated", group(t.OutputTokens))
	rows := [][]string{
		{"Prompt tokens", prompts},
		{"Blocks", fmt.Sprintf("%s used, %s different (of %d tokens: %s tokens%s)", group(t.BlockAccesses), group(int64(t.UniqueBlocks)), t.BlockSize, group(int64(t.UniqueBlocks)*int64(t.BlockSize)), gib(t.UniqueBlocks))},
		{"Largest request", fmt.Sprintf("%s blocks (%s tokens%s)", group(int64(t.LargestBlocks)), group(int64(t.LargestBlocks)*int64(t.BlockSize)), gib(t.LargestBlocks))},
		{"Running requests", fmt.Sprintf("%s blocks at most at a time (%s tokens%s)", group(int64(t.PinnedBlocks)), group(int64(t.PinnedBlocks)*int64(t.BlockSize)), gib(t.PinnedBlocks))},
		{"Ideal hit", fmt.Sprintf("%s tokens, %s of the prompt tokens: an unlimited cache that keeps %s", group(t.Ideal.HitTokens), percent(t.Ideal.Rate), keeps(t.Store))},
		{"", "(the eligible tokens: no cache hits more; \"of ideal\" below is the share of them)"},
	}
	if m := t.Model; m != nil {
		per := ""
		if m.TP > 1 {
			per = fmt.Sprintf(" on each of %d GPUs, as all sizes in GiB here but those of lower tiers", m.TP)
		}
		rows = append(rows, []string{"Model", fmt.Sprintf("%s: %s bytes a token%s", m.Name, group(m.BytesPerToken), per)})
		for _, n := range m.Notes {
			rows = append(rows, []string{"", n})
		}
	}
	for _, r := range rows {
		t.line("%-17s %s", r[0], r[1])
	}
}

func keeps(store string) string {
	switch store {
	case "prompt+output":
		return "prompts and answers"
	case "prompt":
		return "prompts"
	}
	return store
}

const barWidth = 30

func (t *text) curve() {
	if len(t.Curve) == 0 {
		t.line("\nNothing is ever used again: no cache hits anything.")
		return
	}
	t.line("\nHits against capacity (one LRU cache, nothing pinned):")
	rows := [][]string{{"tokens", "blocks", "GiB", "hit tokens", "hit", "of ideal", ""}}
	for i := range t.Curve {
		c := &t.Curve[i]
		rows = append(rows, []string{group(c.Tokens), group(int64(c.Blocks)), size(c.GiB), group(c.HitTokens), percent(c.Rate), percent(c.OfIdeal), bar(c.OfIdeal)})
	}
	t.columns(rows)
	if t.Cliff != nil {
		t.line("")
		where := "Cliff"
		if t.Cliff.Rise < 0.5 {
			where = "Steepest part (no cliff)"
		}
		t.line("%s: from %s to %s tokens%s it gains %s of what the unlimited cache hits.", where, group(t.Cliff.From.Tokens), group(t.Cliff.To.Tokens), t.cliffSize(), percent(t.Cliff.Rise))
	}
	if len(t.Reach) > 0 {
		t.line("\nCapacity that reaches a share of the ideal hit (what running requests pin comes on top):")
		rows := [][]string{{"of ideal", "tokens", "blocks", "GiB", "hit"}}
		for _, r := range t.Reach {
			rows = append(rows, []string{strconv.FormatFloat(100*r.Share, 'f', -1, 64) + " %", group(r.Tokens), group(int64(r.Blocks)), size(r.GiB), percent(r.Rate)})
		}
		t.columns(rows)
	}
}

func (t *text) cliffSize() string {
	if t.Cliff.From.GiB == nil {
		return ""
	}
	return fmt.Sprintf(" (%s to %s GiB)", size(t.Cliff.From.GiB), size(t.Cliff.To.GiB))
}

func (t *text) set() {
	if len(t.WorkingSet) == 0 {
		return
	}
	t.line("\nWorking set: blocks used so far that will be used again (live), all used so far, those of running requests:")
	most := 1
	for _, p := range t.WorkingSet {
		most = max(most, p.LiveBlocks)
	}
	first := "requests"
	if t.timed {
		first = "until"
	}
	rows := [][]string{{first, "live tokens", "GiB", "all tokens", "running", ""}}
	for _, p := range t.WorkingSet {
		at := group(int64(p.Requests))
		if p.AtMS != nil {
			at = seconds(*p.AtMS)
		}
		tokens := func(blocks int) string { return group(int64(blocks) * int64(t.BlockSize)) }
		rows = append(rows, []string{at, tokens(p.LiveBlocks), size(p.LiveGiB), tokens(p.UniqueBlocks), tokens(p.RunningBlocks), bar(float64(p.LiveBlocks) / float64(most))})
	}
	t.columns(rows)
}

func (t *text) turns() {
	head := []string{"turn", "requests", "prompt", "new", "ideal"}
	tiers := map[string]bool{}
	if p := t.Prediction; p != nil {
		var shape []string
		for _, tier := range p.Tiers {
			tiers[tier.Tier] = true
			head = append(head, tier.Tier)
			s := tier.Tier + " without limit"
			if tier.Blocks >= 0 {
				s = fmt.Sprintf("%s %s blocks (%s tokens", tier.Tier, group(int64(tier.Blocks)), group(tier.Tokens))
				if tier.GiB != nil {
					s += ", " + size(tier.GiB) + " GiB"
				}
				s += ")"
			}
			shape = append(shape, s+" of "+keeps(tier.Store))
		}
		head = append(head, "predicted", "of ideal")
		how := ""
		if len(p.Tiers) > 1 {
			how = ", inclusive"
			if p.Exclusive {
				how = ", exclusive"
			}
		}
		t.line("\nPredicted hits: %s%s; running requests pinned:", strings.Join(shape, "; "), how)
	} else {
		t.line("\nBy turn:")
	}
	rows := [][]string{head}
	share := func(part, whole int64) string {
		if whole == 0 {
			return "-"
		}
		return percent(float64(part) / float64(whole))
	}
	row := func(name string, r *Row) {
		fresh := ""
		if t.Conversations > 0 {
			fresh = group(r.New)
		}
		cells := []string{name, group(int64(r.Requests)), group(r.Prompt), fresh, share(r.Ideal, r.Prompt)}
		for _, tier := range []struct {
			name string
			n    int64
		}{{"gpu", r.GPU}, {"cpu", r.CPU}, {"disk", r.Disk}} {
			if tiers[tier.name] {
				cells = append(cells, share(tier.n, r.Prompt))
			}
		}
		if t.Prediction != nil {
			cells = append(cells, share(r.Predicted(), r.Prompt), share(r.Predicted(), r.Ideal))
		}
		rows = append(rows, cells)
	}
	rest := Row{}
	for i := range t.Turns {
		r := &t.Turns[i]
		if i < textTurns || len(t.Turns) == textTurns+1 {
			row(strconv.Itoa(r.Turn+1), r)
		} else {
			rest = rest.plus(r)
		}
	}
	if rest.Requests > 0 {
		row(strconv.Itoa(t.Turns[textTurns].Turn+1)+"...", &rest)
	}
	if t.First != nil {
		row("first", t.First)
		row("later", t.Later)
	}
	row("all", &t.All)
	t.columns(rows)
	if t.All.Waited > 0 {
		t.line("%s requests found no room when they came and waited.", group(int64(t.All.Waited)))
	}
	if t.All.TooLarge > 0 {
		t.line("%s requests are too large for this GPU tier and could never run.", group(int64(t.All.TooLarge)))
	}
}

func (r Row) plus(o *Row) Row {
	r.Requests += o.Requests
	r.Prompt += o.Prompt
	r.New += o.New
	r.Ideal += o.Ideal
	r.GPU += o.GPU
	r.CPU += o.CPU
	r.Disk += o.Disk
	r.Waited += o.Waited
	r.TooLarge += o.TooLarge
	return r
}

// columns writes a table, flush right but for the last column if that has no heading; columns that are empty throughout are
// left out.
func (t *text) columns(rows [][]string) {
	n := len(rows[0])
	widths := make([]int, n)
	for c := range n {
		used := false
		for i, r := range rows {
			widths[c] = max(widths[c], utf8.RuneCountInString(r[c]))
			used = used || i > 0 && r[c] != ""
		}
		if !used {
			widths[c] = -1
		}
	}
	for _, r := range rows {
		var line strings.Builder
		for c := range n {
			switch {
			case widths[c] < 0:
			case rows[0][c] == "":
				line.WriteString("  " + r[c])
			default:
				line.WriteString("  " + strings.Repeat(" ", widths[c]-utf8.RuneCountInString(r[c])) + r[c])
			}
		}
		t.line("%s", strings.TrimRight(line.String(), " "))
	}
}

// bar is a share as a bar of eighths of characters.
func bar(share float64) string {
	eighths := int(math.Round(max(0, min(1, share)) * barWidth * 8))
	s := strings.Repeat("█", eighths/8)
	if part := eighths % 8; part > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[part-1])
	}
	return s
}

// group writes a number with commas between thousands.
func group(n int64) string {
	s := strconv.FormatInt(n, 10)
	from := 0
	if n < 0 {
		from = 1
	}
	for i := len(s) - 3; i > from; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }

// size writes GiB with three digits that count, or two decimals.
func size(gib *float64) string {
	switch {
	case gib == nil:
		return ""
	case *gib >= 100:
		return group(int64(math.Round(*gib)))
	case *gib >= 10:
		return strconv.FormatFloat(*gib, 'f', 1, 64)
	}
	return strconv.FormatFloat(*gib, 'f', 2, 64)
}

// seconds writes a time of a run in the unit that suits it.
func seconds(ms float64) string {
	switch {
	case ms < 1000:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	case ms < 600_000:
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + " s"
	}
	return time.Duration(ms * 1e6).Round(time.Second).String()
}
