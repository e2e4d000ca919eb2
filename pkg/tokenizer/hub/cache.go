package hub

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"multiturn/internal/limits"
	"multiturn/pkg/tokenizer"
)

// repo is one model on the hub and in the cache.
type repo struct {
	name string
	Options
	client *http.Client // during a download
}

// folder returns the folder of the repository in the cache.
func (r *repo) folder() string {
	return filepath.Join(r.Cache, "models--"+strings.ReplaceAll(r.name, "/", "--"))
}

var commitHash = regexp.MustCompile(`^[0-9a-f]{40}$`)

func (r *repo) refFile() string {
	return filepath.Join(r.folder(), "refs", filepath.FromSlash(r.Revision))
}

func (r *repo) snapshot(commit string) string {
	return filepath.Join(r.folder(), "snapshots", commit)
}

// cached returns the folder of the revision's snapshot, "" if it has no file that
// a tokenizer can be read from.
func (r *repo) cached() string {
	if r.Cache == "" {
		return ""
	}
	commit := r.Revision
	if !commitHash.MatchString(commit) {
		b, err := limits.ReadFile(r.refFile(), limits.Key)
		if err != nil {
			return ""
		}
		commit = strings.TrimSpace(string(b))
	}
	if commit == "" || filepath.Base(commit) != commit {
		return ""
	}
	dir := r.snapshot(commit)
	// A link whose blob is gone does not count.
	if _, err := tokenizer.Find(dir); err != nil {
		return ""
	}
	return dir
}

// link makes the snapshot's file a link to the blob, or a copy if links are not
// possible.
func (r *repo) link(commit, file, blob string) error {
	path := filepath.Join(r.snapshot(commit), file)
	return replace(path, func(temp string) error {
		target := filepath.Join("..", "..", "blobs", filepath.Base(blob))
		if os.Symlink(target, temp) == nil {
			return nil
		}
		b, err := os.ReadFile(blob)
		if err != nil {
			return err
		}
		return os.WriteFile(temp, b, 0o644)
	})
}

// writeRef records the commit of the revision.
func (r *repo) writeRef(commit string) error {
	if commit == r.Revision {
		return nil
	}
	return replace(r.refFile(), func(temp string) error {
		return os.WriteFile(temp, []byte(commit), 0o644)
	})
}

// replace makes the file at path, or replaces it as a whole. Others may do the
// same at the same time, so each makes its file in a folder of its own.
func replace(path string, write func(temp string) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	temp := filepath.Join(dir, filepath.Base(path))
	if err := write(temp); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
