package openai

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestTextHalves adds strings whose characters are cut across chunks.
func TestTextHalves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		chunks []string // JSON without quotes
		want   string
	}{
		{[]string{`a\ud83d`, `\ude00b`}, "a😀b"},
		{[]string{`\uD83D`, `\uDE00`, `\ud83d`, `\ude01`}, "😀😁"},
		{[]string{`\ud83d`, `b`}, "\uFFFDb"},
		{[]string{`\ud83d`, `\n`}, "\uFFFD\n"},
		{[]string{`\ud83d`, `\ud83d\ude00`}, "\uFFFD😀"},
		{[]string{`\ud83d`, `\ud83d`, `\ude00`}, "\uFFFD😀"},
		{[]string{`\ud83d`}, "\uFFFD"},
		{[]string{`\ude00`, `\ud83d`}, "\uFFFD\uFFFD"},
		{[]string{`\\ud83d`, `\ude00`}, `\ud83d` + "\uFFFD"},
		{[]string{`\\\ud83d`, `\ude00`}, `\😀`},
		{[]string{`\ud83d\ud83d`, `\ude00`}, "\uFFFD😀"},
		{[]string{"a\xf0\x9f", "\x98\x80b"}, "a😀b"},
		{[]string{"\xf0", "\x9f", "\x98", "\x80"}, "😀"},
		{[]string{"\\n\xf0\x9f", "\x98\x80\\t"}, "\n😀\t"},
	} {
		var text text
		for _, chunk := range c.chunks {
			text.addQuoted([]byte(`"` + chunk + `"`))
		}
		if string(text.buf) != c.want {
			t.Errorf("%q: %q, want %q", c.chunks, text.buf, c.want)
		}
	}
}

// FuzzTextHalves cuts the UTF-16 form of a text at any place and checks that the
// chunks make the text again.
func FuzzTextHalves(f *testing.F) {
	f.Add("a😀b\\\n\"é", uint(3))
	f.Add("😀😁", uint(1))
	f.Fuzz(func(t *testing.T, s string, at uint) {
		if !utf8.ValidString(s) {
			return
		}
		// Everything as escapes, but for the ASCII characters that need none.
		var units []string
		for _, r := range s {
			q, _ := json.Marshal(string(r))
			inner := string(q[1 : len(q)-1])
			if r > 0xffff {
				hi, lo := 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff
				units = append(units, hexEscape(hi), hexEscape(lo))
				continue
			}
			units = append(units, inner)
		}
		cut := int(at % uint(len(units)+1))
		var text text
		text.addQuoted([]byte(`"` + strings.Join(units[:cut], "") + `"`))
		text.addQuoted([]byte(`"` + strings.Join(units[cut:], "") + `"`))
		if string(text.buf) != s {
			t.Fatalf("%q cut at %d: %q", s, cut, text.buf)
		}
	})
}

func hexEscape(r rune) string {
	const digits = "0123456789abcdef"
	b := []byte(`\u0000`)
	for i := 5; i > 1; i-- {
		b[i] = digits[r&15]
		r >>= 4
	}
	return string(b)
}
