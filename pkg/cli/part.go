package cli

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
)

// A part is an output that is not complete yet: a hidden file beside the file
// that it becomes, so that the rename stays within one file system. It is locked
// as long as its process lives: without a lock it was left by one that was
// killed.

// partSuffix ends the names of parts.
const partSuffix = ".part"

// partPrefix returns what the names of the parts of a file begin with.
func partPrefix(path string) (dir, prefix string) {
	dir, base := filepath.Split(path)
	if len(base) > 200 {
		base = base[:200] // names end at 255 bytes
	}
	return dir, "." + base + "."
}

// randomLength is how many random characters the name of a part has.
const randomLength = 8

// createPart makes a part and notes it.
func (f *files) createPart(path string, mode os.FileMode) (*os.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		return nil, context.Canceled
	}
	dir, prefix := partPrefix(path)
	for {
		name := filepath.Join(dir, prefix+rand.Text()[:randomLength]+partSuffix)
		file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return nil, err
		}
		if isLocked, _ := lock(file); isLocked && !isAt(file, name) {
			file.Close() // another process took it for one that was left
			continue
		}
		if f.parts == nil {
			f.parts = map[string]bool{}
		}
		f.parts[name] = true
		return file, nil
	}
}

// isAt reports whether name leads to the file.
func isAt(file *os.File, name string) bool {
	info, err := file.Stat()
	return err == nil && stillThere(name, info) == nil
}

// sweep removes the parts of a file whose processes were killed, and returns
// their names.
func sweep(path string) (removed []string) {
	dir, prefix := partPrefix(path)
	folder, err := os.Open(filepath.Join(dir, "."))
	if err != nil {
		return nil
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(manyFiles) // of what cannot be read there is nothing to say
	for _, name := range names {
		middle, isPart := strings.CutSuffix(name, partSuffix)
		middle, isOurs := strings.CutPrefix(middle, prefix)
		if !isPart || !isOurs || len(middle) != randomLength {
			continue
		}
		if name = filepath.Join(dir, name); isAbandoned(name) && os.Remove(name) == nil {
			removed = append(removed, name)
		}
	}
	return removed
}

// isAbandoned reports whether no process holds the lock of a part.
func isAbandoned(name string) bool {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer file.Close()
	locked, err := lock(file)
	return err == nil && locked
}

// part notes that an unfinished output exists, or that it is gone.
func (f *files) part(name string, exists bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.parts[name] = exists
}

// giveUp removes unfinished outputs that nobody is going to close, and makes no
// more of them.
func (f *files) giveUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	for name, exists := range f.parts {
		if exists {
			os.Remove(name)
		}
	}
}
