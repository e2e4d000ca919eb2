package sharegpt

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A copy is made only if it is needed, and is removed afterwards.
func TestSourceLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	file := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(file, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	whole, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	begun, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer begun.Close()
	begun.Seek(4, io.SeekStart)
	for _, tc := range []struct {
		name    string
		in      io.Reader
		want    string
		spooled bool
	}{
		{"file", whole, "0123456789", false},
		{"file that was read from", begun, "456789", true},
		{"pipe", strings.NewReader("abc"), "abc", true},
	} {
		s, err := NewSource(tc.in, tc.name)
		if err != nil {
			t.Fatal(err)
		}
		first, err := io.ReadAll(s.first)
		if err != nil || string(first) != tc.want || s.Spooled() != tc.spooled {
			t.Errorf("%s: %q, spooled %v, %v", tc.name, first, s.Spooled(), err)
		}
		if err := s.flush(); err != nil {
			t.Error(err)
		}
		again := make([]byte, len(tc.want))
		if _, err := s.again.ReadAt(again, 0); err != nil || string(again) != tc.want {
			t.Errorf("%s: read again %q, %v", tc.name, again, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	t.Setenv("TMPDIR", filepath.Join(dir, "missing"))
	if _, err := NewSource(strings.NewReader("abc"), "pipe"); err == nil ||
		!strings.HasPrefix(err.Error(), "pipe cannot be read twice and needs a temporary copy: ") {
		t.Errorf("no folder for the copy: %v", err)
	}
}
