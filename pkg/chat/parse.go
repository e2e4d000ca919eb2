package chat

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"multiturn/internal/jsonseq"
)

// errNoObject is the error of an item that is not an object.
var errNoObject = errors.New(
	`want a conversation, {"id": ..., "messages": [...]}, or an array of them`)

// IsMessage reports whether an object is a message, so that an array that it
// begins is a conversation.
func IsMessage(object []byte) bool {
	role, messages := false, false
	cur := jsonseq.Cursor{Text: object}
	for key := range cur.Object {
		switch string(key) {
		case "role":
			role = cur.Peek() == '"'
		case "messages":
			messages = true
		}
	}
	return role && !messages
}

// parse returns the conversation of an item, or an error and its line.
func (r *Reader) parse(item jsonseq.Item) (*Conversation, int, error) {
	if item.Err != nil {
		syntax := item.Err.(*jsonseq.SyntaxError)
		first := string(item.Data[:min(len(item.Data), 1)])
		if syntax.Kind == jsonseq.WantValue && !strings.Contains("{}[],:", first) {
			return nil, item.Line, errNoObject // a text of another kind
		}
		return nil, syntax.Line, errors.New(syntax.Kind.String())
	}
	if r.config {
		return nil, item.Line, errors.New("a generator's config stands alone: " +
			"put what follows it into a stream of its own")
	}
	p := parser{r: r, cur: jsonseq.Cursor{Text: item.Data}}
	switch p.cur.Peek() {
	case '{':
		p.object()
	case '[':
		p.messages()
	default:
		return nil, item.Line, errNoObject
	}
	if err := p.cur.End(); err != nil {
		syntax := err.(*jsonseq.SyntaxError)
		line := item.Line + bytes.Count(item.Data[:min(int(syntax.Offset), len(item.Data))],
			[]byte("\n"))
		return nil, line, errors.New(syntax.Kind.String())
	}
	switch {
	case p.bad != nil:
		return nil, item.Line, p.bad
	case !p.hasID && !p.hasMessages && fileType(item.Data) != "":
		return nil, item.Line, fmt.Errorf(
			"filetype is %q: want conversations, or a config with %q as the only item",
			fileType(item.Data), generatorType)
	case !p.hasMessages:
		return nil, item.Line,
			errors.New(`messages is missing, want {"id": ..., "messages": [...]} ` +
				`(for ShareGPT's "conversations" run sharegpt2openai first)`)
	case len(p.conv.Messages) == 0:
		return nil, item.Line, errors.New("messages is empty: a conversation needs at least one")
	}
	c := p.conv
	if c.ID == "" {
		return &c, 0, nil
	}
	if line, ok := r.ids[c.ID]; ok {
		return nil, item.Line, fmt.Errorf("id %s was used before in line %d: ids must be unique",
			clip([]byte(strconv.Quote(c.ID))), line)
	}
	r.ids[c.ID] = item.Line
	return &c, 0, nil
}

// parser reads the conversation of one item.
type parser struct {
	r   *Reader
	cur jsonseq.Cursor
	bad error // the first one

	conv               Conversation
	hasID, hasMessages bool
}

func (p *parser) wrong(format string, args ...any) {
	if p.bad == nil {
		p.bad = fmt.Errorf(format, args...)
	}
}

// object reads a conversation that is an object.
func (p *parser) object() {
	for key := range p.cur.Object {
		switch string(key) {
		case "id":
			p.id()
		case "messages":
			if p.hasMessages = true; p.cur.Peek() != '[' {
				p.wrong("messages is %s, want an array", clip(p.cur.Skip()))
				break
			}
			p.messages()
		case "tools", "functions", "tool_choice", "function_call", "parallel_tool_calls":
			p.field(string(key))
		}
	}
}

// id reads an id. One that is null or empty is none.
func (p *parser) id() {
	p.hasID = true
	switch first := p.cur.Peek(); {
	case first == '"':
		p.conv.ID = p.r.text(p.cur.String())
	case first == '-' || first >= '0' && first <= '9':
		p.conv.ID = string(p.cur.Skip())
	case first == 'n':
		p.conv.ID = ""
	default:
		p.wrong("id is %s, want a string or a number", clip(p.cur.Skip()))
	}
}

func (p *parser) messages() {
	p.hasMessages, p.conv.Messages = true, nil
	for i := range p.cur.Array {
		m, err := p.r.message(&p.cur)
		if err != nil {
			p.wrong("messages[%d]: %w", i, err)
		}
		p.conv.Messages = append(p.conv.Messages, m)
	}
}

// field reads a field of the request's body. Lists of tools that are null or
// empty are left out, since servers refuse an empty one.
func (p *parser) field(name string) {
	value := p.cur.Skip()
	if p.cur.Err() != nil || string(value) == "null" {
		return
	}
	if name == "tools" || name == "functions" {
		list := value
		if value[0] == '"' {
			list, _ = jsonseq.Unquote(nil, value)
		}
		n, ok := length(list)
		if !ok {
			p.wrong("%s is %s, want an array of tools", name, clip(value))
			return
		}
		if n == 0 {
			return
		}
		value = list
	}
	var out bytes.Buffer
	compact(&out, value)
	f := Field{name, out.Bytes()}
	for i := range p.conv.Fields {
		if p.conv.Fields[i].Name == name { // the last of two keys counts
			p.conv.Fields[i] = f
			return
		}
	}
	p.conv.Fields = append(p.conv.Fields, f)
}

// length returns the number of elements of an array; ok is false if the text is
// not one.
func length(text []byte) (n int, ok bool) {
	cur := jsonseq.Cursor{Text: text}
	if cur.Peek() != '[' {
		return 0, false
	}
	for range cur.Array {
		n++
	}
	return n, cur.End() == nil
}
