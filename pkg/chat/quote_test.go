package chat

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAppendString(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"empty", "", `""`},
		{"html stays", "<a>&", `"<a>&"`},
		{"must be escaped", "\"\\\n\r\t\x00\x1f", `"\"\\\n\r\t\u0000\u001f"`},
		{"utf-8 stays", "héllo 你好 🙂", `"héllo 你好 🙂"`},
		{"line separators", "a\u2028b\u2029c", `"a\u2028b\u2029c"`},
		{"invalid bytes", "a\xffb\xc3", "\"a\uFFFDb\uFFFD\""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := string(AppendString(nil, tc.in)); got != tc.want {
				t.Errorf("AppendString(%q) = %s, want %s", tc.in, got, tc.want)
			}
		})
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\"b\\\x00é\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(AppendString(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		// The conversion turns each invalid byte into U+FFFD, as AppendString
		// must.
		if want := string([]rune(s)); got != want {
			t.Fatalf("%q came back as %q", s, got)
		}
	})
}

func BenchmarkAppendString(b *testing.B) {
	s := strings.Repeat("It was the best of times, \"it\" was the worst of times.\n", 100)
	dst := make([]byte, 0, 2*len(s))
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendString(dst[:0], s)
	}
}
