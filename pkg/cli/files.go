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
	over            bool            // no more of them are made
}

// opened identifies a file.
type opened struct {
	name string
	info fs.FileInfo // nil for an output that does not exist yet
	path string      // absolute; of outputs only
}

func (a opened) same(b opened) bool {
	if a.info != nil && b.info != nil {
		return os.SameFile(a.info, b.info) && a.info.Mode()&(fs.ModeDevice|fs.ModeCharDevice) == 0
	}
	return a.path != "" && a.path == b.path
}

// Open opens a file for reading. The name - is stdin, which has one owner. It is
// a usage error if the file cannot be read, or is also an output of this call.
func (c *Call) Open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return c.openStdin()
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

// openStdin returns stdin to its owner. Its Close does nothing.
func (c *Call) openStdin() (io.ReadCloser, error) {
	f, isFile := c.Stdin.(*os.File)
	if isFile && term.IsTerminal(int(f.Fd())) {
		c.Remarkf("reading from the terminal; Ctrl-D ends the input")
	}
	if err := c.files.takeStdin(f); err != nil {
		return nil, err
	}
	return io.NopCloser(c.Stdin), nil
}

// takeStdin notes that stdin has an owner. f is its file, or nil.
func (f *files) takeStdin(file *os.File) error {
	f.mu.Lock()
	taken := f.stdin
	f.stdin = true
	f.mu.Unlock()
	if taken {
		return UsageErrorf("stdin (-) can be read only once, and is named twice")
	}
	if file == nil {
		return nil
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return f.addInput("stdin", file)
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

// noteInput notes an input that was read by its name, so that no output replaces
// it.
func (f *files) noteInput(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if info, err := os.Stat(name); err == nil {
		f.inputs = append(f.inputs, opened{name: name, info: info})
	}
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

func sameFile(name string) error {
	return UsageErrorf("%s is both an input and an output; write to another file", name)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
