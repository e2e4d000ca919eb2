package sharegpt

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"multiturn/internal/jsonseq"
	"multiturn/internal/limits"
	"multiturn/internal/pandas"
	"multiturn/pkg/chat"
)

// ReferenceError is an error that ends the reference: the class of the Python
// exception and its text. Texts of Python itself are covered for the errors
// that files can cause.
type ReferenceError struct {
	Class, Text string
}

func (e *ReferenceError) Error() string { return e.Class + ": " + e.Text }

func assertion(format string, args ...any) error {
	return &ReferenceError{"AssertionError", fmt.Sprintf(format, args...)}
}

// referenceKey returns the error of an item that the reference cannot join with
// others.
func referenceKey(s *scanned) error {
	switch {
	case !s.isObject:
		return assertion("item %d is not an object", s.item.Number)
	case s.idKind == 0:
		return assertion("Missing key 'id'")
	case s.kind == 0:
		return assertion("Missing key 'conversations'")
	case s.idKind != '"':
		return &ReferenceError{"AttributeError",
			fmt.Sprintf("'%s' object has no attribute 'split'", pythonType(s.idKind, s.id))}
	case s.kind != '[':
		return &ReferenceError{"TypeError",
			fmt.Sprintf("conversations of item %d is not a list", s.item.Number)}
	}
	switch n := strings.Count(s.id, "_"); {
	case n == 0:
		return &ReferenceError{"ValueError", "not enough values to unpack (expected 2, got 1)"}
	case n > 1:
		return &ReferenceError{"ValueError", "too many values to unpack (expected 2)"}
	}
	return nil
}

// pythonType returns the name of the type that Python's json module makes of a
// value.
func pythonType(first byte, text string) string {
	switch first {
	case '"':
		return "str"
	case '{':
		return "dict"
	case '[':
		return "list"
	case 't', 'f':
		return "bool"
	case 'n':
		return "NoneType"
	}
	if strings.ContainsAny(text, ".eENI") {
		return "float"
	}
	return "int"
}

// reference makes messages of the joined turns of a conversation, as the
// reference does.
func (o *Options) reference(id string, it *item) made {
	if o.MinTurns != nil && len(it.turns) < *o.MinTurns {
		return made{reason: TooFewTurns}
	}
	ms := make([]chat.Message, 0, len(it.turns))
	first := 0 // turn of the first message
	for i := range it.turns {
		t := &it.turns[i]
		if !t.hasFrom || t.kind == 0 {
			return made{err: assertion("Invalid conversation ID %s - missing 'from' or 'value'",
				id)}
		}
		r := role(t.from, true)
		if r == "" {
			return made{err: assertion("Invalid conversation ID %s - 'from'='%s' is invalid", id,
				t.from)}
		}
		if i == 0 && r != chat.User {
			first = 1
			continue
		}
		if o.MaxTurns != nil && i >= *o.MaxTurns {
			break
		}
		ms = append(ms, chat.Message{Role: r, Text: it.text(t)})
	}
	if len(ms) == 0 {
		return made{reason: TooFewTurns}
	}
	for i := range ms {
		if ms[i].Role != [2]string{chat.User, chat.Assistant}[i%2] {
			return made{reason: BadOrder}
		}
	}
	for i := range ms {
		t := &it.turns[first+i]
		if t.kind != '"' {
			name := pythonType(t.kind, t.number)
			if (on(o.MinLength) || on(o.MaxLength)) && name != "dict" && name != "list" {
				return made{err: &ReferenceError{"TypeError",
					fmt.Sprintf("object of type '%s' has no len()", name)}}
			}
			return made{err: &ReferenceError{"AttributeError",
				fmt.Sprintf("'%s' object has no attribute 'isascii'", name)}}
		}
		n := utf8.RuneCountInString(ms[i].Text)
		switch {
		case on(o.MinLength) && n < *o.MinLength:
			return made{reason: TooShort}
		case on(o.MaxLength) && n > *o.MaxLength:
			return made{reason: TooLong}
		case isASCII(ms[i].Text):
			return made{reason: Foreign}
		}
	}
	m := made{conv: chat.Conversation{ID: id, Messages: ms}}
	for i := range ms {
		if half := it.turns[first+i].halfPair; half != nil && m.surrogate == nil {
			m.surrogate = &surrogate{message: i, quoted: half}
		}
	}
	return m
}

// surrogate is the place of half a surrogate pair in a conversation. It ends
// the reference while it writes.
type surrogate struct {
	message int
	quoted  []byte
}

// cutOutput returns the part of an encoded conversation that the reference has
// written when it meets the surrogate, and its error.
func (s *surrogate) cutOutput(encoded []byte) ([]byte, error) {
	at := 0
	for range s.message + 1 {
		at += bytes.Index(encoded[at:], []byte(`"content":`)) + len(`"content":`)
		if encoded[at] == ' ' {
			at++
		}
	}
	position, half, run := 1, rune(0), 0 // the opening quote is at 0
	text := s.quoted[1 : len(s.quoted)-1]
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		width := 1
		switch {
		case r == '\\' && text[1] == 'u':
			v, _ := strconv.ParseUint(string(text[2:6]), 16, 32)
			r, n = rune(v), 6
			if r < 0x20 {
				if width = 6; strings.ContainsRune("\b\t\n\f\r", r) {
					width = 2
				}
			} else if r == '"' || r == '\\' {
				width = 2
			}
			if r >= 0xd800 && r < 0xdc00 && len(text) >= 12 && text[6] == '\\' && text[7] == 'u' {
				if low, err := strconv.ParseUint(string(text[8:12]), 16, 32); err == nil &&
					low >= 0xdc00 &&
					low < 0xe000 {
					r, n = 0x10000, 12
				}
			}
		case r == '\\':
			n = 2
			if text[1] != '/' {
				width = 2
			}
		}
		if r >= 0xd800 && r < 0xe000 {
			if run++; run == 1 {
				half = r
			}
		} else if run > 0 {
			break
		}
		if run == 0 {
			position += width
		}
		text = text[n:]
	}
	what := fmt.Sprintf("character '\\u%04x' in position %d", half, position)
	if run > 1 {
		what = fmt.Sprintf("characters in position %d-%d", position, position+run-1)
	}
	return encoded[:at], &ReferenceError{"UnicodeEncodeError",
		"'utf-8' codec can't encode " + what +
			": surrogates not allowed"}
}

var pythonMessages = map[jsonseq.Kind]string{
	jsonseq.WantValue:   "Expecting value",
	jsonseq.WantKey:     "Expecting property name enclosed in double quotes",
	jsonseq.WantColon:   "Expecting ':' delimiter",
	jsonseq.WantComma:   "Expecting ',' delimiter",
	jsonseq.OpenString:  "Unterminated string starting at",
	jsonseq.ControlChar: "Invalid control character at",
	jsonseq.BadEscape:   `Invalid \escape`,
	jsonseq.BadUnicode:  `Invalid \uXXXX escape`,
	jsonseq.ExtraData:   "Extra data",
}

// checkStart returns Python's error for input that does not begin like a list.
func checkStart(src *Source, first []byte) error {
	if bytes.HasPrefix(first, []byte("\uFEFF")) {
		return &ReferenceError{"JSONDecodeError",
			"Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"}
	}
	switch start := bytes.TrimLeft(first, " \t\r\n"); {
	case len(start) == 0:
		return pythonSyntaxError(src, jsonseq.WantValue, int64(len(first)))
	case start[0] == '{':
		return &ReferenceError{"TypeError", src.name + " is not a list"}
	}
	return nil
}

// pythonSyntaxError returns Python's error for a source in which a Scanner or a
// Cursor found an error of the given kind in the item at the offset. The first
// reading need not be complete: Python's parser does not read the rest either.
func pythonSyntaxError(src *Source, kind jsonseq.Kind, offset int64) error {
	if err := src.flush(); err != nil {
		return err
	}
	rest, err := io.ReadAll(io.NewSectionReader(src.again, offset, limits.Item))
	if err != nil {
		return fmt.Errorf("reading %s again: %w", src.name, err)
	}
	at := int64(0)
	if kind != jsonseq.ExtraData {
		cur := jsonseq.Cursor{Text: rest, Python: true}
		cur.Skip()
		e, ok := cur.Err().(*jsonseq.SyntaxError)
		switch {
		case !ok:
			kind = jsonseq.WantComma // the item is fine: what is wrong stands before it
		case len(rest) > 0:
			kind, at = e.Kind, e.Offset
		default:
			kind = jsonseq.WantComma
			if last := lastByte(src, offset); last == 0 || last == '[' || last == ',' {
				kind = jsonseq.WantValue
			}
		}
	}
	line, column, char, err := pythonPosition(src, offset+at)
	if err != nil {
		return err
	}
	switch kind {
	case jsonseq.LongNumber:
		n := bytes.IndexFunc(rest[at:], func(r rune) bool {
			return r != '-' && (r < '0' || r > '9')
		})
		if n < 0 {
			n = len(rest) - int(at)
		}
		if rest[at] == '-' {
			n--
		}
		return &ReferenceError{"ValueError",
			fmt.Sprintf("Exceeds the limit (4300 digits) for integer string conversion: "+
				"value has %d digits; use sys.set_int_max_str_digits() to increase the limit", n)}
	case jsonseq.TooDeep:
		return &ReferenceError{"RecursionError",
			"maximum recursion depth exceeded while decoding a JSON array from a unicode string"}
	case jsonseq.BadUTF8:
		return &ReferenceError{"UnicodeDecodeError",
			fmt.Sprintf("'utf-8' codec can't decode: invalid text near byte %d", offset+at)}
	}
	return &ReferenceError{"JSONDecodeError",
		fmt.Sprintf("%s: line %d column %d (char %d)", pythonMessages[kind], line, column, char)}
}

// lastByte returns the last byte before the offset that is not white space, 0
// if none is near.
func lastByte(src *Source, offset int64) byte {
	before := make([]byte, min(offset, 4096))
	src.again.ReadAt(before, offset-int64(len(before)))
	before = bytes.TrimRight(before, " \t\r\n")
	if len(before) == 0 {
		return 0
	}
	return before[len(before)-1]
}

// pythonPosition counts the lines and characters before an offset as Python
// does: CR LF is one character.
func pythonPosition(src *Source, offset int64) (line, column, char int64, err error) {
	in := bufio.NewReaderSize(io.NewSectionReader(src.again, 0, offset), 256<<10)
	line, column = 1, 1
	for {
		r, _, err := in.ReadRune()
		if err == io.EOF {
			return line, column, char, nil
		}
		if err != nil {
			return 0, 0, 0, fmt.Errorf("reading %s again: %w", src.name, err)
		}
		if r == '\r' {
			if next, err := in.Peek(1); err == nil && next[0] == '\n' {
				continue
			}
			r = '\n'
		}
		char++
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
}

// Transcript writes what the reference prints. See Options.
type Transcript struct {
	W io.Writer
	// Input, Output and Model are the names in it; without a Model it does not
	// mention a tokenizer.
	Input, Output, Model string
	// Columns is the width of the terminal: wider tables lose their middle
	// columns. 0 means no limit.
	Columns int
}

func (t *Transcript) printf(format string, args ...any) {
	if t != nil {
		fmt.Fprintf(t.W, format, args...)
	}
}

func (t *Transcript) table(s *Statistics) {
	t.printf("\nCollecting statistics...\n\nStatistics:\n")
	if t != nil && s.Conversations() > 0 {
		t.W.Write(s.Table().Append(nil, pandas.Options{Precision: 6, Width: t.Columns}))
	}
}

// header prints the first lines of the reference.
func (t *Transcript) header(o *Options) {
	limit := func(l *int) string {
		if l == nil {
			return "None"
		}
		return strconv.Itoa(*l)
	}
	t.printf("Input parameters:\nseed=%s, max_items=%s, min_content_len=%s, max_content_len=%s, "+
		"min_turns=%s, max_turns=%s\n\n",
		o.seed(), limit(o.MaxItems), limit(o.MinLength), limit(o.MaxLength), limit(o.MinTurns),
		limit(o.MaxTurns))
	if t != nil && t.Model != "" {
		t.printf("Loading tokenizer from: %s\n", t.Model)
	}
	if t != nil {
		t.printf("Reading file: %s\n", t.Input)
	}
}
