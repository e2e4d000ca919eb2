package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// group is a part of the corpus.
type group struct {
	name  string
	texts []string
}

// corpus returns the groups of the shared folder, if given, and those generated
// here.
func corpus(shared string) (groups, own []group, err error) {
	if shared != "" {
		files, err := filepath.Glob(filepath.Join(shared, "data", "tokenizer-corpus", "*.json.gz"))
		if err != nil {
			return nil, nil, err
		}
		if len(files) == 0 {
			return nil, nil, fmt.Errorf("SHARED=%s: no data/tokenizer-corpus/*.json.gz there",
				shared)
		}
		for _, f := range files {
			texts, err := readTexts(f)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", f, err)
			}
			groups = append(groups, group{strings.TrimSuffix(filepath.Base(f), ".json.gz"), texts})
		}
	}
	root, err := goroot()
	if err != nil {
		return nil, nil, err
	}
	book, err := os.ReadFile(filepath.Join(root, "src", "testdata", "Isaac.Newton-Opticks.txt"))
	if err != nil {
		return nil, nil, err
	}
	code, err := goFiles(root, "unicode", "fmt", "net/http", "runtime", "html")
	if err != nil {
		return nil, nil, err
	}
	return groups, []group{
		{"opticks", append(strings.Split(string(book), "\n\n"), string(book))},
		{"go_files", code},
		{"all_characters", characters()},
		{"runs", runs()},
		{"random", random(strings.Fields(string(book)))},
	}, nil
}

// sample returns the texts for components: all characters except most of the
// scripts whose characters are all alike, and a tenth of the other texts.
func sample(own []group) (groups []group) {
	for _, g := range own {
		var texts []string
		switch g.name {
		case "all_characters":
			for _, s := range g.texts {
				r, _ := utf8.DecodeRuneInString(s[1:])
				alike := unicode.In(r+0x20, unicode.Han, unicode.Hangul, unicode.Tangut,
					unicode.Egyptian_Hieroglyphs)
				if r&0x3ff < 0x40 || !alike {
					texts = append(texts, s)
				}
			}
		case "runs", "random":
			for i := 0; i < len(g.texts); i += 10 {
				texts = append(texts, g.texts[i])
			}
		}
		if texts != nil {
			groups = append(groups, group{g.name, texts})
		}
	}
	return groups
}

func readTexts(path string) (texts []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return texts, json.NewDecoder(z).Decode(&texts)
}

// goroot returns the folder of the Go distribution.
func goroot() (string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	return strings.TrimSpace(string(out)), err
}

func goFiles(root string, packages ...string) (texts []string, err error) {
	for _, p := range packages {
		files, err := filepath.Glob(filepath.Join(root, "src", p, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, f := range files[:min(len(files), 20)] {
			b, err := os.ReadFile(f)
			if err != nil {
				return nil, err
			}
			if utf8.Valid(b) {
				texts = append(texts, string(b))
			}
		}
	}
	return texts, nil
}

// characters returns texts with every code point, assigned or not, among others
// that reveal its class.
func characters() (texts []string) {
	var b strings.Builder
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r >= 0xd800 && r < 0xe000 ||
			r >= 0x32400 && r&0xff != 0 && !(r >= 0xe0000 && r < 0xe0200) {
			continue // surrogates; planes whose characters are all alike
		}
		fmt.Fprintf(&b, "a%cB %c1%c", r, r, r)
		if r&0x3f == 0x3f {
			texts = append(texts, b.String())
			b.Reset()
		}
	}
	return texts
}

// runs returns long repetitions and pairs of texts that matter to splitters and
// merges.
func runs() (texts []string) {
	atoms := []string{
		" ", "\n", "\r", "\t", "\u00a0", "\u2028", "\u3000", "\x00", "\u200d",
		"a", "A", "é", "ǅ", "ʰ", "1", "٣", "Ⅷ", "_", "-", "/", "'",
		"'s", "'S", "'ſ", "'ll", "▁", "日", "か", "カ", "한", "e\u0301", "\u0301", "\u0335",
		"👍🏽", "👨‍👩‍👧", "🇩🇪", "ﬁ", "İ", "<s>", "<|", "|>", ".", "!?",
		"x'", "ab ", "Ab", "\ufeff", "\ufffd",
	}
	for _, a := range atoms {
		for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 64, 97, 129, 300, 1000} {
			texts = append(texts, strings.Repeat(a, n), "x"+strings.Repeat(a, n)+"y",
				" "+strings.Repeat(a, n)+" ")
		}
		for _, b := range atoms {
			texts = append(texts, a+b, a+b+a+b, a+a+b+b+a, "x "+a+" "+b+"y")
		}
	}
	return texts
}

// random returns texts of words and characters in random order.
func random(words []string) (texts []string) {
	r := rand.New(rand.NewPCG(1, 2))
	letters := []rune("aeiouxyzABC \n" +
		"\t0123.,!?'\"-_/\\éßñ中文字かな한글яжшअआ\u0301\u0308😀\u200d🏽▁<>|")
	for range 10000 {
		var b strings.Builder
		for range 1 + r.IntN(30) {
			switch r.IntN(3) {
			case 0:
				b.WriteString(words[r.IntN(len(words))])
			case 1:
				b.WriteString(" ")
			default:
				for range 1 + r.IntN(4) {
					b.WriteRune(letters[r.IntN(len(letters))])
				}
			}
		}
		texts = append(texts, b.String())
	}
	return texts
}
