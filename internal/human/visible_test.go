package human

import (
	"testing"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"plain, häßlich, 日本語, 🙂, \uFFFD", "plain, häßlich, 日本語, 🙂, \uFFFD"},
		{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"a\x00b\x07c\x7f", `a\x00b\x07c\x7f`},
		{"a\nb\tc\rd", `a\nb\tc\rd`},
		{"\u0085\u009b31m", `\u0085\u009b31m`},
		{"user\u202etxt.exe\u2066\u2069", `user\u202etxt.exe\u2066\u2069`},
		{"\ufeffa\u200bb\u2060\u2028", `\ufeffa\u200bb\u2060\u2028`},
		{"\U000e0041", `\U000e0041`},
		{
			"می\u200cخواهم क्\u200dष 👩🏽\u200d🚀 ❤\ufe0f\u200d🔥 \u0600١",
			"می\u200cخواهم क्\u200dष 👩🏽\u200d🚀 ❤\ufe0f\u200d🔥 \u0600١",
		},
		{"pay\u200dpal \u200d🙂 🙂\u200d\u200d🙂", `pay\u200dpal \u200d🙂 🙂\u200d\u200d🙂`},
		{"a\xffb\xc3", `a\xffb\xc3`},
		{"\xed\xa0\x80", `\xed\xa0\x80`}, // half of a pair
	} {
		if got := Visible(c.in); got != c.want {
			t.Errorf("%q: got %s, want %s", c.in, got, c.want)
		}
	}
	if got, want := VisibleText("a\n\tb\r\x1b"), "a\n\tb"+`\r\x1b`; got != want {
		t.Errorf("several lines: got %q, want %q", got, want)
	}
	if got, want := VisibleHeadings(Heading("a")+"\x1b[31m"), "\x1b[93ma\x1b[0m"+`\x1b[31m`; got != want {
		t.Errorf("headings: got %q, want %q", got, want)
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("a\x1b[0m\u202e\xff\n")
	f.Add("🙂\u200d🙂\u200d\u202e🙂\u200c\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := Visible(s)
		if !utf8.ValidString(got) {
			t.Errorf("%q: %q is no UTF-8", s, got)
		}
		for i, r := range got {
			if Hidden(r) && !joins(got, i, r) {
				t.Errorf("%q: %q has %U", s, got, r)
			}
		}
		if again := Visible(got); again != got {
			t.Errorf("%q: %q becomes %q", s, got, again)
		}
	})
}

func TestShorten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"short", 5, "short"}, {"äöüßé", 5, "äöüßé"}, {"abcdefghij", 5, "ab…ij"},
		{"abcdefghij", 6, "ab…hij"}, {"日本語日本語", 4, "日…本語"},
	} {
		if got := Shorten(c.in, c.n); got != c.want {
			t.Errorf("%q to %d: got %q, want %q", c.in, c.n, got, c.want)
		}
	}
}
