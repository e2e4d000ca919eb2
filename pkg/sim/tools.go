package sim

import (
	"strings"

	"github.com/tidwall/gjson"
)

// takeTools puts the tools of a request before its messages, as a system message:
// chat templates have their JSON in the system message or the first question.
func (r *request) takeTools(tools gjson.Result) {
	if tools.IsArray() && tools.Get("0").Exists() {
		r.messages = append(r.messages, message{role: "system", text: tools.Get("@ugly").Raw})
	}
}

// callText returns the names and arguments of tool calls, which stand in the prompt
// behind the text of their message.
func callText(calls gjson.Result) string {
	var all strings.Builder
	calls.ForEach(func(_, c gjson.Result) bool {
		f := c.Get("function")
		all.WriteString(f.Get("name").String())
		all.WriteString(f.Get("arguments").String())
		return true
	})
	return all.String()
}

// brokenHistory returns the error with which strict servers refuse a history: for a
// message of the assistant without content and tool calls, for tool calls that the
// next messages do not answer, and for a tool's message without a call.
func brokenHistory(messages gjson.Result) *apiError {
	open := map[string]bool{}
	unanswered := func() *apiError {
		if len(open) == 0 {
			return nil
		}
		return badRequest("messages", "An assistant message with 'tool_calls' must be followed by "+
			"tool messages responding to each 'tool_call_id'.")
	}
	var broken *apiError
	messages.ForEach(func(_, m gjson.Result) bool {
		role, calls := m.Get("role").Str, m.Get("tool_calls").Array()
		if role == "tool" {
			id := m.Get("tool_call_id").Str
			if !open[id] {
				broken = badRequest("messages", "Messages with role 'tool' must be a response to a "+
					"preceding message with 'tool_calls'.")
			}
			delete(open, id)
			return broken == nil
		}
		if broken = unanswered(); broken != nil {
			return false
		}
		if c := m.Get("content"); role == "assistant" && len(calls) == 0 &&
			(!set(c) || c.Type == gjson.String && c.Str == "") {
			broken = badRequest("messages", "Invalid assistant message: content or tool_calls must "+
				"be set.")
		}
		for _, c := range calls {
			open[c.Get("id").Str] = true
		}
		return broken == nil
	})
	if broken == nil {
		broken = unanswered()
	}
	return broken
}
