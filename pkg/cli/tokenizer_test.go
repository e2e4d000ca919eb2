package cli

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"multiturn/pkg/tokenizer"
)

// tiny is a tokenizer of three letters.
const tiny = `{"version": "1.0", "added_tokens": [], "normalizer": null,
"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
"decoder": {"type": "ByteLevel"},
"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3}, "merges": [["a", "b"]]}}`

// open calls Tokenizer within a command and returns its count of "abc" and where
// it was found.
func open(env []string, named, model string) (count int, where string, r result) {
	d := newDemo()
	d.run = func(ctx context.Context, c *Call) error {
		t, w, err := c.Tokenizer(ctx, named, model)
		if err == nil {
			count, where = t.Count("abc"), w
		}
		return err
	}
	r = call(d.command(""), env)
	return
}

func TestTokenizer(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	env := []string{"HOME=" + home, "HF_HUB_OFFLINE=1"}
	file := write(t, home, "tokenizer.json", tiny)

	for _, c := range []struct{ named, model, where string }{
		{"", "", "embedded"},
		{tokenizer.O200k, "some/model", "embedded"},
		{"", file, "file"},
		{file, "some/model", "file"},
		{home, "", "file"},
	} {
		_, where, r := open(env, c.named, c.model)
		equal(t, "exit code", r.code, 0)
		equal(t, "where", where, c.where)
		want := ""
		if c.named == "" && c.model == "" {
			want = "demo: no --tokenizer and no --model: counting with o200k_base\n"
		}
		equal(t, "stderr", r.errout, want)
	}
	if count, _, _ := open(env, file, ""); count != 2 {
		t.Errorf("abc counts as %d tokens, want 2", count)
	}

	// A name that cannot be resolved is an error that says what to do.
	_, _, r := open(env, "", "some/model")
	if r.code != 2 || !strings.Contains(r.errout, `"some/model"`) ||
		!strings.HasSuffix(r.errout, "; "+tokenizerAdvice+"\n") ||
		strings.Count(r.errout, "\n") != 1 {
		t.Errorf("exit code %d, %q", r.code, r.errout)
	}
	if _, _, r := open(env, "no/such", "some/model"); r.code != 2 ||
		!strings.Contains(r.errout, `"no/such"`) ||
		!strings.HasSuffix(r.errout, "; "+tokenizerAdvice+"\n") {
		t.Errorf("exit code %d, %q", r.code, r.errout)
	}
}

// The hub, its cache and its token come from the environment alone; the second
// time, no request is sent.
func TestTokenizerFromHub(t *testing.T) {
	t.Parallel()
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		if r.Header.Get("Authorization") != "Bearer hf_secret" ||
			!strings.HasSuffix(r.URL.Path, "/tokenizer.json") {
			w.Header().Set("X-Error-Code", "EntryNotFound")
			http.Error(w, "no", http.StatusNotFound)
			return
		}
		w.Header().Set("X-Repo-Commit", strings.Repeat("c", 40))
		w.Header().Set("ETag", `"tiny"`)
		io.WriteString(w, tiny)
	}))
	defer server.Close()
	cache := t.TempDir()
	env := []string{"HF_ENDPOINT=" + server.URL, "HF_HUB_CACHE=" + cache, "HF_TOKEN=hf_secret"}
	count, where, r := open(env, "", "org/tiny")
	equal(t, "exit code", r.code, 0)
	equal(t, "found", []any{count, where}, []any{2, "hub"})
	first := len(asked)
	count, where, _ = open(append(env, "HF_HUB_OFFLINE=1"), "", "org/tiny")
	equal(t, "found", []any{count, where}, []any{2, "cache"})
	if first == 0 || len(asked) != first {
		t.Errorf("asked %q, then %q", asked[:first], asked[first:])
	}
	if _, err := os.Stat(filepath.Join(cache, "models--org--tiny")); err != nil {
		t.Error(err)
	}
	env = []string{
		"HF_ENDPOINT=" + server.URL, "HF_HUB_CACHE=" + t.TempDir(), "HF_TOKEN=hf_wrong",
	}
	if _, _, r := open(env, "org/tiny", ""); r.code != 2 || strings.Contains(r.errout, "hf_wrong") {
		t.Errorf("exit code %d, %q", r.code, r.errout)
	}
}
