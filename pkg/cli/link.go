package cli

import (
	"os"
	"path/filepath"
)

// mostLinks is how many links that lead to nothing are followed one after
// another: as many as Linux follows.
const mostLinks = 40

// target returns the absolute name of the file that a name leads to, which need
// not exist: links are followed, and so are those of its folder, so that two
// names of a file that is still to be made are seen to be the same.
func target(name string) (string, error) {
	if _, err := os.Stat(name); err == nil {
		if path, err := filepath.EvalSymlinks(name); err == nil { // not so pipes in /proc
			name = path
		}
		return filepath.Abs(name)
	}
	for range mostLinks {
		dir, base := filepath.Split(name)
		if dir == "" {
			dir = "."
		}
		if path, err := filepath.EvalSymlinks(dir); err == nil {
			dir, name = path, filepath.Join(path, base)
		}
		to, err := os.Readlink(name)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = dir + string(filepath.Separator) + to
		}
		name = to
	}
	return filepath.Abs(name)
}
