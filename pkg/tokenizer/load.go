package tokenizer

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// The files of a tokenizer's folder.
const (
	tokenizerFile = "tokenizer.json"
	configFile    = "tokenizer_config.json"
)

// Load reads a tokenizer.json, or the one in the folder path, together with the
// tokenizer_config.json beside it, if there is one. Names ending in .gz are
// unpacked.
func Load(path string) (*Tokenizer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	file := path
	if info.IsDir() {
		if file = inFolder(path, tokenizerFile); file == "" {
			return nil, missing(path)
		}
	}
	b, err := readFile(file)
	if err != nil {
		return nil, err
	}
	t, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	t.source = file
	dir, base := filepath.Split(file)
	base = strings.TrimSuffix(base, ".gz")
	// NAME.tokenizer.json goes with NAME.tokenizer_config.json.
	stem, ok := strings.CutSuffix(base, tokenizerFile)
	if ok {
		if err := t.readConfig(filepath.Join(dir, stem+configFile)); err != nil {
			return nil, err
		}
	}
	if t.name = strings.TrimSuffix(stem, "."); t.name == "" {
		t.name = folderName(dir)
	}
	return t, nil
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

// inFolder returns the path of a file or of its packed form, "" if there is
// neither.
func inFolder(dir, name string) string {
	for _, n := range []string{name, name + ".gz"} {
		if p := filepath.Join(dir, n); isFile(p) {
			return p
		}
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// missing returns the error of a folder without a tokenizer.json. It names the
// unsupported format that is there instead.
func missing(dir string) error {
	for _, f := range []struct{ glob, what string }{
		{"tokenizer.model", "a SentencePiece model"},
		{"tekken.json", "Mistral's tekken format"},
		{"*.tiktoken", "tiktoken ranks"},
		{"tiktoken.model", "tiktoken ranks"},
		{"vocab.txt", "a WordPiece vocabulary"},
		{"vocab.json", "an old-style vocabulary"},
	} {
		if found, _ := filepath.Glob(filepath.Join(dir, f.glob)); len(found) > 0 {
			return fmt.Errorf("%s: no %s, only %s (%s), which is not supported: "+
				"look for a tokenizer.json of this model",
				dir, tokenizerFile, filepath.Base(found[0]), f.what)
		}
	}
	return fmt.Errorf("%s: no %s in this folder", dir, tokenizerFile)
}

func readFile(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(path, ".gz") {
		return b, err
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err == nil {
		b, err = io.ReadAll(z)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// config has the keys of tokenizer_config.json that matter here.
type config struct {
	CleanUpSpaces bool `json:"clean_up_tokenization_spaces"`
}

func (t *Tokenizer) readConfig(path string) error {
	b, err := readFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var c config
	if err := json.Unmarshal(b, &c); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	t.cleanUp = c.CleanUpSpaces
	return nil
}
