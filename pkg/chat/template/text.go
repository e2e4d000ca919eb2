package template

import (
	"strings"

	"multiturn/pkg/chat"
)

// Around returns the texts that stand around the content of a message. before is
// the role of the message in front of it, "" if it is the first.
func (t *Template) Around(before, role string) (open, end string) {
	f := t.form(before, role)
	return t.text(f.Open, role), t.text(f.Close, role)
}

// Content returns the text of a message with its reasoning, if the template keeps
// that.
func (t *Template) Content(role, reasoning, content string) string {
	content = t.content(role, content)
	if reasoning == "" || t.DropReasoning {
		return content
	}
	return t.text(t.ReasoningOpen, role) + reasoning + t.text(t.ReasoningClose, role) + content
}

// AnswerText returns the text that stands before an answer.
func (t *Template) AnswerText() string { return t.text(t.Answer, chat.Assistant) }

func (t *Template) text(pieces []Piece, role string) string {
	var b strings.Builder
	for _, p := range pieces {
		if p == Role {
			b.WriteString(t.name(role))
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// Parse returns the messages of which the template makes a prompt's text, with
// the names that it has for their roles. The text must end with what stands
// before an answer. ok is false if the text is not of this form, or could also be
// of other messages.
func (t *Template) Parse(prompt string) (messages []chat.Message, ok bool) {
	for role := ""; ; {
		if rest := t.AnswerText(); prompt == rest && len(messages) > 0 {
			return messages, true
		}
		m, rest, ok := t.parseMessage(role, prompt)
		if !ok {
			return nil, false
		}
		messages = append(messages, m)
		prompt, role = rest, m.Role
	}
}

// parseMessage cuts the first message off a prompt. before is the role of the
// message in front of it.
func (t *Template) parseMessage(before, prompt string) (m chat.Message, rest string, ok bool) {
	for _, role := range []string{chat.System, chat.Tool, chat.User, chat.Assistant} {
		f, own := t.Forms[role]
		if !own || f.Joins || before == "" && len(f.Open) == 0 {
			continue
		}
		if m, rest, ok = t.cut(f, role, prompt); ok {
			return m, rest, true
		}
	}
	if len(t.Open) == 0 {
		return m, prompt, false
	}
	return t.cut(t.Form, "", prompt)
}

// cut cuts a message of a form off a prompt. role is "" if the text names it.
func (t *Template) cut(f Form, role, prompt string) (m chat.Message, rest string, ok bool) {
	rest = prompt
	for i, p := range f.Open {
		switch {
		case p != Role:
			if rest, ok = strings.CutPrefix(rest, p.Text); !ok {
				return m, prompt, false
			}
		case role != "":
			if rest, ok = strings.CutPrefix(rest, t.name(role)); !ok {
				return m, prompt, false
			}
		case i+1 == len(f.Open):
			return m, prompt, false
		default:
			at := strings.Index(rest, f.Open[i+1].Text)
			if at < 0 {
				return m, prompt, false
			}
			role, rest = rest[:at], rest[at:]
		}
	}
	m.Role = role
	m.Text, rest, ok = strings.Cut(rest, t.text(f.Close, role))
	return m, rest, ok && len(f.Close) > 0
}
