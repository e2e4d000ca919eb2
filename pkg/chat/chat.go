// Package chat holds conversations: what they are, and how files of them are read and written.
//
// # The format
//
// A stream of conversations is a JSON array, JSONL, or several of either one after the other. Each item is an object:
//
//	{"id": "CONV_ID_0", "messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
//
// id is a non-empty string, unique in the stream; messages is not empty; role is a string. Every other key of a message
// (name, tool_calls, content given as parts) is kept and sent as it came. Two optional keys steer a run and are never
// sent: output_tokens on an assistant message, the length to ask the server for (else its text is tokenized), and
// delay_ms on a user message, the think time before it. Other keys of a conversation are ignored.
//
// The package knows nothing of servers, tokens or time.
package chat

import (
	"encoding/json"
	"time"
)

// Roles of a message. Others pass through: the server decides.
const (
	System    = "system"
	User      = "user"
	Assistant = "assistant"
	Tool      = "tool"
)

// Conversation is one dialogue, in order.
type Conversation struct {
	ID       string
	Messages []Message
}

// Message is one message of a conversation. The zero value is not valid: Role is required.
type Message struct {
	Role string
	// Text is the content; of content given as parts, the text parts joined. It is what tokens are counted of.
	Text string
	// Raw is nil for a message of just role and content. Otherwise it is the whole object as it came, less the keys
	// that steer a run, in one line, and is what is sent.
	Raw json.RawMessage
	// OutputTokens is the length of answer to ask for in place of this assistant message; 0 = count its text.
	OutputTokens int
	// Delay is the think time before this user message.
	Delay time.Duration
}

// AppendJSON appends the message as a server takes it: one JSON object, no line breaks, HTML characters as they are.
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
