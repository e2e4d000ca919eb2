package jsonseq

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Cursor reads one JSON text from front to back, checking as it goes. It is made for items of which a few keys matter:
// strings are handed out as they stand in the text, and what does not matter is passed over.
//
//	c := jsonseq.Cursor{Text: item.Data}
//	for key := range c.Object {
//		if string(key) == `"id"` {
//			id = c.String()
//		}
//	}
//	if err := c.End(); err != nil {
//
// The first error sticks: every later call does nothing, and Err and End return it.
type Cursor struct {
	Text []byte
	// Python accepts and refuses what Python's json module does: NaN, Infinity and -Infinity are values, integers of
	// more than 4300 digits are not. What it thinks of bytes that are not UTF-8 is the same.
	Python bool

	pos   int
	depth int
	err   *SyntaxError
}

// Check returns nil if text is one JSON value in UTF-8, else a *SyntaxError.
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

// End returns the first error, one being that something follows the value that was read.
func (c *Cursor) End() error {
	if c.err == nil {
		c.space()
		if c.pos < len(c.Text) {
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

func (c *Cursor) space() {
	for c.pos < len(c.Text) {
		switch c.Text[c.pos] {
		case ' ', '\n', '\t', '\r':
			c.pos++
		default:
			return
		}
	}
}

// Peek returns the first byte of the next value, which tells its kind: one of { [ " t f n, or the beginning of a number;
// 0 at the end of the text.
func (c *Cursor) Peek() byte {
	c.space()
	if c.pos < len(c.Text) {
		return c.Text[c.pos]
	}
	return 0
}

// Object reads an object and yields each key, in its quotes and with its escapes. The loop's body reads the value;
// where it does not, the value is passed over. It is an error if the next value is not an object.
func (c *Cursor) Object(yield func(key []byte) bool) {
	if c.Peek() != '{' {
		c.fail(WantValue, c.pos)
		return
	}
	if !c.enter() {
		return
	}
	defer func() { c.depth-- }()
	if c.Peek() == '}' {
		c.pos++
		return
	}
	for {
		if c.Peek() != '"' {
			c.fail(WantKey, c.pos)
			return
		}
		key := c.String()
		if c.Peek() != ':' {
			c.fail(WantColon, c.pos)
			return
		}
		c.pos++
		c.space()
		at := c.pos
		if !yield(key) {
			return
		}
		if c.pos == at {
			c.Skip()
		}
		if !c.more('}') {
			return
		}
	}
}

// Array reads an array and yields each index. The loop's body reads the element; where it does not, the element is
// passed over. It is an error if the next value is not an array.
func (c *Cursor) Array(yield func(i int) bool) {
	if c.Peek() != '[' {
		c.fail(WantValue, c.pos)
		return
	}
	if !c.enter() {
		return
	}
	defer func() { c.depth-- }()
	if c.Peek() == ']' {
		c.pos++
		return
	}
	for i := 0; ; i++ {
		c.space()
		at := c.pos
		if !yield(i) {
			return
		}
		if c.pos == at {
			c.Skip()
		}
		if !c.more(']') {
			return
		}
	}
}

func (c *Cursor) enter() bool {
	if c.err != nil {
		return false
	}
	if c.depth == MaxDepth {
		c.fail(TooDeep, c.pos)
		return false
	}
	c.depth++
	c.pos++
	return true
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
		c.pos++
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
		for range c.Object {
		}
	case '[':
		for range c.Array {
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
	from := c.pos
	i := from
	digits := func() int {
		n := 0
		for i < len(c.Text) && c.Text[i]-'0' <= 9 {
			i++
			n++
		}
		return n
	}
	if i < len(c.Text) && c.Text[i] == '-' {
		i++
	}
	whole := 1
	if i < len(c.Text) && c.Text[i] == '0' {
		i++
	} else if whole = digits(); whole == 0 {
		c.fail(WantValue, from)
		return
	}
	integer := true
	if end := i; i < len(c.Text) && c.Text[i] == '.' {
		i++
		if digits() == 0 {
			i = end
		} else {
			integer = false
		}
	}
	if end := i; i < len(c.Text) && c.Text[i]|0x20 == 'e' {
		i++
		if i < len(c.Text) && (c.Text[i] == '+' || c.Text[i] == '-') {
			i++
		}
		if digits() == 0 {
			i = end
		} else {
			integer = false
		}
	}
	if c.Python && integer && whole > 4300 {
		c.fail(LongNumber, from)
		return
	}
	c.pos = i
}

// String reads a string and returns its text, in its quotes and with its escapes: see Unquote. It is an error if the
// next value is not a string.
func (c *Cursor) String() []byte {
	if c.Peek() != '"' {
		c.fail(WantValue, c.pos)
		return nil
	}
	from := c.pos
	text := c.Text
	ascii := true
	for i := from + 1; ; {
		// plain[b] is false for the few bytes that need a look. Eight at a time is what makes this fast: strings are
		// nearly all of a conversation.
		for i+8 <= len(text) {
			w := text[i : i+8 : i+8]
			if !(plain[w[0]] && plain[w[1]] && plain[w[2]] && plain[w[3]] && plain[w[4]] && plain[w[5]] && plain[w[6]] && plain[w[7]]) {
				break
			}
			i += 8
		}
		for i < len(text) && plain[text[i]] {
			i++
		}
		if i >= len(text) {
			c.fail(OpenString, from)
			return nil
		}
		switch b := text[i]; {
		case b == '"':
			i++
			if !ascii && !utf8.Valid(text[from:i]) {
				c.fail(BadUTF8, from)
				return nil
			}
			c.pos = i
			return text[from:i:i]
		case b == '\\':
			if i+1 >= len(text) {
				c.fail(OpenString, from)
				return nil
			}
			switch text[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				if hex4(text, i+2) < 0 {
					c.fail(BadUnicode, i+1)
					return nil
				}
				i += 6
			default:
				c.fail(BadEscape, i)
				return nil
			}
		case b < ' ':
			c.fail(ControlChar, i)
			return nil
		default:
			ascii = false
			for i < len(text) && text[i] >= utf8.RuneSelf {
				i++
			}
		}
	}
}

var plain = func() (t [256]bool) {
	for b := ' '; b < utf8.RuneSelf; b++ {
		t[b] = b != '"' && b != '\\'
	}
	return t
}()

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

// Unquote appends what a string stands for: quoted is its text as Cursor.String returns it. Half of a surrogate pair
// becomes U+FFFD, and whole says that there was none.
func Unquote(dst, quoted []byte) (text []byte, whole bool) {
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

// Int reads a whole number from the text of a value, as Cursor.Skip returns it: 7, 7.0 and 7e0 are the same.
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
