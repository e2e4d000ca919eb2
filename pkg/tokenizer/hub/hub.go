// Package hub finds the tokenizer that a name means: a file or folder, a model in the local cache of the Hugging Face
// hub, a model on the hub, which it downloads into that cache, or the embedded one.
//
// # The cache
//
// The layout is that of Python's huggingface_hub, so that its programs and this one share what either has downloaded:
//
//	models--ORG--NAME/refs/main                     the commit that the branch was at
//	models--ORG--NAME/blobs/ETAG                    a file; ETAG.incomplete while it is not whole
//	models--ORG--NAME/snapshots/COMMIT/FILE         a link to a blob
//	.locks/models--ORG--NAME/ETAG.lock              held while the blob is written
//
// What is in the cache is used as it is: nothing is asked of the hub then, and no newer version is looked for. Remove
// the folder of a model, or name a Revision, to have another one.
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

// Options say where to look. The zero value knows no cache, and so finds files and the embedded tokenizer only.
type Options struct {
	Cache    string // folder of the cache; it is made when something is downloaded
	Endpoint string // of the hub; "" is DefaultEndpoint
	Revision string // branch, tag or commit; "" is DefaultRevision
	Offline  bool   // nothing is downloaded

	// Token is sent to Endpoint and nowhere else; it is in no error. If it is empty, TokenFile holds it, if there is one.
	Token, TokenFile string

	// HTTP is how the hub and its stores are reached. Its key and headers are not
	// used: they are meant for another server.
	HTTP httpclient.Config

	// Progress, if not nil, is called as a download goes on: bytes had and bytes in all, 0 if the hub does not say.
	Progress func(file string, done, total int64)
}

// FromEnvironment sets what the variables of huggingface_hub say: HF_HUB_CACHE, HF_HOME, HF_ENDPOINT, HF_TOKEN,
// HF_TOKEN_PATH, HF_HUB_OFFLINE, and the older names of these. getenv is os.Getenv, home the user's home folder.
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
		if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || rest[0] == '/') && home != "" {
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

// Open loads the tokenizer that name means, and says where it was: Embedded, File, Cache or Hub. A name is
// tokenizer.O200k; or the path of a tokenizer.json or of its folder; or that of a model of the hub, ORG/NAME. There is
// no substitute for a name that cannot be had.
func Open(ctx context.Context, name string, o Options) (t *tokenizer.Tokenizer, where string, err error) {
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

// repository is a name of the hub: a model of an organisation or user, or one of the few without.
var repository = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$`)

// Find returns the file or folder that name means, downloaded if need be, and where it was: File, Cache or Hub.
func Find(ctx context.Context, name string, o Options) (path, where string, err error) {
	if name == "" {
		return "", "", errors.New("no tokenizer is named")
	}
	if _, err := os.Stat(name); err == nil {
		return name, File, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", "", fmt.Errorf("tokenizer: %w", err)
	}
	if !repository.MatchString(name) || strings.Contains(name, "..") || strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".gz") {
		return "", "", fmt.Errorf("tokenizer %q: no such file or folder, and not the name of a model on the hub (ORG/NAME)", name)
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
		return "", "", fmt.Errorf("tokenizer %q: %s, and the hub may not be asked (HF_HUB_OFFLINE): "+
			"go online once, or name a folder with a %s, or %s", name, looked, tokenizerFile, tokenizer.O200k)
	case o.Cache == "":
		return "", "", fmt.Errorf("tokenizer %q: %s, and there is no cache to download to (set HF_HOME)", name, looked)
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
