package jsonseq

import (
	"io"
	"runtime"
	"strings"
	"testing"
)

// source repeats a text, and counts how often it is read.
type source struct {
	head, text string
	left       int
	reads      int
}

func (s *source) Read(p []byte) (int, error) {
	s.reads++
	if s.head != "" {
		n := copy(p, s.head)
		s.head = s.head[n:]
		return n, nil
	}
	n := 0
	for n < len(p) && s.left > 0 {
		k := copy(p[n:], s.text[:min(len(s.text), s.left)])
		n, s.left = n+k, s.left-k
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// allocated returns the bytes that are allocated to scan n bytes of a text behind a
// head: as the buffer doubles, it is the work of copying, too.
func allocated(head, text string, n, limit int) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s := NewScanner(&source{head: head, text: text, left: n})
	s.Max, s.Whole = limit, func([]byte) bool { return false }
	for s.Scan() {
	}
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What has no value in it takes memory for a piece of it, however long it is. Not
// parallel: the memory of other tests would be counted.
func TestNothingTakesNoMemory(t *testing.T) {
	const n = 4 << 20
	for name, tc := range map[string]struct{ head, text string }{
		"spaces":               {"", " "},
		"line breaks":          {"", "\n"},
		"spaces in lines":      {"", strings.Repeat(" ", 100) + "\n"},
		"byte order marks":     {"", "\uFEFF"},
		"spaces in an array":   {"[", " "},
		"spaces behind 1":      {"1", " "},
		"line breaks behind":   {"{}", "\n"},
		"commas":               {"", ","},
		"commas in an array":   {"[1", ","},
		"closing brackets":     {"", "]"},
		"opening brackets":     {"", "["},
		"backslashes":          {"", "\\"},
		"an open string":       {`"`, "a"},
		"an open string of \\": {`"`, "\\"},
		"an open object":       {`{"a":`, " "},
	} {
		// An open value is kept up to the limit of an item; the buffer doubles.
		if b := allocated(tc.head, tc.text, n, 256<<10); b > 3<<20 {
			t.Errorf("%s: scanning %d MiB takes %d kB", name, n>>20, b>>10)
		}
	}
}
