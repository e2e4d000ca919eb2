package tokenizer

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// impatient makes matches give up sooner. What it does to tests of real patterns
// would be an error: no test that calls it runs beside others.
func impatient(t *testing.T) {
	before := matchTime
	matchTime = 200 * time.Millisecond
	t.Cleanup(func() { matchTime = before })
}

// with returns tiny with another part.
func with(part, text string) string {
	return fmt.Sprintf(`{"%s": %s, "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}}`,
		part, text)
}

func split(expr string) string {
	return with("pre_tokenizer", fmt.Sprintf(
		`{"type": "Split", "pattern": {"Regex": %q}, "behavior": "Isolated"}`, expr))
}

// sequence returns a component of n equal ones.
func sequence(n int, list, one string) string {
	return `{"type": "Sequence", "` + list + `": [` + strings.Repeat(one+",", n-1) + one + `]}`
}

const double = `{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}`

// A file that makes endless work, or endless text, of a text ends in an error.
func TestHostileTokenizers(t *testing.T) {
	impatient(t)
	for _, tc := range []struct{ name, file, text, err string }{
		{"nested repetitions", split(`(a+)+b`), strings.Repeat("a", 60), "more time than a match may take"},
		{"alternatives that are alike", split(`^(a|aa)+$`), strings.Repeat("a", 60) + "b",
			"more time than a match may take"},
		{"normalizers that double", with("normalizer", sequence(40, "normalizers", double)), "aaaa b",
			"more than 64 times as long"},
		{"a long replacement", with("normalizer", `{"type": "Replace", "pattern": {"String": "a"}, `+
			`"content": "`+strings.Repeat("b", 1<<20)+`"}`), strings.Repeat("a", 4000),
			"more than 64 times as long"},
		{"the same by a regular expression", with("normalizer", `{"type": "Replace", "pattern": `+
			`{"Regex": "a"}, "content": "`+strings.Repeat("b", 1<<20)+`"}`),
			strings.Repeat("a", 4000), "more than 64 times as long"},
		{"a long beginning", with("normalizer", `{"type": "Prepend", "prepend": "`+
			strings.Repeat("b", 1<<20)+`"}`), "a", "more than 64 times as long"},
	} {
		tok, err := Parse([]byte(tc.file))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if tok.Encode("b"); tc.name != "a long beginning" && tok.Err() != nil {
			t.Errorf("%s: a short text has the error %v", tc.name, tok.Err())
		}
		tok.Encode(tc.text)
		if err := tok.Err(); err == nil || !strings.Contains(err.Error(), tc.err) ||
			strings.Contains(err.Error(), "\n") || len(err.Error()) > 300 {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.err)
		}
		if n := tok.Count("b"); n != 0 {
			t.Errorf("%s: a text behind the error has %d tokens, want none", tc.name, n)
		}
	}
	for _, tc := range []struct{ name, file, err string }{
		{"many normalizers", with("normalizer", sequence(257, "normalizers", `{"type": "NFC"}`)),
			"normalizer has more than 256 steps"},
		{"many pre-tokenizers", with("pre_tokenizer", sequence(257, "pretokenizers",
			`{"type": "Digits"}`)), "pre_tokenizer has more than 256 steps"},
		{"many decoders", with("decoder", sequence(257, "decoders", `{"type": "Fuse"}`)),
			"decoder has more than 256 steps"},
		{"sequences in sequences", with("normalizer", strings.Repeat(
			`{"type": "Sequence", "normalizers": [`, 2000)+strings.Repeat("]}", 2000)), "nested"},
		{"a decoder that strips nothing for ever", with("decoder",
			`{"type": "Strip", "content": "", "start": 1000000000000}`), "content is empty"},
		{"a long added token", with("added_tokens", `[{"id": 2, "content": "`+
			strings.Repeat("a", 5000)+`"}]`), "larger than 4 KiB"},
		{"an id beyond all", `{"model": {"vocab": {"a": 2147483647}, "merges": []}}`, "2147483647"},
	} {
		if _, err := Parse([]byte(tc.file)); err == nil || !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.err)
		}
	}
}
