package sharegpt

import (
	"bytes"
	"unsafe"

	"multiturn/internal/jsonseq"
	"multiturn/pkg/chat"
)

// item is a parsed item. It is reused for the next one: its texts stay in arena
// until reset.
type item struct {
	id       string
	idKind   byte // first byte of the id's JSON; 0 = no id
	kind     byte // first byte of the list's JSON; 0 = no list
	turns    []turn
	arena    []byte
	scratch  []byte
	isObject bool
	hasFrom  bool // a turn has the key from
	// skipText leaves out the texts of turns, which take half of the time.
	skipText bool
}

// turn is a turn as the item has it.
type turn struct {
	from     string
	hasFrom  bool
	kind     byte // first byte of the value's JSON: '"' for text; 0 = no value
	from0    int  // its text is arena[from0:to]
	to       int
	number   string // the value as JSON, if it is a number
	halfPair []byte // the text as JSON, if it holds half of a surrogate pair
	texts    int    // of a list of content
	lost     bool   // the list has parts that are not text
}

func (it *item) reset() {
	it.turns, it.arena = it.turns[:0], it.arena[:0]
}

// text returns the text of a turn, valid until reset. It is not a copy, since
// nearly all of a file is text, and copies would be garbage that costs memory.
func (it *item) text(t *turn) string {
	b := it.arena[t.from0:t.to]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// parse reads an item and appends its turns. The error is a
// *jsonseq.SyntaxError.
func (it *item) parse(data []byte, parity bool) error {
	it.id, it.idKind, it.kind, it.isObject, it.hasFrom = "", 0, 0, false, false
	begin := len(it.turns)
	cur := jsonseq.Cursor{Text: data, Python: parity}
	if cur.Peek() == '{' {
		it.isObject = true
		for key := range cur.Object {
			switch string(key) {
			case "id":
				it.readID(&cur)
			case "conversations":
				it.readTurns(&cur, begin, parity)
			case "conversation", "messages", "items":
				if !parity {
					it.readTurns(&cur, begin, parity)
				}
			}
		}
	} else {
		cur.Skip()
	}
	return cur.End()
}

func (it *item) readID(cur *jsonseq.Cursor) {
	it.idKind = cur.Peek()
	if it.idKind == '"' {
		it.scratch, _ = jsonseq.Unquote(it.scratch[:0], cur.String())
		it.id = string(it.scratch)
		return
	}
	it.id = string(cur.Skip())
}

// readTurns reads a list of turns and replaces those from begin on, so that the
// last of two lists counts.
func (it *item) readTurns(cur *jsonseq.Cursor, begin int, parity bool) {
	it.turns = it.turns[:begin]
	it.kind = cur.Peek()
	if it.kind != '[' {
		cur.Skip()
		return
	}
	for range cur.Array {
		var t turn
		if cur.Peek() == '{' {
			for key := range cur.Object {
				switch string(key) {
				case "from":
					it.hasFrom = true
					it.readFrom(cur, &t)
				case "value":
					it.readValue(cur, &t, parity)
				case "role":
					if !parity {
						it.readFrom(cur, &t)
					}
				case "content":
					if !parity {
						it.readValue(cur, &t, parity)
					}
				}
			}
		}
		it.turns = append(it.turns, t)
	}
}

func (it *item) readFrom(cur *jsonseq.Cursor, t *turn) {
	t.hasFrom = true
	if cur.Peek() != '"' {
		t.from = string(cur.Skip())
		return
	}
	quoted := cur.String()
	switch string(quoted) { // common names allocate nothing
	case `"human"`:
		t.from = "human"
	case `"gpt"`:
		t.from = "gpt"
	case `"user"`:
		t.from = "user"
	case `"assistant"`:
		t.from = "assistant"
	default:
		it.scratch, _ = jsonseq.Unquote(it.scratch[:0], quoted)
		t.from = string(it.scratch)
	}
}

func (it *item) readValue(cur *jsonseq.Cursor, t *turn, parity bool) {
	t.from0 = len(it.arena)
	t.halfPair, t.texts, t.lost = nil, 0, false
	switch t.kind = cur.Peek(); {
	case t.kind == '"':
		it.appendText(cur.String(), t)
	case t.kind == '[' && !parity:
		for range cur.Array {
			before := t.texts
			if cur.Peek() == '{' {
				for key := range cur.Object {
					if string(key) == "text" && cur.Peek() == '"' {
						t.kind = '"'
						t.texts++
						it.appendText(cur.String(), t)
					}
				}
			}
			t.lost = t.lost || t.texts == before
		}
	default:
		if text := cur.Skip(); t.kind != '[' && t.kind != '{' {
			t.number = string(text)
		}
	}
	t.to = len(it.arena)
}

func (it *item) appendText(quoted []byte, t *turn) {
	if it.skipText {
		return
	}
	var whole bool
	it.arena, whole = jsonseq.Unquote(it.arena, quoted)
	if !whole {
		t.halfPair = bytes.Clone(quoted)
	}
}

// role returns the role for a name, "" if it is unknown.
func role(from string, parity bool) string {
	switch from {
	case "human", "user":
		return chat.User
	case "gpt", "bing", "chatgpt", "bard":
		return chat.Assistant
	case "system":
		return chat.System
	case "assistant", "ai", "bot", "model":
		if !parity {
			return chat.Assistant
		}
	}
	return ""
}
