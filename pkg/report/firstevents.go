package report

import (
	"fmt"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// TTFT is what ttft_ms is where an answer's first event has several tokens.
type TTFT string

// Values of TTFT. The zero value is RawTTFT.
const (
	// RawTTFT is the time to the first text, which is what a user waits for.
	RawTTFT TTFT = "raw"
	// ReferenceTTFT is the reference's estimate of when the first token would have
	// come alone: it takes off the time of the event's other tokens, at the answer's
	// own tpot_ms. A server that sends nothing before it has several tokens then
	// looks as fast as one that sends the first at once.
	ReferenceTTFT TTFT = "reference"
)

// referenceTTFT returns the reference's ttft_ms of a sample with that of RawTTFT.
func referenceTTFT(s *record.Sample) float64 {
	if s.FirstChunkTokens <= 1 {
		return s.TTFTMS
	}
	ttft := s.TTFTMS
	if known(s.TPOTMS) {
		ttft -= float64(s.FirstChunkTokens-1) * s.TPOTMS
	}
	return max(0.1, ttft)
}

func known(f float64) bool { return Number(f).OK() }

// FirstEvents are the first events with text of the measured turns.
type FirstEvents struct {
	TTFT TTFT `json:"ttft"` // which of the two ttft_ms is
	// Several is the number of first events with several tokens, out of Of, and
	// Tokens the mean of theirs.
	Of      int    `json:"turns"`
	Several int    `json:"several_tokens"`
	Tokens  Number `json:"tokens_mean"`
	// Raw and Reference are the means of both kinds of ttft_ms.
	Raw       Number `json:"raw_ttft_ms_mean"`
	Reference Number `json:"reference_ttft_ms_mean"`
}

func (c *Collector) firstEvents() FirstEvents {
	var tokens, raw, reference []float64
	for i := range c.turns {
		t := &c.turns[i]
		if !t.measured {
			continue
		}
		s := t.rawSample()
		raw, reference = append(raw, s.TTFTMS), append(reference, referenceTTFT(&s))
		if s.FirstChunkTokens > 1 {
			tokens = append(tokens, float64(s.FirstChunkTokens))
		}
	}
	f := FirstEvents{
		TTFT: RawTTFT, Of: len(raw), Several: len(tokens), Tokens: Number(measure.New(tokens).Mean()),
		Raw: Number(measure.New(raw).Mean()), Reference: Number(measure.New(reference).Mean()),
	}
	if c.o.TTFT == ReferenceTTFT {
		f.TTFT = ReferenceTTFT
	}
	return f
}

// severalShare is the share of first events with several tokens from which on the
// short text says so: fewer do not show in the 99th percentile.
const severalShare = 0.01

// firstEventsFact says what ttft_ms is, if that matters.
func (s *Summary) firstEventsFact() render.Fact {
	f := &s.Details.FirstEvents
	same := render.Short(float64(f.Raw)) == render.Short(float64(f.Reference))
	if f.Several == 0 || float64(f.Several) < severalShare*float64(f.Of) || same {
		return answer("TTFT")
	}
	kind, other, mean := "raw", "the reference's", f.Reference
	if f.TTFT == ReferenceTTFT {
		kind, other, mean = "the reference's", "the raw", f.Raw
	}
	return answer("TTFT", fmt.Sprintf("%s: %s %% of first events had several tokens (%s); %s mean: %s ms",
		kind, fixed(100*share(Number(f.Several), int64(f.Of)), 0), fixed(f.Tokens, 1), other,
		render.Short(float64(mean))))
}

func (d *Details) firstEvents() []render.Section {
	return []render.Section{list("first_events", "First events with text, and what ttft_ms is if they "+
		"have several tokens.", render.Cells(d.FirstEvents)...)}
}
