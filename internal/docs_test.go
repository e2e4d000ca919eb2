package internal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	named  = regexp.MustCompile("`((?:cmd|docs|examples|internal|pkg|scripts)/[\\w./-]+)`")
	linked = regexp.MustCompile(`\]\(([\w./-]+)\)`)
)

// The files and folders that the documentation names exist.
func TestDocsNameFiles(t *testing.T) {
	t.Parallel()
	pages, _ := filepath.Glob("../docs/*.md")
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		exists := func(path string) {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s names a file that does not exist: %v", page, err)
			}
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			exists("../" + m[1])
		}
		for _, m := range linked.FindAllStringSubmatch(string(text), -1) {
			exists(filepath.Join(filepath.Dir(page), m[1]))
		}
	}
}

// step is a sentence of a recipe that names something in a file of Go.
var step = regexp.MustCompile("`(\\w+)`(?: (?:in|of)|,? in) `((?:cmd|pkg)/[\\w/]+\\.go)`")

// What the recipes say is in a file is declared there.
func TestRecipesNameDeclarations(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/contributing.md")
	if err != nil {
		t.Fatal(err)
	}
	steps := step.FindAllStringSubmatch(strings.Join(strings.Fields(string(text)), " "), -1)
	if len(steps) < 12 {
		t.Errorf("only %d steps are found; has their form changed?", len(steps))
	}
	for _, m := range steps {
		source, err := os.ReadFile("../" + m[2])
		if err != nil {
			continue // TestDocsNameFiles reports it
		}
		declared := regexp.MustCompile(`(?m)^(func (\(.*\) )?|var |const |type |\t)` + m[1] + `\b`)
		if !declared.Match(source) {
			t.Errorf("docs/contributing.md names %s in %s, which does not declare it", m[1], m[2])
		}
	}
}
