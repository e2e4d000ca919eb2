package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"multiturn/internal/human"
	"multiturn/pkg/record"
)

// warmStart looks for hits before any request was answered. The request that the
// server took first cannot hit tokens of this run. Which one that was is unknown,
// so the finding needs hits in all of them.
func (f *finder) warmStart() {
	early := f.early()
	missed := func(t *turn) bool { return !t.usage || !warm(int(t.cached), int(t.prompt)) }
	if len(early) == 0 || slices.ContainsFunc(early, missed) {
		return
	}
	var cached, prompt int64
	for _, t := range early {
		cached += int64(t.cached)
		prompt += int64(t.prompt)
	}
	f.add(warmStart, fmt.Sprintf("The cache was warm before the run: of its first prompts %s of %s "+
		"tokens were hit, which this run had not sent yet%s.", tokens(cached), tokens(prompt),
		f.saltAdvice()), "%s sent before the first answer, each with hits",
		human.Count(len(early), "request"))
}

// saltAdvice returns what else would keep the hits of an earlier run out.
func (f *finder) saltAdvice() string {
	run := f.c.run
	switch {
	case run != nil && run.CacheSalt == record.SaltField:
		return "; the server seems to ignore the salt's field, and a salt in the text reaches any server"
	case run != nil && (run.CacheSalt != "" || run.Control != ""):
		return "; what stands before the salt is shared, as a system message"
	}
	return "; empty the cache, or salt the prompts"
}

// early returns the turns that were sent before any was answered.
func (f *finder) early() []*turn {
	answered := record.Clock(math.MaxInt64)
	for i := range f.c.turns {
		if t := &f.c.turns[i]; t.sent.OK() && t.end.OK() {
			answered = min(answered, max(t.sent, cmp.Or(t.firstToken, t.end)))
		}
	}
	var early []*turn
	for i := range f.c.turns {
		// The server may have taken a request that was sent again on a new
		// connection the first time. Its clock is that of the second time.
		if t := &f.c.turns[i]; t.sent.OK() &&
			(t.sent < answered || t.index == 0 && t.connection == record.ConnectionRetried) {
			early = append(early, t)
		}
	}
	return early
}

// warm reports whether a turn that cannot hit in a cold cache hit more than the
// beginning of a chat template.
func warm(cached, prompt int) bool {
	return cached >= warmTokens && float64(cached) > warmShare*float64(prompt)
}

// warmFirstTurns looks for first turns that hit more than the conversations
// share.
func (f *finder) warmFirstTurns() {
	p := f.d.Prediction
	if p == nil || p.First.Known == 0 {
		return
	}
	shared, why, ok := f.sharedByFirstTurns(p)
	if !ok || float64(p.First.Cached) <= shared+warmShare*float64(p.First.knownPrompt) {
		return
	}
	f.add(warmFirstTurns, fmt.Sprintf("First turns hit %s tokens, more than the conversations share: the "+
		"cache was warm from an earlier run of the same data.", tokens(p.First.Cached)),
		"of %s tokens of %s, and %s", tokens(p.First.knownPrompt),
		human.Count(p.First.Known, "first turn"), why)
}

// sharedByFirstTurns returns how many tokens first turns can hit in a cold cache,
// and where that number comes from. It allows a quarter more than counted, since
// the client's tokenizer may not be the server's, and for each turn one block or
// the beginning of a chat template.
func (f *finder) sharedByFirstTurns(p *CachePlan) (shared float64, why string, ok bool) {
	turns := float64(p.First.Known)
	if p.SharedKnown {
		return 1.25*float64(p.First.knownPossible) + turns*float64(max(p.Shape.BlockSize, warmTokens)),
			"their texts share " + tokens(p.First.knownPossible), true
	}
	if common, ok := f.commonPrefix(); ok {
		return turns * (1.25*common + warmTokens),
			fmt.Sprintf("the generator gave them %g in common each", common), true
	}
	return 0, "", false
}

// commonPrefix returns the length of the prefix that the generator put before
// every conversation, in tokens.
func (f *finder) commonPrefix() (float64, bool) {
	if f.c.run == nil || len(f.c.run.Dataset.Generator) == 0 {
		return 0, false
	}
	var in struct {
		Input struct {
			Common struct {
				Distribution string  `json:"distribution"`
				Value        float64 `json:"value"`
			} `json:"common_prefix_num_tokens"`
		} `json:"prompt_input"`
	}
	if json.Unmarshal(f.c.run.Dataset.Generator, &in) != nil {
		return 0, false
	}
	common := in.Input.Common
	return common.Value, common.Distribution == "constant" || common.Distribution == ""
}

// control looks for hits in the arms that share nothing.
func (f *finder) control() {
	if f.d.Arms == nil {
		return
	}
	for i := range f.d.Arms.Arms {
		a := &f.d.Arms.Arms[i]
		if !record.SharesNothing(a.Name) || a.Known == 0 || !(a.CachedShare > warmShare) ||
			!(perTurn(a) >= warmTokens) {
			continue
		}
		text := fmt.Sprintf("The control arm %q is contaminated: its turns hit %s of their prompts, "+
			"although these were made to share nothing", a.Name, percent(a.CachedShare))
		if a.Name != f.d.Arms.Measured {
			text += fmt.Sprintf(", so that its difference from %q is too small", f.d.Arms.Measured)
		}
		f.add(controlHits, text+".", "%s tokens cached in %s", tokens(a.Cached),
			human.Count(a.Known, "turn"))
	}
}
