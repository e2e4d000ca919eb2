package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"multiturn/internal/human"
	"multiturn/internal/jsonseq"
	"multiturn/internal/limits"
	"multiturn/internal/packed"
)

// Reader reads a stream of conversations, one at a time:
//
//	r := chat.NewReader(file, "data.json")
//	if config := r.Config(); config != nil {
//		// not conversations, but what to generate them from
//	}
//	for r.Scan() {
//		c := r.Conversation()
//	}
//	if err := r.Err(); err != nil {
//
// The first error ends the stream, and has its place: `data.json: line 12: item
// 3: messages is empty`. Input packed with gzip or zstd, recognised by its
// content, is unpacked. The Reader holds one conversation in memory, and all ids, which
// must be unique.
type Reader struct {
	name string
	in   io.Reader
	seq  *jsonseq.Scanner
	ids  map[string]int // and the line of each
	conv *Conversation
	err  error

	peeked  bool // seq holds an item that Scan has not seen
	ended   bool
	config  bool // the stream began with a generator's config
	scratch []byte
}

// NewReader returns a Reader of r. Errors name it name.
func NewReader(r io.Reader, name string) *Reader {
	return &Reader{name: name, in: r, ids: make(map[string]int)}
}

// Config returns the first item of the stream if it is a generator's config, an
// object with "filetype": "generate_conversations", and nil otherwise. It must
// be called before the first Scan. A config must be the only item: Scan then
// returns false, with an error if anything follows.
func (r *Reader) Config() json.RawMessage {
	if r.seq != nil || !r.next() {
		return nil
	}
	r.peeked = true
	item := r.seq.Item()
	if item.Err != nil || fileType(item.Data) != generatorType {
		return nil
	}
	r.peeked, r.config = false, true
	return bytes.Clone(item.Data)
}

// generatorType is the filetype of a generator's config.
const generatorType = "generate_conversations"

// fileType returns the value of the key filetype of an object, "" for any other
// value.
func fileType(item []byte) (name string) {
	c := jsonseq.Cursor{Text: item}
	if c.Peek() != '{' {
		return ""
	}
	for key := range c.Object {
		switch string(key) {
		case "messages":
			return "" // a conversation; it may be long
		case "filetype":
			if c.Peek() == '"' {
				text, _ := jsonseq.Unquote(nil, c.String())
				name = string(text)
			}
		}
	}
	return name
}

// next moves seq to its next item.
func (r *Reader) next() bool {
	if r.seq == nil {
		in, err := packed.NewJSONReader(r.in)
		if err != nil {
			r.err = fmt.Errorf("%s: %w", r.name, err)
			r.ended = true
			in = strings.NewReader("")
		}
		r.seq = jsonseq.NewScanner(in)
		r.seq.Whole = IsMessage
	}
	if r.ended || !r.seq.Scan() {
		if err := r.seq.Err(); err != nil && r.err == nil {
			r.err = fmt.Errorf("%s: %w", r.name, err)
		}
		r.ended = true
	}
	return !r.ended
}

// Scan moves to the next conversation. It returns false at the end of the
// stream and at the first error.
func (r *Reader) Scan() bool {
	r.conv = nil
	if !r.peeked && !r.next() {
		return false
	}
	r.peeked = false
	item := r.seq.Item()
	c, line, err := r.parse(item)
	if err != nil {
		r.err = fmt.Errorf("%s: line %d: item %d: %w", r.name, line, item.Number, err)
		r.ended = true
		return false
	}
	r.conv = c
	return true
}

// Conversation returns the conversation that Scan found. The caller may keep
// and change it.
func (r *Reader) Conversation() *Conversation { return r.conv }

// Err returns the error that ended the stream, nil at its end.
func (r *Reader) Err() error { return r.err }

// message reads one message.
func (r *Reader) message(cur *jsonseq.Cursor) (Message, error) {
	var m Message
	if cur.Peek() != '{' {
		return m, fmt.Errorf("is %s, want an object with role and content", clip(cur.Skip()))
	}
	var bad error // the first one
	wrong := func(format string, args ...any) {
		if bad == nil {
			bad = fmt.Errorf(format, args...)
		}
	}
	content := byte(0) // first byte of it
	extra := false     // a key that only the server knows
	said := false      // something that may stand in place of content
	steered, delayed := false, false
	from := cur.Pos()
	for key := range cur.Object {
		switch string(key) {
		case "role":
			if cur.Peek() != '"' {
				wrong("role is %s, want a string", clip(cur.Skip()))
				break
			}
			if m.Role = r.role(cur.String()); m.Role == "" {
				wrong("role is empty")
			}
		case "content":
			switch content = cur.Peek(); content {
			case '"':
				m.Text = r.text(cur.String())
			case '[':
				extra = true
				m.Text = r.parts(cur, wrong)
			case 'n':
				extra = true
				cur.Skip()
			default:
				wrong("content is %s, want a string or an array of parts", clip(cur.Skip()))
			}
		case "output_tokens":
			steered = true
			text := cur.Skip()
			n, ok := jsonseq.Int(text)
			if !ok || n < 0 || n > limits.Tokens {
				wrong("output_tokens is %s, want a whole number of tokens, at most %s", clip(text),
					human.Thousands(limits.Tokens))
			}
			m.OutputTokens = n
		case "delay_ms":
			delayed = true
			text := cur.Skip()
			ms, err := strconv.ParseFloat(string(text), 64)
			if err != nil || !(ms >= 0 && ms <= limits.Clock/1e6) {
				wrong("delay_ms is %s, want milliseconds as a number from 0, at most %s", clip(text),
					human.Thousands(limits.Clock/1_000_000))
				break
			}
			m.Delay = time.Duration(ms * float64(time.Millisecond))
		case "tool_calls", "function_call", "refusal", "audio":
			extra = true
			said = said || cur.Peek() != 'n'
			cur.Skip()
		default:
			extra = true
			cur.Skip()
		}
	}
	if cur.Err() != nil {
		return m, nil // the caller sees it
	}
	switch {
	case m.Role == "":
		wrong("role is missing")
	case content == 0 || content == 'n':
		if m.Role != Assistant || !said && m.OutputTokens == 0 {
			wrong("content is missing " +
				"(only an assistant message with tool_calls or output_tokens can do without)")
		}
		extra = true
	case steered && m.Role != Assistant:
		wrong("output_tokens belongs on an assistant message, this one's role is %q", m.Role)
	case delayed && m.Role != User && m.Role != Tool && m.Role != Function:
		wrong("delay_ms belongs on a user or tool message, this one's role is %q", m.Role)
	}
	if extra && bad == nil {
		m.Raw = raw(cur.Text[from:cur.Pos()])
	}
	return m, bad
}

// role returns the name of a role. Common roles allocate nothing.
func (r *Reader) role(quoted []byte) string {
	switch string(quoted) {
	case `"user"`:
		return User
	case `"assistant"`:
		return Assistant
	case `"system"`:
		return System
	case `"tool"`:
		return Tool
	}
	return r.text(quoted)
}

func (r *Reader) text(quoted []byte) string {
	r.scratch, _ = jsonseq.Unquote(r.scratch[:0], quoted)
	return string(r.scratch)
}

// parts joins the texts of content given as parts. Parts of other types have no
// text.
func (r *Reader) parts(cur *jsonseq.Cursor, wrong func(string, ...any)) string {
	var all strings.Builder
	for i := range cur.Array {
		switch cur.Peek() {
		case '"': // some clients send plain strings
			all.WriteString(r.text(cur.String()))
		case '{':
			for key := range cur.Object {
				if string(key) == "text" && cur.Peek() == '"' {
					all.WriteString(r.text(cur.String()))
				}
			}
		default:
			wrong("content[%d] is %s, want an object with type and text", i, clip(cur.Skip()))
		}
	}
	return all.String()
}

// raw returns an object in one line, without the keys that control a run.
func raw(object []byte) json.RawMessage { return without(object, "output_tokens", "delay_ms") }

// without returns an object in one line, without some of its keys.
func without(object []byte, keys ...string) json.RawMessage {
	out := bytes.NewBuffer(make([]byte, 0, len(object)))
	out.WriteByte('{')
	cur := jsonseq.Cursor{Text: object}
	for name := range cur.Object {
		if slices.Contains(keys, string(name)) {
			continue
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		out.Write(cur.Key())
		out.WriteByte(':')
		compact(out, cur.Skip())
	}
	out.WriteByte('}')
	return out.Bytes()
}

// compact writes a value in one line.
func compact(out *bytes.Buffer, value []byte) {
	if json.Compact(out, value) != nil {
		out.Write(value) // not reached: the text was checked
	}
}

// clip shortens a piece of input so that an error stays one line.
func clip(text []byte) string {
	const most = 40
	s := strings.Join(strings.Fields(string(text)), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
