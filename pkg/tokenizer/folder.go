package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Files are the names of the files that a tokenizer can be read from, the
// preferred first: a folder with several is read by the first. A * stands for any
// name. tokenizer.model counts only if it has tiktoken's form; SentencePiece's
// files of this name are not read.
var Files = []string{tokenizerFile, "tekken.json", "tiktoken.model", "qwen.tiktoken", "*.tiktoken",
	"tokenizer.model"}

// The files of a tokenizer's folder.
const (
	tokenizerFile = "tokenizer.json"
	configFile    = "tokenizer_config.json"
)

// Find returns the file of the folder that Load reads. It is an error that names
// what the folder has instead if there is none.
func Find(dir string) (path string, err error) {
	for _, name := range Files {
		for _, pattern := range []string{name, name + ".gz"} {
			found, _ := filepath.Glob(filepath.Join(glob(dir), pattern))
			for _, path := range found {
				if isFile(path) && (name != "tokenizer.model" || beginsWithRanks(path)) {
					return path, nil
				}
			}
		}
	}
	return "", missing(dir)
}

// glob quotes a folder's name for a pattern.
func glob(dir string) string {
	if os.PathSeparator == '\\' {
		return dir // where nothing can be quoted
	}
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(dir)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

func beginsWithRanks(path string) bool {
	if strings.HasSuffix(path, ".gz") {
		b, err := readFile(path)
		return err == nil && isRanks(b)
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 1<<10)
	n, _ := f.Read(head)
	return isRanks(head[:n])
}

// missing returns the error of a folder without a file of Files. It names the
// unsupported format that is there instead.
func missing(dir string) error {
	for _, f := range []struct{ glob, what string }{
		{"tokenizer.model", "a SentencePiece model"},
		{"*.spm", "a SentencePiece model"},
		{"spiece.model", "a SentencePiece model"},
		{"vocab.txt", "a WordPiece vocabulary"},
		{"vocab.json", "an old-style vocabulary"},
		{"*.gguf", "a model of llama.cpp"},
	} {
		if found, _ := filepath.Glob(filepath.Join(glob(dir), f.glob)); len(found) > 0 {
			return fmt.Errorf("%s: no %s, only %s (%s), which is not supported: "+
				"look for a tokenizer.json of this model",
				dir, tokenizerFile, filepath.Base(found[0]), f.what)
		}
	}
	return fmt.Errorf("%s: no %s, tekken.json or tiktoken file in this folder", dir, tokenizerFile)
}

// folder is what lies beside a tokenizer's file.
type folder struct {
	dir, prefix string // the names of JSON files begin with prefix, usually nothing
	config      config
	marks       []string // see encoding
}

// config has the keys of tokenizer_config.json that matter here.
type config struct {
	CleanUpSpaces bool            `json:"clean_up_tokenization_spaces"`
	Class         json.RawMessage `json:"tokenizer_class"`
	AutoMap       json.RawMessage `json:"auto_map"`
	Added         json.RawMessage `json:"added_tokens_decoder"`
}

// openFolder reads the tokenizer_config.json of a folder, if there is one.
func openFolder(dir, prefix string) (*folder, error) {
	f := &folder{dir: dir, prefix: prefix}
	return f, f.read(configFile, &f.config)
}

// read reads a file if it is there.
func (f *folder) read(name string, v any) error {
	path := filepath.Join(f.dir, f.prefix+name)
	b, err := readFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		if err = json.Unmarshal(b, v); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	return err
}

// findMarks finds the names that tell the model.
func (f *folder) findMarks() error {
	var class string
	// A tokenizer's entry of auto_map is a name or a list of two, one perhaps null:
	// module.class, or repository--module.class.
	var byClass struct{ AutoTokenizer any }
	var model struct {
		Type string `json:"model_type"`
	}
	if err := f.read("config.json", &model); err != nil {
		return err
	}
	// What has another form names nothing.
	_ = json.Unmarshal(f.config.Class, &class)
	_ = json.Unmarshal(f.config.AutoMap, &byClass)
	f.marks = []string{class, model.Type}
	names, _ := byClass.AutoTokenizer.([]any)
	for _, name := range append(names, byClass.AutoTokenizer) {
		name, _ := name.(string)
		if _, after, ok := strings.Cut(name, "--"); ok {
			name = after
		}
		f.marks = append(f.marks, strings.Split(name, ".")...)
	}
	found, _ := filepath.Glob(filepath.Join(glob(f.dir), "tokenization_*.py"))
	for _, path := range found {
		f.marks = append(f.marks, strings.TrimSuffix(filepath.Base(path), ".py"))
	}
	return nil
}

// has reports whether the folder has the mark of an encoding.
func (f *folder) has(mark string) bool { return slices.Contains(f.marks, mark) }

// named gives special tokens the names and kinds of tokenizer_config.json, and
// adds those that it has besides.
func (f *folder) named(special []addedToken) ([]addedToken, error) {
	var added map[string]addedToken
	if f.config.Added != nil {
		if err := json.Unmarshal(f.config.Added, &added); err != nil {
			return nil, fmt.Errorf("added_tokens_decoder of %s: %w", configFile, err)
		}
	}
	byID := map[uint32]int{}
	for i, a := range special {
		byID[a.ID] = i
	}
	for id, a := range added {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("added_tokens_decoder of %s: the id %.20q is not a number",
				configFile, id)
		}
		// tiktoken finds all of them as they stand.
		a = addedToken{ID: uint32(n), Content: a.Content, Special: a.Special}
		if i, ok := byID[a.ID]; ok {
			special[i] = a
		} else {
			special = append(special, a)
		}
	}
	slices.SortFunc(special, func(a, b addedToken) int { return cmp.Compare(a.ID, b.ID) })
	return special, nil
}
