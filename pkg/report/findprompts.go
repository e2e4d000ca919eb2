package report

import (
	"cmp"
	"fmt"
	"slices"

	"multiturn/internal/human"
	"multiturn/pkg/render"
)

// Thresholds of the finding that prompt tokens by usage are not the prompts.
const (
	// farCounted is the share of the client's own count below which a prompt by
	// usage is incomplete. Tokenizers differ by less.
	farCounted = 0.5
	// fewestRate is the fewest tokens by usage that are believed for a token of the
	// client's tokenizer.
	fewestRate = 0.5
	// incompleteShare is the share of the later turns that must be concerned.
	incompleteShare = 0.1
	// newShare and newTokens bound how far a count of the new messages alone is
	// from the client's: by the tokenizer, and by the chat template.
	newShare, newTokens = 1.5, 32
)

// Why prompts by usage may be incomplete.
const (
	uncachedOnly = "uncached_only" // the cached part is left out
	cutPrompts   = "cut"           // the server drops the beginning
)

// prompts are the later turns whose prompt tokens by usage cannot be their whole
// prompts.
type prompts struct {
	not, far, over int // not longer than one turn before; far below the client's count; below cached
	turns, of      int // concerned, of all later turns with usage
	longest        int
	why            string // one of the above; "" if nothing shows it
}

func (p *prompts) found() bool { return float64(p.turns) > incompleteShare*float64(p.of) }

// prompts looks for prompts by usage that do not hold the turn before them. A
// server may leave out what it had cached, or cut prompts to its context.
func (c *Collector) prompts() *prompts {
	type last struct{ index, prompt int32 }
	var (
		p      prompts
		before = make(map[*talk]last)
		rate   = c.promptRate()
		asNew  int // count the new messages only
		whole  int // with what was cached they are as long as by the client's count
		least  = int32(-1)
		longer bool // some whole later prompt is longer than an incomplete one
		wholes []int32
	)
	for i := range c.turns {
		t := &c.turns[i]
		if !t.good || !t.usage {
			continue
		}
		b, ok := before[t.talk]
		before[t.talk] = last{t.index, t.prompt}
		ok = ok && t.index == b.index+1
		if !ok && t.index == 0 {
			continue
		}
		p.of++
		counted := rate * float64(t.counted)
		not := ok && t.prompt <= b.prompt
		far := t.counted > 0 && float64(t.prompt) < farCounted*counted
		over := t.cached > t.prompt
		if !not && !far && !over {
			wholes = append(wholes, t.counted)
			continue
		}
		p.turns++
		p.not, p.far, p.over = p.not+is(not), p.far+is(far), p.over+is(over)
		p.longest = max(p.longest, int(t.prompt))
		if t.counted > 0 && (least < 0 || t.counted < least) {
			least = t.counted
		}
		if t.counted > 0 && t.cached > 0 && float64(t.prompt)+float64(t.cached) > farShare*counted {
			whole++
		}
		if t.counted > 0 && float64(t.prompt) <= newShare*float64(t.countedNew)+newTokens {
			asNew++
		}
	}
	longer = len(wholes) == 0 || slices.Max(wholes) > least
	switch {
	case p.turns == 0:
	case 2*(p.over+whole) > p.turns, 2*asNew > p.turns && longer:
		p.why = uncachedOnly
	case least > 0:
		p.why = cutPrompts
	}
	return &p
}

func is(b bool) int {
	if b {
		return 1
	}
	return 0
}

// promptRate returns how many tokens by usage a token of the client's tokenizer
// is, by the shortest quarter of the prompts: they are the last to be cut. It is
// at most 1, because chat templates add to short prompts.
func (c *Collector) promptRate() float64 {
	type both struct{ prompt, counted int32 }
	var all []both
	for i := range c.turns {
		if t := &c.turns[i]; t.good && t.usage && t.counted > 0 {
			all = append(all, both{t.prompt, t.counted})
		}
	}
	if len(all) == 0 {
		return 1
	}
	slices.SortFunc(all, func(a, b both) int { return cmp.Compare(a.counted, b.counted) })
	all = all[:(len(all)+3)/4]
	rates := make([]float64, 0, len(all))
	for _, b := range all {
		rates = append(rates, float64(b.prompt)/float64(b.counted))
	}
	slices.Sort(rates)
	return min(1, max(fewestRate, rates[len(rates)/2]))
}

// promptsNotGrow reports prompts by usage that are not the prompts.
func (f *finder) promptsNotGrow() {
	p := f.d.prompts
	if !p.found() {
		return
	}
	looks := "the server drops the history, or does not count it"
	switch p.why {
	case uncachedOnly:
		looks = "it looks as if the server leaves out what it had cached, or counts the last message alone"
	case cutPrompts:
		looks = fmt.Sprintf("it looks as if the server cuts prompts to its context (Ollama's num_ctx): "+
			"the longest of them has %s tokens", tokens(p.longest))
	}
	f.add(promptsNotGrow, fmt.Sprintf("Prompt tokens by usage are not the prompts: in %d of %s they are no "+
		"more than one turn before, or far below the client's count; %s. Input tokens, and what is made "+
		"of them, are too low; nothing is concluded about the cache.", p.turns, human.Count(p.of, "later turn"), looks),
		"%d no more than one turn before, %d below %s of the client's count, %d fewer than cached",
		p.not, p.far, render.Percent(farCounted), p.over)
}
