package internal_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// docs/architecture.md lists every package outside of cmd and scripts with the
// packages that it imports.
func TestArrows(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "|---|---|---|\n")
	want := map[string]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 {
			break
		}
		want[strings.TrimSpace(cells[1])] = strings.TrimSpace(cells[3])
	}
	// go test takes the result from its cache unless something has changed that the test has looked at.
	_ = filepath.WalkDir("../pkg", func(string, fs.DirEntry, error) error { return nil })
	_ = filepath.WalkDir(".", func(string, fs.DirEntry, error) error { return nil })
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`,
		"../pkg/...", "../internal/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	inHouse := func(path string) (name string, ok bool) {
		if name, ok = strings.CutPrefix(path, "multiturn/pkg/"); ok {
			return name, true
		}
		return strings.CutPrefix(path, "multiturn/")
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		name, _ := inHouse(words[0])
		if name == "internal" { // this test
			continue
		}
		var imports []string
		for _, w := range words[1:] {
			if in, ok := inHouse(w); ok {
				imports = append(imports, in)
			}
		}
		slices.Sort(imports)
		got := strings.Join(imports, " ")
		if w, ok := want[name]; !ok {
			t.Errorf("package %s is not in docs/architecture.md; it imports %q", name, got)
		} else if w != got {
			t.Errorf("package %s imports %q, docs/architecture.md says %q", name, got, w)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("docs/architecture.md has a package %s that does not exist", name)
	}
}
