package chat

import "unicode/utf8"

const hex = "0123456789abcdef"

// AppendString appends s as a JSON string with as few escapes as possible:
// quotes, backslashes, control characters, and U+2028 and U+2029, which some
// readers take for line ends. Other characters stay UTF-8, because escaped CJK
// text is twice as long, and < > & stay as they are. A byte that is not UTF-8
// becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	return append(AppendQuoted(append(dst, '"'), s), '"')
}

// AppendQuoted is AppendString without the quotes, for a string that is made of
// several texts.
func AppendQuoted(dst []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		for i+8 <= len(s) && allPlain(s[i:i+8]) {
			i += 8
		}
		if i == len(s) {
			break
		}
		c := s[i]
		if asIsASCII[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && n == 1:
				dst = append(append(dst, s[from:i]...), "\uFFFD"...)
			case r == '\u2028' || r == '\u2029':
				dst = append(append(dst, s[from:i]...), `\u202`...)
				dst = append(dst, hex[r&0xf])
			default:
				i += n
				continue
			}
			i += n
			from = i
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case 0x7f: // not in the table, which is also that of Python, but it needs no escape
			dst = append(dst, c)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
		i++
		from = i
	}
	return append(dst, s[from:]...)
}

// allPlain reports whether none of eight bytes needs an escape, as is true for
// nearly all of a text.
func allPlain(w string) bool {
	_ = w[7]
	return asIsASCII[w[0]] && asIsASCII[w[1]] && asIsASCII[w[2]] && asIsASCII[w[3]] &&
		asIsASCII[w[4]] && asIsASCII[w[5]] && asIsASCII[w[6]] && asIsASCII[w[7]]
}
