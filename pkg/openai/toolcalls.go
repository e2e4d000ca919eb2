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

// add merges an array of tool_calls, which must be valid JSON, and reports whether
// it had any text.
func (t *toolCalls) add(deltas []byte) (text bool) {
	at := int64(-1)
	gjson.ParseBytes(deltas).ForEach(func(_, d gjson.Result) bool {
		if at++; d.Get("index").Type == gjson.Number {
			at = d.Get("index").Int()
		}
		call := t.call(at)
		function := d.Get("function")
		// Some servers repeat id and name in every delta.
		first := func(dst *string, v gjson.Result) bool {
			if *dst == "" && v.Type == gjson.String {
				*dst = v.Str
			}
			return v.Type == gjson.String && v.Str != ""
		}
		first(&call.id, d.Get("id"))
		first(&call.kind, d.Get("type"))
		text = first(&call.name, function.Get("name")) || text
		// Arguments are JSON in a string; whole answers of some servers have the JSON itself.
		if arguments := function.Get("arguments"); arguments.Type == gjson.String {
			call.arguments.addQuoted([]byte(arguments.Raw))
			text = text || arguments.Str != ""
		} else if arguments.IsObject() {
			call.arguments.buf = append(call.arguments.buf, arguments.Raw...)
			text = true
		}
		return true
	})
	return text
}

func (t *toolCalls) call(index int64) *toolCall {
	for i := range *t {
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
