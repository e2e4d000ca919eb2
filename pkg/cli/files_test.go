package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// inCall runs f within a command and returns the result.
func inCall(t *testing.T, f func(c *Call) error) result {
	t.Helper()
	d := newDemo()
	d.run = func(_ context.Context, c *Call) error { return f(c) }
	return call(d.command(""), nil)
}

// names returns the names of the files in a folder, hidden ones too.
func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// put writes an output in two writes.
func put(c *Call, name, text string, commit bool) error {
	out, err := c.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	for _, s := range []string{text[:len(text)/2], text[len(text)/2:]} {
		if _, err := io.WriteString(out, s); err != nil {
			return err
		}
	}
	if !commit {
		return errors.New("the run failed")
	}
	return out.Commit()
}

func TestCreate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "out.json")

	r := inCall(t, func(c *Call) error { return put(c, file, "new", false) })
	equal(t, "exit code", r.code, 1)
	equal(t, "files after a failed run", names(t, dir), []string{})

	wantOK(t, inCall(t, func(c *Call) error {
		out, err := c.Create(file)
		if err != nil {
			return err
		}
		defer out.Close()
		equal(t, "files before the first byte", names(t, dir), []string{})
		io.WriteString(out, "x")
		if list := names(t, dir); len(list) != 1 || !strings.HasSuffix(list[0], ".part") {
			t.Errorf("files while writing: %q", list)
		}
		if err := out.Commit(); err != nil {
			return err
		}
		if _, err := out.Write([]byte("more")); err == nil {
			t.Error("a write after Commit is taken")
		}
		return out.Commit()
	}))
	equal(t, "files", names(t, dir), []string{"out.json"})

	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	inCall(t, func(c *Call) error { return put(c, file, "newer", false) })
	equal(t, "what was there before a failed run", read(t, file), "x")
	wantOK(t, inCall(t, func(c *Call) error { return put(c, file, "newer", true) }))
	equal(t, "content", read(t, file), "newer")
	if info, err := os.Stat(file); err != nil ||
		runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("the mode was not kept: %v", info.Mode())
	}

	wantOK(t, inCall(t, func(c *Call) error {
		out, err := c.Create(filepath.Join(dir, "empty"))
		if err != nil {
			return err
		}
		return out.Commit()
	}))
	equal(t, "an output without a byte", read(t, filepath.Join(dir, "empty")), "")
	equal(t, "files", names(t, dir), []string{"empty", "out.json"})

	long := filepath.Join(dir, strings.Repeat("n", 250))
	wantOK(t, inCall(t, func(c *Call) error { return put(c, long, "text", true) }))
	equal(t, "a long name", read(t, long), "text")
}

func TestCreateThroughLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := write(t, dir, "target", "old"), filepath.Join(dir, "link")
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	wantOK(t, inCall(t, func(c *Call) error { return put(c, link, "new", true) }))
	equal(t, "target", read(t, target), "new")
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced")
	}
	if err := os.Symlink("sub/../fresh", filepath.Join(dir, "dangling")); err != nil {
		t.Skip(err)
	}
	os.Mkdir(filepath.Join(dir, "sub"), 0o777)
	dangling := filepath.Join(dir, "dangling")
	wantOK(t, inCall(t, func(c *Call) error { return put(c, dangling, "new", true) }))
	equal(t, "the file that did not exist", read(t, filepath.Join(dir, "fresh")), "new")
	if info, err := os.Lstat(dangling); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link to nothing was replaced")
	}
}

// Two names of one file that is still to be made are one output.
func TestOutputsThroughLinkedFolder(t *testing.T) {
	t.Parallel()
	dir, folder := t.TempDir(), filepath.Join(t.TempDir(), "folder")
	if err := os.Symlink(dir, folder); err != nil {
		t.Skip(err)
	}
	again := filepath.Join(folder, "fresh")
	wantUsage(t, inCall(t, func(c *Call) error {
		c.Create(filepath.Join(dir, "fresh"))
		_, err := c.Create(again)
		return err
	}), "demo: "+again+" is named for two outputs")
}

func TestOutputIsInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link := write(t, dir, "data.json", "precious"), filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	fresh := filepath.Join(dir, "fresh")
	for name, f := range map[string]func(c *Call) error{
		file: func(c *Call) error { c.Open(file); _, err := c.Create(file); return err },
		link: func(c *Call) error { c.Open(file); _, err := c.Create(link); return err },
		dir + "/./data.json": func(c *Call) error {
			c.Open(link)
			_, err := c.CreateInPlace(dir + "/./data.json")
			return err
		},
	} {
		wantUsage(t, inCall(t, f), "demo: "+name+" is both an input and an output; write to "+
			"another file")
	}
	wantUsage(t, inCall(t, func(c *Call) error {
		c.Create(file)
		_, err := c.Open(link)
		return err
	}),
		"demo: "+link+" is both an input and an output; write to another file")
	wantUsage(t, inCall(t, func(c *Call) error {
		c.Create(fresh)
		_, err := c.Create(fresh)
		return err
	}),
		"demo: "+fresh+" is named for two outputs")
	equal(t, "the input", read(t, file), "precious")
}

func TestStandardStreams(t *testing.T) {
	t.Parallel()
	r := inCall(t, func(c *Call) error {
		in, err := c.Open("-")
		if err != nil {
			return err
		}
		text, _ := io.ReadAll(in)
		io.WriteString(c.TextOut(), "before\x1b[1m ")
		if err := put(c, "-", strings.ToUpper(string(text)), true); err != nil {
			return err
		}
		io.WriteString(c.TextOut(), "the table\x1b[1m")
		return nil
	})
	equal(t, "stdout", r.out, `before\x1b[1m FROM STDIN`)
	equal(t, "stderr", r.errout, `the table\x1b[1m`)
	wantUsage(t, inCall(t, func(c *Call) error { c.Open("-"); _, err := c.Open("-"); return err }),
		"demo: stdin (-) can be read only once, and is named twice")
	wantUsage(t, inCall(t, func(c *Call) error {
		c.Create("-")
		_, err := c.CreateInPlace("-")
		return err
	}),
		"demo: stdout (-) can be written by one output only, and is named twice")
}

func TestCreateInPlace(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records.jsonl")
	inCall(t, func(c *Call) error {
		out, err := c.CreateInPlace(file)
		if err != nil {
			return err
		}
		defer out.Close()
		io.WriteString(out, "one\n")
		equal(t, "while it runs", read(t, file), "one\n")
		return errors.New("killed")
	})
	equal(t, "after a failed run", read(t, file), "one\n")
}

// CutBack leaves whole lines, however long the last one is.
func TestCutBack(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records.jsonl")
	line := "one\n" + strings.Repeat("x", 3<<20) + "\n"
	inCall(t, func(c *Call) error {
		out, err := c.CreateInPlace(file)
		if err != nil {
			return err
		}
		defer out.Close()
		io.WriteString(out, line+"tw")
		removed, err := out.CutBack(10)
		equal(t, "what was removed", strings.ReplaceAll(string(removed), "x", ""), "\ntw")
		io.WriteString(out, "end\n")
		return err
	})
	equal(t, "what is left", strings.ReplaceAll(read(t, file), "x", ""), "one\nend\n")
}

func TestFileErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "corpus.txt", "")
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		make bool
		name string
		want string
	}{
		{false, at("zzzz"), at("zzzz") + ": file not found; check the name, or write - for stdin"},
		{false, at("corpus.text"),
			at("corpus.text") + ": file not found; did you mean " + at("corpus.txt") + "?"},
		{false, at("no/such"), at("no/such") + ": file not found: there is no folder " + at("no")},
		{false, dir, dir + " is a folder, not a file"},
		{false, "", "a file's name is empty"},
		{false, at("corpus.txt/x"), at("corpus.txt/x") + ": not a directory"},
		{true, at("no/such"), at("no/such") + ": there is no folder " + at("no") +
			" to write it to; make it first"},
		{true, dir, dir + " is a folder: name the file to write"},
		{true, "", "an output file's name is empty"},
	} {
		wantUsage(t, inCall(t, func(call *Call) (err error) {
			if c.make {
				_, err = call.Create(c.name)
			} else {
				_, err = call.Open(c.name)
			}
			return err
		}), "demo: "+c.want)
	}
}

// A pipe or a device is written directly: it cannot be replaced by renaming.
func TestDevice(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(os.DevNull); err != nil || runtime.GOOS == "windows" {
		t.Skip("no device to write to")
	}
	wantOK(t, inCall(t, func(c *Call) error { return put(c, os.DevNull, "gone", true) }))
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Error("the device was replaced by a file")
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	r := inCall(t, func(c *Call) error { return put(c, "/dev/full", "text", true) })
	equal(t, "stderr", r.errout, "demo: /dev/full: no space left on device\n")
	equal(t, "exit code", r.code, 1)
}

func TestUnused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty, full := write(t, dir, "empty", ""), write(t, dir, "full", "x")
	for _, name := range []string{"-", "", empty, dir, filepath.Join(dir, "new"), os.DevNull} {
		if err := Unused(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	want := full + " exists and is not empty: name another file, or overwrite it with --force"
	if err := Unused(full); CodeOf(err) != Usage || err.Error() != want {
		t.Errorf("exit code %d: %v", CodeOf(err), err)
	}
}
