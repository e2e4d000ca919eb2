package openai

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/tidwall/gjson"

	"multiturn/pkg/chat"
	prompts "multiturn/pkg/chat/template"
	"multiturn/pkg/server"
)

// completions is POST /v1/completions, whose prompt is a text that
// Options.Format makes of the messages. Its answers are read as those of chats.
var completions = api{
	name: Completions, path: server.Completions,
	history: func(o *Options) history {
		e := promptEncoder{o.format()}
		return history{
			open: `"prompt":"`, close: string(quoted(e.format.AnswerText())) + `"`, encoder: e,
		}
	},
	maxTokens: "max_tokens",
	minTokens: "min_tokens",
	usage:     Field{"stream_options", json.RawMessage(`{"include_usage":true}`)},
	reserved:  []string{"prompt", "stream", "model"},
	events:    chatEvents,
	read:      readChat,
}

// format returns the format of prompts.
func (o *Options) format() *prompts.Template { return cmp.Or(o.Format, prompts.ChatML) }

// promptEncoder encodes messages as parts of a prompt, inside of a JSON string.
type promptEncoder struct{ format *prompts.Template }

func (e promptEncoder) Append(dst []byte, before, m *chat.Message) []byte {
	open, end := e.around(before, m)
	dst = chat.AppendQuoted(dst, open)
	dst = chat.AppendQuoted(dst, e.content(m))
	return chat.AppendQuoted(dst, end)
}

func (e promptEncoder) Split(before, m *chat.Message) (head, tail []byte, quote func(string) []byte) {
	open, end := e.around(before, m)
	return quoted(open), chat.AppendQuoted(quoted(e.content(m)), end), quoted
}

func (e promptEncoder) around(before, m *chat.Message) (open, end string) {
	role := ""
	if before != nil {
		role = before.Role
	}
	return e.format.Around(role, m.Role)
}

func (e promptEncoder) content(m *chat.Message) string {
	return e.format.Content(m.Role, reasoningOf(m), m.Text)
}

// Lacks returns what of a conversation an API cannot send, such as "message 3:
// tool calls"; "" if it sends everything.
func (a API) Lacks(c *chat.Conversation) string {
	if a != Completions {
		return ""
	}
	if c.Tools() != "" {
		return "tools"
	}
	for i := range c.Messages {
		if what := notText(&c.Messages[i]); what != "" {
			return fmt.Sprintf("message %d: %s", i, what)
		}
	}
	return ""
}

// notText returns what of a message is no text; "" = nothing.
func notText(m *chat.Message) string {
	if m.Raw == nil {
		return ""
	}
	if calls := gjson.GetBytes(m.Raw, "tool_calls"); calls.IsArray() && len(calls.Array()) > 0 {
		return "tool calls"
	}
	for _, p := range gjson.GetBytes(m.Raw, "content").Array() {
		if kind := p.Get("type").Str; p.IsObject() && kind != "text" {
			return "content of type " + kind
		}
	}
	return ""
}

func quoted(text string) []byte { return chat.AppendQuoted(nil, text) }
