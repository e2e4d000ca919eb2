package sharegpt

import (
	"bytes"
	"encoding/json"
	"strings"

	"multiturn/internal/jsonseq"
	"multiturn/pkg/chat"
)

// readParts reads content that is a list of parts. Texts are joined. If a part
// is of another type that a server can read, the list is kept as it is.
func (it *item) readParts(cur *jsonseq.Cursor, t *turn) {
	from := cur.Pos()
	var list []byte // what is kept
	media := false
	calls := true // the list is one of tool calls
	for range cur.Array {
		p := readPart(cur)
		calls = calls && p.isCall
		switch {
		case p.text != nil:
			t.kind = '"'
			t.texts++
			it.appendText(p.text, t)
		case p.keep:
			t.kind, media = '"', true
		default:
			t.lost = true
			continue
		}
		if !it.skipText {
			list = appendPart(list, p.json)
		}
	}
	switch {
	case media && !it.skipText:
		t.parts = append(append([]byte{'['}, list...), ']')
	case calls && t.texts == 0:
		t.object = bytes.Clone(cur.Text[from:cur.Pos()])
	}
}

// part is a part of a message's content.
type part struct {
	text   []byte // in quotes, of a part that is only text
	json   []byte // to send
	keep   bool   // a server can read it
	isCall bool   // it has a name, as a tool call has
}

// mediaTypes are the types of parts that are sent as they are. Each has its
// content under the key of that name, or under file.
var mediaTypes = map[string]bool{
	"image_url": true, "input_audio": true, "audio_url": true, "video_url": true, "file": true,
}

func readPart(cur *jsonseq.Cursor) (p part) {
	if cur.Peek() == '"' {
		p.text = bytes.Clone(cur.String())
		p.json = append(append([]byte(`{"type":"text","text":`), p.text...), '}')
		return p
	}
	if cur.Peek() != '{' {
		return p
	}
	from := cur.Pos()
	kind, url := "", ""
	filled := map[string]bool{}
	for key := range cur.Object {
		name, first := string(key), cur.Peek()
		switch {
		case name == "type" && first == '"':
			kind = string(cur.Unquoted())
		case name == "text" && first == '"':
			p.text = cur.String()
		case (name == "image" || name == "url") && first == '"':
			url = string(cur.Unquoted())
		case name == "name" || name == "function":
			p.isCall = true
		case mediaTypes[name]:
			filled[name] = first == '{' || first == '"'
		}
	}
	switch {
	case p.text != nil:
		p.json = withoutNulls(cur.Text[from:cur.Pos()])
	case mediaTypes[kind] && filled[kind]:
		p.json, p.keep = withoutNulls(cur.Text[from:cur.Pos()]), true
	case (kind == "image" || kind == "") && isURL(url):
		p.json, p.keep = imagePart(url), true
	}
	return p
}

// withoutNulls returns an object without the keys that are null. Tables with one
// form for all rows have them, and servers refuse them.
func withoutNulls(object []byte) []byte {
	if !bytes.Contains(object, []byte("null")) {
		return object
	}
	out := []byte{'{'}
	cur := jsonseq.Cursor{Text: object}
	for range cur.Object {
		if cur.Peek() == 'n' {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(out, cur.Key()...), ':')
		out = append(out, cur.Skip()...)
	}
	return append(out, '}')
}

// isURL reports whether a server can fetch an image by its name.
func isURL(name string) bool {
	for _, scheme := range []string{"https://", "http://", "data:"} {
		if len(name) > len(scheme) && strings.EqualFold(name[:len(scheme)], scheme) {
			return true
		}
	}
	return false
}

func imagePart(url string) []byte {
	return append(chat.AppendString([]byte(`{"type":"image_url","image_url":{"url":`), url), "}}"...)
}

func textPart(text string) []byte {
	return append(chat.AppendString([]byte(`{"type":"text","text":`), text), '}')
}

// appendPart appends a part to a list, in one line.
func appendPart(list, p []byte) []byte {
	if len(list) > 0 {
		list = append(list, ',')
	}
	var flat bytes.Buffer
	if json.Compact(&flat, p) != nil {
		return append(list, p...) // broken JSON, which the caller finds out
	}
	return append(list, flat.Bytes()...)
}

// place puts the images beside the list where <image> stands in a text. It
// returns the text and, if an image is kept, the parts. lost is the number of
// media that are left out.
func (b *beside) place(text string) (rest string, parts []byte, kept, lost int) {
	if !b.hasMedia {
		return text, nil, 0, 0
	}
	var all strings.Builder
	for text != "" {
		at, mark := b.nextMark(text)
		piece := text[:at]
		all.WriteString(piece)
		if piece != "" {
			parts = appendPart(parts, textPart(piece))
		}
		text = text[at+len(mark):]
		if mark == "" {
			break
		}
		if url := b.take(mark); isURL(url) {
			parts = appendPart(parts, imagePart(url))
			kept++
			continue
		}
		lost++
		text = strings.TrimPrefix(text, "\n") // the mark stood in a line of its own
	}
	if kept == 0 {
		return all.String(), nil, 0, lost
	}
	return all.String(), append(append([]byte{'['}, parts...), ']'), kept, lost
}

// nextMark returns where the next mark of a medium stands, and the mark; "" at
// the end of the text.
func (b *beside) nextMark(text string) (at int, mark string) {
	at = len(text)
	for _, m := range []string{"<image>", "<video>", "<audio>"} {
		if i := strings.Index(text[:at], m); i >= 0 {
			at, mark = i, m
		}
	}
	return at, mark
}

// take returns the next image, "" for other media and if there is none left.
func (b *beside) take(mark string) string {
	if mark != "<image>" || len(b.images) == 0 {
		if b.others > 0 && mark != "<image>" {
			b.others--
		}
		return ""
	}
	url := b.images[0]
	b.images = b.images[1:]
	return url
}
