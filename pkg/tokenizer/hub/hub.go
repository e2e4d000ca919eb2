// Package hub finds a tokenizer by name: a file or folder, a model in the local
// cache of the Hugging Face hub, a model on the hub, which it downloads into
// that cache, or the embedded tokenizer.
//
// # The cache
//
// The layout is that of Python's huggingface_hub, so Python programs and this
// package share their downloads:
//
//	models--ORG--NAME/refs/main                     the commit that the branch was at
//	models--ORG--NAME/blobs/ETAG                    a file; ETAG.incomplete while it is not whole
//	models--ORG--NAME/snapshots/COMMIT/FILE         a link to a blob
//	.locks/models--ORG--NAME/ETAG.lock              held while the blob is written
//
// A model in the cache is used as it is, without a request to the hub for a
// newer version. To get another version, remove the folder of the model or set
// a Revision.
package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"multiturn/internal/httpclient"
	"multiturn/pkg/tokenizer"
)

// Defaults of Options.
const (
	DefaultEndpoint = "https://huggingface.co"
	DefaultRevision = "main"
)

// Options say where to look. The zero value has no cache, so it finds only
// files and the embedded tokenizer.
type Options struct {
	Cache    string // folder of the cache; made at the first download
	Endpoint string // of the hub; "" is DefaultEndpoint
	Revision string // branch, tag or commit; "" is DefaultRevision
	Offline  bool   // nothing is downloaded

	// Token is sent only to Endpoint, and is in no error. If it is empty, it is
	// read from TokenFile if that exists.
	Token, TokenFile string

	// HTTP is how the hub and its stores are reached. Its key and headers are
	// not used: they are meant for another server.
	HTTP httpclient.Config

	// Progress, if not nil, is called during a download with the bytes so far
	// and in all; total is 0 if it is unknown.
	Progress func(file string, done, total int64)
}

// FromEnvironment returns the options of huggingface_hub's variables:
// HF_HUB_CACHE, HF_HOME, HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE,
// and the older names of these. getenv is os.Getenv, home the user's home
// folder.
func FromEnvironment(getenv func(string) string, home string) Options {
	first := func(names ...string) string {
		for _, n := range names {
			if v := getenv(n); v != "" {
				return v
			}
		}
		return ""
	}
	expand := func(path string) string {
		if rest, ok := strings.CutPrefix(path, "~"); ok &&
			(rest == "" || rest[0] == '/') && home != "" {
			return home + rest
		}
		return path
	}
	base := expand(first("HF_HOME"))
	if base == "" {
		if xdg := first("XDG_CACHE_HOME"); xdg != "" {
			base = filepath.Join(expand(xdg), "huggingface")
		} else if home != "" {
			base = filepath.Join(home, ".cache", "huggingface")
		}
	}
	o := Options{
		Cache:     expand(first("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")),
		Endpoint:  first("HF_ENDPOINT"),
		Token:     first("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"),
		TokenFile: expand(first("HF_TOKEN_PATH")),
		Offline:   isTrue(first("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")),
	}
	if base != "" {
		if o.Cache == "" {
			o.Cache = filepath.Join(base, "hub")
		}
		if o.TokenFile == "" {
			o.TokenFile = filepath.Join(base, "token")
		}
	}
	if isTrue(first("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
		o.TokenFile = ""
	}
	return o
}

func isTrue(s string) bool {
	switch strings.ToUpper(s) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

// Where a tokenizer was found.
const (
	Embedded = "embedded"
	File     = "file"
	Cache    = "cache"
	Hub      = "hub" // and is in the cache now
)

// Open loads a tokenizer and returns where it was found: Embedded, File, Cache
// or Hub. The name is tokenizer.O200k, the path of a file or of its
// folder, or a model on the hub, ORG/NAME. A name that cannot be found is an
// error: there is no substitute.
func Open(ctx context.Context, name string,
	o Options) (t *tokenizer.Tokenizer, where string, err error) {
	if name == tokenizer.O200k {
		return tokenizer.O200kBase(), Embedded, nil
	}
	path, where, err := Find(ctx, name, o)
	if err != nil {
		return nil, "", err
	}
	t, err = tokenizer.Load(path)
	if err != nil {
		return nil, "", fmt.Errorf("tokenizer %s: %w", name, err)
	}
	return t, where, nil
}

// repository matches the names of models on the hub: ORG/NAME, or NAME for the
// few without an organisation.
var repository = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$`)

// Find returns the file or folder of a name, and where it was found: File,
// Cache or Hub. It downloads a model that is not in the cache.
func Find(ctx context.Context, name string, o Options) (path, where string, err error) {
	if name == "" {
		return "", "", errors.New("no tokenizer is named")
	}
	if _, err := os.Stat(name); err == nil {
		return name, File, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", "", fmt.Errorf("tokenizer: %w", err)
	}
	if !repository.MatchString(name) || strings.Contains(name, "..") ||
		strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".gz") {
		return "", "", fmt.Errorf("tokenizer %q: no such file or folder, "+
			"and not the name of a model on the hub (ORG/NAME)", name)
	}
	r := repo{name: name, Options: o}
	if r.Endpoint = strings.TrimRight(o.Endpoint, "/"); r.Endpoint == "" {
		r.Endpoint = DefaultEndpoint
	}
	if r.Revision == "" {
		r.Revision = DefaultRevision
	}
	if dir := r.cached(); dir != "" {
		return dir, Cache, nil
	}
	looked := "no such file or folder"
	if o.Cache != "" {
		looked += fmt.Sprintf(", not in the cache %s", o.Cache)
	}
	switch {
	case o.Offline:
		return "", "", fmt.Errorf("tokenizer %q: %s, and the hub may not be asked "+
			"(HF_HUB_OFFLINE)", name, looked)
	case o.Cache == "":
		return "", "", fmt.Errorf("tokenizer %q: %s, and there is no cache to download to (set "+
			"HF_HOME)", name, looked)
	}
	dir, err := r.download(ctx)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return "", "", err
		}
		return "", "", fmt.Errorf("tokenizer %q: %s; %w", name, looked, err)
	}
	return dir, Hub, nil
}
