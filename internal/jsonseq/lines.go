package jsonseq

import "bytes"

// layout is how values outside arrays stand in the lines of a stream.
type layout int

const (
	unknown layout = iota
	oneLine        // each in one line, as in JSONL
	printed        // over several lines
)

// alone reports whether a broken text outside arrays, which begins at buf[start],
// ends with its line. Without a value to go by, its first line decides: printers
// break lines behind an opening bracket.
func (s *Scanner) alone(start int) bool {
	switch {
	case s.array || s.Single:
		return false
	case s.layout != unknown:
		return s.layout == oneLine
	}
	first := s.buf[start]
	if first != '{' && first != '[' {
		return true
	}
	line, _, whole := bytes.Cut(s.buf[start+1:s.end], []byte("\n"))
	return whole && len(bytes.TrimSpace(line)) > 0
}

// skipLine moves to the next value behind the line of pos. If there is one, an
// error of a later line is that this line ends too early.
func (s *Scanner) skipLine(err *SyntaxError) {
	line := s.line
	for {
		n := bytes.IndexByte(s.buf[s.pos:s.end], '\n')
		if n >= 0 {
			s.pos += n
			break
		}
		s.pos = s.end
		if !s.fill(s.pos) {
			s.closed = true
			return
		}
	}
	end := s.base + int64(s.pos)
	_, more := s.next()
	if err.Offset > end {
		err.Line = line
		if more {
			err.Kind, err.Offset = OpenLine, end
		}
	}
	if s.layout == unknown {
		s.indent = nil // the line was no example of what follows
	}
}

// isValue reports whether the n bytes at pos, which end a value outside arrays,
// are one: a bracket or a string is, and a number or a word if no other text
// follows it in its line.
func (s *Scanner) isValue(n int) bool {
	text := s.buf[s.pos : s.pos+n]
	switch c := text[0]; {
	case c == '{' || c == '[':
		return true
	case c != '"' && !isNumber(text) && !words[string(text)]:
		return false
	}
	for i := n; i < n+maxSpace; i++ {
		if s.pos+i == s.end && !s.fill(s.pos) {
			return true
		}
		switch c := s.buf[s.pos+i]; c {
		case ' ', '\t', '\r':
		case ',', ':', '}', ']':
			return false
		default:
			return c < 'a' || c > 'z' || c == 't' || c == 'f' || c == 'n'
		}
	}
	return true
}

// words are the values that are words, Python's among them.
var words = map[string]bool{
	"true": true, "false": true, "null": true,
	"NaN": true, "Infinity": true, "-Infinity": true,
}

// isNumber reports whether the text begins like a number.
func isNumber(text []byte) bool {
	return text[0] == '-' && string(text) != "-" || text[0] >= '0' && text[0] <= '9'
}
