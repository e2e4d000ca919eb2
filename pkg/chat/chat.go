// Package chat defines conversations, and reads and writes files of them.
//
// # The format
//
// A stream of conversations is a JSON array, JSONL, or any sequence of the two.
// Each item is an object:
//
//	{"id": "CONV_ID_0", "messages": [
//	    {"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
//
// An item may also be the array of messages alone.
//
// id is a string or a number, unique in the stream. A conversation without one
// gets a name that no other has: see Name. messages is not empty; role is a
// string. Other keys of a message (name, tool_calls, refusal, content given as
// parts) are kept and sent unchanged. Two optional keys control a run and are
// never sent: output_tokens of an assistant message is the length of answer to
// ask for (by default, the tokens of its text and of its tool calls), and delay_ms
// of a user or tool message is the think time before it.
//
// Keys beside messages that are fields of a request (tools, tool_choice,
// parallel_tool_calls, and functions and function_call of the older API) are sent
// with every turn of the conversation. tools may also be a string that holds the
// array. Other keys of a conversation are ignored.
//
// The package does not depend on servers, tokenizers or clocks.
package chat

import (
	"encoding/json"
	"fmt"
	"time"
)

// Roles of a message. Other roles are sent as they are: the server accepts or
// refuses them.
const (
	System    = "system"
	User      = "user"
	Assistant = "assistant"
	Tool      = "tool"
	Function  = "function" // what tool was called in the older API
)

// Conversation is a dialogue.
type Conversation struct {
	ID       string // "" from a Reader if the input has none
	Messages []Message
	// Fields are sent with every turn, beside the messages.
	Fields []Field
}

// Field is a field of a request's body, its value in one line of JSON.
type Field struct {
	Name  string
	Value json.RawMessage
}

// Tools returns the description of the tools that the model may call, as JSON; ""
// without tools.
func (c *Conversation) Tools() string {
	for _, f := range c.Fields {
		if f.Name == "tools" || f.Name == "functions" {
			return string(f.Value)
		}
	}
	return ""
}

// Name gives a name to the conversations without an id, by their place among
// all: conversation-1 is the first. A name that another one has as its id gets a
// number behind it. Name returns how many it named.
func Name(conversations []Conversation) (named int) {
	taken := make(map[string]bool, len(conversations))
	for i := range conversations {
		taken[conversations[i].ID] = true
	}
	for i := range conversations {
		c := &conversations[i]
		if c.ID != "" {
			continue
		}
		name := fmt.Sprintf("conversation-%d", i+1)
		c.ID = name
		for n := 2; taken[c.ID]; n++ {
			c.ID = fmt.Sprintf("%s-%d", name, n)
		}
		taken[c.ID] = true
		named++
	}
	return named
}

// RoleBefore returns the role of the message in front of message i; "" for the
// first.
func (c *Conversation) RoleBefore(i int) string {
	if i == 0 {
		return ""
	}
	return c.Messages[i-1].Role
}

// Message is a message of a conversation. Role is required.
type Message struct {
	Role string
	// Text is the content, or the text parts joined if content is given as
	// parts. Tokens are counted in it.
	Text string
	// Raw is nil for a message that has only role and content. Otherwise it is
	// the object to send: the input in one line, without the keys that control
	// a run.
	Raw json.RawMessage
	// OutputTokens is the length of answer to ask for in place of this
	// assistant message; 0 means the tokens of its text.
	OutputTokens int
	// Delay is the think time before this user message.
	Delay time.Duration
}

// AppendJSON appends the message as it is sent to a server: a JSON object
// without line breaks, with HTML characters unescaped.
func (m *Message) AppendJSON(dst []byte) []byte {
	if m.Raw != nil {
		return append(dst, m.Raw...)
	}
	dst = append(dst, `{"role":`...)
	dst = AppendString(dst, m.Role)
	dst = append(dst, `,"content":`...)
	dst = AppendString(dst, m.Text)
	return append(dst, '}')
}
