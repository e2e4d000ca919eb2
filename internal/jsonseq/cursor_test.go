package jsonseq

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"strings"
	"testing"
	"unicode/utf8"

	"multiturn/internal/limits"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in   string
		kind Kind
		at   int64
	}{
		{in: ` {"a": [1, -0.5e+10, "x\u00e9\/\b", true, false, null, {}, []]} `},
		{"", WantValue, 0},
		{"[1,]", WantValue, 3},
		{`{"a":}`, WantValue, 5},
		{"nul", WantValue, 0},
		{"NaN", WantValue, 0},
		{"-", WantValue, 0},
		{".5", WantValue, 0},
		{"01", ExtraData, 1},
		{"1.", ExtraData, 1},
		{"1e", ExtraData, 1},
		{"{1:2}", WantKey, 1},
		{`{"a":1,}`, WantKey, 7},
		{`{"a" 1}`, WantColon, 5},
		{`{"a":1 "b":2}`, WantComma, 7},
		{"[1 2]", WantComma, 3},
		{"[1", WantComma, 2},
		{`["abc`, OpenString, 1},
		{`["abc\`, OpenString, 1},
		{"[\"a\nb\"]", ControlChar, 3},
		{`["a\x"]`, BadEscape, 3},
		{`["a\u12g4"]`, BadUnicode, 4},
		{"[\"\xff\"]", BadUTF8, 1},
		{"[\"\xed\xa0\x80\"]", BadUTF8, 1}, // a surrogate in UTF-8
		{"{} {}", ExtraData, 3},
		{strings.Repeat("[", limits.Depth+1), TooDeep, limits.Depth},
	} {
		err := Check([]byte(tc.in))
		if tc.kind == 0 {
			if err != nil {
				t.Errorf("%s: %v", tc.in, err)
			}
			continue
		}
		if e, ok := err.(*SyntaxError); !ok || e.Kind != tc.kind || e.Offset != tc.at {
			t.Errorf("%.20s: got %v, want %v at %d", tc.in, err, tc.kind, tc.at)
		}
	}
}

func TestCursorPython(t *testing.T) {
	t.Parallel()
	for in, ok := range map[string]bool{
		"[NaN, Infinity, -Infinity]":               true,
		strings.Repeat("9", 4300):                  true,
		strings.Repeat("9", 4301):                  false,
		strings.Repeat("9", 4301) + ".0":           true,
		"1" + strings.Repeat("0", 5000) + "e-5000": true,
		"nan": false,
	} {
		c := Cursor{Text: []byte(in), Python: true}
		c.Skip()
		if err := c.End(); (err == nil) != ok {
			t.Errorf("%.30s: %v", in, err)
		}
	}
}

func TestCursorPicks(t *testing.T) {
	t.Parallel()
	c := Cursor{Text: []byte(`{"skip": {"id": [1, 2]}, "id": "a\tb", "n": 12, "list": ["x", 3, ` +
		`{"y": 4}], "end": true}`)}
	var got []string
	for key := range c.Object {
		switch string(key) {
		case "id":
			got = append(got, string(c.String()))
		case "list":
			for i := range c.Array {
				if c.Peek() == '"' {
					got = append(got, fmt.Sprint(i, string(c.String())))
				}
			}
		case "n":
			n, _ := Int(c.Skip())
			got = append(got, fmt.Sprint(n))
		}
	}
	if err := c.End(); err != nil || strings.Join(got, " ") != `"a\tb" 0"x" 12` &&
		strings.Join(got, " ") != `"a\tb" 12 0"x"` {
		t.Errorf("%q, %v", got, err)
	}
}

// Pass ends where Skip ends.
func TestCursorPass(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`12`, `null`, `"a"`, `"]\\\"["`, `[]`, `{"}": ["]", {"a\"": [1, 2]}], "b": 3}`,
		`["a b", "c"]`,
	} {
		skip, pass := Cursor{Text: []byte(text + ", 1")}, Cursor{Text: []byte(text + ", 1")}
		want, got := skip.Skip(), pass.Pass()
		if string(got) != text || string(want) != text || pass.Pos() != skip.Pos() ||
			pass.Err() != nil {
			t.Errorf("%s: Pass returns %q, Skip %q; %v", text, got, want, pass.Err())
		}
	}
	for _, text := range []string{`"a`, `[1`, `{"a": "}`, `["\`, `[[]`} {
		c := Cursor{Text: []byte(text)}
		if c.Pass(); c.Err() == nil {
			t.Errorf("%s: Pass finds an end", text)
		}
	}
}

// Check accepts the UTF-8 texts that encoding/json accepts, and Unquote gives
// the same strings.
func FuzzCheck(f *testing.F) {
	f.Add(`{"a": [1, -0.5e+10, "x\u00e9\ud83d\ude42\/\b", true, {}]}`)
	f.Add(`"\ud83d\ud83d\ude42 \udc00"`)
	f.Fuzz(func(t *testing.T, in string) {
		err := Check([]byte(in))
		if want := json.Valid([]byte(in)) && utf8.ValidString(in); (err == nil) != want {
			if e, ok := err.(*SyntaxError); ok && e.Kind == TooDeep {
				return
			}
			t.Fatalf("%q: %v", in, err)
		}
		var s string
		c := Cursor{Text: []byte(in)}
		if err != nil || c.Peek() != '"' || json.Unmarshal([]byte(in), &s) != nil {
			return
		}
		if got, _ := Unquote(nil, c.String()); string(got) != s {
			t.Fatalf("%q: %q, want %q", in, got, s)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	text, _ := json.Marshal(strings.Repeat("It was the best of times, \"it\" was the worst of "+
		"times.\n", 20))
	in := []byte("[" + strings.Repeat(string(text)+",", 1000) + "1]")
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Check(in); err != nil {
			b.Fatal(err)
		}
	}
}

// special finds what the table finds, for each byte in each place.
func TestSpecial(t *testing.T) {
	t.Parallel()
	for b := range 256 {
		for at := range 8 {
			word := []byte("abcdefgh")
			word[at] = byte(b)
			want := 8
			if !plain[b] {
				want = at
			}
			// neighbours of special bytes
			for _, next := range []byte{'a', 0x21, '#', '[', ']', 0x7f} {
				if at < 7 {
					word[at+1] = next
				}
				if got := bits.TrailingZeros64(special(binary.LittleEndian.Uint64(word))) / 8; got != want {
					t.Fatalf("%q: %d, want %d", word, got, want)
				}
			}
		}
	}
}
