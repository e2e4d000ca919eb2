package probe

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"multiturn/pkg/chat"
	"multiturn/pkg/record"
)

// endOfThought ends reasoning that stands in an answer's text.
const endOfThought = "</think>"

// marks is how many tokens may stand around reasoning that may or may not have
// been generated: a mark of one token on either side, and a line break.
const marks = 3

// reasoned compares a prompt with a turn that reasoned before it answered; text
// follows the prompt before. Most histories do not have the reasoning. In those
// that have it, the marks around it belong to the opening or to the answer.
func (c *checker) reasoned(
	p *record.Prefix, before, prompt []int, text string, t *Turn, answer int,
) error {
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

// fits reports whether generated tokens can be a text of n tokens, with an end
// token or without one. generated is 0 if it is unknown.
func fits(generated, n int) bool {
	return generated == 0 || generated == n || generated == n+1
}

// covering returns the shortest beginning of ids that holds the text.
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

// brokenPrompt finds where in the messages before the answer a prompt differs
// from the one before.
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
	// The break is in the first message that ends after it. Some templates refuse a
	// conversation that is cut short; the message is then unknown.
	known := true
	at := sort.Search(answer, func(n int) bool {
		ids, err := c.t.Tokenize(c.ctx, c.messages[:n+1], false)
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

// thought reports whether a text begins with the mark of reasoning, or in the
// middle of it.
func thought(s string) bool {
	head, _, _ := strings.Cut(strings.TrimLeft(s, " \n<"), ">")
	return strings.HasPrefix(head, "think") || strings.HasPrefix(head, "/think")
}

// place sets the number of characters before the break.
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

// whatBroke says what happened, by record.Prefix.Broken.
var whatBroke = map[string]string{
	record.BrokenReasoning: "reasoning was generated that the prompt does not have",
	record.BrokenTemplate:  "the template wrote it another way",
	record.BrokenTokens:    "the text is the same, but has other tokens than were generated",
	record.BrokenHistory:   "the history has another text than the server's answer",
}

// PrefixText returns a broken prefix in one line.
func PrefixText(p *record.Prefix) string {
	where := fmt.Sprintf("in message %d (%s, %s)", p.Message, p.Role, p.Field)
	switch {
	case p.Message < 0:
		where = "in a message that is not known"
	case p.Field == "opening":
		where = "in what begins the answer"
	}
	at := fmt.Sprintf("at token %d of %d (character %d)", p.Shared, p.Prompt, p.Char)
	if p.Char < 0 {
		at = fmt.Sprintf("behind token %d of %d", p.Shared, p.Prompt)
	}
	s := fmt.Sprintf("%s, turn %d: broken %s, %s: %s",
		p.Conversation, p.Turn, at, where, whatBroke[p.Broken])
	if p.Was != "" || p.Is != "" {
		s += fmt.Sprintf("; was %q, is %q", p.Was, p.Is)
	}
	return s
}
