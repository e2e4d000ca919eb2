package probe

import (
	"context"
	"fmt"
	"strings"

	"multiturn/pkg/chat"
	"multiturn/pkg/record"
)

// Tokenizer is the server's tokenizer.
type Tokenizer interface {
	// Tokenize returns the tokens of the prompt that the chat template makes of
	// messages. opening adds what begins an answer.
	Tokenize(ctx context.Context, messages []chat.Message, opening bool) ([]int, error)
	// TokenizeText returns the tokens of a text, without special tokens around it.
	TokenizeText(ctx context.Context, text string) ([]int, error)
	Detokenize(ctx context.Context, ids []int) (string, error)
}

// Turn is what was said in a turn.
type Turn struct {
	// Asked are the messages since the last answer.
	Asked []chat.Message
	// Answer is the server's text. History are the messages that stand for it in
	// the next turn's prompt; nil if there is no next turn.
	Answer  string
	History []chat.Message
	// Reasoning is what the server sent beside the answer.
	Reasoning string
	// Generated is the number of tokens by usage; 0 if it is unknown.
	Generated int
}

// replaced reports whether another text than the answer stands in the history.
func (t *Turn) replaced() bool {
	return len(t.History) != 1 || t.History[0].Text != t.Answer
}

// excerpt is the length of the texts in a record, in characters: enough to
// recognise a place in a conversation, little enough for a line.
const excerpt = 40

// Prefixes compares each turn of a conversation with the turn before. It returns
// at most len(turns)-1 records, in order. The error is the tokenizer's; the
// records returned with it hold.
func Prefixes(
	ctx context.Context, t Tokenizer, conversation string, turns []Turn,
) ([]record.Prefix, error) {
	c := checker{ctx: ctx, t: t}
	var (
		out    []record.Prefix
		before []int // the turn before's prompt
	)
	for i := range turns {
		c.messages = append(c.messages, turns[i].Asked...)
		prompt, err := t.Tokenize(ctx, c.messages, true)
		if err != nil {
			return out, fmt.Errorf("conversation %s, turn %d: %w", conversation, i, err)
		}
		if i > 0 {
			p := record.Prefix{Conversation: conversation, Turn: i}
			answer := len(c.messages) - len(turns[i].Asked) - len(turns[i-1].History)
			if err := c.compare(&p, before, prompt, &turns[i-1], answer); err != nil {
				return out, fmt.Errorf("conversation %s, turn %d: %w", conversation, i, err)
			}
			out = append(out, p)
		}
		if turns[i].History == nil {
			break
		}
		c.messages = append(c.messages, turns[i].History...)
		before = prompt
	}
	return out, nil
}

type checker struct {
	ctx      context.Context
	t        Tokenizer
	messages []chat.Message
}

// compare fills p with the comparison of a prompt with the turn before, whose
// prompt was before and whose answer is message number answer.
func (c *checker) compare(p *record.Prefix, before, prompt []int, t *Turn, answer int) error {
	p.Prompt, p.Before = len(prompt), len(before)+t.Generated
	p.Shared = common(before, prompt)
	if p.Shared < len(before) {
		return c.brokenPrompt(p, before, prompt, answer)
	}
	text, err := c.t.Detokenize(c.ctx, prompt[len(before):])
	switch {
	case err != nil:
		return err
	case t.Reasoning != "":
		return c.reasoned(p, before, prompt, text, t, answer)
	case t.Answer == "" && t.replaced():
		p.Message, p.Role, p.Field = answer, chat.Assistant, "content"
		p.Broken, p.Is = record.BrokenHistory, short(text)
		return c.place(p, prompt)
	case t.Answer == "":
		return nil // tool calls alone: what was generated for them is unknown
	}
	return c.answered(p, before, prompt, text, t, answer)
}

// answered compares a prompt with a turn that answered without reasoning; text
// follows the prompt before.
func (c *checker) answered(
	p *record.Prefix, before, prompt []int, text string, t *Turn, answer int,
) error {
	rest := prompt[len(before):]
	ids, err := c.t.TokenizeText(c.ctx, t.Answer)
	if err != nil {
		return err
	}
	if t.Generated == 0 {
		p.Before = len(before) + len(ids)
	}
	n := common(ids, rest)
	// Tokenizers may normalize, so that a text does not come back as it was; its
	// tokens still do.
	same := n == len(ids) || strings.HasPrefix(text, t.Answer)
	if same && n < len(ids) {
		// Between other tokens the text may have other tokens than alone.
		if ids, err = c.covering(rest, t.Answer); err != nil {
			return err
		}
	}
	if same && fits(t.Generated, len(ids)) && (t.Generated > 0 || n == len(ids)) {
		p.Shared, p.Before = len(before)+len(ids), len(before)+len(ids)
		return nil
	}
	p.Message, p.Role, p.Field = answer, chat.Assistant, "content"
	switch {
	case same && n == len(ids):
		// Other tokens were generated. Which ones is unknown, so what is certainly
		// shared ends with the prompt.
		p.Broken, p.Char = record.BrokenTokens, -1
		return nil
	case same:
		p.Broken = record.BrokenTokens
	case t.replaced():
		p.Broken = record.BrokenHistory
	case strings.Contains(t.Answer, endOfThought) &&
		!strings.Contains(text[:min(len(t.Answer), len(text))], endOfThought):
		p.Broken, p.Field = record.BrokenReasoning, "reasoning"
	default:
		p.Broken = record.BrokenTemplate
	}
	p.Shared += n
	if was, err := c.t.Detokenize(c.ctx, ids[min(n, len(ids)):]); err == nil {
		p.Was = short(was)
	}
	if is, err := c.t.Detokenize(c.ctx, rest[n:]); err == nil {
		p.Is = short(is)
	}
	return c.place(p, prompt)
}
