package internal_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxColumns is the width of two windows side by side on a usual screen.
const maxColumns = 120

// No line of Go is wider than maxColumns, with tabs of 4.
func TestColumns(t *testing.T) {
	t.Parallel()
	for _, root := range []string{"../cmd", "../internal", "../pkg", "../scripts"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" {
				return err
			}
			text, err := os.ReadFile(path)
			n := 0
			for line := range strings.Lines(string(text)) {
				n++
				line = strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", "    ")
				if width := utf8.RuneCountInString(line); width > maxColumns {
					t.Errorf("%s:%d: %d columns; at most %d", path, n, width, maxColumns)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
