package synth

import (
	"fmt"
	"math"

	"multiturn/internal/pyrand"
	"multiturn/pkg/dist"
)

// draft is a conversation without its text: the numbers drawn for it, and where
// its text begins. Drawing it takes a fraction of the time of its text.
type draft struct {
	number int // c
	turns  int // T
	base   int // B, before the prefix
	prefix int // p, 0 for none
	width  int // M
	input  []int
	output []int
}

// planner draws the drafts in order. Each depends on those before it through
// the stream and the place in the text.
type planner struct {
	cfg         *Config
	instruction int // tokens of it
	stream      *pyrand.Numpy
	turns       *dist.Series
	prefixes    *dist.Series
	common      int // P
	base        int
	next        int
	values      []float64
}

func newPlanner(cfg *Config, seed uint32, instruction int) *planner {
	p := &planner{cfg: cfg, instruction: instruction, stream: pyrand.NewNumpy(seed)}
	p.turns = dist.NewSeries(cfg.NumTurns, p.stream, cfg.NumConversations)
	p.prefixes = dist.NewSeries(cfg.PrefixTokens, p.stream, cfg.NumConversations)
	var common [1]float64
	cfg.CommonPrefix.Fill(p.stream, common[:])
	p.common = max(0, integer(common[0]))
	p.base = p.common
	return p
}

// draft returns the next draft. It must not be called more often than there are
// conversations.
func (p *planner) draft() (draft, error) {
	turns := max(2, integer(p.turns.Next()))
	d := draft{number: p.next, base: p.base, prefix: max(0, integer(p.prefixes.Next()))}
	if turns > MaxTurns {
		return d, fmt.Errorf("prompt_input.num_turns: %d turns were drawn for conversation %d, "+
			"at most %d are allowed (max caps them)",
			turns, p.next, MaxTurns)
	}
	d.turns = turns + turns%2
	// Without fillers one token of text is left, so that no message is empty.
	d.input = p.lengths(p.cfg.InputTokens, d.turns, max(1, p.instruction))
	d.output = p.lengths(p.cfg.OutputTokens, d.turns, 1)
	for _, n := range d.input {
		d.width = max(d.width, n)
	}
	p.base = min(p.base+d.prefix+d.turns, tooMany)
	p.next++
	return d, nil
}

// lengths draws the numbers of tokens of a conversation's messages.
func (p *planner) lengths(d dist.Distribution, n, least int) []int {
	if cap(p.values) < n {
		p.values = make([]float64, 2*n)
	}
	values := p.values[:n]
	d.Fill(p.stream, values)
	lengths := make([]int, n)
	for i, v := range values {
		lengths[i] = max(least, integer(v))
	}
	return lengths
}

// tooMany is more tokens than any text has, and small enough that sums over all
// turns do not overflow.
const tooMany = math.MaxInt64 / (4 * MaxTurns)

// integer truncates a drawn value to a whole number.
func integer(v float64) int {
	switch {
	case v >= tooMany:
		return tooMany
	case v <= -tooMany:
		return -tooMany
	}
	return int(v)
}
