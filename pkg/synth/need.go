package synth

import (
	"context"
	"fmt"

	"multiturn/internal/human"
)

// ShortTextError is the error of a text that is too short for a config.
type ShortTextError struct {
	// Have is the number of tokens of the text. Need is the number that the
	// config needs with its seed. If Part is set it needs even more: only the
	// first of very many conversations were counted.
	Have, Need int
	Part       bool
	// Fit is the number of conversations for which the text is long enough.
	Fit int
	// Field is the field of the config that takes the most text: lowering it
	// helps most.
	Field string
}

func (e *ShortTextError) Error() string {
	advice := "lower " + e.Field
	if e.Fit > 0 && e.Field != "num_conversations" {
		advice = fmt.Sprintf("lower num_conversations to %s, or %s",
			human.Thousands(e.Fit), e.Field)
	} else if e.Fit > 0 {
		advice += " to " + human.Thousands(e.Fit)
	}
	need := human.Thousands(e.Need)
	if e.Part {
		need = "more than " + need
	}
	return fmt.Sprintf("the text is too short: it has %s tokens, "+
		"the config needs %s; %s, or give more text",
		human.Thousands(e.Have), need, advice)
}

// check returns an error if the text is too short for all conversations.
func (g *Generator) check(ctx context.Context) error {
	// A bound needs no tokenizing of first messages, and nearly always settles
	// it.
	short, err := g.measure(ctx, false)
	if err == nil && short != nil && g.common != "" {
		short, err = g.measure(ctx, true)
	}
	if err == nil && short != nil {
		err = short
	}
	return err
}

// lookahead is how many more conversations are counted after the text has run
// out: enough for nearly every config, and well below a second.
const lookahead = 100_000

// measure reports how much text the config lacks; nil means it has enough.
// Unless exact is set, it ignores the common text in the first message, so that
// the result is an upper bound.
func (g *Generator) measure(ctx context.Context, exact bool) (*ShortTextError, error) {
	e := &ShortTextError{Have: len(g.corpus.ids), Fit: g.cfg.NumConversations}
	p := g.plan()
	prefixes, turns := 0, 0
	for c := range g.cfg.NumConversations {
		if c%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if c > e.Fit+lookahead {
			e.Part = true
			break
		}
		d, err := p.draft()
		if err != nil {
			return nil, err
		}
		prefixes = min(prefixes+d.prefix, tooMany)
		end, field := g.end(d, exact)
		if end >= e.Have { // a run must end before the last token
			e.Fit = min(e.Fit, c)
		}
		if end >= e.Need {
			e.Need = end + 1
			e.Field = blame(p.common, prefixes, turns, d, end, field)
		}
		turns += d.turns
	}
	if e.Fit == g.cfg.NumConversations {
		return nil, nil
	}
	return e, nil
}

// blame returns the field that takes most of what a conversation needs.
func blame(common, prefixes, turns int, d draft, end int, field string) string {
	if field != "prompt_input.num_tokens" {
		return field
	}
	most := end - d.base - d.prefix
	if most > 0 && d.turns > d.width {
		field = "prompt_input.num_turns"
	}
	for _, part := range []struct {
		tokens int
		field  string
	}{
		{prefixes, "prompt_input.prefix_num_tokens"},
		{common, "prompt_input.common_prefix_num_tokens"},
		{turns, "num_conversations"},
	} {
		if part.tokens > most {
			most, field = part.tokens, part.field
		}
	}
	return field
}

// end returns where the last token that a draft takes from the text is, and the
// field that asks for it.
func (g *Generator) end(d draft, exact bool) (end int, field string) {
	salt := fill(g.cfg.Fillers.Salt, d.number)
	saltTokens := g.corpus.tok.Count(salt)
	base := d.base + d.prefix
	if d.prefix > 0 {
		end, field = base, "prompt_input.prefix_num_tokens"
	}
	for t := range d.turns {
		if t%2 == 1 {
			if d.output[t] > end {
				end, field = d.output[t], "prompt_output.num_tokens"
			}
			continue
		}
		before := saltTokens
		switch {
		case t > 0 || g.common == "":
		case exact:
			before = g.corpus.tok.Count(g.common + salt)
		default:
			before = 0
		}
		left := d.input[t] - before - g.instruction
		if last := base + t*d.width + left; left > 0 && last > end {
			end, field = last, "prompt_input.num_tokens"
		}
	}
	return end, field
}
