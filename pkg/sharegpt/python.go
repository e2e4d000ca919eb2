package sharegpt

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"multiturn/internal/jsonseq"
	"multiturn/pkg/chat"
)

// pythonJSON returns as JSON what Python prints for a dict, a list and what they
// may hold; nil if the text is something else.
func pythonJSON(text []byte) []byte {
	var out []byte
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\'' || c == '"':
			s, n := pythonString(string(text[i:]))
			if n == 0 {
				return nil
			}
			out = chat.AppendString(out, s)
			i += n
		case isWordByte(c):
			n := i
			for n < len(text) && isWordByte(text[n]) {
				n++
			}
			out = append(out, pythonWord(string(text[i:n]))...)
			i = n
		default:
			out = append(out, c)
			i++
		}
	}
	if jsonseq.Check(out) != nil {
		return nil
	}
	return out
}

func isWordByte(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func pythonWord(word string) string {
	switch word {
	case "True":
		return "true"
	case "False":
		return "false"
	case "None":
		return "null"
	}
	return word
}

// pythonString reads the string literal that the text begins with, and returns
// its length; 0 if it is not closed or has an unknown escape.
func pythonString(text string) (string, int) {
	var out strings.Builder
	quote := text[0]
	for rest := text[1:]; rest != ""; {
		switch {
		case rest[0] == quote:
			return out.String(), len(text) - len(rest) + 1
		case strings.HasPrefix(rest, `\/`): // of JSON
			out.WriteByte('/')
			rest = rest[2:]
			continue
		case strings.HasPrefix(rest, `\'`), strings.HasPrefix(rest, `\"`):
			out.WriteByte(rest[1])
			rest = rest[2:]
			continue
		case rest[0] == '\n' || rest[0] < utf8.RuneSelf && rest[0] != '\\':
			out.WriteByte(rest[0]) // a printed string has its line breaks escaped, or not
			rest = rest[1:]
			continue
		}
		r, multibyte, tail, err := strconv.UnquoteChar(rest, quote)
		if err != nil {
			return "", 0
		}
		if r < utf8.RuneSelf || !multibyte {
			r &= 0xff // \xe9 is the character U+00E9
		}
		out.WriteRune(r)
		rest = tail
	}
	return "", 0
}
