package openai

import (
	"multiturn/pkg/chat"

	"github.com/tidwall/gjson"
)

// toolCalls are the tool calls of an answer, merged from deltas by index.
type toolCalls []toolCall

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
	at := int64(-1)
	all.ForEach(func(_, d gjson.Result) bool {
		if at++; d.Get("index").Type == gjson.Number {
			at = d.Get("index").Int()
		}
		call := t.call(at)
		function := d.Get("function")
		// A server without an index, or with 0 for all (Gemini), sends whole calls. Older
		// vLLM has another id in every delta, but the name in the first one only.
		id, name := d.Get("id").String(), function.Get("name").String()
		if call.id != "" && id != "" && id != call.id && call.name != "" && name != "" {
			*t = append(*t, toolCall{index: at})
			call = &(*t)[len(*t)-1]
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
	for i := len(*t) - 1; i >= 0; i-- {
		if (*t)[i].index == index {
			return &(*t)[i]
		}
	}
	*t = append(*t, toolCall{index: index})
	return &(*t)[len(*t)-1]
}

// appendJSON appends the array for the message in the history.
func (t toolCalls) appendJSON(dst []byte) []byte {
	dst = append(dst, '[')
	for i, c := range t {
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
