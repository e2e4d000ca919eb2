package hub

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"multiturn/internal/httpclient"
	"multiturn/pkg/tokenizer"
)

const (
	commit = "0123456789abcdef0123456789abcdef01234567"
	secret = "hf_secret"
	tiny   = `{"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "decoder": {"type": "ByteLevel"},
		"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}`
	config = `{"clean_up_tokenization_spaces": true}`
)

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// fake is a hub of one model, org/model, whose tokenizer.json lies in a store
// of another host and whose configuration the hub has itself, as is usual.
type fake struct {
	t          *testing.T
	hub, store *httptest.Server
	refuse     func(w http.ResponseWriter, r *http.Request) bool // answers instead
	// bytes after which the store's next answers break off
	cut      []int
	file     string // the tokenizer's
	config   string // tokenizer_config.json
	content  string
	etag     string
	noRanges bool

	mu   sync.Mutex
	seen []string // method, path and Range of each request
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, file: "tokenizer.json", config: config, content: tiny, etag: sum(tiny)}
	f.hub = httptest.NewServer(http.HandlerFunc(f.serveHub))
	f.store = httptest.NewServer(http.HandlerFunc(f.serveStore))
	t.Cleanup(f.hub.Close)
	t.Cleanup(f.store.Close)
	return f
}

func (f *fake) options(cache string) Options {
	return Options{Cache: cache, Endpoint: f.hub.URL, Token: secret}
}

func (f *fake) note(r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Range")))
}

func (f *fake) serveHub(w http.ResponseWriter, r *http.Request) {
	f.note(r)
	if f.refuse != nil && f.refuse(w, r) {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+secret {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("X-Repo-Commit", commit)
	switch path := strings.TrimPrefix(r.URL.Path, "/org/model/resolve/"); path {
	case "main/" + f.file, commit + "/" + f.file:
		w.Header().Set("X-Linked-Etag", `"`+f.etag+`"`)
		w.Header().Set("X-Linked-Size", strconv.Itoa(len(f.content)))
		w.Header().Set("Location", f.store.URL+"/blob?signature=private")
		w.WriteHeader(http.StatusFound)
	case commit + "/tokenizer_config.json":
		w.Header().Set("ETag", `W/"c0ffee"`)
		w.Write([]byte(f.config))
	default:
		w.Header().Set("X-Error-Code", "EntryNotFound")
		w.WriteHeader(http.StatusNotFound)
	}
}

func (f *fake) serveStore(w http.ResponseWriter, r *http.Request) {
	f.note(r)
	if r.Header.Get("Authorization") != "" {
		f.t.Error("the token went to the store")
	}
	from := 0
	if !f.noRanges {
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
	}
	body := f.content[from:]
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if from > 0 {
		w.Header().Set("Content-Range",
			fmt.Sprintf("bytes %d-%d/%d", from, len(f.content)-1, len(f.content)))
		w.WriteHeader(http.StatusPartialContent)
	}
	f.mu.Lock()
	cut := -1
	if len(f.cut) > 0 {
		cut, f.cut = f.cut[0], f.cut[1:]
	}
	f.mu.Unlock()
	if cut >= 0 {
		w.Write([]byte(body[:cut]))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	w.Write([]byte(body))
}

func (f *fake) requests() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.seen, "\n")
}

func TestDownload(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	cache := filepath.Join(t.TempDir(), "hub")
	o := f.options(cache)
	var last string
	o.Progress = func(file string, done,
		total int64) {
		last = fmt.Sprint(file, " ", done, "/", total)
	}
	tok, where, err := Open(t.Context(), "org/model", o)
	if err != nil {
		t.Fatal(err)
	}
	if where != Hub || tok.Name() != "org/model" || !tok.CleansUpSpaces() ||
		tok.Count("abab") != 2 {
		t.Errorf("%s, name %q, clean-up %t", where, tok.Name(), tok.CleansUpSpaces())
	}
	if want := fmt.Sprintf("tokenizer.json %d/%d", len(tiny), len(tiny)); last != want {
		t.Errorf("progress ends with %q, want %q", last, want)
	}

	// The layout, as huggingface_hub reads it.
	dir := filepath.Join(cache, "models--org--model")
	for path, want := range map[string]string{
		"refs/main": commit,
		"snapshots/" + commit + "/tokenizer.json":        tiny,
		"snapshots/" + commit + "/tokenizer_config.json": config,
		"blobs/" + sum(tiny):                             tiny,
		"blobs/c0ffee":                                   config,
	} {
		if b, err := os.ReadFile(filepath.Join(dir, path)); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
	if to, err := os.Readlink(filepath.Join(dir, "snapshots", commit, "tokenizer.json")); err != nil ||
		filepath.ToSlash(to) != "../../blobs/"+sum(tiny) {
		t.Errorf("link to %q, %v", to, err)
	}

	// From now on the hub is not asked.
	f.hub.Close()
	for _, revision := range []string{"", "main", commit} {
		o := Options{Cache: cache, Endpoint: f.hub.URL, Offline: true, Revision: revision}
		if _, where, err := Open(t.Context(), "org/model", o); err != nil || where != Cache {
			t.Errorf("revision %q: %q, %v", revision, where, err)
		}
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		cut      []int
		noRanges bool
		want     string // the Range of the last request
	}{
		{"once", []int{10}, false, "bytes=10-"},
		{"again and again", []int{10, 20, 1}, false, "bytes=31-"},
		{"without ranges", []int{10}, true, "bytes=10-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.cut, f.noRanges = c.cut, c.noRanges
			if _, _, err := Open(t.Context(), "org/model", f.options(t.TempDir())); err != nil {
				t.Fatal(err)
			}
			if r := f.requests(); !strings.HasSuffix(r, "GET /blob "+c.want) {
				t.Errorf("requests:\n%s", r)
			}
		})
	}
}

// An interrupted download leaves nothing that looks whole, and the next one
// goes on from there.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	cache := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	o := f.options(cache)
	f.cut = []int{25}
	o.Progress = func(file string, done, _ int64) {
		if file == "tokenizer.json" {
			cancel()
		}
	}
	if _, _, err := Open(ctx, "org/model", o); err == nil {
		t.Fatal("no error")
	}
	blob := filepath.Join(cache, "models--org--model", "blobs", sum(tiny))
	if _, err := os.Stat(blob); err == nil {
		t.Error("the blob is there")
	}
	if b, err := os.ReadFile(blob + ".incomplete"); err != nil || len(b) != 25 {
		t.Errorf("%d bytes kept, %v", len(b), err)
	}
	if _, _, err := Open(t.Context(), "org/model", Options{Cache: cache, Offline: true}); err == nil {
		t.Error("half a model is taken for one")
	}
	if _, where, err := Open(t.Context(), "org/model", f.options(cache)); err != nil ||
		where != Hub {
		t.Fatal(where, err)
	}
	if r := f.requests(); !strings.HasSuffix(r, "GET /blob bytes=25-") {
		t.Errorf("requests:\n%s", r)
	}
}

// The start of another file is noticed by the digest, and thrown away.
func TestWrongStart(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	cache := t.TempDir()
	blobs := filepath.Join(cache, "models--org--model", "blobs")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(blobs, sum(tiny)+".incomplete"), []byte("{other"),
		0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(t.Context(), "org/model", f.options(cache)); err != nil {
		t.Fatal(err)
	}
}

func TestTogether(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	cache := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, _, err := Open(t.Context(), "org/model", f.options(cache)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := strings.Count(f.requests(), "GET /blob"); n != 1 {
		t.Errorf("downloaded %d times", n)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	status := func(code int, header string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			if header != "" {
				w.Header().Set("X-Error-Code", header)
			}
			w.WriteHeader(code)
			return true
		}
	}
	for _, c := range []struct {
		name    string
		refuse  func(http.ResponseWriter, *http.Request) bool
		model   string
		set     func(*Options)
		contain []string
	}{
		{"unknown model", status(401, "RepoNotFound"), "", nil,
			[]string{"no such model, or it is private", "may not read it"}},
		{"no token", status(401, ""), "", func(o *Options) { o.Token = "" },
			[]string{"no such model", "set HF_TOKEN"}},
		{"gated", status(403, "GatedRepo"), "", nil, []string{"gated", "accept its terms"}},
		{"forbidden", status(403, ""), "", nil, []string{"refuses access (403 Forbidden)"}},
		{"no tokenizer.json", status(404, "EntryNotFound"), "", nil,
			[]string{"has none of tokenizer.json, tekken.json, "}},
		{"revision", status(404, "RevisionNotFound"), "", func(o *Options) { o.Revision = "v9" },
			[]string{`no revision "v9"`}},
		{"404", status(404, ""), "", nil, []string{"no such model"}},
		{"500", status(500, ""), "", nil, []string{"500 Internal Server Error", "try again"}},
		{"not a hub", status(200, ""), "", nil,
			[]string{"does not answer like a hub", "HF_ENDPOINT"}},
		{"offline", nil, "", func(o *Options) { o.Offline = true },
			[]string{"not in the cache", "HF_HUB_OFFLINE"}},
		{"no cache", nil, "", func(o *Options) { o.Cache = "" }, []string{"no cache", "HF_HOME"}},
		{"unreachable", nil, "", func(o *Options) { o.Endpoint = "http://127.0.0.1:1" },
			[]string{"cannot be reached"}},
		{"path", nil, "./models/x", nil, []string{"no such file or folder"}},
		{"file", nil, "x/tokenizer.json", nil, []string{"no such file or folder"}},
		{"empty", nil, "-", nil, []string{"not the name of a model"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.refuse = c.refuse
			o := f.options(t.TempDir())
			if c.set != nil {
				c.set(&o)
			}
			model := c.model
			if model == "" {
				model = "org/model"
			}
			_, _, err := Open(t.Context(), model, o)
			if err == nil {
				t.Fatal("no error")
			}
			for _, s := range c.contain {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%v\n\tdoes not say %q", err, s)
				}
			}
			if strings.Contains(err.Error(), secret) ||
				strings.Contains(err.Error(), "signature") ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
		})
	}
}

// A model without a tokenizer.json is read from the next file that it has, and
// found in the cache afterwards.
func TestOtherFiles(t *testing.T) {
	t.Parallel()
	var ranks strings.Builder
	for b := range 256 {
		fmt.Fprintf(&ranks, "%s %d\n", base64.StdEncoding.EncodeToString([]byte{byte(b)}), b)
	}
	for _, c := range []struct{ file, config string }{
		{"tiktoken.model", `{"auto_map": {"AutoTokenizer": ["tokenization_kimi.X", null]}}`},
		{"tokenizer.model", `{"tokenizer_class": "ChatGLM4Tokenizer"}`},
	} {
		f := newFake(t)
		f.file, f.config, f.content, f.etag = c.file, c.config, ranks.String(), sum(ranks.String())
		cache := t.TempDir()
		tok, where, err := Open(t.Context(), "org/model", f.options(cache))
		if err != nil || where != Hub || tok.Name() != "org/model" || tok.Count("ab") != 2 {
			t.Errorf("%s: %v, %v", c.file, where, err)
			continue
		}
		tok, where, err = Open(t.Context(), "org/model", Options{Cache: cache, Offline: true})
		if err != nil || where != Cache || tok.SHA256() != sum(ranks.String()) {
			t.Errorf("%s: %v, %v", c.file, where, err)
		}
	}
}

// Names from the hub become names of files: they must stay in the cache.
func TestHostileHub(t *testing.T) {
	t.Parallel()
	for _, h := range []http.Header{
		{"X-Repo-Commit": {"../../x"}, "Etag": {`"a"`}},
		{"X-Repo-Commit": {commit}, "Etag": {`"../../x"`}},
		{"X-Repo-Commit": {commit}, "Etag": {`".."`}},
	} {
		f := newFake(t)
		f.refuse = func(w http.ResponseWriter, r *http.Request) bool {
			for k, v := range h {
				w.Header()[k] = v
			}
			w.Write([]byte(tiny))
			return true
		}
		if _, _, err := Open(t.Context(), "org/model", f.options(t.TempDir())); err == nil ||
			!strings.Contains(err.Error(), "like a hub") {
			t.Errorf("%v: %v", h, err)
		}
	}
}

// What a hub declares is the most that is taken of it, and no secret of its
// address or of the token is in an error, even if the hub repeats it.
func TestHostileDownloads(t *testing.T) {
	t.Parallel()
	head := func(size string) http.Header {
		return http.Header{"X-Repo-Commit": {commit}, "Etag": {`"a"`}, "X-Linked-Size": {size}}
	}
	insecure := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was asked without TLS", r.URL)
	}))
	t.Cleanup(insecure.Close)
	away := head("10")
	away.Set("Location", insecure.URL+"/sesame")
	for name, tt := range map[string]struct {
		head http.Header
		set  func(o *Options)
		want string
	}{
		"too large":   {head("300000000000"), nil, "tokenizer.json is larger than 256 MiB"},
		"endless":     {head("1000000"), nil, "what comes is larger than 977 KiB"},
		"without TLS": {away, nil, "it redirects to " + insecure.URL + ", which is not followed"},
		"token with LF": {nil, func(o *Options) { o.Token = "hf\nsecret" },
			"(HF_TOKEN, or the file ) must be one line"},
		"no address": {nil, func(o *Options) { o.Endpoint = "https://me:sesame@h:x" }, "look at HF_ENDPOINT"},
		"an address away": {nil, func(o *Options) { o.Endpoint = "https://me:sesame@127.0.0.1:1" },
			"cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for k, v := range tt.head {
					w.Header()[k] = v
				}
				switch {
				case tt.head.Get("Location") != "":
					w.WriteHeader(http.StatusFound)
				case r.Method == http.MethodGet:
					for r.Context().Err() == nil {
						_, _ = w.Write(make([]byte, 1<<16))
					}
				}
			}))
			t.Cleanup(hub.Close)
			pool := x509.NewCertPool()
			pool.AddCert(hub.Certificate())
			cache := t.TempDir()
			o := Options{Cache: cache, Endpoint: hub.URL, Token: secret, HTTP: httpclient.Config{CA: pool}}
			if tt.set != nil {
				tt.set(&o)
			}
			_, _, err := Open(t.Context(), "org/model", o)
			if err == nil || !strings.Contains(err.Error(), tt.want) ||
				strings.Contains(err.Error(), "sesame") {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			parts, _ := filepath.Glob(filepath.Join(cache, "*", "blobs", "*"))
			for _, part := range parts {
				if info, err := os.Stat(part); err != nil || info.Size() > 0 {
					t.Errorf("%s stays: %v, %v", part, info, err)
				}
			}
		})
	}
}

func TestRenamedModel(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		rest, ok := strings.CutPrefix(r.URL.Path, "/old/name/")
		if ok {
			w.Header().Set("Location", "/org/model/"+rest)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
		return ok
	}
	cache := t.TempDir()
	if _, _, err := Open(t.Context(), "old/name", f.options(cache)); err != nil {
		t.Fatal(err)
	}
	if _, where, err := Open(t.Context(), "old/name",
		Options{Cache: cache, Offline: true}); err != nil || where != Cache {
		t.Error(where, err)
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mine")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "tokenizer.json")
	if err := os.WriteFile(file, []byte(tiny), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{dir: File, file: File, tokenizer.O200k: Embedded} {
		tok, where, err := Open(t.Context(), name, Options{})
		if err != nil || where != want {
			t.Errorf("%s: %q, %v", name, where, err)
			continue
		}
		if where == File && (tok.Name() != "mine" || tok.Source() != file) {
			t.Errorf("%s: name %q, source %q", name, tok.Name(), tok.Source())
		}
	}
}

func TestFromEnvironment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  map[string]string
		want Options
	}{
		{nil, Options{Cache: "/home/u/.cache/huggingface/hub",
			TokenFile: "/home/u/.cache/huggingface/token"}},
		{map[string]string{"XDG_CACHE_HOME": "/x"},
			Options{Cache: "/x/huggingface/hub", TokenFile: "/x/huggingface/token"}},
		{map[string]string{"HF_HOME": "~/hf", "HF_TOKEN": secret, "HF_HUB_OFFLINE": "1"},
			Options{Cache: "/home/u/hf/hub", TokenFile: "/home/u/hf/token", Token: secret,
				Offline: true}},
		{map[string]string{"HF_HOME": "/hf", "HF_HUB_CACHE": "/c", "HF_ENDPOINT": "http://mirror",
			"HF_HUB_DISABLE_IMPLICIT_TOKEN": "true"},
			Options{Cache: "/c", Endpoint: "http://mirror"}},
	} {
		if got := FromEnvironment(func(k string) string { return c.env[k] },
			"/home/u"); got.Cache != c.want.Cache || got.Endpoint != c.want.Endpoint ||
			got.Token != c.want.Token || got.TokenFile != c.want.TokenFile ||
			got.Offline != c.want.Offline {
			t.Errorf("%v: %+v, want %+v", c.env, got, c.want)
		}
	}
}
