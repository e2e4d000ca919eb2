package openai

import (
	"unicode/utf16"
	"unicode/utf8"
)

// scanner walks over one JSON text once, checking all of it and stopping where its caller wants something. gjson picks
// faster to write but never validates, and a chunk that is not JSON has to be told from one that is.
type scanner struct {
	b   []byte
	i   int
	bad bool // not JSON at i; everything then ends at once
}

// maxDepth of arrays and objects, far above what an answer holds.
const maxDepth = 1000

func (s *scanner) fail() bool {
	s.bad = true
	return false
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// enter steps into an array or object, which it opens with c, and says whether there is one.
func (s *scanner) enter(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.i++
	return true
}

// element moves to the next element of an array that was entered; first is true once.
func (s *scanner) element(first *bool) bool {
	return s.item(']', first)
}

// field moves to the next value of an object that was entered and returns its name, unescaped.
func (s *scanner) field(first *bool) (name []byte, ok bool) {
	if !s.item('}', first) {
		return nil, false
	}
	if s.peek() != '"' {
		return nil, s.fail()
	}
	body, escaped := s.text()
	if escaped {
		body = appendUnescaped(nil, body)
	}
	if s.peek() != ':' {
		return nil, s.fail()
	}
	s.i++
	return body, !s.bad
}

func (s *scanner) item(end byte, first *bool) bool {
	if s.bad {
		return false
	}
	c := s.peek()
	switch {
	case c == end:
		s.i++
		return false
	case *first:
		*first = false
		return c != 0 || s.fail()
	case c != ',':
		return s.fail()
	}
	s.i++
	if s.peek() == end { // a trailing comma
		return s.fail()
	}
	return true
}

// text steps over a string, whose opening quote is next, and returns what is between the quotes.
func (s *scanner) text() (body []byte, escaped bool) {
	start := s.i + 1
	end, escaped := stringEnd(s.b, start)
	if end < 0 {
		s.fail()
		return nil, false
	}
	s.i = end + 1
	return s.b[start:end], escaped
}

// plain marks the bytes that stand for themselves inside a string.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return t
}()

// stringEnd is the index of the closing quote of a string whose body begins at i; -1 if it is not a valid one.
func stringEnd(b []byte, i int) (end int, escaped bool) {
	for i < len(b) {
		c := b[i]
		switch {
		case plain[c]:
			i++
		case c == '"':
			return i, escaped
		case c != '\\' || i+1 >= len(b):
			return -1, false
		default:
			escaped = true
			switch b[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				if _, ok := hex4(b, i+2); !ok {
					return -1, false
				}
				i += 6
			default:
				return -1, false
			}
		}
	}
	return -1, false
}

func hex4(b []byte, i int) (r rune, ok bool) {
	if i+4 > len(b) {
		return 0, false
	}
	for _, c := range b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendUnescaped appends what a valid string's body stands for. A lone surrogate becomes the replacement character.
func appendUnescaped(dst, body []byte) []byte {
	for i := 0; i < len(body); {
		start := i
		for i < len(body) && body[i] != '\\' {
			i++
		}
		dst = append(dst, body[start:i]...)
		if i == len(body) {
			break
		}
		c := body[i+1]
		i += 2
		switch c {
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
			r, _ := hex4(body, i)
			i += 4
			if utf16.IsSurrogate(r) {
				var low rune
				if i+6 <= len(body) && body[i] == '\\' && body[i+1] == 'u' {
					low, _ = hex4(body, i+2)
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// value steps over any value and returns it as it stands.
func (s *scanner) value() []byte { return s.valueAt(0) }

func (s *scanner) valueAt(depth int) []byte {
	c := s.peek()
	start := s.i
	switch {
	case s.bad || depth > maxDepth:
		s.fail()
	case c == '"':
		s.text()
	case c == '{':
		s.i++
		for first := true; ; {
			if _, ok := s.field(&first); !ok {
				break
			}
			s.valueAt(depth + 1)
		}
	case c == '[':
		s.i++
		for first := true; s.element(&first); {
			s.valueAt(depth + 1)
		}
	case c == 't':
		s.word("true")
	case c == 'f':
		s.word("false")
	case c == 'n':
		s.word("null")
	default:
		s.number()
	}
	if s.bad {
		return nil
	}
	return s.b[start:s.i]
}

func (s *scanner) word(w string) {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		s.fail()
		return
	}
	s.i += len(w)
}

func (s *scanner) number() {
	digits := func() bool {
		start := s.i
		for s.i < len(s.b) && s.b[s.i]-'0' <= 9 {
			s.i++
		}
		return s.i > start
	}
	next := func(c byte) bool { return s.i < len(s.b) && s.b[s.i] == c }
	if next('-') {
		s.i++
	}
	zero := next('0')
	if start := s.i; !digits() || zero && s.i > start+1 {
		s.fail()
		return
	}
	if next('.') {
		s.i++
		if !digits() {
			s.fail()
			return
		}
	}
	if next('e') || next('E') {
		s.i++
		if next('+') || next('-') {
			s.i++
		}
		if !digits() {
			s.fail()
		}
	}
}

// end says whether the text was all JSON and nothing is left.
func (s *scanner) end() bool { return s.peek() == 0 && s.i == len(s.b) && !s.bad }
