package openai

import (
	"github.com/tidwall/gjson"

	"multiturn/internal/limits"
	"multiturn/pkg/chat"
)

// toolCalls are the tool calls of an answer, merged from deltas by index.
type toolCalls struct {
	calls []toolCall
	// newest is where the newest call with each index is, once there are many: then
	// it would take too long to look for it.
	newest map[int64]int
	excess bool // there were more than limits.Parts, of the answer or of an event
}

// manyCalls are more than nearly all answers have.
const manyCalls = 16

type toolCall struct {
	index          int64
	id, kind, name string
	arguments      text
}

// add merges an array of tool_calls, or the object of function_call, and reports
// whether it had any text. It must be valid JSON.
func (t *toolCalls) add(deltas []byte) (text bool) {
	all := gjson.ParseBytes(deltas)
	if all.IsObject() {
		return t.call(0).merge(all)
	}
	at, n := int64(-1), 0
	all.ForEach(func(_, d gjson.Result) bool {
		if n++; n > limits.Parts || len(t.calls) > limits.Parts {
			t.excess = true
			return false
		}
		if at++; d.Get("index").Type == gjson.Number {
			at = d.Get("index").Int()
		}
		call := t.call(at)
		function := d.Get("function")
		// A server without an index, or with 0 for all (Gemini), sends whole calls. Older
		// vLLM has another id in every delta, but the name in the first one only.
		id, name := d.Get("id").String(), function.Get("name").String()
		if call.id != "" && id != "" && id != call.id && call.name != "" && name != "" {
			call = t.begin(at)
		}
		call.id, call.kind = first(call.id, d.Get("id")), first(call.kind, d.Get("type"))
		text = call.merge(function) || text
		return true
	})
	return text
}

// merge takes a delta of the function, and reports whether it had any text.
func (c *toolCall) merge(function gjson.Result) (text bool) {
	name := function.Get("name")
	c.name = first(c.name, name)
	// Arguments are JSON in a string; whole answers of some servers have the JSON itself.
	arguments := function.Get("arguments")
	if arguments.Type == gjson.String {
		c.arguments.addQuoted([]byte(arguments.Raw))
	} else if arguments.IsObject() {
		c.arguments.buf = append(c.arguments.buf, arguments.Raw...)
		return true
	}
	return arguments.Str != "" || name.Str != ""
}

// first returns known, or the text of v if there is none: some servers repeat id
// and name in every delta.
func first(known string, v gjson.Result) string {
	if known == "" && v.Type == gjson.String {
		return v.Str
	}
	return known
}

// call returns the newest call with an index.
func (t *toolCalls) call(index int64) *toolCall {
	if t.newest != nil {
		if at, ok := t.newest[index]; ok {
			return &t.calls[at]
		}
		return t.begin(index)
	}
	for i := len(t.calls) - 1; i >= 0; i-- {
		if t.calls[i].index == index {
			return &t.calls[i]
		}
	}
	return t.begin(index)
}

// begin returns a new call.
func (t *toolCalls) begin(index int64) *toolCall {
	t.calls = append(t.calls, toolCall{index: index})
	if len(t.calls) > manyCalls && t.newest == nil {
		t.newest = make(map[int64]int)
		for i := range t.calls {
			t.newest[t.calls[i].index] = i
		}
	}
	if t.newest != nil {
		t.newest[index] = len(t.calls) - 1
	}
	return &t.calls[len(t.calls)-1]
}

// appendJSON appends the array for the message in the history.
func (t *toolCalls) appendJSON(dst []byte) []byte {
	dst = append(dst, '[')
	for i := range t.calls {
		c := &t.calls[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		kind := c.kind
		if kind == "" {
			kind = "function"
		}
		dst = chat.AppendString(append(dst, `{"id":`...), c.id)
		dst = chat.AppendString(append(dst, `,"type":`...), kind)
		dst = chat.AppendString(append(dst, `,"function":{"name":`...), c.name)
		dst = chat.AppendString(append(dst, `,"arguments":`...), string(c.arguments.buf))
		dst = append(dst, "}}"...)
	}
	return append(dst, ']')
}
