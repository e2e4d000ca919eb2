// Package template describes how the messages of a chat become a prompt.
//
// A [Template] is data: the pieces of text that it writes around the content
// of each message and before an answer, and whether it keeps the reasoning of
// earlier answers. Each piece is one token. Roles and contents are tokenized
// one by one, so an answer that is sent back as a message has the tokens that
// it was generated with.
//
// A template makes a prompt of tokens (AppendMessage) or of text (AppendText).
// The texts of messages are written as they are: chat templates of some models
// also remove the spaces around them, or add a system message of their own.
package template

import (
	"slices"
	"strings"

	"multiturn/pkg/chat"
)

// Tokenizer turns text into token ids, without special tokens. It must be safe
// for concurrent use.
type Tokenizer interface {
	Append(dst []int32, text string) []int32
}

// Template is a chat template.
type Template struct {
	Name string
	// Models are parts of the names of models that have this template, in lower
	// case.
	Models []string
	// Begin stands before the first message. It is not in the text of a prompt:
	// servers put it before every prompt that they tokenize, and would have it
	// twice.
	Begin []Piece
	// Form is that of messages whose role has none in Forms.
	Form
	Forms map[string]Form
	// Roles are the template's names of roles, where they differ.
	Roles map[string]string
	// Answer stands before an answer, with [Role] for the assistant's. Think
	// follows it if the answer begins with reasoning.
	Answer, Think []Piece
	// ReasoningOpen and ReasoningClose stand around the reasoning of an earlier
	// answer, which comes before its content. ReasoningClose also ends the
	// reasoning of a new answer.
	ReasoningOpen, ReasoningClose []Piece
	// DropReasoning leaves the reasoning of earlier answers out, also where it
	// is part of their content and ends with ReasoningClose.
	DropReasoning bool
}

// Form is what stands around the content of a message.
type Form struct {
	Open, Close []Piece
	// Joins leaves out the Open of the message that follows: the two are one.
	Joins bool
}

// Piece is one token that a template writes: a mark, or the role of the message
// if it is [Role].
type Piece struct {
	// ID is an id that no tokenizer gives to text.
	ID int32
	// Text is the text of the mark; "" if it is not known.
	Text string
}

// Role stands for the role of a message, which is tokenized as text.
var Role = Piece{}

// form returns the form of a message. before is the role of the message in
// front of it, "" if it is the first.
func (t *Template) form(before, role string) Form {
	f, ok := t.Forms[role]
	if !ok {
		f = t.Form
	}
	if before != "" && t.Forms[before].Joins {
		f.Open = nil
	}
	return f
}

// name returns the template's name of a role.
func (t *Template) name(role string) string {
	if name, ok := t.Roles[role]; ok {
		return name
	}
	return role
}

// AppendBegin appends what stands before the first message.
func (t *Template) AppendBegin(ids []int32) []int32 {
	for _, p := range t.Begin {
		ids = append(ids, p.ID)
	}
	return ids
}

// AppendMessage appends the tokens of one message. before is the role of the
// message in front of it, "" if it is the first. Reasoning is "" if the message
// has none.
func (t *Template) AppendMessage(ids []int32, tok Tokenizer, before, role, reasoning,
	content string) []int32 {
	f := t.form(before, role)
	ids = t.appendPieces(ids, tok, f.Open, role)
	if reasoning != "" && !t.DropReasoning {
		ids = t.appendPieces(ids, tok, t.ReasoningOpen, role)
		ids = tok.Append(ids, reasoning)
		ids = t.appendPieces(ids, tok, t.ReasoningClose, role)
	}
	ids = tok.Append(ids, t.content(role, content))
	return t.appendPieces(ids, tok, f.Close, role)
}

// AppendAnswer appends what stands before an answer.
func (t *Template) AppendAnswer(ids []int32, tok Tokenizer, think bool) []int32 {
	ids = t.appendPieces(ids, tok, t.Answer, chat.Assistant)
	if think {
		ids = t.appendPieces(ids, tok, t.Think, chat.Assistant)
	}
	return ids
}

// AppendClose appends what stands behind an answer.
func (t *Template) AppendClose(ids []int32) []int32 {
	for _, p := range t.form("", chat.Assistant).Close {
		ids = append(ids, p.ID)
	}
	return ids
}

// End returns the token with which an answer ends.
func (t *Template) End() int32 { return t.form("", chat.Assistant).Close[0].ID }

func (t *Template) appendPieces(ids []int32, tok Tokenizer, pieces []Piece,
	role string) []int32 {
	for _, p := range pieces {
		if p == Role {
			ids = tok.Append(ids, t.name(role))
		} else {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// content returns the part of a message's content that the template keeps.
func (t *Template) content(role, content string) string {
	if !t.DropReasoning || role != chat.Assistant || len(t.ReasoningClose) == 0 {
		return content
	}
	if _, answer, ok := strings.Cut(content, t.ReasoningClose[0].Text); ok {
		return strings.TrimLeft(answer, "\n")
	}
	return content
}

// Overhead estimates how many tokens the template adds to the texts of a prompt
// of n messages, half of them questions and half answers. It takes each role to
// be one token.
func (t *Template) Overhead(n int) int {
	user, answer := t.form("", chat.User), t.form("", chat.Assistant)
	asked := (n + 1) / 2
	return len(t.Begin) + asked*(len(user.Open)+len(user.Close)) +
		(n-asked)*(len(answer.Open)+len(answer.Close)) + len(t.Answer)
}

// Opaque returns a template of which only a number is known: n tokens before
// each message and before an answer.
func Opaque(n int) *Template {
	pieces := slices.Repeat([]Piece{unknown}, max(0, n))
	return &Template{Form: Form{Open: pieces}, Answer: pieces}
}
