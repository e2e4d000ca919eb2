package tokenizer

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// smallRanks returns the small tiktoken file of the tests: 800 ranks.
func smallRanks(tb testing.TB) []byte {
	tb.Helper()
	return readRanks(tb, "tiktoken.model")
}

func readRanks(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "ranks", name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// smallTekken returns the small tekken.json of the tests with some of its parts
// replaced.
func smallTekken(tb testing.TB, parts map[string]any) []byte {
	tb.Helper()
	var file map[string]any
	if err := json.Unmarshal(readRanks(tb, "tekken.json"), &file); err != nil {
		tb.Fatal(err)
	}
	for key, v := range parts {
		if v == nil {
			delete(file, key)
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

// write writes files, by name, into a new folder.
func write(tb testing.TB, files map[string]string) (dir string) {
	tb.Helper()
	dir = filepath.Join(tb.TempDir(), "model")
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// The golden file has the results of mistral-common and tiktoken for the texts
// of the component tests; scripts/oracle writes it.
func TestRanked(t *testing.T) {
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
	readTestdata(t, "texts.json", &texts)
	for name, v := range map[string]any{"cases.json": &cases, "golden.json": &golden} {
		if err := json.Unmarshal(readRanks(t, name), v); err != nil {
			t.Fatal(err)
		}
	}
	if len(cases) != len(golden) {
		t.Errorf("%d cases, %d golden results: run scripts/oracle.sh -update",
			len(cases), len(golden))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{}
			if c.Base == "tekken" {
				files["tekken.json"] = string(smallTekken(t, c.Patch))
			} else {
				config, err := json.Marshal(c.Patch)
				if err != nil {
					t.Fatal(err)
				}
				files["tokenizer_config.json"] = string(config)
				files["tiktoken.model"] = string(smallRanks(t))
			}
			tok, err := Load(write(t, files))
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

// What shows the model of a tiktoken file, and which ids its special tokens have.
func TestMarks(t *testing.T) {
	t.Parallel()
	ranks := string(smallRanks(t))
	for _, c := range []struct {
		name, file string
		beside     map[string]string
		text       string // one special token
		id         int32
	}{
		{"class", "tiktoken.model",
			map[string]string{"tokenizer_config.json": `{"tokenizer_class": "QWenTokenizer"}`},
			"<|im_start|>", 801},
		{"qwen by auto_map", "qwen.tiktoken",
			map[string]string{"tokenizer_config.json": `{"tokenizer_class": null,
				"auto_map": {"AutoTokenizer": ["Qwen/Qwen-7B--tokenization_qwen.QWenTokenizer", null]}}`},
			"<|extra_204|>", 1007},
		{"auto_map of one name", "tokenizer.model",
			map[string]string{"tokenizer_config.json": `{
				"auto_map": {"AutoTokenizer": "tokenization_moonshot.TikTokenTokenizer"}}`},
			"<|reserved_token_1055|>", 1055},
		{"python file", "tiktoken.model", map[string]string{"tokenization_kimi.py": ""},
			"<|reserved_token_800|>", 800},
		{"model type", "tiktoken.model", map[string]string{"config.json": `{"model_type": "kimi_k2"}`},
			"<|reserved_token_801|>", 801},
		{"packed, named by the config", "tiktoken.model.gz",
			map[string]string{"tokenizer_config.json": `{"auto_map": {"AutoTokenizer":
				["tokenization_kimi.TikTokenTokenizer", null]}, "added_tokens_decoder":
				{"803": {"content": "<|im_user|>", "special": true}}}`},
			"<|im_user|>", 803},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{c.file: ranks}
			if strings.HasSuffix(c.file, ".gz") {
				files[c.file] = zipped(t, ranks)
			}
			for name, text := range c.beside {
				files[name] = text
			}
			dir := write(t, files)
			tok, err := Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			if have := tok.Encode("a" + c.text + "b"); len(have) != 3 || have[1] != c.id {
				t.Errorf("%v, want %d in the middle", have, c.id)
			}
			if have := tok.Decode([]int32{97, c.id, 98}, true); have != "ab" {
				t.Errorf("%q", have)
			}
			if tok.Name() != "model" || tok.Source() != filepath.Join(dir, c.file) {
				t.Errorf("name %q, source %q", tok.Name(), tok.Source())
			}
		})
	}
}

// A folder is read by the preferred one of its files, and a file by what is in it.
func TestPreference(t *testing.T) {
	t.Parallel()
	all := map[string]string{"tokenizer.json": tiny, "tekken.json": string(smallTekken(t, nil)),
		"tiktoken.model": string(smallRanks(t)), "tokenizer.model": "\n\x0e\n\x05<unk>\x15\x00\xff",
		"tokenizer_config.json": `{"tokenizer_class": "QWenTokenizer"}`}
	for _, c := range []struct {
		leave []string
		size  int
	}{{nil, 10}, {[]string{"tokenizer.json"}, 850}, {[]string{"tokenizer.json", "tekken.json"}, 1008}} {
		files := map[string]string{}
		for name, text := range all {
			if !slices.Contains(c.leave, name) {
				files[name] = text
			}
		}
		tok, err := Load(write(t, files))
		if err != nil || tok.Size() != c.size {
			t.Errorf("without %v: %v", c.leave, err)
		}
	}
	dir := write(t, map[string]string{"tekken_240911.json": all["tekken.json"],
		"mine.tiktoken": all["tiktoken.model"], "tokenizer_config.json": all["tokenizer_config.json"]})
	for file, name := range map[string]string{"tekken_240911.json": "model", "mine.tiktoken": "mine"} {
		tok, err := Load(filepath.Join(dir, file))
		if err != nil || tok.Name() != name {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// In tekken.json special tokens are text, as in mistral-common.
func TestTekkenSpecials(t *testing.T) {
	t.Parallel()
	tok, err := Parse(smallTekken(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	if ids := tok.Encode("</s>"); len(ids) < 2 || slices.Min(ids) < 100 {
		t.Errorf("</s> is %v", ids)
	}
	if have := tok.Decode([]int32{2, 197, 99}, false); have != "</s>a<SPECIAL_99>" {
		t.Errorf("%q", have)
	}
	if have := tok.Decode([]int32{2, 197}, true); have != "a" {
		t.Errorf("%q", have)
	}
	if tok.Size() != 850 || tok.SpecialTokensAdded() != 1 {
		t.Errorf("%d tokens, %d added", tok.Size(), tok.SpecialTokensAdded())
	}
}

// What is wrong in a file is an error that shows where.
func TestRankedErrors(t *testing.T) {
	t.Parallel()
	type parts = map[string]any
	config := func(key string, v any) parts {
		c := parts{"pattern": patternTekken, "default_vocab_size": 850,
			"default_num_special_tokens": 100, "version": "v3"}
		c[key] = v
		return parts{"config": c}
	}
	token := func(rank any, token string) parts {
		return parts{"vocab": []any{parts{"rank": rank, "token_bytes": token, "token_str": nil}}}
	}
	special := func(rank int, token string) parts {
		return parts{"special_tokens": []any{parts{"rank": 0, "token_str": "<unk>"},
			parts{"rank": rank, "token_str": token}}}
	}
	for _, c := range []struct {
		name    string
		parts   parts
		contain string
	}{
		{"version", config("version", "v99"), `version "v99"`},
		{"pattern", config("pattern", `[a-z&&[aeiou]]`), "pattern"},
		{"size", config("default_vocab_size", 1<<40), "default_vocab_size is 1099511627776"},
		{"no room", config("default_vocab_size", 100), "default_vocab_size is 100"},
		{"special tokens", config("default_num_special_tokens", -1), "default_num_special_tokens is -1"},
		{"few tokens", config("default_vocab_size", 5000), "800 tokens, and default_vocab_size needs 4900"},
		{"wrong config", parts{"config": 3}, "config: "},
		{"no vocab", parts{"vocab": 3}, "vocab: item 0"},
		{"rank", token(7, "AA=="), "vocab: item 0: rank 7, want 0"},
		{"rank of another kind", token("x", "AA=="), "vocab: item 0: rank"},
		{"base64", token(0, "A"), `vocab: item 0: token_bytes "A": illegal base64`},
		{"empty token", token(0, ""), "vocab: item 0: token_bytes \"\": the token is empty"},
		{"special rank", special(100, "x"), "special_tokens: item 1: rank 100"},
		{"special twice", special(0, "x"), `special_tokens: item 1: rank 0 is already that of "<unk>"`},
		{"special without text", special(1, ""), "special_tokens: item 1"},
		{"neither", parts{"config": nil}, "not a tokenizer.json or a tekken.json"},
	} {
		_, err := Parse(smallTekken(t, c.parts))
		if err == nil || !strings.Contains(err.Error(), c.contain) {
			t.Errorf("%s: %v; want it to name %s", c.name, err, c.contain)
		}
	}
	kimi := map[string]string{"tokenizer_config.json": `{"added_tokens_decoder":
		{"5": {"content": "x"}}}`, "tokenization_kimi.py": ""}
	plain := map[string]string{"tokenization_kimi.py": ""}
	for _, c := range []struct {
		name, ranks string
		beside      map[string]string
		contain     string
	}{
		{"no sign", string(smallRanks(t)), nil, "tokenizer_config.json"},
		{"wrong config", string(smallRanks(t)), map[string]string{"config.json": "{"}, "config.json: "},
		{"base64", "AA== 0\nAQ== 1\nA 2\n", plain, `line 3: the token "A" is not base64`},
		{"no rank", "AA== 0\n\n\nAQ==\n", plain, `line 4: "AQ==" is not`},
		{"rank", "AA== 0\r\nAQ== -1\r\n", plain, `line 2: rank "-1"`},
		{"huge rank", "AA== 0\nAQ== 4294967296\n", plain, `line 2: rank "4294967296"`},
		{"largest rank", string(smallRanks(t)) + "AAAA 2097150\n", plain, `line 801: rank "2097150"`},
		{"rank twice", "AA== 0\nAQ== 0\n", plain, "line 2: the id 0 is already"},
		{"token twice", "AA== 0\nAA== 1\n", plain, "line 2: the token"},
		{"bytes", "AA== 0\nAQ== 1\n", plain, "the byte 0x02 has no token"},
		{"special", string(smallRanks(t)), kimi, `special tokens: "x" has the id 5 of`},
	} {
		files := map[string]string{"tiktoken.model": c.ranks}
		for name, text := range c.beside {
			files[name] = text
		}
		dir := write(t, files)
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), c.contain) ||
			!strings.HasPrefix(err.Error(), dir) {
			t.Errorf("%s: %v; want it to name %s", c.name, err, c.contain)
		}
	}
	for name, want := range map[string]string{"\n\x0e\n\x05<unk>\x15\x00\xff": "SentencePiece",
		"GGUF\x03": "llama.cpp", "hello": "byte 0"} {
		dir := write(t, map[string]string{"x.bin": name})
		if _, err := Load(filepath.Join(dir, "x.bin")); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// The table of encodings has no mark or digest twice, and patterns with splitters.
func TestEncodings(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, e := range encodings {
		for _, mark := range slices.Concat(e.marks, e.sha256) {
			if seen[mark] != "" {
				t.Errorf("%s: %s is that of %s", e.name, mark, seen[mark])
			}
			seen[mark] = e.name
		}
		if f, err := new(Tokenizer).tiktokenStep(e.pattern); err != nil {
			t.Errorf("%s: %v", e.name, err)
		} else if _, ok := f.(splitter); !ok {
			t.Errorf("%s: no splitter", e.name)
		}
		names := map[string]bool{}
		for _, a := range e.special(200000) {
			if names[a.Content] {
				t.Errorf("%s: %s twice", e.name, a.Content)
			}
			names[a.Content] = true
		}
	}
}

func zipped(tb testing.TB, text string) string {
	tb.Helper()
	var b strings.Builder
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(text))
	if err = errors.Join(err, z.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// A file that is none of a tokenizer says what it is.
func TestNoTokenizer(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 1\n": "Git LFS pointer",
		"<!DOCTYPE html><html></html>":                                        "HTML page",
		"PK\x03\x04" + strings.Repeat("\x00", 40):                             "zip archive",
		" \n": "the file is empty",
		`{}`:  "this is not a tokenizer.json",
	} {
		file := filepath.Join(t.TempDir(), "tokenizer.json")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
