package chat

import (
	"strings"

	"multiturn/internal/jsonseq"
)

// AllText returns the text that a model generates to say the message, or reads
// where it stands in a history: the content, then name and arguments of each tool
// call. How a chat template writes a call is the model's; tokens counted in this
// text leave that out.
func (m *Message) AllText() string {
	if m.Raw == nil || m.Role != Assistant {
		return m.Text
	}
	var all strings.Builder
	all.WriteString(m.Text)
	for call := range m.eachCall {
		appendCall(&all, call)
	}
	return all.String()
}

// eachCall yields the tool calls, to be read from the cursor. Some are not objects.
func (m *Message) eachCall(yield func(*jsonseq.Cursor) bool) {
	cur := jsonseq.Cursor{Text: m.Raw}
	for key := range cur.Object {
		switch string(key) {
		case "tool_calls":
			if cur.Peek() != '[' {
				cur.Skip()
				continue
			}
			for range cur.Array {
				if !yield(&cur) {
					return
				}
			}
		case "function_call":
			if cur.Peek() == '{' && !yield(&cur) {
				return
			}
		}
	}
}

// appendCall adds the texts of a tool call, or of its function.
func appendCall(all *strings.Builder, cur *jsonseq.Cursor) {
	if cur.Peek() != '{' {
		cur.Skip()
		return
	}
	for key := range cur.Object {
		switch string(key) {
		case "function", "custom":
			appendCall(all, cur)
		case "name", "arguments", "input":
			if cur.Peek() == '"' {
				text, _ := jsonseq.Unquote(nil, cur.String())
				all.Write(text)
			} else { // some datasets have the arguments' JSON itself
				all.Write(cur.Skip())
			}
		}
	}
}

// Calls reports whether the message has tool calls, which tool messages have to
// answer.
func (m *Message) Calls() bool {
	if m.Raw == nil || m.Role != Assistant {
		return false
	}
	for range m.eachCall {
		return true
	}
	return false
}

// WithoutCalls returns the message without its tool calls.
func (m *Message) WithoutCalls() Message {
	out := *m
	out.Raw = without(m.Raw, "tool_calls", "function_call")
	return out
}
