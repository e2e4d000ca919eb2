package sim

import (
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
)

// takeInput takes the messages of /v1/responses: instructions, and a text or items.
// They are taken as the messages of a chat that they stand for.
func (r *request) takeInput(instructions, v gjson.Result) *apiError {
	var all turns
	if instructions.Type == gjson.String && instructions.Str != "" {
		all = append(all, &turn{role: `"system"`, content: instructions.Raw})
	}
	switch {
	case !set(v):
		return invalid("missing", "body.input", "Field required", "")
	case v.Type == gjson.String:
		all = append(all, &turn{role: `"user"`, content: v.Raw})
	case !v.IsArray():
		return invalid("list_type", "body.input", "Input should be a valid list", "")
	}
	var fail *apiError
	if v.IsArray() {
		n := 0
		v.ForEach(func(_, item gjson.Result) bool {
			fail = all.take(item, n)
			n++
			return fail == nil
		})
	}
	if fail != nil {
		return fail
	}
	r.history = gjson.Parse(all.json())
	return r.takeMessages(r.history)
}

// turn is a message of a chat, as JSON; "" is absent.
type turn struct {
	role, content, reasoning, id string
	calls                        []string
}

type turns []*turn

// assistant returns the message that an item of the assistant's belongs to: as in
// vLLM, items in a row are one message.
func (t *turns) assistant(taken func(*turn) bool) *turn {
	if n := len(*t); n > 0 && (*t)[n-1].role == `"assistant"` && !taken((*t)[n-1]) {
		return (*t)[n-1]
	}
	*t = append(*t, &turn{role: `"assistant"`})
	return (*t)[len(*t)-1]
}

// take takes item number n.
func (t *turns) take(item gjson.Result, n int) *apiError {
	switch kind, role := item.Get("type").Str, item.Get("role"); {
	case kind == "function_call":
		m := t.assistant(func(*turn) bool { return false })
		m.calls = append(m.calls, `{"id":`+raw(item, "call_id")+`,"function":{"name":`+
			raw(item, "name")+`,"arguments":`+raw(item, "arguments")+`}}`)
	case kind == "function_call_output":
		*t = append(*t, &turn{role: `"tool"`, content: raw(item, "output"),
			id: raw(item, "call_id")})
	case kind == "reasoning":
		m := t.assistant(func(m *turn) bool { return m.content+m.reasoning != "" || m.calls != nil })
		if m.reasoning = item.Get("content.0.text").Raw; m.reasoning == "" {
			m.reasoning = raw(item, "summary.0.text")
		}
	case kind != "" && kind != "message" || !item.IsObject():
		return badRequest("input", "Unsupported input item type: %s", kind)
	case role.Type != gjson.String:
		return invalid("missing", fmt.Sprintf("body.input.%d.role", n), "Field required", "")
	case role.Str == "assistant":
		m := t.assistant(func(m *turn) bool { return m.content != "" || m.calls != nil })
		m.content = raw(item, "content")
	default:
		*t = append(*t, &turn{role: role.Raw, content: raw(item, "content")})
	}
	return nil
}

// raw returns a field as JSON; null if it is absent.
func raw(v gjson.Result, path string) string {
	if f := v.Get(path); f.Exists() && f.Raw != "" {
		return f.Raw
	}
	return "null"
}

// json returns the messages.
func (t turns) json() string {
	var b strings.Builder
	for i, m := range t {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"role":` + m.role)
		for _, f := range [][2]string{
			{"content", m.content}, {"reasoning", m.reasoning}, {"tool_call_id", m.id},
		} {
			if f[1] != "" {
				b.WriteString(`,"` + f[0] + `":` + f[1])
			}
		}
		if m.calls != nil {
			b.WriteString(`,"tool_calls":[` + strings.Join(m.calls, ",") + "]")
		}
		b.WriteByte('}')
	}
	return "[" + b.String() + "]"
}

// chatTools returns the tools of /v1/responses as chats have them.
func chatTools(tools gjson.Result) gjson.Result {
	if !tools.IsArray() {
		return gjson.Result{}
	}
	var all []string
	tools.ForEach(func(_, tool gjson.Result) bool {
		var fields []string
		tool.ForEach(func(name, v gjson.Result) bool {
			if name.Str != "type" {
				fields = append(fields, name.Raw+":"+v.Raw)
			}
			return true
		})
		all = append(all, `{"type":`+raw(tool, "type")+`,"function":{`+strings.Join(fields, ",")+"}}")
		return true
	})
	return gjson.Parse("[" + strings.Join(all, ",") + "]")
}
