package sharegpt

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"multiturn/pkg/chat"
)

var update = flag.Bool("update", false, "write the golden files of forms")

// Each form of datasets, what becomes of it, and the table that says so.
func TestForms(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/forms/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		in, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		out, _, res, err := run(t, in, Options{}, chat.JSONL, 0, "")
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(out, "\n")
		slices.Sort(lines)
		got := strings.Join(lines, "") + "\n" + string(res.AppendSummary(nil))
		name := strings.TrimSuffix(file, ".jsonl") + ".want"
		if *update {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", file, got, want)
		}
		// A reader of conversations takes all of it.
		r := chat.NewReader(bytes.NewReader([]byte(out)), file)
		for r.Scan() {
		}
		if r.Err() != nil {
			t.Error(r.Err())
		}
	}
}
