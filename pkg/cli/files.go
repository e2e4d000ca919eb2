package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/term"

	"multiturn/internal/human"
)

// files are what a call has opened. stdin and stdout have one owner each, and
// no output is also an input.
type files struct {
	mu              sync.Mutex
	stdin, stdout   bool
	inputs, outputs []opened
	parts           map[string]bool // names of unfinished outputs
}

// giveUp removes unfinished outputs that nobody is going to close.
func (f *files) giveUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, exists := range f.parts {
		if exists {
			os.Remove(name)
		}
	}
}

// part notes that an unfinished output exists, or that it is gone.
func (f *files) part(name string, exists bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.parts == nil {
		f.parts = map[string]bool{}
	}
	f.parts[name] = exists
}

// opened identifies a file.
type opened struct {
	name string
	info fs.FileInfo // nil for an output that does not exist yet
	path string      // absolute; of outputs only
}

func (a opened) same(b opened) bool {
	if a.info != nil && b.info != nil {
		return os.SameFile(a.info, b.info) && a.info.Mode().IsRegular()
	}
	return a.path != "" && a.path == b.path
}

// Open opens a file for reading. The name - is stdin, which has one owner. It is
// a usage error if the file cannot be read, or is also an output of this call.
func (c *Call) Open(name string) (io.ReadCloser, error) {
	if name == "-" {
		c.files.mu.Lock()
		defer c.files.mu.Unlock()
		if c.files.stdin {
			return nil, UsageErrorf("stdin (-) can be read only once, and is named twice")
		}
		c.files.stdin = true
		if f, ok := c.Stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			c.Remarkf("reading from the terminal; Ctrl-D ends the input")
		}
		return io.NopCloser(c.Stdin), nil
	}
	f, err := os.Open(name) // not under the lock: a pipe waits for its writer
	if err != nil {
		return nil, Exit(Usage, plainOpenError(name, err))
	}
	if err := c.files.addInput(name, f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// addInput notes an input, unless it is a folder or one of the outputs.
func (f *files) addInput(name string, file *os.File) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return UsageErrorf("%s is a folder, not a file", name)
	}
	in := opened{name: name, info: info}
	if slices.ContainsFunc(f.outputs, in.same) {
		return sameFile(name)
	}
	f.inputs = append(f.inputs, in)
	return nil
}

// plainOpenError returns an error that says what is wrong with a file's name and
// what to do about it.
func plainOpenError(name string, err error) error {
	var cause *fs.PathError
	switch {
	case name == "":
		return errors.New("a file's name is empty")
	case errors.Is(err, fs.ErrNotExist):
		return notFound(name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: no permission to read it", name)
	case errors.As(err, &cause):
		return fmt.Errorf("%s: %w", name, cause.Err)
	}
	return err
}

// manyFiles is how many files a folder may have for its names to be compared
// with a mistyped one: more would take a time that is felt.
const manyFiles = 10000

// notFound names a file of the same folder that may have been meant.
func notFound(name string) error {
	dir := filepath.Dir(name)
	if !isDir(dir) {
		return fmt.Errorf("%s: file not found: there is no folder %s", name, dir)
	}
	var names []string
	if list, err := os.ReadDir(dir); err == nil && len(list) < manyFiles {
		for _, e := range list {
			names = append(names, e.Name())
		}
	}
	if best := human.Nearest(filepath.Base(name), names); best != "" {
		return fmt.Errorf("%s: file not found; did you mean %s?", name, filepath.Join(dir, best))
	}
	return fmt.Errorf("%s: file not found; check the name, or write - for stdin", name)
}

// TextOut is where text for people goes: stdout, or stderr if stdout carries
// data.
func (c *Call) TextOut() io.Writer {
	c.files.mu.Lock()
	defer c.files.mu.Unlock()
	if c.files.stdout {
		return c.Stderr
	}
	return c.Stdout
}

func sameFile(name string) error {
	return UsageErrorf("%s is both an input and an output; write to another file", name)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
