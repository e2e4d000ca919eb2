package jsonseq

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"multiturn/internal/limits"
)

// Cursor reads one JSON text from front to back and checks it on the way. It
// suits texts of which a few keys matter: it returns strings as they stand in
// the text and skips the rest, without allocating memory.
//
//	c := jsonseq.Cursor{Text: item.Data}
//	for key := range c.Object {
//		if string(key) == "id" {
//			id = c.String()
//		}
//	}
//	if err := c.End(); err != nil {
//
// The first error sticks: every later call does nothing, and Err and End return
// it.
type Cursor struct {
	Text []byte
	// Python accepts and refuses what Python's json module does: NaN, Infinity
	// and -Infinity are values, integers of more than 4300 digits are not.
	// Bytes that are not UTF-8 are refused either way.
	Python bool
	// AnyBytes accepts strings that are not UTF-8.
	AnyBytes bool

	pos     int
	depth   int
	keyAt   int  // where the last key is
	escaped bool // the last string has escapes
	scratch []byte
	err     *SyntaxError
}

// Check returns nil if text is one JSON value in UTF-8, and a *SyntaxError if
// it is not.
func Check(text []byte) error {
	c := Cursor{Text: text}
	c.Skip()
	return c.End()
}

// Pos returns the position in Text.
func (c *Cursor) Pos() int { return c.pos }

// Err returns the first error, as a *SyntaxError.
func (c *Cursor) Err() error {
	if c.err == nil {
		return nil
	}
	return c.err
}

// End returns the first error, one being that something follows the value that
// was read.
func (c *Cursor) End() error {
	if c.err == nil {
		if c.Peek(); c.pos < len(c.Text) {
			c.fail(ExtraData, c.pos)
		}
	}
	return c.Err()
}

func (c *Cursor) fail(kind Kind, at int) {
	if c.err == nil {
		c.err = &SyntaxError{Kind: kind, Offset: int64(at)}
	}
	c.pos = len(c.Text)
}

// Peek returns the first byte of the next value, which gives its kind: one of
// { [ " t f n, or the first of a number. It returns 0 at the end of the text.
func (c *Cursor) Peek() (b byte) {
	if c.pos < len(c.Text) {
		b = c.Text[c.pos]
	}
	if b > ' ' {
		return b
	}
	return c.peekPastSpace()
}

// peekPastSpace is not inlined, so that Peek is, which is called for every value.
//
//go:noinline
func (c *Cursor) peekPastSpace() byte {
	text, i := c.Text, c.pos
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	if c.pos = i; i < len(text) {
		return text[i]
	}
	return 0
}

// Object reads an object and yields each key, without quotes and escapes. The
// key holds until the next key is read or Unquoted is called. The body of the
// loop reads the value, or Object skips it. It is an error if the next value is
// not an object.
func (c *Cursor) Object(yield func(key []byte) bool) {
	for ok := c.enter('{'); ok; ok = c.more('}') {
		// As quotedKey does it, in place: this is the hot loop of every reader.
		if c.Peek() != '"' {
			c.fail(WantKey, c.pos)
			return
		}
		c.keyAt = c.pos
		key := c.quoted()
		if c.Peek() != ':' {
			c.fail(WantColon, c.pos)
			return
		}
		c.pos++
		c.Peek()
		at := c.pos
		name := key[1 : len(key)-1]
		if c.escaped {
			name = c.unquote(key)
		}
		if !yield(name) {
			return
		}
		if c.pos == at {
			c.Skip()
		}
	}
}

// Key returns the key that Object has just yielded as it stands in the text, in
// its quotes and with its escapes. It holds until the body reads the value.
func (c *Cursor) Key() []byte {
	end, _ := StringEnd(c.Text, c.keyAt+1)
	return c.Text[c.keyAt : end+1]
}

// Array reads an array and yields each index. The body of the loop reads the
// element, or Array skips it. It is an error if the next value is not an array.
func (c *Cursor) Array(yield func(i int) bool) {
	i := 0
	for ok := c.enter('['); ok; ok = c.more(']') {
		c.Peek()
		at := c.pos
		if !yield(i) {
			return
		}
		if c.pos == at {
			c.Skip()
		}
		i++
	}
}

// enter reads an opening bracket. It returns false at an error, and if there is
// nothing before the closing bracket, which it then reads too.
func (c *Cursor) enter(opening byte) bool {
	if c.Peek() != opening {
		c.fail(WantValue, c.pos)
		return false
	}
	if c.depth == limits.Depth {
		c.fail(TooDeep, c.pos)
		return false
	}
	c.depth++
	c.pos++
	if c.Peek() == opening+2 { // in ASCII } and ] come two behind { and [
		c.leave()
		return false
	}
	return true
}

// leave reads a closing bracket.
func (c *Cursor) leave() {
	c.depth--
	c.pos++
}

// quotedKey reads a key and the colon behind it.
func (c *Cursor) quotedKey() []byte {
	if c.Peek() != '"' {
		c.fail(WantKey, c.pos)
		return nil
	}
	c.keyAt = c.pos
	key := c.quoted()
	if c.Peek() != ':' {
		c.fail(WantColon, c.pos)
		return nil
	}
	c.pos++
	return key
}

// Values reads values with a comma between any two, as a piece of an array
// holds them, up to the end of the text. It yields the index of each. The body
// of the loop reads the value, or Values skips it.
func (c *Cursor) Values(yield func(i int) bool) {
	for i := 0; c.err == nil; i++ {
		c.Peek()
		at := c.pos
		if !yield(i) {
			return
		}
		if c.pos == at {
			c.Skip()
		}
		switch c.Peek(); {
		case c.pos == len(c.Text):
			return
		case c.Text[c.pos] != ',':
			c.fail(WantComma, c.pos)
		default:
			c.pos++
		}
	}
}

// more reads the comma or the closing bracket behind a value.
func (c *Cursor) more(closing byte) bool {
	if c.err != nil {
		return false
	}
	switch c.Peek() {
	case ',':
		c.pos++
		return true
	case closing:
		c.leave()
		return false
	}
	c.fail(WantComma, c.pos)
	return false
}

// Skip reads the next value and returns its text.
func (c *Cursor) Skip() []byte {
	first := c.Peek()
	from := c.pos
	switch first {
	case '"':
		return c.String()
	case '{':
		for ok := c.enter('{'); ok && c.quotedKey() != nil; ok = c.more('}') {
			c.Skip()
		}
	case '[':
		for ok := c.enter('['); ok; ok = c.more(']') {
			c.Skip()
		}
	case 't':
		c.literal("true")
	case 'f':
		c.literal("false")
	case 'n':
		c.literal("null")
	case 'N':
		c.pythonLiteral("NaN")
	case 'I':
		c.pythonLiteral("Infinity")
	default:
		if first == '-' && c.Python && bytes.HasPrefix(c.Text[c.pos:], []byte("-Infinity")) {
			c.pos += len("-Infinity")
			break
		}
		c.number()
	}
	if c.err != nil {
		return nil
	}
	return c.Text[from:c.pos]
}

// Pass is a Skip that only looks for the end of the value: quotes and brackets
// are matched, and nothing else is checked. It is for values that are read again.
func (c *Cursor) Pass() []byte {
	b := c.Peek()
	if b != '{' && b != '[' && b != '"' {
		return c.Skip()
	}
	text, from, depth := c.Text, c.pos, 0
	for i := from; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			continue
		}
		if depth == 0 && i < len(text) {
			c.pos = i + 1
			return text[from:c.pos]
		}
	}
	c.fail(OpenItem, len(text))
	return nil
}

func (c *Cursor) literal(word string) {
	if !bytes.HasPrefix(c.Text[c.pos:], []byte(word)) {
		c.fail(WantValue, c.pos)
		return
	}
	c.pos += len(word)
}

func (c *Cursor) pythonLiteral(word string) {
	if !c.Python {
		c.fail(WantValue, c.pos)
		return
	}
	c.literal(word)
}

func (c *Cursor) number() {
	text, from := c.Text, c.pos
	i := from
	if i < len(text) && text[i] == '-' {
		i++
	}
	whole := i // where the digits before the point begin
	if i < len(text) && text[i] == '0' {
		i++
	} else if i = digits(text, i); i == whole {
		c.fail(WantValue, from)
		return
	}
	end := i // of what is a number so far
	if end < len(text) && text[end] == '.' {
		if j := digits(text, end+1); j > end+1 {
			end = j
		}
	}
	if end < len(text) && text[end]|0x20 == 'e' {
		j := end + 1
		if j < len(text) && (text[j] == '+' || text[j] == '-') {
			j++
		}
		if k := digits(text, j); k > j {
			end = k
		}
	}
	if c.Python && end == i && i-whole > 4300 {
		c.fail(LongNumber, from)
		return
	}
	c.pos = end
}

// digits returns the index behind the digits at text[i].
func digits(text []byte, i int) int {
	for i < len(text) && text[i]-'0' <= 9 {
		i++
	}
	return i
}

// String reads a string and returns its text, in its quotes and with its
// escapes: see Unquote. It is an error if the next value is not a string.
func (c *Cursor) String() []byte {
	if c.Peek() != '"' {
		c.fail(WantValue, c.pos)
		return nil
	}
	return c.quoted()
}

// quoted reads the string that begins at pos.
func (c *Cursor) quoted() []byte {
	from := c.pos
	end, marks, kind := scanString(c.Text, from+1)
	switch {
	case kind == OpenString:
		end = from
	case kind == 0 && marks&beyondASCII != 0 && !c.AnyBytes && !utf8.Valid(c.Text[from:end]):
		end, kind = from, BadUTF8
	}
	if kind != 0 {
		c.fail(kind, end)
		return nil
	}
	c.escaped = marks&withEscapes != 0
	c.pos = end + 1
	return c.Text[from : end+1 : end+1]
}

// What scanString finds in a string.
const (
	beyondASCII = 1 << iota
	withEscapes
)

// scanString returns the index of the quote that closes the string whose text
// begins at text[i], or the kind of an error and where it is.
func scanString(text []byte, i int) (end int, marks uint8, kind Kind) {
	for {
		// Eight bytes at a time, since strings are nearly all of a conversation.
		for i+8 <= len(text) {
			if found := special(binary.LittleEndian.Uint64(text[i : i+8])); found != 0 {
				i += bits.TrailingZeros64(found) / 8
				break
			}
			i += 8
		}
		for i < len(text) && plain[text[i]] {
			i++
		}
		if i >= len(text) {
			return i, 0, OpenString
		}
		switch b := text[i]; {
		case b == '"':
			return i, marks, 0
		case b == '\\':
			marks |= withEscapes
			if i+1 >= len(text) {
				return i, 0, OpenString
			}
			switch text[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				if hex4(text, i+2) < 0 {
					return i + 1, 0, BadUnicode
				}
				i += 6
			default:
				return i, 0, BadEscape
			}
		case b < ' ':
			return i, 0, ControlChar
		default:
			marks |= beyondASCII
			for i < len(text) && text[i] >= utf8.RuneSelf {
				i++
			}
		}
	}
}

// Unquoted reads a string and returns it without quotes and escapes. The result
// holds until the next key or string is read.
func (c *Cursor) Unquoted() []byte {
	quoted := c.String()
	switch {
	case quoted == nil:
		return nil
	case c.escaped:
		return c.unquote(quoted)
	}
	return quoted[1 : len(quoted)-1]
}

// unquote resolves the escapes of the last string.
func (c *Cursor) unquote(quoted []byte) []byte {
	c.scratch, _ = Unquote(c.scratch[:0], quoted)
	return c.scratch
}

// Escaped reports whether the last string that was read has escapes.
func (c *Cursor) Escaped() bool { return c.escaped }

// StringEnd returns the index of the quote that closes the string whose text
// begins at text[i], and whether the string has escapes. It returns -1 if the
// string is not valid; it does not check that it is UTF-8.
func StringEnd(text []byte, i int) (end int, escaped bool) {
	end, marks, kind := scanString(text, i)
	if kind != 0 {
		end = -1
	}
	return end, marks&withEscapes != 0
}

// plain has the bytes that a string can hold as they are and that are ASCII.
var plain = func() (t [256]bool) {
	for b := ' '; b < utf8.RuneSelf; b++ {
		t[b] = b != '"' && b != '\\'
	}
	return t
}()

// special returns a word whose lowest byte that is not 0 is the first of the
// bytes of w that is not plain. It tests eight bytes at once: a subtraction sets
// the high bit of a byte below ' ', and of a quote or a backslash that the xor
// has made 0. Bytes beyond ASCII have it anyway. A borrow can set a higher bit
// wrongly, but never the lowest.
func special(w uint64) uint64 {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	quote, backslash := w^ones*'"', w^ones*'\\'
	return (w | (w - ones*' ') | (quote - ones) | (backslash - ones)) & highs
}

// hex4 returns the value of the four hexadecimal digits at text[i], or -1.
func hex4(text []byte, i int) rune {
	if i+4 > len(text) {
		return -1
	}
	var r rune
	for _, b := range text[i : i+4] {
		switch {
		case b-'0' <= 9:
			b -= '0'
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			b = b | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(b)
	}
	return r
}

// Unquote appends what a string stands for; quoted is its text as Cursor.String
// returns it, or nil, which stands for nothing. Half of a surrogate pair
// becomes U+FFFD; whole is false if there was one.
func Unquote(dst, quoted []byte) (text []byte, whole bool) {
	if quoted == nil {
		return dst, true
	}
	whole = true
	s := quoted[1 : len(quoted)-1]
	for {
		n := bytes.IndexByte(s, '\\')
		if n < 0 {
			return append(dst, s...), whole
		}
		dst = append(dst, s[:n]...)
		e := s[n+1]
		s = s[n+2:]
		switch e {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(s, 0)
			s = s[4:]
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
					low = hex4(s, 2)
				}
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					whole = false
				} else {
					s = s[6:]
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, e)
		}
	}
}

// Int reads a whole number from the text of a value, as Cursor.Skip returns it:
// 7, 7.0 and 7e0 are the same.
func Int(text []byte) (n int, ok bool) {
	if n, err := strconv.Atoi(string(text)); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f != float64(int(f)) {
		return 0, false
	}
	return int(f), true
}
