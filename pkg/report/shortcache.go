package report

import (
	"fmt"
	"slices"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/plan"
	"multiturn/pkg/render"
)

// cacheFact has the hits: measured, possible, by tier, and of a stated cache.
func (s *Summary) cacheFact() render.Fact {
	d := s.Details
	if d.tooManyFailed() {
		return answer("Cache", fmt.Sprintf("not judged: %d of %s failed", d.failed,
			human.Count(d.sent, "turn")))
	}
	if d.prompts.found() {
		return answer("Cache", "not judged: prompt tokens by usage are not the whole prompts")
	}
	return answer("Cache", d.hitsLine(), d.tiersLine(), d.statedLine())
}

// hitsLine has the share of hits by usage, else by the server's counters.
func (d *Details) hitsLine() string {
	k := &d.Cache
	switch cached := d.Counters.value("cached_tokens"); {
	case k.Of == 0:
		return ""
	case k.Share.OK():
		return percent(k.Share) + " of prompt tokens hit" + d.ofPossible() + k.partText()
	case cached.OK() && d.Counters.value("prompt_tokens") > 0:
		return fmt.Sprintf("%s of prompt tokens hit, by the %s; hits of single turns are unknown",
			percent(cached/d.Counters.value("prompt_tokens")), d.sourceOfHits(tiersFromCounters))
	}
	return "hits unknown: the server reports no cached tokens"
}

// ofPossible is the hits as a share of those that an unlimited cache would have.
func (d *Details) ofPossible() string {
	p := d.Prediction
	switch {
	case p == nil || p.All.Possible == 0 || !p.All.OfPossible.OK():
		return ""
	case p.All.OfPossible > 1:
		return "" // the cache was warm, or what conversations share is unknown
	}
	return "; " + fixed(100*p.All.OfPossible, 0) + " % of what was possible"
}

// tiersLine has the share of each tier in the prompt tokens, if there is more than
// one tier.
func (d *Details) tiersLine() string {
	if len(d.Worth) < 2 {
		return ""
	}
	var parts []string
	rest := Number(1)
	for i := range d.Worth {
		w := &d.Worth[i]
		title := w.title()
		if w.Tier == kvcache.GPU.String() {
			title = "GPU"
		}
		parts = append(parts, title+" "+percent(w.Share))
		rest -= w.Share
	}
	parts = append(parts, "computed "+percent(rest))
	line := strings.Join(parts, "   ")
	if from := d.Worth[0].From; from != tiersFromCounters || d.Cache.Known > 0 {
		line += "   (" + d.sourceOfHits(from) + ")"
	}
	return line
}

// sourceOfHits says who split hits by tier, and of what part of the run if it is
// not that of the hits.
func (d *Details) sourceOfHits(from string) string {
	if from == tiersFromCounters && d.part() {
		return sourceOfHits[from] + " of the whole run"
	}
	return sourceOfHits[from]
}

// statedLine has the hits that the stated cache would have had, if one is stated,
// or why they are unknown.
func (d *Details) statedLine() string {
	p := d.Prediction
	if p == nil {
		return ""
	}
	if p.rejected != "" {
		return p.rejected
	}
	if p.Shape.Config == nil || !slices.ContainsFunc(p.Shape.Tiers, isStated) {
		return ""
	}
	return fmt.Sprintf("predicted for %s: %s hit; %s %% of possible", sizesText(&p.Shape),
		percent(share(p.All.Predicted, p.All.Prompt)), fixed(100*p.All.PredictedOfPossible, 0))
}

func isStated(t plan.ShapeTier) bool { return t.From == plan.FromStated }

// sizesText names the tiers of a cache with their blocks.
func sizesText(s *plan.Shape) string {
	var parts []string
	for i := range s.Tiers {
		parts = append(parts, sizeText(&s.Tiers[i]))
	}
	return strings.Join(parts, ", ") + eachText(s)
}

// eachText says that each of several replicas has the tiers of a shape.
func eachText(s *plan.Shape) string {
	if s.Replicas == 0 {
		return ""
	}
	return fmt.Sprintf(" on each of %d replicas", s.Replicas)
}

// sizeText names a tier with its blocks.
func sizeText(t *plan.ShapeTier) string {
	if t.Blocks < 0 {
		return t.Tier + " no limit"
	}
	return t.Tier + " " + human.Thousands(t.Blocks) + " blocks"
}
