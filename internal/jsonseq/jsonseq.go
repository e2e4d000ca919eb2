// Package jsonseq reads JSON: streams of items, and single texts.
// Conversations, shared chats, requests' answers and tokenizers are read with
// it, so that all agree on what an item, its line and a syntax error are.
//
// A stream is a sequence of JSON values: JSONL, values printed over several
// lines, arrays, or any mixture. The items of the stream are the elements of
// top-level arrays, and all other top-level values. A byte order mark before a
// top-level value is skipped. Memory is that of the largest item, whatever the
// length of the stream.
//
// A [Scanner] cuts a stream into items. It checks only strings, brackets,
// colons and commas, which is fast and enough to find where an item ends. A
// [Cursor] reads within an item, or any other text, and accepts only JSON by
// RFC 8259 in UTF-8.
package jsonseq

import (
	"bytes"
	"fmt"
	"io"

	"multiturn/internal/limits"
)

// maxSpace is how much white space is kept to see what follows a value or a bracket,
// in bytes. More of it follows nothing that matters.
const maxSpace = 64 << 10

// Item is a value of a stream.
type Item struct {
	// Data is the text of the value, without white space around it, valid until
	// the next Scan. The Scanner has checked only its strings and brackets:
	// read it with a Cursor, or call Check.
	Data []byte
	// Number is the number of the item in the stream, from 1. Broken items
	// count.
	Number int
	// Line is the line where the item begins, from 1.
	Line int
	// Offset is the position of Data in the stream, after unpacking.
	Offset int64
	// Err is a *SyntaxError if no item could be cut out here. Data is then the
	// first line of the broken text, at most 1,000 bytes. Scanning goes on
	// behind it if possible.
	Err error
}

// SyntaxError is the error of text that is not JSON.
type SyntaxError struct {
	Kind Kind
	// Offset is the position of the error: in the stream from a Scanner, in the
	// given text from a Cursor.
	Offset int64
	// Line is the line of the error in the stream, from 1; 0 from a Cursor,
	// which knows only its text.
	Line int
}

func (e *SyntaxError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s (line %d)", e.Kind, e.Line)
	}
	return fmt.Sprintf("%s (at byte %d of the item)", e.Kind, e.Offset)
}

// Kind is the kind of a syntax error.
type Kind int

// The kinds of syntax errors.
const (
	WantValue   Kind = iota + 1 // no value where one must be
	WantKey                     // no key in quotes where one must be
	WantColon                   // no colon behind a key
	WantComma                   // neither a comma nor the closing bracket behind a value
	OpenString                  // the text ends inside a string
	ControlChar                 // an unescaped control character in a string
	BadEscape                   // a backslash with a letter that JSON does not know
	BadUnicode                  // \u without four hexadecimal digits
	BadUTF8                     // bytes that are not UTF-8
	ExtraData                   // something behind the value
	OpenItem                    // the text ends inside an array or object
	OpenLine                    // a line of JSONL does
	TooDeep                     // brackets nested deeper than limits.Depth
	TooLarge                    // an item larger than the limit
	LongNumber                  // an integer of more digits than Python takes (Cursor.Python)
)

var kinds = map[Kind]string{
	WantValue:  "want a value here",
	WantKey:    "want a key in quotes here",
	WantColon:  "want a colon behind a key",
	WantComma:  "want a comma or a closing bracket here",
	OpenString: "a string has no closing quote",
	ControlChar: "a string holds a line break or another control character as such " +
		"(is its closing quote missing?)",
	BadEscape:  "a string holds a backslash escape that JSON does not know",
	BadUnicode: "a string holds \\u without four hexadecimal digits",
	BadUTF8:    "text is not UTF-8",
	ExtraData:  "something follows the value",
	OpenItem:   "the input ends inside an array or object",
	OpenLine:   "the line ends inside an array or object",
	TooDeep:    "brackets are nested too deeply",
	TooLarge:   "the item is too large",
	LongNumber: "a number has more than 4300 digits",
}

func (k Kind) String() string { return kinds[k] }

// Scanner cuts a stream into items. It is used like a bufio.Scanner:
//
//	s := jsonseq.NewScanner(r)
//	for s.Scan() {
//		item := s.Item()
//	}
//	if err := s.Err(); err != nil {
//
// A syntax error is an item with Err set. In JSONL it is that of one line, and
// scanning goes on at the next one. Elsewhere scanning goes on at the next line
// that begins like the line of the first item (same indentation, same bracket).
// So a broken line of JSONL or a broken element of a printed array affects no
// other item. If an array is one line, nothing behind the error can be trusted,
// and the stream ends there.
type Scanner struct {
	// Max is the largest allowed item in bytes; 0 means limits.Item. Set it before
	// the first Scan.
	Max int
	// Single makes it an error (ExtraData) if anything follows the first
	// top-level value. Set it before the first Scan.
	Single bool
	// Whole, unless nil, reports whether a top-level array whose first element is
	// the given object is one item, not a list of items. Set it before the first
	// Scan.
	Whole func(first []byte) bool

	r      io.Reader
	buf    []byte
	pos    int // of the next byte to scan
	end    int // end of what was read
	base   int64
	line   int // of pos
	number int
	item   Item
	err    error // of r; io.EOF when all was read

	array  bool // inside a top-level array
	first  bool // at its beginning, before any item or comma
	value  bool // behind an item of it, where a comma or its end must follow
	roots  int  // top-level values so far
	closed bool // nothing more can be cut
	stack  []byte
	layout layout // of the last value outside arrays

	lead  []byte // white space so far in the line of pos
	fresh bool   // nothing but lead stands before pos in its line
	// indent is how the line of the first item of this array, or of the stream,
	// begins: white space and the item's bracket.
	indent []byte
}

// NewScanner returns a Scanner that reads from r. It does not unpack: see
// package packed.
func NewScanner(r io.Reader) *Scanner {
	return &Scanner{r: r, line: 1, fresh: true}
}

// Item returns the item that Scan found.
func (s *Scanner) Item() Item { return s.item }

// Err returns the error of the reader that ended the stream, nil at its end.
// Syntax errors are items.
func (s *Scanner) Err() error {
	if s.err == io.EOF {
		return nil
	}
	return s.err
}

// Offset returns how many bytes of the stream have been scanned, for progress.
func (s *Scanner) Offset() int64 { return s.base + int64(s.pos) }

// Line returns the line that has been reached, from 1.
func (s *Scanner) Line() int { return s.line }

// Scan moves to the next item. It returns false at the end of the stream and at
// an error of the reader.
func (s *Scanner) Scan() bool {
	s.item = Item{}
	for !s.closed {
		c, ok := s.next()
		if !ok {
			s.closed = true
			if s.err != io.EOF || !s.array {
				return false
			}
			return s.fail(s.pos, OpenItem)
		}
		switch {
		case !s.array && s.Single && s.roots > 0:
			s.closed = true
			return s.fail(s.pos, ExtraData)
		case !s.array && c == 0xef && s.skipMark():
		case !s.array && c == '[' && s.whole():
			return s.cut()
		case !s.array && c == '[':
			s.array, s.first, s.value = true, true, false
			s.indent = nil
			s.roots++
			s.pass()
		case s.array && c == ']' && (s.value || s.first):
			s.array, s.indent = false, nil
			s.pass()
		case s.array && s.value && c == ',':
			s.value, s.first = false, false
			s.pass()
		case s.array && s.value:
			return s.broken(s.pos, s.pos, s.line, s.line, WantComma)
		default:
			return s.cut()
		}
	}
	return false
}

// next skips white space and returns the byte at pos.
func (s *Scanner) next() (byte, bool) {
	for {
		for ; s.pos < s.end; s.pos++ {
			switch c := s.buf[s.pos]; c {
			case '\n':
				s.line++
				s.lead, s.fresh = s.lead[:0], true
			case ' ', '\t', '\r':
				if s.fresh = s.fresh && len(s.lead) < maxSpace; s.fresh {
					s.lead = append(s.lead, c)
				}
			default:
				return c, true
			}
		}
		if !s.fill(s.pos) {
			return 0, false
		}
	}
}

// pass skips the byte at pos.
func (s *Scanner) pass() {
	s.pos++
	s.fresh = false
}

// skipMark skips a byte order mark at pos.
func (s *Scanner) skipMark() bool {
	for s.end-s.pos < 3 {
		if !s.fill(s.pos) {
			return false
		}
	}
	if !bytes.HasPrefix(s.buf[s.pos:s.end], []byte("\uFEFF")) {
		return false
	}
	s.pos += 3
	return true
}

// cut finds the end of the value at pos and makes it the item.
func (s *Scanner) cut() bool {
	if s.indent == nil && s.fresh {
		s.indent = append(append(make([]byte, 0, len(s.lead)+1), s.lead...), s.buf[s.pos])
	}
	s.fresh = false
	if !s.array {
		s.roots++
	}
	line := s.line
	n, kind, at := s.measure(0)
	if kind == 0 && !s.array && !s.Single && !s.isValue(n) {
		kind, at = WantValue, 0
	}
	if s.err != nil && s.err != io.EOF {
		s.closed = true
		return false
	}
	if kind != 0 {
		errLine := s.line
		s.line = line
		return s.broken(s.pos, s.pos+at, line, errLine, kind)
	}
	s.number++
	s.item = Item{Data: s.buf[s.pos : s.pos+n : s.pos+n], Number: s.number, Line: line,
		Offset: s.base + int64(s.pos)}
	s.pos += n
	s.value, s.first = true, false
	if !s.array {
		s.layout = oneLine
		if s.line > line {
			s.layout = printed
		}
	}
	return true
}

// fail makes the item an error at buf[at].
func (s *Scanner) fail(at int, kind Kind) bool {
	s.number++
	s.item = Item{Number: s.number, Line: s.line, Offset: s.base + int64(at),
		Err: &SyntaxError{Kind: kind, Offset: s.base + int64(at), Line: s.line}}
	return true
}

// broken makes the item an error at buf[at] in errLine. The broken item begins
// at buf[start] in the given line. broken moves on to where the next item seems
// to begin.
func (s *Scanner) broken(start, at, line, errLine int, kind Kind) bool {
	s.number++
	begin := s.buf[start:min(s.end, start+1000)]
	if n := bytes.IndexByte(begin, '\n'); n >= 0 {
		begin = begin[:n]
	}
	err := &SyntaxError{Kind: kind, Offset: s.base + int64(at), Line: errLine}
	s.item = Item{Data: bytes.Clone(begin), Number: s.number, Line: line,
		Offset: s.base + int64(start), Err: err}
	s.pos, s.line = start, line
	if s.alone(start) {
		s.skipLine(err)
		return true
	}
	s.resume()
	return true
}

// resume moves to the next line behind pos that begins like the line of the
// first item. Without such a line the stream ends.
func (s *Scanner) resume() {
	for {
		n := bytes.IndexByte(s.buf[s.pos:s.end], '\n')
		if n < 0 {
			s.pos = s.end
			if !s.fill(s.pos) {
				s.closed = true
				return
			}
			continue
		}
		s.pos += n + 1
		s.line++
		s.lead, s.fresh = s.lead[:0], true
		if s.indent == nil {
			continue
		}
		for s.end-s.pos < len(s.indent) && s.fill(s.pos) {
		}
		rest := s.buf[s.pos:s.end]
		indented := len(s.indent) > 1
		switch {
		case bytes.HasPrefix(rest, s.indent):
			s.value, s.first = false, true
			return
		case s.array && indented && len(rest) > 0 && rest[0] == ']':
			s.value = true
			return
		case s.array && indented && len(rest) > 0 && rest[0] == '{':
			s.array, s.indent = false, nil // the array was not closed, and another value follows
			return
		}
	}
}

// whole reports whether the array at pos is one item, by its first element.
func (s *Scanner) whole() bool {
	if s.Whole == nil {
		return false
	}
	first := 1 // relative to pos, which fill may move
	for ; first < maxSpace && (s.pos+first < s.end || s.fill(s.pos)); first++ {
		switch s.buf[s.pos+first] {
		case ' ', '\t', '\r', '\n':
			continue
		case '{':
			line := s.line
			end, kind, _ := s.measure(first)
			s.line = line
			return kind == 0 && s.Whole(s.buf[s.pos+first:s.pos+end])
		}
		break
	}
	return false
}

// measure returns the end of the value that begins at from, or the kind and the
// place of an error in it, all relative to pos. It leaves pos as it is, and moves
// line to the end of the value or to the error.
func (s *Scanner) measure(from int) (n int, kind Kind, at int) {
	s.stack = s.stack[:0]
	limit := s.Max
	if limit <= 0 {
		limit = limits.Item
	}
	// before is the last byte outside strings that is not white space. It is
	// ':' at the beginning, and 'v' behind a string or within a number.
	before := byte(':')
	inside := byte('{') // the innermost bracket; at the top a value must come as behind a colon
	i := from           // relative to pos, which fill may move
	for {
		buf := s.buf[s.pos:s.end]
		for i < len(buf) {
			switch c := buf[i]; c {
			case '"':
				if before == 'v' || before == '}' || before == ']' {
					return 0, WantComma, i
				}
				j, kind := s.closeQuote(i + 1)
				if kind != 0 {
					return 0, kind, i
				}
				buf = s.buf[s.pos:s.end]
				before = 'v'
				i = j
				if len(s.stack) == 0 {
					return i, 0, 0
				}
			case '{', '[':
				if inside == '{' && before != ':' ||
					inside == '[' && before != '[' && before != ',' {
					if inside == '{' && (before == '{' || before == ',') {
						return 0, WantKey, i
					}
					return 0, WantComma, i
				}
				if len(s.stack) == limits.Depth {
					return 0, TooDeep, i
				}
				s.stack = append(s.stack, c)
				inside, before = c, c
				i++
			case '}', ']':
				if len(s.stack) == 0 {
					if i > 0 && before == 'v' {
						return i, 0, 0 // a number before the end of the array
					}
					return 0, WantValue, i
				}
				if c != inside+2 || before == ':' || before == ',' {
					if before == ':' || before == ',' {
						return 0, WantValue, i
					}
					return 0, WantComma, i
				}
				s.stack = s.stack[:len(s.stack)-1]
				i++
				before = c
				if len(s.stack) == 0 {
					return i, 0, 0
				}
				inside = s.stack[len(s.stack)-1]
			case ',', ':':
				if len(s.stack) == 0 {
					if i > 0 && before == 'v' {
						return i, 0, 0
					}
					return 0, WantValue, i
				}
				if before == ',' || before == ':' || before == '{' || before == '[' {
					return 0, WantValue, i
				}
				before = c
				i++
			case '\n', ' ', '\t', '\r':
				if len(s.stack) == 0 {
					return i, 0, 0 // behind a number
				}
				if c == '\n' {
					s.line++
				}
				i++
			default:
				before = 'v'
				i++
			}
		}
		if i > limit {
			return 0, TooLarge, 0
		}
		if !s.fill(s.pos) {
			if s.err == io.EOF && len(s.stack) == 0 && i > 0 {
				return i, 0, 0 // a number at the end of the input
			}
			return 0, OpenItem, i
		}
	}
}

// closeQuote returns the position behind the closing quote of the string whose
// text begins at i, both relative to pos.
func (s *Scanner) closeQuote(i int) (int, Kind) {
	text := i
	for {
		buf := s.buf[s.pos:s.end]
		n := bytes.IndexByte(buf[i:], '"')
		// A line break inside a string means that a quote is missing. Without
		// this check the rest of the stream would be read with strings and
		// structure swapped.
		to := len(buf)
		if n >= 0 {
			to = i + n
		}
		if bytes.IndexByte(buf[i:to], '\n') >= 0 {
			return 0, ControlChar
		}
		if n >= 0 {
			i = to + 1
			k := to
			for k > text && buf[k-1] == '\\' {
				k--
			}
			if (to-k)%2 == 0 {
				return i, 0
			}
			continue
		}
		i = to
		limit := s.Max
		if limit <= 0 {
			limit = limits.Item
		}
		if i > limit {
			return 0, TooLarge
		}
		if !s.fill(s.pos) {
			return 0, OpenString
		}
	}
}

// fill reads more bytes. It may drop those before keep, and adjusts pos.
func (s *Scanner) fill(keep int) bool {
	if s.err != nil {
		return false
	}
	if keep > 0 && s.end == len(s.buf) || keep == s.end {
		copy(s.buf, s.buf[keep:s.end])
		s.base += int64(keep)
		s.end -= keep
		s.pos -= keep
	}
	if s.end == len(s.buf) {
		size := max(256<<10, 2*len(s.buf))
		grown := make([]byte, size)
		copy(grown, s.buf[:s.end])
		s.buf = grown
	}
	for tries := 0; tries < 100; tries++ {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		if err != nil {
			s.err = err
			return n > 0
		}
		if n > 0 {
			return true
		}
	}
	s.err = io.ErrNoProgress
	return false
}
