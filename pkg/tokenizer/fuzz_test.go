package tokenizer

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse: every file gives an error or a tokenizer that works.
func FuzzParse(f *testing.F) {
	f.Add([]byte(tiny), "abab ab<s>")
	f.Add([]byte(strings.Replace(tiny, `"ByteLevel", "add`, `"Whitespace", "add`, 1)), "a b\xff")
	f.Add([]byte(`{"model": {"vocab": {"▁": 0, "\u0061": 1, "<0x41>": 2, "u": 3},
		"merges": ["▁ a"], "byte_fallback": true, "unk_token": "u"},
		"normalizer": {"type": "Prepend", "prepend": "▁"}, "added_tokens": [
		{"id": 1, "content": "a", "normalized": true, "lstrip": true}]}`), "A a ☃")
	f.Add([]byte(`{"model": {"vocab": {"a": 0}, "merges": []}, "pre_tokenizer": {"type": `+
		`"Split", "pattern": {"Regex": "\\w+|[^a-c\\p{L}]{1,2}+"}, "behavior": "Removed"}}`), "a b")
	f.Fuzz(func(t *testing.T, file []byte, text string) {
		tok, err := Parse(file)
		if err != nil {
			return
		}
		check(t, tok, text)
	})
}

// FuzzTekken: every vocabulary and config gives an error or a tokenizer that
// works.
func FuzzTekken(f *testing.F) {
	// The bytes and a few tokens: the fuzzer is slow with large files.
	var whole struct{ Vocab []json.RawMessage }
	if err := json.Unmarshal(readRanks(f, "tekken.json"), &whole); err != nil {
		f.Fatal(err)
	}
	file := string(smallTekken(f, map[string]any{"vocab": whole.Vocab[:270], "config": map[string]any{
		"pattern": patternTekken, "version": "v3", "default_vocab_size": 280,
		"default_num_special_tokens": 10}}))
	f.Add(file, "the Light of 12 \n </s>é")
	f.Add(strings.Replace(file, "280", "266", 1), "a b")
	f.Add(strings.Replace(file, "280", "2000000", 1), "a b")
	f.Add(strings.Replace(file, `"rank":7`, `"rank":6`, 1), "")
	f.Add(strings.Replace(file, `"vocab":[`, `"vocab":[[[[[`, 1), "")
	f.Add(`{"config":{"pattern":".","version":"v3","default_vocab_size":2},"vocab":[`+
		`{"rank":0,"token_bytes":"AA=="},{"rank":1,"token_bytes":"AA=="}]}`, "a")
	f.Fuzz(func(t *testing.T, file, text string) {
		if tok, err := Parse([]byte(file)); err == nil {
			check(t, tok, text)
		}
	})
}

// FuzzTiktoken: every file of ranks gives an error or a tokenizer that works, and
// its errors have a line.
func FuzzTiktoken(f *testing.F) {
	file := strings.Join(strings.SplitAfter(string(smallRanks(f)), "\n")[:270], "")
	f.Add(file, `{"273": {"content": "<s>", "special": true}}`, "the Light 中文ab 12 <s>é")
	f.Add(file+"AAAA 70000\n", "{}", "\x00\x00\x00")
	f.Add(file+"AAAA 99999999999999999999\n", "null", "a")
	f.Add("AA== 0\nAA== 0\n", `{"x": 1}`, "a")
	f.Add("\n\n=== 1 2 3\n", `{"4294967295": {"content": "<s>"}}`, "a")
	f.Fuzz(func(t *testing.T, file, added, text string) {
		beside := &folder{dir: "no such folder", config: config{
			Class: json.RawMessage(`"QWenTokenizer"`), Added: json.RawMessage(added)}}
		tok, err := parseTiktoken([]byte(file), beside)
		if err == nil {
			check(t, tok, text)
		}
	})
}

// check tests what holds for every tokenizer and text.
func check(t *testing.T, tok *Tokenizer, text string) {
	t.Helper()
	ids := tok.Encode(text)
	if n := tok.Count(text); n != len(ids) {
		t.Errorf("%q: counted %d, encoded %d", text, n, len(ids))
	}
	if more := tok.Append([]int32{1, 2}, text); !slices.Equal(more[2:], ids) || more[0] != 1 {
		t.Errorf("%q: Append differs from Encode", text)
	}
	for _, id := range ids {
		if !tok.has(id) && tok.model.token(uint32(id)) != "" {
			t.Errorf("%q: the id %d is of no token", text, id)
		}
	}
	if s := tok.Decode(ids, false); !utf8.ValidString(s) {
		t.Errorf("%q: decodes to %q", text, s)
	}
}

// FuzzEncode: byte-level models without a normalizer lose nothing, and Count
// agrees with Encode for all models.
func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", "Hello, world", "a\xffb\xe2\x82", " <s>▁ \n\n", "é\u0301 1234 'LL",
		strings.Repeat("ab ", 60), "日本語\u0000"} {
		f.Add(s)
	}
	o200k := O200kBase()
	marks, err := Parse(patch(f, "marks", nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		check(t, o200k, text)
		check(t, marks, text)
		if s := o200k.Decode(o200k.Encode(text), false); s != validUTF8(text) {
			t.Errorf("%q decodes to %q", text, s)
		}
	})
}

// FuzzMerge: mergeLinear, mergeHeap and a cut text give the same ids.
func FuzzMerge(f *testing.F) {
	f.Add("the the the▁the▁▁ the")
	f.Add("aaaaaaaaaaaaab")
	marks, err := Parse(patch(f, "marks", nil))
	if err != nil {
		f.Fatal(err)
	}
	bytes, err := Parse(patch(f, "byte", nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = validUTF8(text)
		if len(text) == 0 {
			return
		}
		for _, tok := range []*Tokenizer{marks, bytes, O200kBase()} {
			w := &worker{Tokenizer: tok, cache: make([]cached, 1<<cacheBits)}
			w.symbols(text)
			if len(w.ids) < 2 {
				continue
			}
			symbols := slices.Clone(w.ids)
			w.mergeHeap(text)
			want := slices.Clone(w.out)
			w.out, w.ids = w.out[:0], append(w.ids[:0], symbols...)
			if tok.model.ranked {
				w.mergeRanked(text)
			} else {
				w.mergeLinear()
			}
			if !slices.Equal(w.out, want) {
				t.Errorf("%q: linear %v, heap %v", text, w.out, want)
			}
			if !tok.model.ignoreMerges {
				w.out = w.out[:0]
				if w.words(text); !slices.Equal(w.out, want) {
					t.Errorf("%q: cut %v, whole %v", text, w.out, want)
				}
			}
		}
	})
}

// FuzzSplitters: each splitter finds what its regular expression finds.
func FuzzSplitters(f *testing.F) {
	for _, s := range []string{"I'll we'RE 'ſx it's", "  a\n\n b \r\n\t", "12345 ½٣٤",
		"HTTPServer ǅa ʰa aʰB e\u0301X \u0301a", "!?/\n -- a-b", "日本かな\U00010d50",
		"\u00a0\u2028\u200d\x00\x01a", " \U0001e5f0\U00010d4e",
		"a\n  ", "我a中B的's ⺀!⺀/ 〇〇7 々\u0301X\U00016fe2\U00016ff0"} {
		f.Add(s)
	}
	loadClasses()
	engines := map[string]matcher{}
	all := maps.Clone(splitters)
	maps.Copy(all, tiktokenSplitters)
	for expr := range all {
		d := oniguruma
		if tiktokenSplitters[expr] != nil {
			d = rust
		}
		find, err := new(trouble).compile(expr, d)
		if err != nil {
			f.Fatal(err)
		}
		engines[expr] = find
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = validUTF8(text)
		for expr, split := range all {
			var want []int // ends of the pieces
			end := 0
			engines[expr](text, func(from, to int) {
				if from > end {
					want = append(want, from)
				}
				if to > from {
					want = append(want, to)
				}
				end = to
			})
			if end < len(text) {
				want = append(want, len(text))
			}
			var have []int
			for i := 0; i < len(text); {
				next := split(text, i)
				if next <= i || next > len(text) {
					t.Fatalf("%q at %d: piece ends at %d", text, i, next)
				}
				i = next
				have = append(have, i)
			}
			if !slices.Equal(have, want) {
				t.Errorf("%q: pieces end at %v, want %v\n%s", text, have, want, expr)
			}
		}
	})
}

// FuzzForms: text that is normal to x/text stays as it is, and normalizing
// twice changes nothing.
func FuzzForms(f *testing.F) {
	f.Add("e\u0301 각 \u1100\u1161\u11a8 ﬁ ①" + strings.Repeat("\u0301\u0323", 40))
	f.Fuzz(func(t *testing.T, text string) {
		text = validUTF8(text)
		loadClasses()
		for name, form := range map[string]func(string) string{"NFC": nfc, "NFD": nfd, "NFKC": nfkc,
			"NFKD": nfkd} {
			once := form(text)
			if twice := form(once); twice != once || !utf8.ValidString(once) {
				t.Errorf("%s: %q becomes %q becomes %q", name, text, once, twice)
			}
		}
	})
}
