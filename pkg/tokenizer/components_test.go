package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// readTestdata reads a file of testdata/components.
func readTestdata(tb testing.TB, name string, v any) {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "components", name))
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// patch returns one of the small tokenizers of testdata/components with some of
// its parts replaced.
func patch(tb testing.TB, base string, parts map[string]any) []byte {
	tb.Helper()
	var file map[string]any
	readTestdata(tb, base+".json", &file)
	for key, v := range parts {
		if key == "model" {
			for k, v := range v.(map[string]any) {
				file["model"].(map[string]any)[k] = v
			}
			continue
		}
		file[key] = v
	}
	b, err := json.Marshal(file)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// The golden file has the results of Hugging Face's tokenizers for the texts
// with each component; scripts/oracle writes it.
func TestComponents(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Name, Base string
		Patch      map[string]any
	}
	var texts []string
	var golden map[string]struct {
		IDs             [][]int32
		Decoded, Middle []string
	}
	readTestdata(t, "cases.json", &cases)
	readTestdata(t, "texts.json", &texts)
	readTestdata(t, "golden.json", &golden)
	if len(cases) != len(golden) {
		t.Errorf("%d cases, %d golden results: run scripts/oracle.sh -update",
			len(cases), len(golden))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			tok, err := Parse(patch(t, c.Base, c.Patch))
			if err != nil {
				t.Fatal(err)
			}
			want := golden[c.Name]
			if len(want.IDs) != len(texts) {
				t.Fatalf("%d golden results of %d texts", len(want.IDs), len(texts))
			}
			for i, s := range texts {
				ids := want.IDs[i]
				if have := tok.Encode(s); !slices.Equal(have, ids) {
					t.Errorf("%q: %v, want %v", s, have, ids)
				}
				if n := tok.Count(s); n != len(ids) {
					t.Errorf("%q: %d, want %d", s, n, len(ids))
				}
				if have := tok.Decode(ids, false); have != want.Decoded[i] {
					t.Errorf("%v: %q, want %q", ids, have, want.Decoded[i])
				}
				n := len(ids)
				if part := ids[n/3 : n-n/4]; tok.Decode(part, true) != want.Middle[i] {
					t.Errorf("%v: %q, want %q", part, tok.Decode(part, true), want.Middle[i])
				}
			}
		})
	}
}

// A component that is not implemented is an error that names it.
func TestRefused(t *testing.T) {
	t.Parallel()
	type parts = map[string]any
	bytelevel := parts{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}
	split := func(regex string) parts {
		return parts{"pre_tokenizer": parts{"type": "Sequence", "pretokenizers": []any{
			parts{"type": "Split", "pattern": parts{"Regex": regex}, "behavior": "Isolated"},
			bytelevel}}}
	}
	for _, c := range []struct {
		name    string
		parts   parts
		contain string
	}{
		{"unigram", parts{"model": parts{"type": "Unigram"}}, `"Unigram"`},
		{"wordpiece", parts{"model": parts{"type": "WordPiece"}}, `"WordPiece"`},
		{"prefix", parts{"model": parts{"continuing_subword_prefix": "##"}},
			"continuing_subword_prefix"},
		{"suffix", parts{"model": parts{"end_of_word_suffix": "</w>"}}, "end_of_word_suffix"},
		{"dropout", parts{"model": parts{"dropout": 0.1}}, "dropout"},
		{"normalizer", parts{"normalizer": parts{"type": "Precompiled"}},
			`normalizer "Precompiled"`},
		{"nested normalizer", parts{"normalizer": parts{"type": "Sequence",
			"normalizers": []any{parts{"type": "Nmt"}}}}, `"Nmt"`},
		{"pre-tokenizer", parts{"pre_tokenizer": parts{"type": "UnicodeScripts"}},
			`"UnicodeScripts"`},
		{"decoder", parts{"decoder": parts{"type": "CTC"}}, `"CTC"`},
		{"post-processor", parts{"post_processor": parts{"type": "New"}}, `"New"`},
		{"behaviour", parts{"pre_tokenizer": parts{"type": "Split", "pattern": parts{"String": "x"},
			"behavior": "Odd"}}, `"Odd"`},
		{"no pattern", parts{"pre_tokenizer": parts{"type": "Split", "pattern": parts{},
			"behavior": "Isolated"}}, "pattern"},
		{"scheme", parts{"pre_tokenizer": parts{"type": "Metaspace", "replacement": "▁",
			"prepend_scheme": "odd"}}, `"odd"`},
		{"two byte levels", parts{"pre_tokenizer": parts{"type": "Sequence",
			"pretokenizers": []any{bytelevel, bytelevel}}}, "ByteLevel"},
		{"intersection", split(`[a-z&&[ab]]+`), "&&"},
		{"negated set in a class", split(`[\Wa]+`), "negated set"},
		{"unknown property", split(`\p{Klingon}`), `\p{Klingon}`},
		{"unknown escape", split(`\R`), `\R`},
		{"flag", split(`(?x:a b)`), "(?x"},
		{"open class", split(`[a`), "without ]"},
		{"open group", split(`(a`), "(a"},
		{"closed group", split(`a)`), ")"},
		{"merge", parts{"model": parts{"merges": []any{"a qqq"}}}, "qqq"},
		{"merge of three", parts{"model": parts{"merges": []any{[]any{"a", "b", "c"}}}},
			"not two tokens"},
		{"unknown token", parts{"model": parts{"unk_token": "?", "vocab": parts{"a": 0},
			"merges": []any{}}}, "unk_token"},
		{"id", parts{"model": parts{"vocab": parts{"a": 1 << 30}}}, "vocab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(patch(t, "byte", c.parts))
			if err == nil || !strings.Contains(err.Error(), c.contain) {
				t.Errorf("%v; want it to name %s", err, c.contain)
			}
		})
	}
	for _, b := range []string{"", "{", "[]", "{}", "null", `{"model": 1}`,
		`{"model": {"type": "BPE", "vocab": 3}}`,
		`{"model": {"vocab": {"a": "b"}, "merges": []}}`} {
		if _, err := Parse([]byte(b)); err == nil {
			t.Errorf("%q is taken for a tokenizer", b)
		}
	}
}

// The error of a folder without a tokenizer.json names what is there instead.
func TestLoadErrors(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"": "no tokenizer.json, tekken.json or tiktoken file in this folder",
		"tokenizer.model": "only tokenizer.model (a SentencePiece model), which is not " +
			"supported",
		"vocab.txt":  "WordPiece",
		"model.gguf": "only model.gguf (a model of llama.cpp)",
	} {
		dir := t.TempDir()
		if file != "" {
			if err := os.WriteFile(filepath.Join(dir, file), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.HasPrefix(err.Error(), dir) {
			t.Errorf("%q: %v", file, err)
		}
	}
	dir := t.TempDir()
	broken := filepath.Join(dir, "tokenizer.json")
	if err := os.WriteFile(broken, []byte(`{"model": {"type": "BPE", "vocab": {`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.HasPrefix(err.Error(), broken+": ") {
		t.Error(err)
	}
	if _, err := Load(filepath.Join(dir, "missing")); err == nil {
		t.Error("a missing file loads")
	}
}
