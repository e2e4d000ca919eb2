package chat

import "github.com/tidwall/gjson"

// Encoder encodes the messages of a history one by one, as the body of a request
// has them. Put together in their order, the encodings are what the body holds of
// the history: separators are part of them.
type Encoder interface {
	// Append appends m. before is the message in front of it, nil if m is the first.
	Append(dst []byte, before, m *Message) []byte
	// Split encodes as Append does, but in two parts. A text, encoded by quote, can
	// be put between them: it then stands in front of the message's own text. The
	// message's content is a text or a list of parts.
	Split(before, m *Message) (head, tail []byte, quote func(text string) []byte)
}

// JSON encodes messages as the elements of an array "messages".
type JSON struct{}

// Append appends m with AppendJSON, behind a comma unless it is the first.
func (JSON) Append(dst []byte, before, m *Message) []byte {
	if before != nil {
		dst = append(dst, ',')
	}
	return m.AppendJSON(dst)
}

// Split implements [Encoder].
func (e JSON) Split(before, m *Message) (head, tail []byte, quote func(string) []byte) {
	text := e.Append(nil, before, m)
	from := 0
	if before != nil {
		from = len(",")
	}
	c := gjson.GetBytes(text[from:], "content")
	at := from + c.Index + 1
	if !c.IsArray() {
		return text[:at:at], text[at:], quoted
	}
	end := "},"
	if len(c.Array()) == 0 {
		end = "}"
	}
	return text[:at:at], text[at:], func(text string) []byte {
		return append(AppendString([]byte(`{"type":"text","text":`), text), end...)
	}
}

func quoted(text string) []byte { return AppendQuoted(nil, text) }
