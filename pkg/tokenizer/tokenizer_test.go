package tokenizer

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// tiny is a byte-level model of a few merges.
const tiny = `{"added_tokens": [{"id": 9, "content": "<s>", "special": true, "normalized": false}],
	"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
	"decoder": {"type": "ByteLevel"},
	"post_processor": {"type": "TemplateProcessing",
		"single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
		"special_tokens": {"<s>": {"id": "<s>", "ids": [9], "tokens": ["<s>"]}}},
	"model": {"type": "BPE",
		"vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġa": 4, "abab": 5, "Ã": 6, "©": 7, "Ã©": 8},
		"merges": ["a b", ["ab", "ab"], "Ġ a", "Ã ©"]}}`

func TestEncode(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "tiny")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), []byte(tiny), 0o644); err != nil {
		t.Fatal(err)
	}
	tok, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if tok.Name() != "tiny" || tok.Size() != 10 || tok.SpecialTokensAdded() != 1 ||
		tok.CleansUpSpaces() {
		t.Errorf("name %q, size %d, special tokens %d, clean-up %t", tok.Name(), tok.Size(),
			tok.SpecialTokensAdded(), tok.CleansUpSpaces())
	}
	for _, c := range []struct {
		text string
		ids  []int32
	}{
		{"", nil},
		{"abab ab", []int32{5, 2, 3}}, // "a b" is earlier than "Ġ a"
		{"é<s>a", []int32{8, 9, 0}},
		{"ababab", []int32{5, 3}},
	} {
		ids := tok.Append([]int32{77}, c.text)
		if !slices.Equal(ids[1:], c.ids) || tok.Count(c.text) != len(c.ids) {
			t.Errorf("%q: %v, want %v", c.text, ids[1:], c.ids)
		}
		if got := tok.Decode(ids[1:], false); got != c.text {
			t.Errorf("%q decodes to %q", c.text, got)
		}
	}
	if got := tok.Decode([]int32{9, 0, -1, 10, 6, 9}, true); got != "a\uFFFD" {
		t.Errorf("%q", got)
	}
}
