package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// Term is a word with its explanation. Without an explanation it is the title of
// the terms that follow.
type Term struct{ Word, About string }

// longTerm is the width from which a term has a line of its own: a column as
// wide as the longest would leave little room for the explanations.
const longTerm = 32

// widen returns the column of explanations, further right if the term needs it
// and is not too long for one line with its explanation.
func (t Term) widen(column int) int {
	if n := utf8.RuneCountInString(t.Word) + 4; n <= longTerm && t.About != "" {
		return max(column, n)
	}
	return column
}

// Terms prints terms to stdout, explanations in a column of their own, in lines
// as wide as the terminal but not above 100 columns.
func (c *Call) Terms(terms []Term) error {
	column := 0
	for _, t := range terms {
		column = t.widen(column)
	}
	width := widthOf(c.Stdout)
	for _, t := range terms {
		if _, err := fmt.Fprintln(c.Stdout, width.row(t, column)); err != nil {
			return err
		}
	}
	return nil
}

// width is that of a line of text, in columns.
type width int

// The widths of text: what people read with ease at most, and what two columns
// need at least.
const (
	widest    width = 100
	narrowest width = 50
)

// widthOf returns the width of text on w: a terminal's, between the two limits.
func widthOf(w io.Writer) width {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return min(max(width(n), narrowest), widest)
		}
	}
	return widest
}

// row returns a term in two columns. A word too long for its column has a line
// of its own.
func (w width) row(t Term, column int) string {
	if t.About == "" {
		return w.wrap(0, t.Word)
	}
	text := w.wrap(column, t.About)
	word := "  " + t.Word
	if n := utf8.RuneCountInString(word); n+2 <= column {
		return word + strings.Repeat(" ", column-n) + text
	}
	return word + "\n" + strings.Repeat(" ", column) + text
}

// wrap breaks the text's lines and indents all but the first. Lines that begin
// with a space stay as they are.
func (w width) wrap(indent int, text string) string {
	pad := "\n" + strings.Repeat(" ", indent)
	var out []string
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if !strings.HasPrefix(line, " ") {
			line = w.wrapLine(indent, pad, line)
		}
		out = append(out, line)
	}
	return strings.Join(out, pad)
}

// wrapLine breaks one line, which begins at the column indent, with pad.
func (w width) wrapLine(indent int, pad, line string) string {
	var b strings.Builder
	at := indent
	for i, word := range strings.Fields(line) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > int(w):
			b.WriteString(pad)
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}
