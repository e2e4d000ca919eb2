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
	idRank   int  // of its key in idKeys
	kind     byte // first byte of the list's JSON; 0 = no list
	turns    []turn
	beside   beside // of the first item since reset that has it
	arena    []byte
	scratch  []byte
	drafts   []draft
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
	lost     bool   // the list has parts that are neither text nor kept in parts
	parts    []byte // a list of content that is not only text: a JSON array to send
	object   []byte // the value as JSON, if it is an object or, for a call, an array
	calls    []byte // tool_calls or function_call as JSON
	callID   string // tool_call_id
}

// idKeys are the keys of an item that name it, the best first. Only ids under
// the first are those of parts.
var idKeys = []string{"id", "conversation_id", "conversation_hash", "prompt_id", "uuid"}

func (it *item) reset() {
	it.turns, it.arena, it.beside = it.turns[:0], it.arena[:0], beside{}
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
	it.id, it.idKind, it.idRank, it.kind = "", 0, len(idKeys), 0
	it.isObject, it.hasFrom = false, false
	begin := len(it.turns)
	cur := jsonseq.Cursor{Text: data, Python: parity}
	switch first := cur.Peek(); {
	case first == '{' && parity:
		it.isObject = true
		for key := range cur.Object {
			switch string(key) {
			case "id":
				it.readID(&cur, 0)
			case "conversations":
				it.readTurns(&cur, begin, parity)
			}
		}
	case first == '{':
		it.isObject = true
		it.readItem(&cur, begin)
	case first == '[' && !parity: // a list of messages alone
		it.isObject = true
		it.readTurns(&cur, begin, parity)
	default:
		cur.Skip()
	}
	return cur.End()
}

// readItem reads an item of any form that is known.
func (it *item) readItem(cur *jsonseq.Cursor, begin int) {
	var f fields
	for key := range cur.Object {
		switch string(key) {
		case "id":
			it.readID(cur, 0)
		case "conversation_id", "conversation_hash", "prompt_id", "uuid":
			for rank, name := range idKeys {
				if name == string(key) {
					it.readID(cur, rank)
					break
				}
			}
		case "conversations", "conversation", "messages", "items":
			it.readTurns(cur, begin, false)
		case "data", "dialogue", "dialog", "trajectory": // elsewhere they may be anything
			if it.kind == 0 && isList(cur) {
				it.readTurns(cur, begin, false)
			}
		default:
			if !f.read(string(key), cur) {
				it.beside.read(string(key), cur)
			}
		}
	}
	if it.kind == 0 && f.isQuestion() {
		it.readFields(&f)
	}
}

// isList reports whether the next value is a list of texts or of objects.
func isList(cur *jsonseq.Cursor) bool {
	c := *cur
	if c.Peek() != '[' {
		return false
	}
	found := false
	for range c.Array {
		first := c.Peek()
		found = first == '"' || first == '{'
		break
	}
	return found
}

// readID reads an id, unless a better one was read.
func (it *item) readID(cur *jsonseq.Cursor, rank int) {
	kind := cur.Peek()
	if rank > it.idRank || rank > 0 && kind != '"' && kind != '-' && (kind < '0' || kind > '9') {
		return
	}
	if rank == 0 && kind == 'n' && it.idKind != 0 {
		return // null is no better than another key's
	}
	it.idKind, it.idRank = kind, rank
	if kind == 'n' {
		it.idRank = len(idKeys) // any other is better
	}
	if kind == '"' {
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
	if it.kind == '"' && !parity { // JSON in a column of a table
		list := jsonseq.Cursor{Text: bytes.Clone(cur.Unquoted())}
		if check := list; check.Peek() == '[' {
			if check.Skip(); check.End() == nil {
				it.readTurns(&list, begin, false)
			}
		}
		return
	}
	if it.kind != '[' {
		cur.Skip()
		return
	}
	for range cur.Array {
		switch first := cur.Peek(); {
		case first == '{' && parity:
			it.turns = append(it.turns, it.referenceTurn(cur))
		case first == '{':
			it.readTurn(cur)
		case first == '"' && !parity:
			it.readSaid(cur, len(it.turns)-begin)
		case first == '[' && !parity:
			for i := range cur.Array { // a question and its answer
				it.readSaid(cur, i)
			}
		default:
			it.turns = append(it.turns, turn{})
		}
	}
}

// referenceTurn reads a turn of the only form that the reference knows.
func (it *item) referenceTurn(cur *jsonseq.Cursor) (t turn) {
	for key := range cur.Object {
		switch string(key) {
		case "from":
			it.readFrom(cur, &t)
		case "value":
			it.readValue(cur, &t, true)
		}
	}
	return t
}

// readTurn reads an object: a turn, or a question with its answer.
func (it *item) readTurn(cur *jsonseq.Cursor) {
	var t, question, answer turn
	for key := range cur.Object {
		switch string(key) {
		case "from":
			it.hasFrom = true
			it.readFrom(cur, &t)
		case "role":
			it.readFrom(cur, &t)
		case "value", "content":
			if t.kind != '"' || cur.Peek() != 'n' {
				it.readValue(cur, &t, false)
			}
		case "text", "system_prompt", "refusal": // of SWE-agent's trajectories; of OpenAI
			if (t.kind == 0 || t.kind == 'n') && cur.Peek() == '"' {
				it.readValue(cur, &t, false)
			}
		case "tool_calls", "function_call":
			if kind := cur.Peek(); kind == '[' || kind == '{' {
				if calls := cur.Skip(); hasCall(calls) {
					t.calls = bytes.Clone(calls)
				}
			}
		case "tool_call_id":
			if cur.Peek() == '"' {
				t.callID = string(cur.Unquoted())
			}
		case "human", "user":
			it.readPair(cur, &question, chat.User)
		case "assistant", "gpt", "bot":
			it.readPair(cur, &answer, chat.Assistant)
		}
	}
	if t.hasFrom || t.kind != 0 || question.kind == 0 || answer.kind == 0 {
		it.turns = append(it.turns, t)
		return
	}
	it.turns = append(it.turns, question, answer)
}

func (it *item) readPair(cur *jsonseq.Cursor, t *turn, role string) {
	if cur.Peek() == '"' {
		t.from, t.hasFrom = role, true
		it.readValue(cur, t, false)
	}
}

// readSaid reads a turn that is only a text: the user and the assistant take
// turns, and the user begins.
func (it *item) readSaid(cur *jsonseq.Cursor, i int) {
	t := turn{from: [2]string{chat.User, chat.Assistant}[i%2], hasFrom: true}
	it.readValue(cur, &t, false)
	it.turns = append(it.turns, t)
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
	t.halfPair, t.texts, t.lost, t.parts, t.object = nil, 0, false, nil, nil
	switch t.kind = cur.Peek(); {
	case t.kind == '"':
		it.appendText(cur.String(), t)
	case t.kind == '[' && !parity:
		it.readParts(cur, t)
	case t.kind == '{' && !parity:
		t.object = bytes.Clone(cur.Skip())
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
