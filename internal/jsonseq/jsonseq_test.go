package jsonseq

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// cut returns a text for each item of a stream: number, line, offset, and its
// data or error.
func cut(r io.Reader, limit int) (items []string, err error) {
	s := NewScanner(r)
	s.Max = limit
	for s.Scan() {
		it := s.Item()
		text := string(it.Data)
		if it.Err != nil {
			text = "! " + it.Err.Error()
		}
		items = append(items, fmt.Sprintf("%d:%d:%d %s", it.Number, it.Line, it.Offset, text))
	}
	return items, s.Err()
}

func TestScanner(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in string
		want     []string
	}{
		{"nothing", " \n ", nil},
		{"array", `[{"a":1},[2, "]"],"x\"y",-1.5e3,null]`,
			[]string{`1:1:1 {"a":1}`, `2:1:9 [2, "]"]`, `3:1:18 "x\"y"`, `4:1:25 -1.5e3`,
				`5:1:32 null`}},
		{"lines", "{\"a\":1}\n{}\n\n3\n", []string{`1:1:0 {"a":1}`, `2:2:8 {}`, `3:4:12 3`}},
		{"number at the end", "[1]2", []string{`1:1:1 1`, `2:1:3 2`}},
		{"escapes before a quote", `["a\\","b\\\"",{"\\":"\\\\"}]`,
			[]string{`1:1:1 "a\\"`, `2:1:7 "b\\\""`, `3:1:15 {"\\":"\\\\"}`}},
		{"positions over lines", "\uFEFF[\n  {\n    \"a\": [\n      1\n    ]\n  },\n  {}\n]\n[{}]",
			[]string{"1:2:7 {\n    \"a\": [\n      1\n    ]\n  }", "2:7:41 {}", "3:9:47 {}"}},
		// A broken line affects no other.
		{"lost quote", "{\"a\":1}\n{\"a\":\"x}\n{\"a\":\"y\"}\n", []string{`1:1:0 {"a":1}`,
			"2:2:8 ! a string holds a line break or another control character as such (is its " +
				"closing quote missing?) (line 2)", `3:3:17 {"a":"y"}`}},
		{"lost bracket", "{\"a\":{}\n{\"a\":\"y\"}\n",
			[]string{"1:1:0 ! the line ends inside an array or object (line 1)", `2:2:8 {"a":"y"}`}},
		{"wrong bracket", "{\"a\":[}\n{\"a\":\"y\"}\n",
			[]string{"1:1:0 ! want a comma or a closing bracket here (line 1)", `2:2:8 {"a":"y"}`}},
		{"junk at the front", "hello world\n{}",
			[]string{"1:1:0 ! want a value here (line 1)", "2:2:12 {}"}},
		// A broken element of a printed array affects no other.
		{"element", "[\n  {\n    \"a\": \"x,\n  },\n  {\n    \"a\": 1\n  }\n]\n{}",
			[]string{"1:2:4 ! a string holds a line break or another control character as such " +
				"(is its closing quote missing?) (line 3)", "2:5:26 {\n    \"a\": 1\n  }",
				"3:9:45 {}"}},
		{"last element", "[\n  {},\n  {\n    \"a\": {\n]\n{}",
			[]string{"1:2:4 {}", "2:3:10 ! want a comma or a closing bracket here (line 5)",
				"3:6:25 {}"}},
		{"lost brace and comma", "[\n  {\n    \"a\": 1\n  {\n    \"a\": 2\n  }\n]",
			[]string{"1:2:4 ! want a comma or a closing bracket here (line 4)",
				"2:4:19 {\n    \"a\": 2\n  }"}},
		{"in one line", `[{},{"a":}},{}]`,
			[]string{"1:1:1 {}", "2:1:4 ! want a value here (line 1)"}},
		{"array never closed", "[\n  {}\n{}\n{}",
			[]string{"1:2:4 {}", "2:3:7 ! want a comma or a closing bracket here (line 3)",
				"3:4:10 {}"}},
		{"cut off", "[\n  {},\n  {\"a\": \"x",
			[]string{"1:2:4 {}", "2:3:10 ! a string has no closing quote (line 3)"}},
		{"cut off between", "[\n  {},\n",
			[]string{"1:2:4 {}", "2:3:8 ! the input ends inside an array or object (line 3)"}},
		{"trailing comma", "[{},]{}", []string{"1:1:1 {}", "2:1:4 ! want a value here (line 1)"}},
		{"too large", "{}\n{\"a\":\"" + strings.Repeat("x", 600000) + "\"}\n{\"b\":2}\n",
			[]string{"1:1:0 {}", "2:2:3 ! the item is too large (line 2)", `3:3:600012 {"b":2}`}},
		{"too deep", strings.Repeat("[", 1100),
			[]string{"1:1:1 ! brackets are nested too deeply (line 1)"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for name, r := range map[string]io.Reader{
				"whole":         strings.NewReader(tc.in),
				"bytes":         iotest.OneByteReader(strings.NewReader(tc.in)),
				"end with data": iotest.DataErrReader(strings.NewReader(tc.in)),
			} {
				got, err := cut(r, 300000)
				if err != nil || !reflect.DeepEqual(got, tc.want) {
					t.Errorf("%s: error %v, got\n%s\nwant\n%s", name, err, strings.Join(got, "\n"),
						strings.Join(tc.want, "\n"))
				}
			}
		})
	}
}

// A top-level array is one item if its first element says so.
func TestScannerWhole(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in   string
		want []string
	}{
		{`[{"w":1},{"x":2}]`, []string{`1:1 [{"w":1},{"x":2}]`}},
		{"[ {\"w\":1}]\n[\n {\"x\":2}]\n[[{\"w\":1}], 3]\n{\"w\":4}",
			[]string{`1:1 [ {"w":1}]`, `2:3 {"x":2}`, `3:4 [{"w":1}]`, `4:4 3`, `5:5 {"w":4}`}},
		{"\uFEFF[\n\n{\"w\":\"]\"}\n]\n[]\n[1]",
			[]string{"1:1 [\n\n{\"w\":\"]\"}\n]", `2:6 1`}},
		{`[{"w":1}`, []string{`1:1 ! the input ends inside an array or object (line 1)`}},
		{"[{\"w\":1}, x\n[{\"w\":2}]", []string{
			`1:1 ! the line ends inside an array or object (line 1)`, `2:2 [{"w":2}]`}},
		{"[", []string{`1:1 ! the input ends inside an array or object (line 1)`}},
	} {
		for _, r := range []io.Reader{
			strings.NewReader(tc.in), iotest.OneByteReader(strings.NewReader(tc.in)),
		} {
			s := NewScanner(r)
			s.Whole = func(first []byte) bool { return bytes.Contains(first, []byte(`"w"`)) }
			var got []string
			for s.Scan() {
				text := string(s.Item().Data)
				if err := s.Item().Err; err != nil {
					text = "! " + err.Error()
				}
				got = append(got, fmt.Sprintf("%d:%d %s", s.Item().Number, s.Item().Line, text))
			}
			if s.Err() != nil || !slices.Equal(got, tc.want) {
				t.Errorf("%q: %q, want %q", tc.in, got, tc.want)
			}
		}
	}
}

func TestScannerSingle(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"[1, 2] \n": "1:1:1 1|2:1:4 2",
		"[1]\n[]":   "1:1:1 1|2:2:4 ! something follows the value (line 2)",
		"{}\n{}":    "1:1:0 {}|2:2:3 ! something follows the value (line 2)",
		"[1],":      "1:1:1 1|2:1:3 ! something follows the value (line 1)",
	} {
		s := NewScanner(strings.NewReader(in))
		s.Single = true
		var got []string
		for s.Scan() {
			it := s.Item()
			text := string(it.Data)
			if it.Err != nil {
				text = "! " + it.Err.Error()
			}
			got = append(got, fmt.Sprintf("%d:%d:%d %s", it.Number, it.Line, it.Offset, text))
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestScannerReadError(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	got, err := cut(io.MultiReader(strings.NewReader(`[{"a":1},{"b"`), iotest.ErrReader(gone)), 0)
	if err != gone || len(got) != 1 {
		t.Errorf("%q, error %v", got, err)
	}
}

// A Scanner finds the items that encoding/json finds, and neither panics nor
// hangs on other input.
func FuzzScanner(f *testing.F) {
	f.Add([]byte("[{\"a\":\"\\\"\"},2]\n{}\n\"x\" 1"), uint8(3))
	f.Add([]byte("[\n  {\"a\":[\n1]},\n  {\"a\":\"x\n},\n  {}\n]"), uint8(7))
	f.Add([]byte("{\"a\":{}\n{\"b\":1}\n]\n}"), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, chunk uint8) {
		s := NewScanner(&chunks{in: in, n: int(chunk%10) + 1})
		var got [][]byte
		broken := false
		last := int64(-1)
		for s.Scan() {
			it := s.Item()
			if it.Offset <= last && it.Err == nil {
				t.Fatalf("item %d at %d does not lie behind %d", it.Number, it.Offset, last)
			}
			last = it.Offset
			if it.Err != nil || Check(it.Data) != nil {
				broken = true
			}
			if it.Err == nil {
				if !bytes.Equal(it.Data, in[it.Offset:int(it.Offset)+len(it.Data)]) {
					t.Fatalf("item %d is %q, the input there %q", it.Number, it.Data,
						in[it.Offset:])
				}
				if it.Line != 1+bytes.Count(in[:it.Offset], []byte("\n")) {
					t.Fatalf("item %d: line %d", it.Number, it.Line)
				}
				got = append(got, bytes.Clone(it.Data))
			}
		}
		var whole []json.RawMessage
		if json.Unmarshal(in, &whole) != nil || Check(in) != nil {
			return
		}
		if bytes.Equal(bytes.TrimSpace(in), []byte("null")) {
			return
		}
		if broken || len(got) != len(whole) {
			t.Fatalf("%d items of %d, broken: %v", len(got), len(whole), broken)
		}
		for i := range whole {
			if !bytes.Equal(got[i], whole[i]) {
				t.Fatalf("item %d is %q, want %q", i, got[i], whole[i])
			}
		}
	})
}

// chunks is a reader that returns n bytes at a time.
type chunks struct {
	in []byte
	n  int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.n)], c.in)
	c.in = c.in[n:]
	return n, nil
}

func BenchmarkScanner(b *testing.B) {
	text, _ := json.Marshal(strings.Repeat("It was the best of times, \"it\" was the worst of "+
		"times.\n", 20))
	item := fmt.Sprintf("  {\n    \"id\": \"a\",\n    \"conversations\": [\n      {\n        "+
		"\"from\": \"human\",\n        \"value\": %s\n      }\n    ]\n  },\n", text)
	in := "[\n" + strings.Repeat(item, 1000)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		s := NewScanner(strings.NewReader(in))
		for s.Scan() {
		}
	}
}
