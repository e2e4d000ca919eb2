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

// alpaca is an item of one question in fields: instruction, input, output, and a
// history of pairs.
type alpaca struct {
	instruction, input, output string
	has                        bool
	history                    []byte
}

func (a *alpaca) read(key string, cur *jsonseq.Cursor) {
	if key == "history" {
		if cur.Peek() == '[' {
			a.history = bytes.Clone(cur.Skip())
		}
		return
	}
	if cur.Peek() != '"' {
		return
	}
	text := string(cur.Unquoted())
	switch key {
	case "instruction":
		a.instruction, a.has = text, true
	case "input":
		a.input = text
	case "output":
		a.output = text
	}
}

func (a *alpaca) isWhole() bool { return a.has && a.output != "" && a.instruction+a.input != "" }

// readAlpaca makes turns of the fields.
func (it *item) readAlpaca(a *alpaca) {
	it.kind = '['
	if a.history != nil {
		cur := jsonseq.Cursor{Text: a.history}
		it.readTurns(&cur, len(it.turns), false)
	}
	question := strings.Trim(a.instruction+"\n"+a.input, "\n")
	it.addText(chat.User, question)
	it.addText(chat.Assistant, a.output)
}

func (it *item) addText(role, text string) {
	t := turn{from: role, hasFrom: true, kind: '"', from0: len(it.arena)}
	if !it.skipText {
		it.arena = append(it.arena, text...)
	}
	t.to = len(it.arena)
	it.turns = append(it.turns, t)
}
