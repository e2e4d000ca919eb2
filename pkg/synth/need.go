package synth

import (
	"context"
	"fmt"
	"strconv"

	"multiturn/internal/human"
)

// ShortTextError says that a text is too short for a config.
type ShortTextError struct {
	// Have is the number of tokens of the text, Need that which the config needs with its seed, or a part of it: of very
	// many conversations not all are looked at.
	Have, Need int
	Part       bool
	// Fit is how many conversations the text is long enough for.
	Fit int
	// Field of the config takes the most; lowering it helps best.
	Field string
}

func (e *ShortTextError) Error() string {
	advice := "lower " + e.Field
	if e.Fit > 0 && e.Field != "num_conversations" {
		advice = fmt.Sprintf("lower num_conversations to %s, or %s", human.Thousands(e.Fit), e.Field)
	} else if e.Fit > 0 {
		advice += " to " + human.Thousands(e.Fit)
	}
	need := human.Thousands(e.Need)
	if e.Part {
		need = "more than " + need
	}
	return fmt.Sprintf("the text is too short: it has %s tokens, the config needs %s; %s, or give more text",
		human.Thousands(e.Have), need, advice)
}

// check compares the text with what all conversations take from it.
func (g *Generator) check(ctx context.Context) error {
	// A bound needs no tokenizing of first messages, and nearly always does.
	short, err := g.measure(ctx, false)
	if err == nil && short != nil && g.common != "" {
		short, err = g.measure(ctx, true)
	}
	if err == nil && short != nil {
		err = short
	}
	return err
}

// lookahead is how many conversations are looked at after the text has run out.
const lookahead = 100_000

// measure returns what is missing, if anything. Unless exact, the common text counts for nothing in the first message,
// which then may seem to take more than it does.
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

// blame names the field that takes most of what a conversation needs.
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

// end is the end of the furthest run that a draft takes from the text, and the field that asks for it.
func (g *Generator) end(d draft, exact bool) (end int, field string) {
	salt := strconv.Itoa(d.number) + " is a nice number... "
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
