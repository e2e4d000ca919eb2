package openai

import (
	"bytes"

	"github.com/tidwall/gjson"

	"multiturn/internal/jsonseq"
)

// chunk is what one event, or a whole answer, holds. The slices are parts of the event's data: JSON as it stands, nil when
// absent or null.
type chunk struct {
	content, reasoning textSpan
	parts              []byte // content given as an array of parts
	tools              []byte // tool_calls
	finish             []byte
	usage              []byte
	failure            []byte // the error object or string
	timings            []byte // llama.cpp's timings or vLLM's metrics
	sglext             []byte
	choices            int // how many there were
}

// textSpan is a string's body between its quotes: event data[start:end].
type textSpan struct {
	start, end int
	escaped    bool
}

func (t textSpan) empty() bool { return t.start == t.end }

func (t textSpan) append(dst, data []byte) []byte {
	if t.escaped {
		dst, _ = jsonseq.Unquote(dst, data[t.start-1:t.end+1])
		return dst
	}
	return append(dst, data[t.start:t.end]...)
}

// decoder reads events. Those of one stream mostly differ in their text alone, so it remembers what stood before and after
// the text of the last one that it had checked in full: an event with the same around a valid string is as valid.
type decoder struct {
	before, after []byte
	reasoning     bool // which text stood between
	known         bool
}

// text is the quick way: the body of the event's only text, if the event is like the one before it.
func (d *decoder) text(data []byte) (t textSpan, reasoning, ok bool) {
	if !d.known || len(data) <= len(d.before)+len(d.after) ||
		!bytes.HasSuffix(data, d.after) || !bytes.HasPrefix(data, d.before) {
		return textSpan{}, false, false
	}
	// after begins with the closing quote, which has to be the string's first.
	end, escaped := jsonseq.StringEnd(data, len(d.before))
	if end != len(data)-len(d.after) {
		return textSpan{}, false, false
	}
	return textSpan{len(d.before), end, escaped}, d.reasoning, true
}

// chunk reads an event in full; false when it is not JSON or not an answer's object.
func (d *decoder) chunk(data []byte) (c chunk, ok bool) {
	cur := jsonseq.Cursor{Text: data, AnyBytes: true}
	if cur.Peek() != '{' {
		return c, false
	}
	var wrong, isError bool
	var message []byte
	for name := range cur.Object {
		switch string(name) {
		case "choices":
			if cur.Peek() != '[' {
				wrong = present(cur.Skip()) != nil || wrong
				continue
			}
			for range cur.Array {
				wrong = !readChoice(&cur, &c) || wrong
				c.choices++
			}
		case "usage":
			c.usage = present(cur.Skip())
		case "error":
			if v := present(cur.Skip()); v != nil && string(v) != "false" {
				c.failure = v
			}
		case "detail", "message":
			message = present(cur.Skip())
		case "object":
			isError = string(cur.Skip()) == `"error"`
		case "timings", "metrics":
			c.timings = present(cur.Skip())
		case "sglext":
			c.sglext = present(cur.Skip())
		}
	}
	if cur.End() != nil || wrong {
		return c, false
	}
	if c.failure == nil && c.choices == 0 && (isError || message != nil && c.usage == nil) {
		c.failure = data // vLLM's older {"object":"error","message":...}, FastAPI's {"detail":...}
	}
	d.learn(data, &c)
	return c, true
}

// learn remembers what is around the text of a chunk that holds nothing else of interest.
func (d *decoder) learn(data []byte, c *chunk) {
	t, other := c.content, c.reasoning
	if t.empty() {
		t, other = other, t
	}
	d.known = !t.empty() && other.empty() && c.choices == 1 && c.finish == nil && c.usage == nil &&
		c.failure == nil && c.tools == nil && c.parts == nil && c.timings == nil && c.sglext == nil
	if d.known {
		d.reasoning = c.content.empty()
		d.before = append(d.before[:0], data[:t.start]...)
		d.after = append(d.after[:0], data[t.end:]...)
	}
}

// readChoice reads one element of choices; only the one with index 0 counts. It
// returns false if the element is not what a choice holds.
func readChoice(cur *jsonseq.Cursor, c *chunk) bool {
	if cur.Peek() != '{' {
		return false
	}
	var mine chunk
	index, ok := []byte(nil), true
	for name := range cur.Object {
		switch string(name) {
		case "index":
			index = cur.Skip()
		case "delta", "message":
			if cur.Peek() != '{' {
				ok = present(cur.Skip()) == nil && ok
				continue
			}
			ok = readMessage(cur, &mine) && ok
		case "text": // of legacy completions
			ok = readText(cur, &mine.content, nil) && ok
		case "finish_reason":
			mine.finish = present(cur.Skip())
		}
	}
	if index == nil || string(index) == "0" {
		if !mine.content.empty() {
			c.content = mine.content
		}
		if !mine.reasoning.empty() {
			c.reasoning = mine.reasoning
		}
		if mine.tools != nil {
			c.tools = mine.tools
		}
		if mine.finish != nil {
			c.finish = mine.finish
		}
		if mine.parts != nil {
			c.parts = mine.parts
		}
	}
	return ok
}

// readMessage reads a delta or a message.
func readMessage(cur *jsonseq.Cursor, c *chunk) bool {
	ok := true
	for name := range cur.Object {
		switch string(name) {
		case "content":
			ok = readText(cur, &c.content, &c.parts) && ok
		case "reasoning", "reasoning_content":
			// A server that fills both fills both with the same.
			var t textSpan
			ok = readText(cur, &t, nil) && ok
			if !t.empty() {
				c.reasoning = t
			}
		case "tool_calls":
			v := present(cur.Skip())
			ok = (v == nil || v[0] == '[') && ok
			c.tools = v
		}
	}
	return ok
}

// readText reads a string, null, or, if parts is not nil, an array.
func readText(cur *jsonseq.Cursor, t *textSpan, parts *[]byte) bool {
	switch cur.Peek() {
	case '"':
		start := cur.Pos() + 1
		quoted := cur.String()
		*t = textSpan{start, start + max(0, len(quoted)-2), cur.Escaped()}
		return true
	case '[':
		v := cur.Skip()
		if parts != nil {
			*parts = v
		}
		return parts != nil
	default:
		return present(cur.Skip()) == nil
	}
}

// present is v, or nil for null.
func present(v []byte) []byte {
	if string(v) == "null" {
		return nil
	}
	return v
}

// unquote is what a JSON value says as a text: a string's content, anything else as it stands.
func unquote(v []byte) string {
	if len(v) > 1 && v[0] == '"' {
		text, _ := jsonseq.Unquote(nil, v)
		return string(text)
	}
	return string(v)
}

// partsText splits content given as parts into what is said and what is thought.
func partsText(parts []byte) (content, thinking string) {
	gjson.ParseBytes(parts).ForEach(func(_, part gjson.Result) bool {
		if part.Type == gjson.String {
			content += part.Str
			return true
		}
		content += part.Get("text").String()
		part.Get("thinking").ForEach(func(_, t gjson.Result) bool {
			if t.Type == gjson.String {
				thinking += t.Str
			} else {
				thinking += t.Get("text").String()
			}
			return true
		})
		return true
	})
	return content, thinking
}
