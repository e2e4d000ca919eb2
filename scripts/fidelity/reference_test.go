package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Missing requirements of the reference are reported before anything runs.
func TestReferenceCheck(t *testing.T) {
	t.Parallel()
	dir := func(script string) string {
		d := t.TempDir()
		if script != "" {
			if err := os.WriteFile(filepath.Join(d, referenceScript), []byte(script), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return d
	}
	tokenizer := t.TempDir()
	if err := os.WriteFile(filepath.Join(tokenizer, "tokenizer.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	good := dir(`parser.add_argument("--stats-json-output")`)
	for _, c := range []struct {
		name string
		r    reference
		says string // "" = nothing is missing
	}{
		{"no folder", reference{}, "-reference is missing"},
		{"not the folder", reference{dir: dir("")}, "is not a vLLM checkout's"},
		{"old", reference{dir: dir("print()")}, "is too old"},
		{"no tokenizer", reference{dir: good}, "-tokenizer is missing"},
		{"an empty tokenizer", reference{dir: good, tokenizer: t.TempDir()}, "tokenizer.json"},
		{"no Python", reference{dir: good, tokenizer: tokenizer, python: "no-such-python"},
			"say -python interpreter"},
		{"no packages", reference{dir: good, tokenizer: tokenizer, python: "false"},
			"lacks packages that the reference needs: numpy pandas transformers aiohttp tqdm " +
				"xlsxwriter"},
		{"all there", reference{dir: good, tokenizer: tokenizer, python: "true"}, ""},
	} {
		err := c.r.check(t.Context())
		if c.says == "" && err != nil ||
			c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q in it", c.name, err, c.says)
		}
	}
}

func TestReferenceRefuses(t *testing.T) {
	t.Parallel()
	var r reference
	if why := r.refuses(point{Streams: 1, Opening: 200}); why != "" {
		t.Errorf("one stream is refused: %s", why)
	}
	if why := r.refuses(point{Streams: 1e6, Opening: 200}); availableMemory() > 0 &&
		!strings.Contains(why, "MiB are free") {
		t.Errorf("a million processes are refused with %q", why)
	}
	if why := r.refuses(point{Streams: 500, Opening: 400_000}); why == "" {
		t.Error("500 clients with long histories are not refused")
	}
}
