package sharegpt

import (
	"bytes"
	"strings"

	"multiturn/internal/jsonseq"
	"multiturn/pkg/chat"
)

// beside is what an item has beside its list of turns.
type beside struct {
	system     string // the system prompt
	lostSystem bool   // it is no text
	tools      []byte // as JSON
	language   string
	images     []string // files or URLs
	others     int      // videos and sounds
	hasMedia   bool
}

// read reads the value of a key of an item.
func (b *beside) read(key string, cur *jsonseq.Cursor) {
	first := cur.Peek()
	switch key {
	case "system", "system_prompt":
		switch {
		case first == 'n' || b.system != "":
		case first == '"':
			b.system = string(cur.Unquoted())
		default:
			b.lostSystem = true
		}
	case "tools", "functions":
		if b.tools == nil && (first == '"' || first == '[' || first == '{') {
			b.tools = bytes.Clone(cur.Skip())
		}
	case "language", "lang":
		if b.language == "" && first == '"' {
			b.language = string(cur.Unquoted())
		}
	case "image", "images":
		b.readMedia(cur, func(name string) { b.images = append(b.images, name) })
	case "video", "videos", "audio", "audios":
		b.readMedia(cur, func(string) { b.others++ })
	}
}

// readMedia passes on the name of each medium: a text, or what an object has as
// url or path.
func (b *beside) readMedia(cur *jsonseq.Cursor, add func(name string)) {
	one := func() {
		name := ""
		switch cur.Peek() {
		case '"':
			if name = string(cur.Unquoted()); name == "" {
				return
			}
		case '{':
			for key := range cur.Object {
				if k := string(key); (k == "url" || k == "path") && cur.Peek() == '"' {
					if text := cur.Unquoted(); name == "" || isURL(string(text)) {
						name = string(text)
					}
				}
			}
		default:
			return
		}
		b.hasMedia = true
		add(name)
	}
	if cur.Peek() != '[' {
		one()
		return
	}
	for range cur.Array {
		one()
	}
}

// fields are an item of one question and its answer, each under a key of its own,
// and of a history of pairs.
type fields struct {
	question, input, answer []byte // JSON: a text, or a list of messages
	calls                   bool   // the answer is calls of tools
	history                 []byte
}

// read reads the value of a key, and reports whether the key is one of fields.
func (f *fields) read(key string, cur *jsonseq.Cursor) bool {
	var to *[]byte
	calls := false
	switch key {
	case "instruction", "prompt", "query", "question":
		to = &f.question
	case "input":
		to = &f.input
	case "output", "response", "completion", "answer":
		to = &f.answer
	case "answers": // of xLAM
		to, calls = &f.answer, true
	case "history":
		if cur.Peek() == '[' {
			f.history = bytes.Clone(cur.Skip())
		}
		return true
	default:
		return false
	}
	if *to == nil && (cur.Peek() == '"' || isList(cur)) {
		*to = bytes.Clone(cur.Skip())
		f.calls = f.calls || calls
	}
	return true
}

// isQuestion reports whether the fields have something to ask.
func (f *fields) isQuestion() bool {
	return f.question != nil || len(f.input) > 0 && f.input[0] == '['
}

// readFields makes turns of the fields.
func (it *item) readFields(f *fields) {
	it.kind = '['
	for _, list := range [][]byte{f.history, f.question, f.input} {
		it.addList(list)
	}
	question := strings.Trim(textOf(f.question)+"\n"+textOf(f.input), "\n")
	if question != "" {
		it.addText(chat.User, question)
	}
	it.addList(f.answer)
	switch answer := textOf(f.answer); {
	case answer == "":
	case f.calls:
		it.addText("function_call", answer)
	default:
		it.addText(chat.Assistant, answer)
	}
}

// textOf returns the text of a JSON string, and "" for anything else.
func textOf(text []byte) string {
	if len(text) == 0 || text[0] != '"' {
		return ""
	}
	cur := jsonseq.Cursor{Text: text}
	return string(cur.Unquoted())
}

// addList adds the messages of a JSON array, and nothing for anything else.
func (it *item) addList(list []byte) {
	if len(list) > 0 && list[0] == '[' {
		cur := jsonseq.Cursor{Text: list}
		it.readTurns(&cur, len(it.turns), false)
	}
}

func (it *item) addText(role, text string) {
	t := turn{from: role, hasFrom: true, kind: '"', from0: len(it.arena)}
	if !it.skipText {
		it.arena = append(it.arena, text...)
	}
	t.to = len(it.arena)
	it.turns = append(it.turns, t)
}
