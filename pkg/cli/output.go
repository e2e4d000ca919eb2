package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/term"

	"multiturn/internal/limits"
)

// Output is a file that is being written. The first byte makes a file beside it,
// the part, which gets its name with Commit once all of it is on the disk.
// Without Commit, and after an error of a write, the part is removed, and the
// file that was there before stays as it was:
//
//	out, err := c.Create(name)
//	if err != nil { return err }
//	return out.Fill(func(w io.Writer) error { ... })
//
// Writes to stdout, and to a pipe or a device, go straight through. An Output is
// not buffered, and not safe for concurrent use.
type Output struct {
	name, path string
	mode       fs.FileMode
	replaces   bool // a file that has the mode
	part       *os.File
	through    io.Writer // in place of part
	own        *os.File  // through, if it must be closed
	device     bool      // a device or a pipe, not a regular file
	inPlace    bool      // the first write gives the part its name
	done       bool
	failed     error // the first error of a write
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
	for _, left := range sweep(o.path) {
		c.Remarkf("removed %s, which a run that was killed had left", left)
	}
	// The folder is tried now, so that a long run does not fail at its end.
	if err := o.begin(); err != nil {
		return nil, writeError(name, err)
	}
	o.dropPart()
	return o, nil
}

// CreateInPlace returns an output for streams such as records, of which a part is
// useful: it has its own name from the first write on, and stays if the command
// fails. A file of that name is replaced by the first write, if that succeeds.
// The checks are those of Create.
func (c *Call) CreateInPlace(name string) (*Output, error) {
	o, err := c.Create(name)
	if err == nil {
		o.inPlace = true
	}
	return o, err
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

// Apart returns a usage error if two names are of one file that is to be written,
// so that it is found before the first of them is. Empty names are of no output.
func Apart(names ...string) error {
	seen := map[string]bool{}
	for _, name := range names {
		if info, err := os.Stat(name); name == "" || name == "-" || err == nil && !info.Mode().IsRegular() {
			continue
		}
		path, err := target(name)
		if err == nil && seen[path] {
			return UsageErrorf("%s is named for two outputs", name)
		}
		seen[path] = true
	}
	return nil
}

// open opens a device or a pipe. A pipe waits for its reader.
func (o *Output) open(flags int) error {
	f, err := os.OpenFile(o.path, os.O_WRONLY|flags, o.mode)
	if err != nil {
		return writeError(o.name, err)
	}
	o.through, o.own = f, f
	return nil
}

// claim checks the name of an output and notes the output. A name of the file
// that stdout is, such as /dev/stdout, is stdout.
func (c *Call) claim(name string) (*Output, error) {
	c.files.mu.Lock()
	defer c.files.mu.Unlock()
	if name == "-" || isStream(name, c.Stdout) {
		if c.files.stdout {
			return nil, UsageErrorf("stdout (-) can be written by one output only, and is " +
				"named twice")
		}
		c.files.stdout = true
		return &Output{name: "stdout", through: c.Stdout}, nil
	}
	return c.files.addOutput(name)
}

// isStream reports whether name is the file, the pipe or the terminal that a
// stream of the process is. Devices such as /dev/null keep nothing, and are
// anybody's.
func isStream(name string, stream io.Writer) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	named, err := os.Stat(name)
	if err != nil || named.Mode()&fs.ModeCharDevice != 0 && !term.IsTerminal(int(f.Fd())) {
		return false
	}
	own, err := f.Stat()
	return err == nil && os.SameFile(named, own)
}

// addOutput checks and notes an output other than stdout.
func (f *files) addOutput(name string) (*Output, error) {
	if name == "" {
		return nil, UsageErrorf("an output file's name is empty")
	}
	path, err := target(name) // the file that a link leads to is replaced, not the link
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
		out.info, o.mode, o.replaces = info, info.Mode().Perm(), true
	case err == nil:
		o.device, out.info = true, info
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

// Write writes p. Its error names the file. After an error, all further writes
// fail, but those to an output in place, which has lost the end of a line at most.
func (o *Output) Write(p []byte) (int, error) {
	switch {
	case o.done:
		return 0, fmt.Errorf("%s: written after it was closed", o.name)
	case o.failed != nil && !o.inPlace:
		return 0, o.failed
	}
	n, err := o.write(p)
	if err != nil && o.failed == nil {
		o.failed = err
	}
	return n, err
}

func (o *Output) write(p []byte) (n int, err error) {
	if o.through != nil {
		n, err = o.through.Write(p)
	} else {
		if o.part == nil {
			err = o.begin()
		}
		if err == nil {
			n, err = o.part.Write(p)
		}
		if o.inPlace {
			n, err = o.place(n, err)
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, syscall.EPIPE) && !o.inPlace:
		err = fmt.Errorf("%s: %w", o.name, errNoReader)
	default:
		err = o.named(err)
	}
	return n, err
}

// named returns an error with the name of the output.
func (o *Output) named(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: its folder was removed while it was written", o.name)
	}
	return fmt.Errorf("%s: %w", o.name, bare(err))
}

// errNoReader is the error of a write to a pipe whose reader has ended. Nothing
// is said of it: the reader had enough.
var errNoReader = errors.New("its reader has ended")

// CutBack removes the end of an output in place: the part of a line that a failed
// write has left, and whole lines before it until there is room again for that many
// bytes. It returns what it removed. Only files can be cut.
func (o *Output) CutBack(room int64) ([]byte, error) {
	if !o.inPlace || o.own == nil {
		return nil, errors.ErrUnsupported
	}
	info, err := o.own.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, errors.ErrUnsupported
	}
	from := max(0, info.Size()-room-limits.Turn) // a line is no longer
	end := make([]byte, info.Size()-from)
	if _, err := o.own.ReadAt(end, from); err != nil {
		return nil, err
	}
	keep := bytes.LastIndexByte(end[:max(0, int64(len(end))-room)], '\n') + 1
	if err := o.own.Truncate(from + int64(keep)); err != nil {
		return nil, err
	}
	_, err = o.own.Seek(from+int64(keep), io.SeekStart)
	return end[keep:], err
}

// begin makes the part.
func (o *Output) begin() (err error) {
	if o.part, err = o.files.createPart(o.path, o.mode); err == nil && o.replaces {
		_ = o.part.Chmod(o.mode) // as the umask may have less than the file
	}
	return err
}

// place gives the part its name after the first write, whose result it is given.
func (o *Output) place(n int, err error) (int, error) {
	if o.part == nil {
		return 0, err
	}
	if err == nil {
		err = os.Rename(o.part.Name(), o.path)
	}
	if err != nil {
		o.dropPart()
		return 0, err
	}
	o.files.part(o.part.Name(), false)
	o.own, o.through, o.part = o.part, o.part, nil
	return n, nil
}

// dropPart removes the part.
func (o *Output) dropPart() error {
	if o.part == nil {
		return nil
	}
	name := o.part.Name()
	o.part.Close()
	o.part = nil
	o.files.part(name, false)
	return os.Remove(name)
}

// Fill has a function write the output, and commits it, or gives it up if there
// was an error.
func (o *Output) Fill(write func(io.Writer) error) error {
	if err := write(o); err != nil {
		o.Close()
		return err
	}
	return o.Commit()
}

// Commit ends the output: the file gets its name, even if it is empty. It returns
// the error of a write that failed, and gives the output up then.
func (o *Output) Commit() error {
	if o.done {
		return o.failed
	}
	if o.failed == nil && o.through == nil && o.part == nil {
		_, _ = o.Write(nil) // whose error is kept
	}
	if o.failed != nil {
		o.Close()
		return o.failed
	}
	o.done = true
	if err := o.commit(); err != nil {
		o.failed = o.named(err)
	}
	return o.failed
}

func (o *Output) commit() error {
	if o.through != nil {
		return o.closeOwn()
	}
	part := o.part.Name()
	// Some file systems find out only now that the disk is full.
	err := synced(o.part)
	if e := o.part.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(part, o.path)
	}
	if err != nil {
		os.Remove(part)
	}
	o.files.part(part, false)
	return err
}

// closeOwn closes a file that is written under its own name.
func (o *Output) closeOwn() error {
	if o.own == nil {
		return nil
	}
	info, err := o.own.Stat()
	if err == nil && info.Mode().IsRegular() {
		if err = synced(o.own); err == nil {
			err = stillThere(o.path, info)
		}
	}
	if e := o.own.Close(); err == nil {
		err = e
	}
	return err
}

// synced has the file written to the disk. Not every file system can.
func synced(f *os.File) error {
	if err := f.Sync(); !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}

// stillThere returns an error if a name no longer leads to the file.
func stillThere(path string, info fs.FileInfo) error {
	now, err := os.Stat(path)
	if err != nil || !os.SameFile(now, info) {
		return errors.New("it was removed or replaced while it was written")
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
	return o.dropPart()
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
