package chat

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"multiturn/internal/packed"
)

// Format is a way to write conversations. A Reader reads the same from all of
// them.
type Format struct {
	// Lines writes JSONL, one conversation per line. Otherwise the stream is a
	// JSON array, printed as by Python's json.dump with an indent: no line
	// break at the end, and [] if it is empty.
	Lines bool
	// Indent is the number of spaces per level of an array.
	Indent int
	// ASCII escapes all characters beyond ASCII, as Python does by default.
	ASCII bool
	// Packed is how the output is packed: ".gz" with gzip, ".zst" with zstd,
	// "" not at all.
	Packed string
}

// The formats of the commands.
var (
	// JSONL is one conversation per line, in UTF-8.
	JSONL = Format{Lines: true}
	// Generated is the array that the reference's generator and runner write,
	// byte for byte.
	Generated = Format{Indent: 4, ASCII: true}
	// Converted is the array that the reference's ShareGPT converter writes,
	// byte for byte.
	Converted = Format{Indent: 2}
)

// FormatFor returns the format for a file name: JSONL for "-" (standard
// output), .jsonl and .ndjson, and array for any other name. A further .gz or
// .zst packs the file. If override is "json" or "jsonl" it decides instead of the
// name.
func FormatFor(name, override string, array Format) (Format, error) {
	f := array
	name, suffix := packed.CutSuffix(strings.ToLower(name))
	switch {
	case override == "jsonl":
		f = JSONL
	case override == "json":
	case override != "":
		return f, fmt.Errorf("format is %q, want json or jsonl", override)
	case name == "-", strings.HasSuffix(name, ".jsonl"), strings.HasSuffix(name, ".ndjson"):
		f = JSONL
	}
	f.Packed = suffix
	return f, nil
}

// Writer writes a stream of conversations, one at a time and in constant
// memory.
type Writer struct {
	format Format
	out    *bufio.Writer
	packed io.Closer
	item   []byte
	n      int
}

// NewWriter returns a Writer to w, which Close does not close.
func NewWriter(w io.Writer, f Format) *Writer {
	to := packed.NewWriter(w, f.Packed)
	return &Writer{format: f, out: bufio.NewWriterSize(to, 64<<10), packed: to}
}

// Write writes one conversation.
func (w *Writer) Write(c *Conversation) error {
	w.item = w.format.Append(w.item[:0], c)
	return w.WriteEncoded(w.item)
}

// WriteEncoded writes a conversation that Format.Append has encoded in the
// format of this Writer.
func (w *Writer) WriteEncoded(item []byte) error {
	// bufio.Writer keeps the first error and returns it from every later call.
	if !w.format.Lines {
		if w.n == 0 {
			w.out.WriteByte('[')
		} else {
			w.out.WriteByte(',')
		}
		w.out.WriteByte('\n')
	}
	w.n++
	_, err := w.out.Write(item)
	if w.format.Lines {
		err = w.out.WriteByte('\n')
	}
	return err
}

// Flush passes on everything written so far, for a reader at the other end of a
// pipe. Packed output is passed on only by Close.
func (w *Writer) Flush() error { return w.out.Flush() }

// Close ends the array and passes everything on.
func (w *Writer) Close() error {
	if !w.format.Lines {
		if w.n == 0 {
			w.out.WriteByte('[')
		} else {
			w.out.WriteByte('\n')
		}
		w.out.WriteByte(']')
	}
	err := w.out.Flush()
	if e := w.packed.Close(); err == nil {
		err = e
	}
	return err
}

// Append appends a conversation as a file of this format has it, without the
// separator.
func (f Format) Append(dst []byte, c *Conversation) []byte {
	if f.Lines {
		dst = append(dst, `{"id":`...)
		dst = AppendString(dst, c.ID)
		dst = append(dst, `,"messages":[`...)
		for i := range c.Messages {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = c.Messages[i].appendSteered(dst)
		}
		dst = append(dst, ']')
		for _, f := range c.Fields {
			dst = AppendField(dst, f)
		}
		return append(dst, '}')
	}
	return f.appendIndented(dst, c)
}

// appendSteered is AppendJSON with the keys that control a run.
func (m *Message) appendSteered(dst []byte) []byte {
	dst = m.AppendJSON(dst)
	if m.OutputTokens == 0 && m.Delay == 0 {
		return dst
	}
	dst = dst[:len(dst)-1]
	if m.OutputTokens != 0 {
		dst = append(dst, `,"output_tokens":`...)
		dst = strconv.AppendInt(dst, int64(m.OutputTokens), 10)
	}
	if m.Delay != 0 {
		dst = append(dst, `,"delay_ms":`...)
		dst = appendDelay(dst, m.Delay)
	}
	return append(dst, '}')
}

func appendDelay(dst []byte, d time.Duration) []byte {
	return strconv.AppendFloat(dst, float64(d)/float64(time.Millisecond), 'f', -1, 64)
}

// indentation is longer than the deepest indentation of a message without Raw.
const indentation = "                                                                "

func (f Format) newline(dst []byte, level int) []byte {
	dst = append(dst, '\n')
	return f.spaces(dst, level)
}

func (f Format) spaces(dst []byte, level int) []byte {
	n := level * f.Indent
	for ; n > len(indentation); n -= len(indentation) {
		dst = append(dst, indentation...)
	}
	return append(dst, indentation[:n]...)
}

func (f Format) appendIndented(dst []byte, c *Conversation) []byte {
	dst = append(f.spaces(dst, 1), '{')
	dst = append(f.newline(dst, 2), `"id": `...)
	dst = f.appendString(dst, c.ID)
	dst = append(dst, ',')
	dst = append(f.newline(dst, 2), `"messages": [`...)
	for i := range c.Messages {
		m := &c.Messages[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = f.newline(dst, 3)
		if m.Raw != nil {
			dst = f.appendObject(dst, m.appendSteered(nil), 3)
			continue
		}
		dst = append(dst, '{')
		dst = append(f.newline(dst, 4), `"role": `...)
		dst = f.appendString(dst, m.Role)
		dst = append(dst, ',')
		dst = append(f.newline(dst, 4), `"content": `...)
		dst = f.appendString(dst, m.Text)
		if m.OutputTokens != 0 {
			dst = append(dst, ',')
			dst = append(f.newline(dst, 4), `"output_tokens": `...)
			dst = strconv.AppendInt(dst, int64(m.OutputTokens), 10)
		}
		if m.Delay != 0 {
			dst = append(dst, ',')
			dst = append(f.newline(dst, 4), `"delay_ms": `...)
			dst = appendDelay(dst, m.Delay)
		}
		dst = append(f.newline(dst, 3), '}')
	}
	if len(c.Messages) > 0 {
		dst = f.newline(dst, 2)
	}
	dst = append(dst, ']')
	for _, field := range c.Fields {
		dst = append(f.newline(append(dst, ','), 2), '"')
		dst = append(append(dst, field.Name...), `": `...)
		dst = f.appendObject(dst, field.Value, 2)
	}
	return append(f.newline(dst, 1), '}')
}

// AppendField appends a comma and the field.
func AppendField(dst []byte, f Field) []byte {
	dst = append(AppendString(append(dst, ','), f.Name), ':')
	return append(dst, f.Value...)
}

// appendObject appends JSON, which stands at a level.
func (f Format) appendObject(dst, object []byte, level int) []byte {
	var out bytes.Buffer
	prefix := string(f.spaces(nil, level))
	if json.Indent(&out, object, prefix, string(f.spaces(nil, 1))) != nil {
		out.Reset() // Raw was not made by a Reader and is not JSON: write it as it is
		out.Write(object)
	}
	if !f.ASCII {
		return append(dst, out.Bytes()...)
	}
	for _, r := range out.String() {
		if r < 0x7f {
			dst = append(dst, byte(r))
		} else {
			dst = appendEscaped(dst, r)
		}
	}
	return dst
}

// appendString appends a JSON string as Python's json module writes it.
func (f Format) appendString(dst []byte, s string) []byte {
	if !f.ASCII && !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	plain := &asIs
	if f.ASCII {
		plain = &asIsASCII
	}
	dst = append(dst, '"')
	from := 0
	for i := 0; ; {
		// Eight at a time, since nearly all of a text needs no escape.
		for i+8 <= len(s) {
			w := s[i : i+8]
			if !(plain[w[0]] && plain[w[1]] && plain[w[2]] && plain[w[3]] &&
				plain[w[4]] && plain[w[5]] && plain[w[6]] && plain[w[7]]) {
				break
			}
			i += 8
		}
		for i < len(s) && plain[s[i]] {
			i++
		}
		if i == len(s) {
			break
		}
		dst = append(dst, s[from:i]...)
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = appendEscaped(dst, r)
			i += n - 1
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}

// asIs has the bytes that need no escape in a JSON string, asIsASCII those that
// Python does not escape with ensure_ascii.
var asIs, asIsASCII = func() (t, ascii [256]bool) {
	for c := ' '; c < 256; c++ {
		t[c] = c != '"' && c != '\\'
		ascii[c] = t[c] && c < 0x7f
	}
	return t, ascii
}()

// appendEscaped appends \uXXXX, or two of them for a character beyond U+FFFF.
func appendEscaped(dst []byte, r rune) []byte {
	if r >= 0x10000 {
		r -= 0x10000
		dst = appendEscaped(dst, 0xd800+r>>10)
		r = 0xdc00 + r&0x3ff
	}
	return append(dst, '\\', 'u', hex[r>>12&0xf], hex[r>>8&0xf], hex[r>>4&0xf], hex[r&0xf])
}
