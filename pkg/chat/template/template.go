// Package template describes how the messages of a chat become a prompt.
//
// A [Template] is data: the pieces of text that it writes around the content
// of each message and before an answer, and whether it keeps the reasoning of
// earlier answers. Each piece is one token. Roles and contents are tokenized
// one by one, so an answer that is sent back as a message has the tokens that
// it was generated with.
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
	// Open and Close stand before and behind the content of a message.
	Open, Close []Piece
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

// AppendMessage appends the tokens of one message. Reasoning is "" if the
// message has none.
func (t *Template) AppendMessage(ids []int32, tok Tokenizer, role, reasoning,
	content string) []int32 {
	ids = appendPieces(ids, tok, t.Open, role)
	if reasoning != "" && !t.DropReasoning {
		ids = appendPieces(ids, tok, t.ReasoningOpen, role)
		ids = tok.Append(ids, reasoning)
		ids = appendPieces(ids, tok, t.ReasoningClose, role)
	}
	if t.DropReasoning && role == chat.Assistant {
		content = t.dropReasoning(content)
	}
	return t.AppendClose(tok.Append(ids, content))
}

// AppendAnswer appends what stands before an answer.
func (t *Template) AppendAnswer(ids []int32, tok Tokenizer, think bool) []int32 {
	ids = appendPieces(ids, tok, t.Answer, chat.Assistant)
	if think {
		ids = appendPieces(ids, tok, t.Think, chat.Assistant)
	}
	return ids
}

// AppendClose appends what stands behind the content of a message.
func (t *Template) AppendClose(ids []int32) []int32 {
	for _, p := range t.Close {
		ids = append(ids, p.ID)
	}
	return ids
}

func appendPieces(ids []int32, tok Tokenizer, pieces []Piece, role string) []int32 {
	for _, p := range pieces {
		if p == Role {
			ids = tok.Append(ids, role)
		} else {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// dropReasoning returns the part of content that follows the reasoning.
func (t *Template) dropReasoning(content string) string {
	if len(t.ReasoningClose) > 0 {
		if _, answer, ok := strings.Cut(content, t.ReasoningClose[0].Text); ok {
			return strings.TrimLeft(answer, "\n")
		}
	}
	return content
}

// Overhead estimates how many tokens the template adds to the texts of a prompt
// of n messages. It takes each role to be one token.
func (t *Template) Overhead(n int) int {
	return n*(len(t.Open)+len(t.Close)) + len(t.Answer)
}

// Opaque returns a template of which only a number is known: n tokens before
// each message and before an answer.
func Opaque(n int) *Template {
	pieces := slices.Repeat([]Piece{unknown}, max(0, n))
	return &Template{Open: pieces, Answer: pieces}
}
