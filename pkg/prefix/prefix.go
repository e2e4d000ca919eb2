// Package prefix finds where a conversation breaks its own prefix: a turn's prompt should begin with the tokens of the turn
// before, its prompt and what was generated, for only then can a cache give all of them back. Often it does not: templates
// drop the reasoning of earlier answers, write the last message another way than earlier ones, or an answer's text does not
// tokenize back to the tokens that were generated. No cache and no offloading can make up for that.
//
// The server itself makes the prompts (an endpoint that tokenizes messages by the chat template), so nothing about templates is
// assumed here. It is asked after the run: a few requests for every turn that is checked.
//
// What was generated is known by its text and its number of tokens only. So the answer's text, tokenized alone, is compared
// with what follows in the next prompt; where the two differ though the text is the same (some tokenizers put a space before
// a text), the number of tokens decides, and so it does where they agree: a number that fits neither with an end token nor
// without one means that other tokens were generated, where is not known. Other tokens of the same number go unseen.
package prefix

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"multiturn/pkg/chat"
	"multiturn/pkg/record"
)

// Tokenizer is the server's.
type Tokenizer interface {
	// Tokenize returns the tokens of the prompt of messages, JSON objects with commas between them when put together; opening
	// adds what begins an answer.
	Tokenize(ctx context.Context, messages [][]byte, opening bool) ([]int, error)
	// TokenizeText returns the tokens of a text, without special tokens around it.
	TokenizeText(ctx context.Context, text string) ([]int, error)
	Detokenize(ctx context.Context, ids []int) (string, error)
}

// Turn is one turn as it went.
type Turn struct {
	// Asked are the messages since the last answer.
	Asked []chat.Message
	// Answer is the text that came, History the message that stands for it in the next turn's prompt; nil: there was none.
	Answer  string
	History *chat.Message
	// Reasoning is what the server sent beside the answer.
	Reasoning string
	// Generated is the number of tokens by usage; 0 = not known.
	Generated int
}

// excerpt is the length of the texts in a record, in characters.
const excerpt = 40

// Check compares each turn of a conversation with the one before: len(turns)-1 records at most, in order. The error is the
// tokenizer's; the records before it hold.
func Check(ctx context.Context, t Tokenizer, conversation string, turns []Turn) ([]record.Prefix, error) {
	c := checker{ctx: ctx, t: t}
	var (
		out    []record.Prefix
		before []int // the turn before's prompt
	)
	for i := range turns {
		c.messages = append(c.messages, turns[i].Asked...)
		prompt, err := t.Tokenize(ctx, pieces(c.messages), true)
		if err != nil {
			return out, fmt.Errorf("conversation %s, turn %d: %w", conversation, i, err)
		}
		if i > 0 {
			p, err := c.compare(before, prompt, &turns[i-1], len(c.messages)-len(turns[i].Asked)-1)
			if err != nil {
				return out, fmt.Errorf("conversation %s, turn %d: %w", conversation, i, err)
			}
			p.Conversation, p.Turn = conversation, i
			out = append(out, p)
		}
		if turns[i].History == nil {
			break
		}
		c.messages = append(c.messages, *turns[i].History)
		before = prompt
	}
	return out, nil
}

func pieces(messages []chat.Message) [][]byte {
	out := make([][]byte, len(messages))
	for i := range messages {
		if i > 0 {
			out[i] = []byte{','}
		}
		out[i] = messages[i].AppendJSON(out[i])
	}
	return out
}

type checker struct {
	ctx      context.Context
	t        Tokenizer
	messages []chat.Message
}

// compare looks at a prompt and the turn before, whose answer is message number answer.
func (c *checker) compare(before, prompt []int, t *Turn, answer int) (record.Prefix, error) {
	p := record.Prefix{Prompt: len(prompt), Before: len(before) + t.Generated, Shared: common(before, prompt)}
	if p.Shared < len(before) {
		return p, c.brokenPrompt(&p, before, prompt, answer)
	}
	rest := prompt[len(before):]
	text, err := c.t.Detokenize(c.ctx, rest)
	if err != nil {
		return p, err
	}
	if t.Reasoning != "" {
		return p, c.reasoned(&p, before, prompt, text, t, answer)
	}
	if t.Answer == "" {
		return p, nil // tool calls alone: what was generated for them is not known
	}
	ids, err := c.t.TokenizeText(c.ctx, t.Answer)
	if err != nil {
		return p, err
	}
	if t.Generated == 0 {
		p.Before = len(before) + len(ids)
	}
	n := common(ids, rest)
	// Tokenizers may normalize, so that a text does not come back as it was; then its tokens still do.
	same := n == len(ids) || strings.HasPrefix(text, t.Answer)
	if same && n < len(ids) {
		// Between other tokens the text may have other tokens than alone.
		if ids, err = c.covering(rest, t.Answer); err != nil {
			return p, err
		}
	}
	if same && fits(t.Generated, len(ids)) && (t.Generated > 0 || n == len(ids)) {
		p.Shared, p.Before = len(before)+len(ids), len(before)+len(ids)
		return p, nil
	}
	p.Message, p.Role, p.Field = answer, chat.Assistant, "content"
	switch {
	case same && n == len(ids):
		// Other tokens were generated; which is not known, so what is shared for certain ends with the prompt.
		p.Broken, p.Char = record.BrokenTokens, -1
		return p, nil
	case same:
		p.Broken = record.BrokenTokens
	case t.History.Raw == nil && t.History.Text != t.Answer:
		p.Broken = record.BrokenHistory
	case strings.Contains(t.Answer, "</think>") && !strings.Contains(text[:min(len(t.Answer), len(text))], "</think>"):
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
	return p, c.place(&p, prompt)
}

// marks is how many tokens may stand around reasoning and belong to what was generated or not.
const marks = 3

// reasoned compares a prompt with a turn that reasoned before it answered; text is what follows the prompt before. Most
// histories do not have the reasoning. Where it is, the marks around it may be of the opening or of the answer.
func (c *checker) reasoned(p *record.Prefix, before, prompt []int, text string, t *Turn, answer int) error {
	p.Message, p.Role, p.Field = answer, chat.Assistant, "reasoning"
	if at := strings.Index(text, t.Reasoning); at >= 0 {
		end := at + len(t.Reasoning)
		if then := strings.Index(text[end:], t.Answer); then >= 0 {
			ids, err := c.covering(prompt[len(before):], text[:end+then+len(t.Answer)])
			if err != nil {
				return err
			}
			if off := t.Generated - len(ids); t.Generated == 0 || off >= -marks && off <= marks {
				p.Shared, p.Before = len(before)+len(ids), len(before)+len(ids)
				p.Message, p.Role, p.Field = 0, "", ""
				return nil
			}
			p.Broken, p.Char = record.BrokenTokens, -1
			return nil
		}
	}
	p.Broken, p.Was, p.Is = record.BrokenReasoning, short(t.Reasoning), short(text)
	return c.place(p, prompt)
}

// fits says whether that many tokens can be a text's of n: with its end token, or cut before one. 0 is not known.
func fits(generated, n int) bool { return generated == 0 || generated == n || generated == n+1 }

// covering is the shortest beginning of ids that holds the text.
func (c *checker) covering(ids []int, text string) ([]int, error) {
	var fail error
	n := sort.Search(len(ids), func(n int) bool {
		s, err := c.t.Detokenize(c.ctx, ids[:n])
		if err != nil {
			fail = err
		}
		return len(s) >= len(text)
	})
	return ids[:n], fail
}

// brokenPrompt says where in the messages before the answer a prompt differs from the one before.
func (c *checker) brokenPrompt(p *record.Prefix, before, prompt []int, answer int) error {
	was, err := c.t.Detokenize(c.ctx, before[p.Shared:])
	if err != nil {
		return err
	}
	is, err := c.t.Detokenize(c.ctx, prompt[p.Shared:])
	if err != nil {
		return err
	}
	p.Broken, p.Was, p.Is = record.BrokenTemplate, short(was), short(is)
	p.Message, p.Role, p.Field = answer, chat.Assistant, "opening"
	// The first message whose end lies behind the break has it. Some templates refuse a conversation cut short: then the
	// message is not known to be an earlier one.
	known := true
	at := sort.Search(answer, func(n int) bool {
		ids, err := c.t.Tokenize(c.ctx, pieces(c.messages[:n+1]), false)
		known = known && err == nil
		return len(ids) > p.Shared
	})
	switch {
	case !known:
		p.Message, p.Role, p.Field = -1, "", ""
	case at < answer:
		m := &c.messages[at]
		p.Message, p.Role, p.Field = at, m.Role, "content"
		if m.Text == "" && m.Raw != nil {
			p.Field = "tool_calls"
		}
	}
	switch {
	case strings.HasPrefix(is, was):
		p.Broken = record.BrokenTokens
	case thought(was):
		p.Broken = record.BrokenReasoning
		if p.Field == "content" {
			p.Field = "reasoning"
		}
	}
	return c.place(p, prompt)
}

// thought says whether a text begins with the mark of reasoning. A break may lie in the middle of a mark.
func thought(s string) bool {
	head, _, _ := strings.Cut(strings.TrimLeft(s, " \n<"), ">")
	return strings.HasPrefix(head, "think") || strings.HasPrefix(head, "/think")
}

// place counts the characters before the break.
func (c *checker) place(p *record.Prefix, prompt []int) error {
	text, err := c.t.Detokenize(c.ctx, prompt[:p.Shared])
	p.Char = utf8.RuneCountInString(text)
	return err
}

func common(a, b []int) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func short(s string) string {
	r := []rune(s)
	if len(r) > excerpt {
		r = r[:excerpt]
	}
	return string(r)
}

// Text is a broken prefix in a line.
func Text(p *record.Prefix) string {
	where := fmt.Sprintf("in message %d (%s, %s)", p.Message, p.Role, p.Field)
	switch {
	case p.Message < 0:
		where = "in a message that is not known"
	case p.Field == "opening":
		where = "in what begins the answer"
	}
	what := map[string]string{
		record.BrokenReasoning: "reasoning was generated that the prompt does not have",
		record.BrokenTemplate:  "the template wrote it another way",
		record.BrokenTokens:    "the text is the same, but has other tokens than were generated",
		record.BrokenHistory:   "the history has another text than the server's answer",
	}[p.Broken]
	at := fmt.Sprintf("at token %d of %d (character %d)", p.Shared, p.Prompt, p.Char)
	if p.Char < 0 {
		at = fmt.Sprintf("behind token %d of %d", p.Shared, p.Prompt)
	}
	s := fmt.Sprintf("%s, turn %d: broken %s, %s: %s", p.Conversation, p.Turn, at, where, what)
	if p.Was != "" || p.Is != "" {
		s += fmt.Sprintf("; was %q, is %q", p.Was, p.Is)
	}
	return s
}
