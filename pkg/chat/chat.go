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
// id is a non-empty string, unique in the stream; messages is not empty; role
// is a string. Other keys of a message (name, tool_calls, content given as
// parts) are kept and sent unchanged. Two optional keys control a run and are
// never sent: output_tokens of an assistant message is the length of answer to
// ask for (by default, the tokens of its text), and delay_ms of a user or tool
// message is the think time before it. Other keys of a conversation are
// ignored.
//
// The package does not depend on servers, tokenizers or clocks.
package chat

import (
	"encoding/json"
	"time"
)

// Roles of a message. Other roles are sent as they are: the server accepts or
// refuses them.
const (
	System    = "system"
	User      = "user"
	Assistant = "assistant"
	Tool      = "tool"
)

// Conversation is a dialogue.
type Conversation struct {
	ID       string
	Messages []Message
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
