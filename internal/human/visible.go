package human

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible returns s as one line with everything escaped that a terminal would
// obey or hide instead of showing it: control characters, line breaks and tabs
// too, marks of the direction of writing, characters without a width, and bytes
// that are not UTF-8. Texts of servers and of files are printed so. Joiners stay
// between the characters that they are for, see joins.
func Visible(s string) string { return visible(s, func(rune) bool { return false }) }

// VisibleText is Visible for text of several lines: it keeps line breaks and tabs.
func VisibleText(s string) string {
	return visible(s, func(r rune) bool { return r == '\n' || r == '\t' })
}

// Heading returns s as terminals show a heading: in yellow.
func Heading(s string) string { return yellow + s + plain }

const (
	yellow = "\x1b[93m"
	plain  = "\x1b[0m"
)

// headings are the codes of Heading, by what VisibleText makes of them.
var headings = strings.NewReplacer(`\x1b[93m`, yellow, `\x1b[0m`, plain)

// VisibleHeadings is VisibleText for text with headings, which stay as they are.
// Other text can be yellow at worst.
func VisibleHeadings(s string) string { return headings.Replace(VisibleText(s)) }

// Hidden reports whether a terminal would obey or hide the character.
func Hidden(r rune) bool {
	return r < ' ' || r >= 0x7f && (r < 0xa0 || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r) // which has a width
}

// joins reports whether r, which begins at s[i], is a joiner or non-joiner between
// two characters of a script or of emoji: words of Persian, conjuncts of Hindi and
// families of emoji are spelt with them.
func joins(s string, i int, r rune) bool {
	if r != '\u200c' && r != '\u200d' {
		return false
	}
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	after, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
	return joinable(before) && joinable(after)
}

func joinable(r rune) bool {
	const beyondLatin = 0x300 // where joiners change nothing, and could only hide
	return r >= beyondLatin && r != utf8.RuneError && unicode.In(r, unicode.L, unicode.M, unicode.S)
}

func visible(s string, keep func(rune) bool) string {
	next := func(s string) int {
		for i, r := range s {
			if Hidden(r) && !keep(r) && !joins(s, i, r) || r == utf8.RuneError {
				return i
			}
		}
		return len(s)
	}
	n := next(s)
	if n == len(s) {
		return s
	}
	var b strings.Builder
	for s != "" {
		b.WriteString(s[:n])
		if s = s[n:]; s == "" {
			break
		}
		r, size := utf8.DecodeRuneInString(s)
		b.WriteString(escaped(r, s[:size]))
		s = s[size:]
		n = next(s)
	}
	return b.String()
}

// escaped returns the escape of a character, which is these bytes.
func escaped(r rune, bytes string) string {
	switch {
	case r == utf8.RuneError && len(bytes) == 1:
		return fmt.Sprintf(`\x%02x`, bytes[0])
	case r == utf8.RuneError:
		return bytes // that character itself
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r == '\r':
		return `\r`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// Shorten returns s with its middle left out if it has more than n characters.
func Shorten(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	runes := []rune(s)
	tail := n / 2
	return string(runes[:n-tail-1]) + "…" + string(runes[len(runes)-tail:])
}
