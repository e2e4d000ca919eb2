package openai

import (
	"bytes"

	"multiturn/internal/jsonseq"
)

// chunk is the content of one event, or of a whole answer. Its slices are JSON,
// part of the event's data; nil if absent or null.
type chunk struct {
	content, reasoning textSpan
	details            []byte // reasoning that is no string; see eachThought
	parts              []byte // content given as an array of parts
	tools              []byte // tool_calls, or the object of function_call
	finish             []byte
	usage              []byte // see takeUsage
	counted            bool   // usage has tokens
	failure            []byte // the error object or string
	timings            []byte // llama.cpp's timings or vLLM's metrics
	sglext             []byte
	choices            int  // number of choices
	done               bool // the event ends the stream
}

// textSpan is the place of a string without its quotes: data[start:end].
type textSpan struct {
	start, end int
	escaped    bool
}

func (t textSpan) empty() bool { return t.start == t.end }

// clearMessage removes what a message has.
func (c *chunk) clearMessage() {
	c.content, c.reasoning = textSpan{}, textSpan{}
	c.details, c.parts, c.tools = nil, nil, nil
}

// ofAnswer reports whether the chunk has a part of an answer, or its end.
func (c *chunk) ofAnswer() bool { return c.done || c.choices > 0 || c.usage != nil }

// decoder reads events. Most events of a stream differ in their text alone, so it
// remembers what was before and after the text of the last event that it read
// completely: an event with the same around a valid string is just as valid.
type decoder struct {
	api           *api
	last          chunk // reused: it is large
	before, after []byte
	reasoning     bool // the text between them is reasoning
	known         bool
}

// text returns the only text of an event that is like the one before.
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

// chunk reads an event completely. The chunk is valid until the next call. The
// result ok is false if the event is not JSON or not part of an answer.
func (d *decoder) chunk(data []byte) (c *chunk, ok bool) {
	d.last = chunk{}
	if !d.api.read(data, &d.last) {
		return &d.last, false
	}
	d.learn(data, &d.last)
	return &d.last, true
}

// learn remembers what is around the text of a chunk that has nothing else of
// interest.
func (d *decoder) learn(data []byte, c *chunk) {
	t, other := c.content, c.reasoning
	if t.empty() {
		t, other = other, t
	}
	d.known = !t.empty() && other.empty() && c.choices == 1 && c.finish == nil && c.usage == nil &&
		c.failure == nil && c.tools == nil && c.parts == nil && c.details == nil &&
		c.timings == nil && c.sglext == nil
	if d.known {
		d.reasoning = c.content.empty()
		d.before = append(d.before[:0], data[:t.start]...)
		d.after = append(d.after[:0], data[t.end:]...)
	}
}

// present returns v, or nil for null.
func present(v []byte) []byte {
	if string(v) == "null" {
		return nil
	}
	return v
}

// unquote returns the text of a JSON string, and any other value as it is.
func unquote(v []byte) string {
	if len(v) > 1 && v[0] == '"' {
		text, _ := jsonseq.Unquote(nil, v)
		return string(text)
	}
	return string(v)
}
