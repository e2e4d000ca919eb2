package plan

import (
	"fmt"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/render"
)

// answer returns what most readers look for, in a sentence or two: what the stated
// cache hits, or else how large one has to be.
func (s *Summary) answer() []string {
	if s.All.Possible == 0 || s.All.Prompt == 0 {
		return nil // the curve says that nothing is used again
	}
	possible := render.Percent(float64(s.All.Possible) / float64(s.All.Prompt))
	p := s.Prediction
	if p == nil {
		return []string{fmt.Sprintf("An unlimited cache hits %s of the prompt tokens.%s", possible,
			s.enough())}
	}
	line := fmt.Sprintf("%s: %s of prompt tokens hit, of %s possible", p.sizes(),
		render.Percent(float64(s.All.Predicted())/float64(s.All.Prompt)), possible)
	if p.GPUAlone != nil {
		below := "the lower tier"
		if len(p.Tiers) > 2 {
			below = "the lower tiers"
		}
		line += fmt.Sprintf("; without %s %s", below,
			render.Percent(float64(*p.GPUAlone)/float64(s.All.Prompt)))
	}
	return []string{line + "."}
}

// enough is a sentence with the capacity that has most of the possible hits.
func (s *Summary) enough() string {
	for _, r := range s.Reach {
		if r.Share == 0.9 {
			return fmt.Sprintf(" For 90 %% of that an LRU cache needs %s, beside what running requests pin.",
				sizeText(r.Blocks, r.GiB))
		}
	}
	return ""
}

// sizes names the sizes of the GPU's tier and of those below it.
func (p *Prediction) sizes() string {
	var parts []string
	for _, t := range p.Tiers {
		where := "on the GPU"
		switch {
		case t.Tier == kvcache.GPU.String():
		case len(p.Tiers) <= 2:
			where = "below"
		case t.Tier == kvcache.CPU.String():
			where = "on the CPU"
		default:
			where = "on disk"
		}
		parts = append(parts, sizeText(t.Blocks, t.GiB)+" "+where)
	}
	return strings.Join(parts, " + ")
}

// sizeText is a size in GiB if that is known, else in blocks.
func sizeText(blocks int, gib *float64) string {
	switch {
	case blocks < 0:
		return "a tier without limit"
	case gib != nil && *gib >= 0.01: // smaller ones would be shown as nothing
		return size(*gib) + " GiB"
	}
	return human.Thousands(blocks) + " blocks"
}
