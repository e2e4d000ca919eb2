package openai

import (
	"encoding/json"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"multiturn/internal/jsonseq"
	"multiturn/internal/limits"
	"multiturn/pkg/chat"
	"multiturn/pkg/server"
)

// responses is POST /v1/responses. The whole history goes with every request, as
// the body's input: servers are asked not to store answers.
var responses = api{
	name: Responses, path: server.Responses,
	history: func(*Options) history {
		return history{open: `"input":[`, close: `]`, encoder: inputEncoder{}}
	},
	maxTokens: "max_output_tokens",
	fields:    []Field{{"store", json.RawMessage(`false`)}},
	reserved:  []string{"input", "stream", "model"},
	events:    []string{"response."},
	own:       flatTools,
	read:      readResponses,
}

// flatTools returns a field of a conversation as this API has it: what chats have
// in "function" stands in the tool itself, and in the choice of one.
func flatTools(f chat.Field) chat.Field {
	flat := func(v gjson.Result) string {
		function := v.Get("function")
		if !function.IsObject() {
			return v.Raw
		}
		text := `{"type":"function"`
		function.ForEach(func(name, value gjson.Result) bool {
			text += "," + name.Raw + ":" + value.Raw
			return true
		})
		return text + "}"
	}
	v := gjson.ParseBytes(f.Value)
	switch {
	case f.Name == "tool_choice" && v.IsObject():
		f.Value = json.RawMessage(flat(v))
	case f.Name == "tools" && v.IsArray():
		var all []string
		for _, tool := range v.Array() {
			all = append(all, flat(tool))
		}
		f.Value = json.RawMessage("[" + strings.Join(all, ",") + "]")
	}
	return f
}

// inputEncoder encodes messages as items of an input: an assistant's message may
// be several, its reasoning and tool calls being items of their own.
type inputEncoder struct{}

func (inputEncoder) Append(dst []byte, before, m *chat.Message) []byte {
	if before != nil {
		dst = append(dst, ',')
	}
	dst, _ = appendItems(dst, m)
	return dst
}

func (e inputEncoder) Split(before, m *chat.Message) (head, tail []byte, quote func(string) []byte) {
	var text []byte
	if before != nil {
		text = append(text, ',')
	}
	text, at := appendItems(text, m)
	if text[at] != '[' {
		return text[: at+1 : at+1], text[at+1:], quoted
	}
	end := "},"
	if len(gjson.ParseBytes(text[at:]).Array()) == 0 {
		end = "}"
	}
	return text[: at+1 : at+1], text[at+1:], func(text string) []byte {
		part := append([]byte(`{"type":"`), textPart(m.Role)...)
		return append(chat.AppendString(append(part, `","text":`...), text), end...)
	}
}

// appendItems appends the items of a message. at is the place of its content: a
// string or a list of parts.
func appendItems(dst []byte, m *chat.Message) (_ []byte, at int) {
	fields := gjson.ParseBytes(m.Raw)
	if m.Role == chat.Tool {
		dst = append(dst, `{"type":"function_call_output","call_id":`...)
		dst = chat.AppendString(dst, fields.Get("tool_call_id").String())
		dst = append(dst, `,"output":`...)
		at = len(dst)
		return append(appendContent(dst, m, fields), '}'), at
	}
	calls := fields.Get("tool_calls")
	answer := m.Role == chat.Assistant
	if reasoning := reasoningOf(m); answer && reasoning != "" {
		const open = `{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":`
		dst = append(chat.AppendString(append(dst, open...), reasoning), `}]},`...)
	}
	if answer && m.Text == "" && calls.IsArray() && len(calls.Array()) > 0 {
		at = len(dst)
		return appendCalls(dst, calls), at
	}
	dst = append(dst, '{')
	if answer {
		dst = append(dst, `"type":"message",`...) // llama.cpp needs it
	}
	dst = chat.AppendString(append(dst, `"role":`...), m.Role)
	dst = append(dst, `,"content":`...)
	at = len(dst)
	dst = append(appendContent(dst, m, fields), '}')
	if answer && calls.IsArray() && len(calls.Array()) > 0 {
		dst = appendCalls(append(dst, ','), calls)
	}
	return dst, at
}

// appendCalls appends tool calls as items.
func appendCalls(dst []byte, calls gjson.Result) []byte {
	for i, c := range calls.Array() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"type":"function_call","call_id":`...)
		dst = chat.AppendString(dst, c.Get("id").String())
		dst = chat.AppendString(append(dst, `,"name":`...), c.Get("function.name").String())
		dst = append(dst, `,"arguments":`...)
		dst = append(chat.AppendString(dst, c.Get("function.arguments").String()), '}')
	}
	return dst
}

// textPart returns the type of a text among the parts of a content.
func textPart(role string) string {
	if role == chat.Assistant {
		return "output_text"
	}
	return "input_text"
}

// appendContent appends the content of a message: its text, or its parts in the
// names of this API.
func appendContent(dst []byte, m *chat.Message, fields gjson.Result) []byte {
	parts := fields.Get("content")
	if !parts.IsArray() {
		return chat.AppendString(dst, m.Text)
	}
	dst = append(dst, '[')
	for i, p := range parts.Array() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendPart(dst, m.Role, p)
	}
	return append(dst, ']')
}

func appendPart(dst []byte, role string, p gjson.Result) []byte {
	switch kind := p.Get("type").Str; {
	case p.Type == gjson.String || kind == "text":
		text := p.Str
		if kind == "text" {
			text = p.Get("text").String()
		}
		dst = append(append(append(dst, `{"type":"`...), textPart(role)...), `","text":`...)
		return append(chat.AppendString(dst, text), '}')
	case kind == "image_url":
		image := p.Get("image_url")
		dst = append(dst, `{"type":"input_image","image_url":`...)
		if !image.IsObject() {
			return append(chat.AppendString(dst, image.String()), '}')
		}
		dst = chat.AppendString(dst, image.Get("url").String())
		if detail := image.Get("detail"); detail.Exists() {
			dst = chat.AppendString(append(dst, `,"detail":`...), detail.String())
		}
		return append(dst, '}')
	case kind == "file":
		dst = append(dst, `{"type":"input_file"`...)
		p.Get("file").ForEach(func(name, v gjson.Result) bool {
			dst = append(append(append(dst, ','), name.Raw...), ':')
			dst = append(dst, v.Raw...)
			return true
		})
		return append(dst, '}')
	}
	return append(dst, p.Raw...)
}

// readResponses reads an event of a stream, or a whole answer.
func readResponses(data []byte, c *chunk) bool {
	if isDone(data) {
		c.done = true
		return true
	}
	cur := jsonseq.Cursor{Text: data, AnyBytes: true}
	if cur.Peek() != '{' {
		return false
	}
	var e responseEvent
	wrong := false
	for name := range cur.Object {
		switch string(name) {
		case "type":
			e.kind = cur.Skip()
		case "delta":
			wrong = !readText(&cur, &e.delta, nil) || wrong
		case "item_id":
			e.item = present(cur.Skip())
		case "item":
			e.added = present(cur.Skip())
		case "response":
			e.response = present(cur.Skip())
		case "output":
			e.output = present(cur.Skip())
		case "detail", "message":
			e.message = present(cur.Skip())
		default:
			e.field(name, &cur, c)
		}
	}
	if cur.End() != nil || wrong {
		return false
	}
	return e.take(data, c)
}

// responseEvent has the fields of an event, or of a whole answer, as JSON.
type responseEvent struct {
	kind, item, added, response         []byte
	output, status, incomplete, message []byte
	delta                               textSpan
}

// take makes a chunk of the event.
func (e *responseEvent) take(data []byte, c *chunk) bool {
	switch string(e.kind) {
	case `"response.output_text.delta"`, `"response.refusal.delta"`:
		c.content, c.choices = e.delta, 1
	case `"response.reasoning_text.delta"`, `"response.reasoning_summary_text.delta"`:
		c.reasoning, c.choices = e.delta, 1
	case `"response.function_call_arguments.delta"`:
		c.choices = 1
		c.tools = callDelta(e.item, "", "", string(data[e.delta.start:e.delta.end]))
	case `"response.output_item.added"`:
		c.choices = 1
		c.tools = itemAdded(e.added)
	case `"response.completed"`, `"response.incomplete"`, `"response.failed"`,
		`"response.cancelled"`:
		return readEnd(e.response, c)
	case `"error"`:
		if c.failure == nil {
			c.failure = data
		}
	case ``:
		if e.output != nil || e.status != nil {
			e.whole(c)
		} else if c.failure == nil && e.message != nil {
			c.failure = data
		}
	}
	return true
}

// readEnd reads the object of an event that ends a stream. Its output has come
// before.
func readEnd(response []byte, c *chunk) bool {
	if len(response) == 0 || response[0] != '{' {
		return false
	}
	var e responseEvent
	cur := jsonseq.Cursor{Text: response, AnyBytes: true}
	for name := range cur.Object {
		e.field(name, &cur, c)
	}
	e.end(c)
	c.done = c.failure == nil
	return cur.End() == nil
}

// field reads a field that a whole answer has in common with the response in the
// event that ends a stream.
func (e *responseEvent) field(name []byte, cur *jsonseq.Cursor, c *chunk) {
	switch string(name) {
	case "usage":
		c.usage = present(cur.Skip())
	case "status":
		e.status = present(cur.Skip())
	case "incomplete_details":
		e.incomplete = present(cur.Skip())
	case "error":
		if v := cur.Skip(); !noError(v) {
			c.failure = v
		}
	case "timings", "metrics":
		c.timings = present(cur.Skip())
	}
}

// end takes how the answer ended.
func (e *responseEvent) end(c *chunk) {
	c.choices = 1
	c.finish = finishOf(e.status, e.incomplete)
	if c.failure == nil && string(e.status) == `"failed"` {
		c.failure = []byte(`"the response failed"`)
	}
}

// finishOf returns the finish_reason that a status means.
func finishOf(status, incomplete []byte) []byte {
	switch string(status) {
	case `"completed"`:
		return []byte(`"stop"`)
	case `"incomplete"`:
		switch reason := gjson.GetBytes(incomplete, "reason"); reason.Str {
		case "", "max_output_tokens", "max_tokens", "length":
			return []byte(`"length"`)
		default:
			return []byte(reason.Raw)
		}
	case `"cancelled"`:
		return []byte(`"abort"`)
	}
	return status
}

// whole takes an answer that is not streamed.
func (e *responseEvent) whole(c *chunk) {
	e.end(c)
	var calls toolCalls
	parts := []byte{'['}
	add := func(open string, v gjson.Result, end string) {
		if v.Type != gjson.String || v.Str == "" {
			return
		}
		if len(parts) > 1 {
			parts = append(parts, ',')
		}
		parts = append(append(append(parts, open...), v.Raw...), end...)
	}
	part := func(_, p gjson.Result) bool {
		switch p.Get("type").Str {
		case "output_text", "text":
			add(`{"text":`, p.Get("text"), "}")
		case "refusal":
			add(`{"text":`, p.Get("refusal"), "}")
		case "reasoning_text", "summary_text":
			add(`{"thinking":[`, p.Get("text"), "]}")
		}
		return true
	}
	gjson.ParseBytes(e.output).ForEach(func(_, item gjson.Result) bool {
		list := item.Get("content")
		if !list.IsArray() || !list.Get("0").Exists() {
			list = item.Get("summary")
		}
		if list.IsArray() {
			list.ForEach(part)
		}
		if item.Get("type").Str == "function_call" && len(calls.calls) <= limits.Parts {
			call := calls.begin(int64(len(calls.calls)))
			call.id, call.name = item.Get("call_id").Str, item.Get("name").Str
			call.arguments.buf = []byte(item.Get("arguments").String())
		}
		return true
	})
	if c.parts = append(parts, ']'); len(c.parts) == 2 {
		c.parts = nil
	}
	if len(calls.calls) > 0 {
		c.tools = calls.appendJSON(nil)
	}
}

// itemAdded returns the delta of a tool call that begins; nil if the item is none.
func itemAdded(item []byte) []byte {
	v := gjson.ParseBytes(item)
	if v.Get("type").Str != "function_call" {
		return nil
	}
	arguments := v.Get("arguments").Raw
	if len(arguments) > 1 {
		arguments = arguments[1 : len(arguments)-1]
	}
	return callDelta([]byte(v.Get("id").Raw), v.Get("call_id").Str, v.Get("name").Str, arguments)
}

// callDelta returns a delta of tool calls as chats have it. arguments is as in a
// JSON string. The item's id is hashed to an index.
func callDelta(item []byte, id, name, arguments string) []byte {
	h := fnv.New32a()
	h.Write(item)
	d := append([]byte(`[{"index":`), strconv.FormatUint(uint64(h.Sum32()), 10)...)
	d = chat.AppendString(append(d, `,"id":`...), id)
	d = chat.AppendString(append(d, `,"function":{"name":`...), name)
	return append(append(append(d, `,"arguments":"`...), arguments...), `"}}]`...)
}
