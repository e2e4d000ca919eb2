package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"multiturn/internal/human"
)

// files are those that a call has opened: who owns stdin and stdout, and that no output is an input.
type files struct {
	mu              sync.Mutex
	stdin, stdout   bool
	inputs, outputs []opened
	parts           map[string]bool // names of unfinished outputs
}

// giveUp removes unfinished outputs that nobody will close any more.
func (f *files) giveUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name := range f.parts {
		os.Remove(name)
	}
}

// part notes that the unfinished output is there, or is no more.
func (f *files) part(name string, there bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.parts == nil {
		f.parts = map[string]bool{}
	}
	if f.parts[name] = true; !there {
		delete(f.parts, name)
	}
}

type opened struct {
	name string
	info fs.FileInfo // nil for an output that does not exist yet
	path string      // absolute, for such outputs
}

// Open opens a file for reading; - is stdin, which has one owner. A file that cannot be read, or that is to be written
// in the same call, is a usage error.
func (c *Call) Open(name string) (io.ReadCloser, error) {
	if name == "-" {
		c.files.mu.Lock()
		defer c.files.mu.Unlock()
		if c.files.stdin {
			return nil, UsageErrorf("stdin (-) can be read only once, and is named twice")
		}
		c.files.stdin = true
		return io.NopCloser(c.Stdin), nil
	}
	f, err := os.Open(name) // of a pipe, waits for who writes to it: outside of the lock
	if err != nil {
		return nil, Exit(Usage, plainOpenError(name, err))
	}
	c.files.mu.Lock()
	defer c.files.mu.Unlock()
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = UsageErrorf("%s is a folder, not a file", name)
	}
	if err == nil {
		in := opened{name: name, info: info}
		for _, out := range c.files.outputs {
			if out.same(in) {
				err = sameFile(name)
			}
		}
		c.files.inputs = append(c.files.inputs, in)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// plainOpenError says what is wrong with a name and what to do about it.
func plainOpenError(name string, err error) error {
	var cause *fs.PathError
	switch {
	case name == "":
		return errors.New("a file's name is empty")
	case errors.Is(err, fs.ErrNotExist):
		dir := filepath.Dir(name)
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return fmt.Errorf("%s: file not found: there is no folder %s", name, dir)
		}
		var names []string
		if list, err := os.ReadDir(dir); err == nil && len(list) < 10000 {
			for _, e := range list {
				names = append(names, e.Name())
			}
		}
		if best := human.Nearest(filepath.Base(name), names); best != "" {
			return fmt.Errorf("%s: file not found; did you mean %s?", name, filepath.Join(dir, best))
		}
		return fmt.Errorf("%s: file not found; check the name, or write - for stdin", name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: no permission to read it", name)
	case errors.As(err, &cause):
		return fmt.Errorf("%s: %w", name, cause.Err)
	}
	return err
}

// Output is a file in the making. What is written goes to a file beside it, made with the first byte, that takes its
// name with Commit; without Commit, Close removes it. So:
//
//	out, err := c.Create(name)
//	if err != nil { return err }
//	defer out.Close()
//	...
//	return out.Commit()
//
// For stdout and for what is not a regular file (a pipe, a device) writes go straight through. An Output is not
// buffered and not for several goroutines at once.
type Output struct {
	name, path string
	mode       fs.FileMode
	part       *os.File
	through    io.Writer // in place of part
	own        *os.File  // what through is, to be closed
	device     bool      // or a pipe: not a regular file
	done       bool
	files      *files
}

// Create makes an output of that name; - is stdout, which has one owner. It is a usage error when the folder does not
// exist or cannot be written to, or when the file is one that this call reads or writes already.
func (c *Call) Create(name string) (*Output, error) {
	o, err := c.claim(name)
	if err != nil || o.through != nil {
		return o, err
	}
	if o.device {
		return o, o.open(0)
	}
	// The folder is tried now, so that a long run does not fail with its first byte.
	f, err := createPart(o.path, o.mode)
	if err != nil {
		return nil, writeError(name, err)
	}
	f.Close()
	os.Remove(f.Name())
	return o, nil
}

// CreateInPlace makes an output that is written under its own name from the start and stays when the run fails: for
// streams that are of use when they end early, as records are. Commit closes it. The checks are those of Create.
func (c *Call) CreateInPlace(name string) (*Output, error) {
	o, err := c.claim(name)
	if err != nil || o.through != nil {
		return o, err
	}
	return o, o.open(os.O_CREATE | os.O_TRUNC)
}

// open has what is written go straight to the place of that name. Of a pipe, it waits for who reads it.
func (o *Output) open(flags int) error {
	f, err := os.OpenFile(o.path, os.O_WRONLY|flags, o.mode)
	if err != nil {
		return writeError(o.name, err)
	}
	o.through, o.own = f, f
	return nil
}

// TextOut is where a text for people goes: stdout, or stderr when stdout carries data.
func (c *Call) TextOut() io.Writer {
	c.files.mu.Lock()
	defer c.files.mu.Unlock()
	if c.files.stdout {
		return c.Stderr
	}
	return c.Stdout
}

// claim checks the name of an output and notes it.
func (c *Call) claim(name string) (*Output, error) {
	c.files.mu.Lock()
	defer c.files.mu.Unlock()
	if name == "-" {
		if c.files.stdout {
			return nil, UsageErrorf("stdout (-) can be written by one output only, and is named twice")
		}
		c.files.stdout = true
		return &Output{name: "stdout", through: c.Stdout}, nil
	}
	if name == "" {
		return nil, UsageErrorf("an output file's name is empty")
	}
	path := name
	if p, err := filepath.EvalSymlinks(name); err == nil {
		path = p // replace what a link leads to, not the link
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, Exit(Usage, err)
	}
	o := &Output{name: name, path: path, mode: 0o666, files: &c.files}
	out := opened{name: name, path: path}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, UsageErrorf("%s is a folder: name the file to write", name)
	case err == nil && info.Mode().IsRegular():
		out.info, o.mode = info, info.Mode().Perm()
	case err == nil:
		o.device = true
		return o, nil
	case errors.Is(err, fs.ErrNotExist):
		if dir := filepath.Dir(path); !isDir(dir) {
			return nil, UsageErrorf("%s: there is no folder %s to write it to; make it first", name, filepath.Dir(name))
		}
	default:
		return nil, writeError(name, err)
	}
	for _, other := range c.files.inputs {
		if other.same(out) {
			return nil, sameFile(name)
		}
	}
	for _, other := range c.files.outputs {
		if other.same(out) {
			return nil, UsageErrorf("%s is named for two outputs", name)
		}
	}
	c.files.outputs = append(c.files.outputs, out)
	return o, nil
}

// Name is the name that the output was made with; "stdout" for -.
func (o *Output) Name() string { return o.name }

// Write writes p; its error names the file.
func (o *Output) Write(p []byte) (int, error) {
	w := o.through
	if w == nil {
		if o.done {
			return 0, fmt.Errorf("%s: written after it was closed", o.name)
		}
		if o.part == nil {
			f, err := createPart(o.path, o.mode)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", o.name, bare(err))
			}
			o.part = f
			o.files.part(f.Name(), true)
		}
		w = o.part
	}
	n, err := w.Write(p)
	if err != nil {
		err = fmt.Errorf("%s: %w", o.name, bare(err))
	}
	return n, err
}

// Commit ends the output: the file takes its name, also an empty one.
func (o *Output) Commit() error {
	if o.done {
		return nil
	}
	if o.through == nil && o.part == nil {
		if _, err := o.Write(nil); err != nil {
			return err
		}
	}
	o.done = true
	if o.through != nil {
		if o.own != nil {
			if err := o.own.Close(); err != nil {
				return fmt.Errorf("%s: %w", o.name, bare(err))
			}
		}
		return nil
	}
	part := o.part.Name()
	defer o.files.part(part, false)
	err := o.part.Close()
	if err == nil {
		err = os.Rename(part, o.path)
	}
	if err != nil {
		os.Remove(part)
		return fmt.Errorf("%s: %w", o.name, bare(err))
	}
	return nil
}

// Close gives the output up unless it was committed: nothing is left of it but what went straight through, and a file
// that was there before stays as it was.
func (o *Output) Close() error {
	if o.done {
		return nil
	}
	o.done = true
	if o.own != nil {
		return o.own.Close()
	}
	if o.part != nil {
		o.part.Close()
		o.files.part(o.part.Name(), false)
		return os.Remove(o.part.Name())
	}
	return nil
}

// createPart makes the file that becomes path, beside it, so that the rename stays within a file system.
func createPart(path string, mode fs.FileMode) (*os.File, error) {
	dir, base := filepath.Split(path)
	if len(base) > 200 {
		base = base[:200] // names end at 255 bytes
	}
	return os.OpenFile(filepath.Join(dir, "."+base+"."+rand.Text()[:8]+".part"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}

func (a opened) same(b opened) bool {
	if a.info != nil && b.info != nil {
		return os.SameFile(a.info, b.info) && a.info.Mode().IsRegular()
	}
	return a.path != "" && a.path == b.path
}

func sameFile(name string) error {
	return UsageErrorf("%s is both an input and an output; write to another file", name)
}

func writeError(name string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return UsageErrorf("%s: no permission to write it or its folder", name)
	}
	return UsageErrorf("%s: %w", name, bare(err))
}

// bare strips the operation and the name (of a temporary file) from an error of package os.
func bare(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err
	case errors.As(err, &l):
		return l.Err
	}
	return err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
