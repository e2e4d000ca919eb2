package pkg_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// docs/architecture.md has every package, and the packages that each imports: no arrow is there by accident.
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
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	const prefix = "multiturn/pkg/"
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		name := strings.TrimPrefix(words[0], prefix)
		if name == "multiturn/pkg" { // this test
			continue
		}
		var imports []string
		for _, w := range words[1:] {
			if in, ok := strings.CutPrefix(w, prefix); ok {
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
