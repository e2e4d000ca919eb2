package jsonseq

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// In JSONL every broken line is one item with its own number, and no line is
// lost to the broken one before it.
func TestBrokenLines(t *testing.T) {
	t.Parallel()
	const (
		open  = "! the line ends inside an array or object"
		end   = "! the input ends inside an array or object"
		value = "! want a value here"
		quote = "! a string holds a line break or another control character as such " +
			"(is its closing quote missing?)"
	)
	for _, tc := range []struct {
		name, in string
		want     []string // line and item, or error
	}{
		{"several in a row", "{\"a\":1}\n{\"a\":\n{\"a\":[\n{\"a\":1,\n{\"a\":5}\n",
			[]string{`1 {"a":1}`, "2 " + open, "3 " + open, "4 " + open, `5 {"a":5}`}},
		{"other beginnings", "{}\nbad\nvery bad\n]\n}\n{\"a\":7}\n",
			[]string{"1 {}", "2 " + value, "3 " + value, "4 " + value, "5 " + value, `6 {"a":7}`}},
		{"a lost quote", "{}\n{\"a\":\"x}\n{\"a\":\"y\"}\n",
			[]string{"1 {}", "2 " + quote, `3 {"a":"y"}`}},
		{"the first", "{\"a\":\n{\"a\":2}\n{\"a\":3}\n",
			[]string{"1 " + open, `2 {"a":2}`, `3 {"a":3}`}},
		{"the first two", "{\"a\"\nbad\n{\"a\":3}\n",
			[]string{"1 " + open, "2 " + value, `3 {"a":3}`}},
		{"the last without a line break", "{\"a\":1}\n{\"a\":",
			[]string{`1 {"a":1}`, "2 " + end}},
		{"the last", "{\"a\":1}\n{\"a\":\n\n", []string{`1 {"a":1}`, "2 " + end}},
		{"all", "{\"a\"\n{\"a\":\n{\"b\"\n", []string{"1 " + open, "2 " + open, "3 " + end}},
		{"two values", "{\"a\":1} {\"a\":2}\n{\"a\":3}\n",
			[]string{`1 {"a":1}`, `1 {"a":2}`, `2 {"a":3}`}},
		{"text behind a value", "{\"a\":1} x y z\n{\"a\":2}}\n{\"a\":3}\n",
			[]string{`1 {"a":1}`, "1 " + value, `2 {"a":2}`, "2 " + value, `3 {"a":3}`}},
		{"a lost bracket in front", "{}\n\"a\":5}\n12 monkeys\ntrue\n",
			[]string{"1 {}", "2 " + value, "3 " + value, "4 true"}},
		{"CRLF", "{\"a\":1}\r\n{\"a\"\r\nbad bad\r\n{\"a\":4}\r\n",
			[]string{`1 {"a":1}`, "2 " + open, "3 " + value, `4 {"a":4}`}},
		{"empty lines", "\n{\"a\":1}\n\n{\"a\n\n\n{\"a\":2}\n",
			[]string{`2 {"a":1}`, "4 " + quote, `7 {"a":2}`}},
		// A value that is printed over several lines is broken as a whole.
		{"printed", "{\n  \"a\": 1\n}\n{\n  \"a\": x y,\n  5\n}\n{\n  \"a\": 2,\n}\n{\n}\n",
			[]string{"1 {\n  \"a\": 1\n}", "4 {\n  \"a\": x y,\n  5\n}", "8 " + value, "11 {\n}"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for name, r := range map[string]io.Reader{
				"whole": strings.NewReader(tc.in),
				"bytes": iotest.OneByteReader(strings.NewReader(tc.in)),
			} {
				if got := lines(r); !reflect.DeepEqual(got, tc.want) {
					t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"),
						strings.Join(tc.want, "\n"))
				}
			}
		})
	}
}

// lines returns the line of each item with its text, or with its error, whose
// line has to be in it.
func lines(r io.Reader) (items []string) {
	s := NewScanner(r)
	for s.Scan() {
		it := s.Item()
		text := string(it.Data)
		if it.Err != nil {
			e := it.Err.(*SyntaxError)
			text = "! " + e.Kind.String()
			if e.Line != it.Line && s.layout == oneLine {
				text += fmt.Sprintf(" (line %d)", e.Line)
			}
		}
		items = append(items, fmt.Sprintf("%d %s", it.Line, text))
	}
	return items
}
