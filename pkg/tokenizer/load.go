package tokenizer

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"multiturn/internal/limits"
	"multiturn/internal/packed"
)

// Load reads a tokenizer from a file, or from the first of Files in the folder
// path: a tokenizer.json, a tekken.json or a tiktoken file, whatever its name.
// tokenizer_config.json beside it is read, too; a tiktoken file needs it, or
// another sign of its model, unless the file itself is a known one. Names ending
// in .gz are unpacked.
func Load(path string) (*Tokenizer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	file := path
	if info.IsDir() {
		if file, err = Find(path); err != nil {
			return nil, err
		}
	}
	b, err := readFile(file)
	if err != nil {
		return nil, err
	}
	dir, base := filepath.Split(file)
	base = strings.TrimSuffix(base, ".gz")
	// NAME.tokenizer.json goes with NAME.tokenizer_config.json.
	prefix, ok := strings.CutSuffix(base, tokenizerFile)
	if !ok {
		prefix = ""
	}
	beside, err := openFolder(dir, prefix)
	if err != nil {
		return nil, err
	}
	t, err := parseFile(b, beside)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	t.source, t.cleanUp = file, beside.config.CleanUpSpaces
	if t.name = strings.TrimSuffix(prefix, "."); t.name == "" {
		t.name = folderName(dir)
	}
	if stem, ok := strings.CutSuffix(base, ".tiktoken"); ok && !info.IsDir() {
		t.name = stem
	}
	return t, nil
}

// parseFile makes the tokenizer of a file by what is in it.
func parseFile(b []byte, beside *folder) (*Tokenizer, error) {
	switch {
	case isRanks(b):
		return parseTiktoken(b, beside)
	case len(b) > 0 && b[0] == '\n' && !utf8.Valid(b[:min(len(b), 1<<16)]):
		return nil, errors.New("this is a SentencePiece model, which is not supported: " +
			"look for a tokenizer.json of this model")
	case bytes.HasPrefix(b, []byte("GGUF")):
		return nil, errors.New("this is a model of llama.cpp, which is not supported: " +
			"look for a tokenizer.json of this model")
	}
	// A pointer of Git LFS, a page of HTML and the like name themselves.
	var kind *packed.KindError
	if _, err := packed.NewJSONReader(bytes.NewReader(b)); errors.As(err, &kind) {
		return nil, kind
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, errors.New("the file is empty")
	}
	return Parse(b)
}

// folderName returns the name of a folder, or of the model if the folder is a
// snapshot in the cache of the Hugging Face hub.
func folderName(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	if snapshots := filepath.Dir(dir); filepath.Base(snapshots) == "snapshots" {
		if model, ok := strings.CutPrefix(filepath.Base(filepath.Dir(snapshots)), "models--"); ok {
			return strings.ReplaceAll(model, "--", "/")
		}
	}
	return filepath.Base(dir)
}

func readFile(path string) ([]byte, error) { return readUpTo(limits.HubFile, path) }

// readUpTo returns the bytes of a file, unpacked if its name ends in .gz.
func readUpTo(limit int64, path string) ([]byte, error) {
	b, err := limits.ReadFile(path, limit)
	if err != nil || !strings.HasSuffix(path, ".gz") {
		return b, err
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err == nil {
		b, err = limits.ReadAll(z, limit, "the unpacked file")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}
