package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Output is a file that is being written. The first byte makes a file beside it,
// which gets its name with Commit. Without Commit, Close removes it:
//
//	out, err := c.Create(name)
//	if err != nil { return err }
//	defer out.Close()
//	...
//	return out.Commit()
//
// Writes to stdout, and to a pipe or a device, go straight through. An Output is
// not buffered, and not safe for concurrent use.
type Output struct {
	name, path string
	mode       fs.FileMode
	part       *os.File
	through    io.Writer // in place of part
	own        *os.File  // through, if it must be closed
	device     bool      // a device or a pipe, not a regular file
	done       bool
	files      *files
}

// Create returns an output of that name. The name - is stdout, which has one
// owner. It is a usage error if the folder does not exist or cannot be written
// to, or if this call already reads or writes the file.
func (c *Call) Create(name string) (*Output, error) {
	o, err := c.claim(name)
	if err != nil || o.through != nil {
		return o, err
	}
	if o.device {
		return o, o.open(0)
	}
	// The folder is tried now, so that a long run does not fail at its end.
	f, err := createPart(o.path, o.mode)
	if err != nil {
		return nil, writeError(name, err)
	}
	f.Close()
	os.Remove(f.Name())
	return o, nil
}

// CreateInPlace returns an output that is written under its own name from the
// start, and that stays if the command fails: for streams such as records, of
// which a part is useful. Commit closes it. The checks are those of Create.
func (c *Call) CreateInPlace(name string) (*Output, error) {
	o, err := c.claim(name)
	if err != nil || o.through != nil {
		return o, err
	}
	return o, o.open(os.O_CREATE | os.O_TRUNC)
}

// Unused returns a usage error that names --force if the file holds something.
// It is for results that cannot be had again. The name - is stdout.
func Unused(name string) error {
	info, err := os.Stat(name)
	if name == "-" || err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil
	}
	return UsageErrorf("%s exists and is not empty: name another file, or overwrite it with --force",
		name)
}

// open opens the file itself, to be written in place. A pipe waits for its
// reader.
func (o *Output) open(flags int) error {
	f, err := os.OpenFile(o.path, os.O_WRONLY|flags, o.mode)
	if err != nil {
		return writeError(o.name, err)
	}
	o.through, o.own = f, f
	return nil
}

// claim checks the name of an output and notes the output.
func (c *Call) claim(name string) (*Output, error) {
	c.files.mu.Lock()
	defer c.files.mu.Unlock()
	if name == "-" {
		if c.files.stdout {
			return nil, UsageErrorf("stdout (-) can be written by one output only, and is " +
				"named twice")
		}
		c.files.stdout = true
		return &Output{name: "stdout", through: c.Stdout}, nil
	}
	return c.files.addOutput(name)
}

// addOutput checks and notes an output other than stdout.
func (f *files) addOutput(name string) (*Output, error) {
	if name == "" {
		return nil, UsageErrorf("an output file's name is empty")
	}
	path := name
	if p, err := filepath.EvalSymlinks(name); err == nil {
		path = p // the file that a link leads to is replaced, not the link
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, Exit(Usage, err)
	}
	o := &Output{name: name, path: path, mode: 0o666, files: f}
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
			return nil, UsageErrorf("%s: there is no folder %s to write it to; make it first",
				name, filepath.Dir(name))
		}
	default:
		return nil, writeError(name, err)
	}
	switch {
	case slices.ContainsFunc(f.inputs, out.same):
		return nil, sameFile(name)
	case slices.ContainsFunc(f.outputs, out.same):
		return nil, UsageErrorf("%s is named for two outputs", name)
	}
	f.outputs = append(f.outputs, out)
	return o, nil
}

// Name returns the name that the output was made with; "stdout" for -.
func (o *Output) Name() string { return o.name }

// Write writes p. Its error names the file.
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

// Commit ends the output: the file gets its name, even if it is empty.
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

// Close gives up the output unless it was committed. Only what went straight
// through is left, and a file that was there before stays as it was.
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

// createPart makes the file that becomes path, in the same folder, so that the
// rename stays within one file system.
func createPart(path string, mode fs.FileMode) (*os.File, error) {
	dir, base := filepath.Split(path)
	if len(base) > 200 {
		base = base[:200] // names end at 255 bytes
	}
	part := filepath.Join(dir, "."+base+"."+rand.Text()[:8]+".part")
	return os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}

func writeError(name string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return UsageErrorf("%s: no permission to write it or its folder", name)
	}
	return UsageErrorf("%s: %w", name, bare(err))
}

// bare strips the operation and the name (perhaps a temporary file's) from an
// error of package os.
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
