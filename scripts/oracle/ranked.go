package main

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// rankedCase is a case of the tests of tekken.json and tiktoken files: Base is
// tekken, with replacements of the file's parts, or tiktoken, with the
// tokenizer_config.json beside it. Kind is the oracle's.
type rankedCase struct {
	Name  string         `json:"name"`
	Base  string         `json:"base"`
	Kind  string         `json:"kind"`
	Patch map[string]any `json:"patch"`
}

// ranked compares every case on the given groups and the texts of the component
// tests, and with update writes the golden file.
func ranked(oracle, dir string, groups []group, update bool, only string) error {
	var cases []rankedCase
	var texts []string
	all := map[string]golden{}
	err := readJSON(filepath.Join(dir, "cases.json"), &cases)
	if err == nil {
		err = readJSON(filepath.Join(dir, "..", "components", "texts.json"), &texts)
	}
	if err == nil && (!update || only != "") { // what is not compared stays
		err = readJSON(filepath.Join(dir, "golden.json"), &all)
	}
	if err != nil {
		return err
	}
	groups = append([]group{{"texts", texts}}, groups...)
	r := newReport("tekken.json and tiktoken files", groups)
	for _, c := range cases {
		if only != "" && !strings.Contains(c.Name, only) {
			continue
		}
		file, err := c.write(filepath.Join(oracle, "case"), dir)
		if err != nil {
			return err
		}
		var got golden
		sum, err := got.compare(python(oracle, c.Name, c.Kind, file), groups)
		if err != nil {
			return err
		}
		r.row(c.Name, sum, all, got, update)
	}
	if update {
		if err := writeGolden(filepath.Join(dir, "golden.json"), all); err != nil {
			return err
		}
	}
	return r.err()
}

// write writes the case's files into a folder and returns the tokenizer's.
func (c *rankedCase) write(to, dir string) (file string, err error) {
	if err := os.RemoveAll(to); err != nil {
		return "", err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", err
	}
	if c.Base == "tekken" {
		return patchedTo(filepath.Join(to, "tekken.json"), dir, component{Base: c.Base, Patch: c.Patch})
	}
	b, err := os.ReadFile(filepath.Join(dir, "tiktoken.model"))
	if err != nil {
		return "", err
	}
	file = filepath.Join(to, "tiktoken.model")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		return "", err
	}
	if b, err = json.Marshal(c.Patch); err != nil {
		return "", err
	}
	return file, os.WriteFile(filepath.Join(to, "tokenizer_config.json"), b, 0o644)
}

const (
	trainedBytes  = 60_000 // of the book
	trainedTokens = 800
)

// train writes the small vocabulary of the tests: byte pairs of a book and of the
// texts of the component tests, the bytes first, as tekken.json wants it.
func train(dir string) error {
	book, err := os.ReadFile(filepath.Join("examples", "opticks.txt"))
	if err != nil {
		return err
	}
	var texts []string
	if err := readJSON(filepath.Join(dir, "..", "components", "texts.json"), &texts); err != nil {
		return err
	}
	text := string(book[:trainedBytes]) + strings.Join(texts, "\n")
	counts := map[string]int{}
	for _, w := range regexp.MustCompile(` ?[\pL\pM]+|\pN+| ?[^\s\pL\pN]+|\s+`).FindAllString(text, -1) {
		counts[w]++
	}
	tokens := trainPairs(counts, trainedTokens)
	var model, vocab strings.Builder
	for i, t := range tokens {
		token := base64.StdEncoding.EncodeToString([]byte(t))
		fmt.Fprintf(&model, "%s %d\n", token, i)
		fmt.Fprintf(&vocab, `%s{"rank":%d,"token_bytes":%q,"token_str":null}`,
			strings.Repeat(",\n", min(i, 1)), i, token)
	}
	config := `{"pattern":` + quoted(tekkenPattern) + `,"num_vocab_tokens":` +
		fmt.Sprint(len(tokens)) + `,"default_vocab_size":` + fmt.Sprint(len(tokens)+50) +
		`,"default_num_special_tokens":100,"version":"v3"}`
	tekken := `{"config":` + config + `,"vocab":[` + vocab.String() + "]}\n"
	if err := os.WriteFile(filepath.Join(dir, "tiktoken.model"), []byte(model.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "tekken.json"), []byte(tekken), 0o644)
}

const tekkenPattern = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|` +
	`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|` +
	`\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string is always encoded
	return string(b)
}

// trainPairs returns n tokens: all bytes, then the most frequent pair of tokens
// again and again.
func trainPairs(words map[string]int, n int) (tokens []string) {
	type word struct {
		parts []string
		count int
	}
	var all []word
	for b := range 256 {
		tokens = append(tokens, string([]byte{byte(b)}))
	}
	for w, count := range words {
		next := word{count: count}
		for i := range len(w) {
			next.parts = append(next.parts, w[i:i+1])
		}
		all = append(all, next)
	}
	for len(tokens) < n {
		pairs := map[[2]string]int{}
		for _, w := range all {
			for i := 1; i < len(w.parts); i++ {
				pairs[[2]string{w.parts[i-1], w.parts[i]}] += w.count
			}
		}
		var best [2]string
		for p, count := range pairs {
			if c := cmp.Compare(count, pairs[best]); c > 0 ||
				c == 0 && slices.Compare(p[:], best[:]) < 0 {
				best = p
			}
		}
		if pairs[best] < 2 {
			break
		}
		made := best[0] + best[1]
		if !slices.Contains(tokens, made) {
			tokens = append(tokens, made)
		}
		for i := range all {
			parts := all[i].parts[:0]
			for k := 0; k < len(all[i].parts); k++ {
				if k+1 < len(all[i].parts) && [2]string(all[i].parts[k:k+2]) == best {
					parts = append(parts, made)
					k++
				} else {
					parts = append(parts, all[i].parts[k])
				}
			}
			all[i].parts = parts
		}
	}
	return tokens
}
