package sharegpt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"multiturn/internal/jsonseq"
	"multiturn/pkg/chat"
)

// call is a call of a function in an answer.
type call struct {
	id, name  string
	arguments string // JSON
}

// callID returns the id of a conversation's n-th call: nine letters and digits,
// the only form that Mistral's templates take.
func callID(n int) string { return fmt.Sprintf("call%05d", n) }

// append appends the call in the form of OpenAI's API.
func (c *call) append(dst []byte) []byte {
	dst = chat.AppendString(append(dst, `{"id":`...), c.id)
	dst = chat.AppendString(append(dst, `,"type":"function","function":{"name":`...), c.name)
	dst = chat.AppendString(append(dst, `,"arguments":`...), c.arguments)
	return append(dst, "}}"...)
}

// parseCalls reads calls from a text that is nothing else: objects with name and
// arguments, or a list of them, as JSON or as Python prints them. It returns nil
// if the text is of another kind.
func parseCalls(text []byte) []call {
	if calls := readCalls(text); calls != nil {
		return calls
	}
	if text = pythonJSON(text); text == nil {
		return nil
	}
	return readCalls(text)
}

func readCalls(text []byte) (calls []call) {
	for rest := text; ; {
		cur := jsonseq.Cursor{Text: rest}
		switch cur.Peek() {
		case 0:
			return calls
		case '{':
			c := readCall(&cur)
			if c.name == "" {
				return nil
			}
			calls = append(calls, c)
		case '[':
			for range cur.Array {
				c := call{}
				if cur.Peek() == '{' {
					c = readCall(&cur)
				}
				if c.name == "" {
					return nil
				}
				calls = append(calls, c)
			}
		default:
			return nil
		}
		if cur.Err() != nil {
			return nil
		}
		rest = bytes.TrimLeft(rest[cur.Pos():], ",; \t\r\n")
	}
}

// hasCall reports whether tool_calls or function_call hold anything. In tables
// with one form for all rows the keys of a message without calls are there, and
// empty or null.
func hasCall(value []byte) bool {
	cur := jsonseq.Cursor{Text: value}
	if cur.Peek() == '[' {
		n := 0
		for range cur.Array {
			n++
		}
		return n > 0
	}
	for range cur.Object {
		if cur.Peek() != 'n' {
			return true
		}
	}
	return false
}

// readCall reads an object; the name is "" if it is no call.
func readCall(cur *jsonseq.Cursor) (c call) {
	c.arguments = "{}"
	for key := range cur.Object {
		switch first := cur.Peek(); string(key) {
		case "id":
			if first == '"' {
				c.id = string(cur.Unquoted())
			}
		case "name":
			if first == '"' {
				c.name = string(cur.Unquoted())
			}
		case "function":
			switch first {
			case '"':
				c.name = string(cur.Unquoted())
			case '{':
				inner := readCall(cur)
				c.name, c.arguments = inner.name, inner.arguments
			}
		case "arguments", "parameters", "args":
			switch first {
			case '"':
				c.arguments = string(cur.Unquoted())
			case 'n':
			default:
				var flat bytes.Buffer
				if json.Compact(&flat, cur.Skip()) == nil && flat.Len() > 0 {
					c.arguments = flat.String()
				}
			}
		}
	}
	return c
}

// callMarks are what stands around a call within an answer. Without the end the
// call ends with the text.
var callMarks = [][2]string{
	{"<tool_call>", "</tool_call>"},
	{"<function_call>", "</function_call>"},
	{"<functioncall>", "<|endoftext|>"},
}

// splitCalls parts an answer into its text and the calls in it. marked reports
// whether it has marks of calls; if one of them cannot be read there are no
// calls, and the text is whole.
func splitCalls(text string) (rest string, calls []call, marked bool) {
	for _, mark := range callMarks {
		if !strings.Contains(text, mark[0]) {
			continue
		}
		var said strings.Builder
		for left := text; ; {
			before, behind, found := strings.Cut(left, mark[0])
			said.WriteString(before)
			if !found {
				return strings.TrimSpace(said.String()), calls, true
			}
			inside, after, _ := strings.Cut(behind, mark[1])
			found1 := parseCalls([]byte(inside))
			if found1 == nil {
				return text, nil, true
			}
			calls, left = append(calls, found1...), after
		}
	}
	return text, nil, false
}

// splitResults returns the results in the text of a tool, for n calls: the
// content of each <tool_response>, the elements of an array of n, or the text as
// a whole.
func splitResults(text string, n int) []string {
	const open, end = "<tool_response>", "</tool_response>"
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, open) {
		var all []string
		for left := trimmed; strings.HasPrefix(left, open); {
			inside, after, _ := strings.Cut(left[len(open):], end)
			all = append(all, strings.TrimSpace(inside))
			if left = strings.TrimSpace(after); left != "" && !strings.HasPrefix(left, open) {
				return []string{text} // more than results
			}
		}
		return all
	}
	if n > 1 && strings.HasPrefix(strings.TrimSpace(text), "[") {
		var list []json.RawMessage
		if json.Unmarshal([]byte(text), &list) == nil && len(list) == n {
			all := make([]string, n)
			for i, element := range list {
				if json.Unmarshal(element, &all[i]) != nil { // not a string
					all[i] = string(element)
				}
			}
			return all
		}
	}
	return []string{text}
}

// openAITools returns tools in the form of OpenAI's API: an array, in one line,
// of {"type": "function", "function": {...}}. tools is that array, an object, or
// a string that holds either; a function may stand without its wrapper. changed
// reports whether that is another form. It returns nil for no tools, and false if
// the value is of another kind.
func openAITools(tools []byte) (list []byte, changed, ok bool) {
	cur := jsonseq.Cursor{Text: tools}
	if cur.Peek() == '"' {
		text := bytes.TrimSpace(bytes.Clone(cur.Unquoted()))
		switch {
		case len(text) == 0:
			return nil, false, true
		case jsonseq.Check(text) == nil:
			tools = text
		default:
			if tools = pythonJSON(text); tools == nil {
				return nil, false, false
			}
		}
		changed = true
		cur = jsonseq.Cursor{Text: tools}
	}
	one := func() {
		object := cur.Skip()
		if isWrapped(object) {
			list = appendPart(list, object)
			return
		}
		changed = true
		list = appendPart(list, append(append([]byte(`{"type":"function","function":`),
			object...), '}'))
	}
	ok = true
	switch cur.Peek() {
	case '{':
		changed = true
		one()
	case '[':
		for range cur.Array {
			if ok = ok && cur.Peek() == '{'; ok {
				one()
			}
		}
	case 'n':
	default:
		return nil, false, false
	}
	if !ok || list == nil {
		return nil, false, ok
	}
	return append(append([]byte{'['}, list...), ']'), changed, true
}

// isWrapped reports whether an object is a tool and not only its function.
func isWrapped(object []byte) bool {
	cur := jsonseq.Cursor{Text: object}
	kind, inner := false, false
	for key := range cur.Object {
		kind = kind || string(key) == "type" && cur.Peek() == '"'
		inner = inner || string(key) == "function" && cur.Peek() == '{'
	}
	return inner && kind
}
