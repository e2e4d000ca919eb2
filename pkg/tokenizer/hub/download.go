package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"multiturn/internal/httpclient"
	"multiturn/internal/limits"
	"multiturn/pkg/tokenizer"
)

// download puts the tokenizer's files into the cache and returns the folder of
// their snapshot.
func (r *repo) download(ctx context.Context) (dir string, err error) {
	r.client = newClient(r.HTTP)
	defer r.client.CloseIdleConnections()
	if r.Token == "" && r.TokenFile != "" {
		// Most models need no token, so a file that cannot be read is ignored.
		b, _ := limits.ReadFile(r.TokenFile, limits.Key)
		r.Token = strings.TrimSpace(string(b))
	}
	if err := httpclient.CheckKey(r.Token); err != nil {
		return "", fmt.Errorf("the token of the hub (HF_TOKEN, or the file %s) %w", r.TokenFile, err)
	}
	// The tokenizer's file comes last, since it marks the model as cached. Both
	// files are of the same commit.
	tok, err := r.lookForTokenizer(ctx)
	if err != nil {
		return "", err
	}
	switch config, err := r.look(ctx, configFile, tok.commit); {
	case err == nil:
		if err := r.fetch(ctx, config); err != nil {
			return "", err
		}
	case !isMissing(err):
		return "", err
	}
	if err := r.fetch(ctx, tok); err != nil {
		return "", err
	}
	return r.snapshot(tok.commit), r.writeRef(tok.commit)
}

const configFile = "tokenizer_config.json"

// lookForTokenizer looks for the files that a tokenizer can be read from, in their
// order.
func (r *repo) lookForTokenizer(ctx context.Context) (remote, error) {
	missing := errNoFile
	for _, file := range tokenizer.Files {
		if strings.Contains(file, "*") { // the hub has no patterns
			continue
		}
		f, err := r.look(ctx, file, r.Revision)
		if !isMissing(err) {
			return f, err
		}
		missing = err
	}
	files := strings.Join(tokenizer.Files, ", ")
	if missing == errNothing {
		return remote{}, fmt.Errorf("%s has no such model, or none of %s in it", r.shown(), files)
	}
	return remote{}, fmt.Errorf("the model on %s has none of %s: name another model with the same "+
		"tokenizer", r.shown(), files)
}

// remote is what the hub reports about a file.
type remote struct {
	file, commit, etag string
	size               int64 // -1 if unknown
	url                string
}

// most is the most bytes that the file may have: its size.
func (f *remote) most() int64 {
	if f.size >= 0 {
		return f.size
	}
	return limits.HubFile
}

var (
	errNoFile  = errors.New("no such file")
	errNothing = errors.New("no such file or model")
)

func isMissing(err error) bool { return err == errNoFile || err == errNothing }

// Names from the hub that may become file names in the cache.
var (
	safeETag   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	safeCommit = regexp.MustCompile(`^[A-Za-z0-9]+$`)
)

// look requests the headers of a file. For large files the hub answers with a
// redirect to their store; its own answer describes the file.
func (r *repo) look(ctx context.Context, file, revision string) (remote, error) {
	at := r.Endpoint + "/" + r.name + "/resolve/" + url.PathEscape(revision) + "/" + file
	for range 5 {
		req, err := http.NewRequestWithContext(ctx, http.MethodHead, at, nil)
		if err != nil {
			return remote{}, fmt.Errorf("%s is not the address of a hub: look at HF_ENDPOINT", r.shown())
		}
		// Otherwise ETag and length would be those of the packed answer.
		req.Header.Set("Accept-Encoding", "identity")
		resp, err := r.do(req)
		if err != nil {
			return remote{}, fmt.Errorf("the hub cannot be reached: %w", err)
		}
		resp.Body.Close()
		next := resp.Header.Get("Location")
		moved := resp.StatusCode >= 300 && resp.StatusCode < 400
		if moved && resp.Header.Get("X-Repo-Commit") == "" && strings.HasPrefix(next, "/") &&
			!strings.HasPrefix(next, "//") {
			at = r.Endpoint + next // the repository was renamed
			continue
		}
		if resp.StatusCode >= 400 || moved && next == "" {
			return remote{}, r.refused(resp, file, revision)
		}
		f := remote{file: file, commit: resp.Header.Get("X-Repo-Commit"), size: -1, url: at}
		etag := resp.Header.Get("X-Linked-Etag")
		if etag == "" {
			etag = resp.Header.Get("ETag")
		}
		f.etag = strings.Trim(strings.TrimPrefix(etag, "W/"), `"`)
		size := resp.Header.Get("X-Linked-Size")
		if size == "" && !moved {
			size = resp.Header.Get("Content-Length")
		}
		if n, err := strconv.ParseInt(size, 10, 64); err == nil {
			f.size = n
		}
		if !safeCommit.MatchString(f.commit) || !safeETag.MatchString(f.etag) {
			return remote{}, fmt.Errorf("%s does not answer like a hub "+
				"(no commit or ETag for %s): look at HF_ENDPOINT", r.shown(), file)
		}
		if f.size > limits.HubFile {
			return remote{}, fmt.Errorf("%s: %w", r.shown(), &limits.Exceeded{What: file, Limit: limits.HubFile})
		}
		return f, nil
	}
	return remote{}, fmt.Errorf("%s: too many redirects", r.shown())
}

// refused returns the error of an answer that is not a file.
func (r *repo) refused(resp *http.Response, file, revision string) error {
	what := resp.Header.Get("X-Error-Code")
	token := "set HF_TOKEN to a token that may read it"
	if r.Token != "" {
		token = "the token given may not read it"
	}
	switch {
	case what == "EntryNotFound":
		return errNoFile
	case what == "RevisionNotFound":
		return fmt.Errorf("the model on %s has no revision %q", r.shown(), revision)
	case what == "GatedRepo":
		return fmt.Errorf("the model is gated on %s: accept its terms there (%s)",
			r.shown(), token)
	case resp.StatusCode == http.StatusUnauthorized || what == "RepoNotFound":
		// The hub also answers this for models that do not exist.
		return fmt.Errorf("%s has no such model, or it is private (%s): look at the spelling, or %s",
			r.shown(), status(resp), token)
	case resp.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s refuses access (%s): %s", r.shown(), status(resp), token)
	case resp.StatusCode == http.StatusNotFound:
		return errNothing
	}
	return fmt.Errorf("%s answered %s for %s: try again later", r.shown(), status(resp), file)
}

// status is the status of an answer in the words of the standard: those of the
// answer are the hub's.
func status(resp *http.Response) string {
	return strings.TrimSpace(strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode))
}

// shown is the address of the hub without its secrets.
func (r *repo) shown() string { return httpclient.ShownText(r.Endpoint) }

// fetch downloads a file, unless its blob is there already, and links it into
// the snapshot.
func (r *repo) fetch(ctx context.Context, f remote) error {
	blob := filepath.Join(r.folder(), "blobs", f.etag)
	if err := os.MkdirAll(filepath.Dir(blob), 0o755); err != nil {
		return err
	}
	unlock, err := lock(ctx, filepath.Join(r.Cache, ".locks", filepath.Base(r.folder()), f.etag+
		".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(blob); err != nil {
		if err := r.fetchBlob(ctx, f, blob+".incomplete"); err != nil {
			return err
		}
		if err := os.Rename(blob+".incomplete", blob); err != nil {
			return err
		}
	}
	return r.link(f.commit, f.file, blob)
}

// A download that breaks off, or stalls for idle, is resumed up to attempts
// times, after a pause that grows: enough for a network that is down for a few
// seconds.
const (
	attempts = 5
	pause    = 200 * time.Millisecond
	idle     = time.Minute
)

// fetchBlob writes the file to path. What path already holds is its start, from
// an earlier download.
func (r *repo) fetchBlob(ctx context.Context, f remote, path string) error {
	out, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	for try := 1; ; try++ {
		var done int64
		done, err = r.fetchRest(ctx, f, out)
		if err == nil && f.size >= 0 && done != f.size {
			err = fmt.Errorf("%d bytes of %d came", done, f.size)
		}
		if err == nil {
			err = verify(out, f.etag)
		}
		switch {
		case err == nil:
			return out.Close()
		case ctx.Err() != nil:
			return ctx.Err()
		case try == attempts || errors.As(err, new(permanent)):
			return fmt.Errorf("%s from %s: %w", f.file, r.shown(), err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(try) * pause):
		}
	}
}

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// verify compares a file with its ETag, which is the SHA-256 of the content for
// large files. It empties a file that differs.
func verify(f *os.File, etag string) error {
	if !sha256Hex.MatchString(etag) {
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return permanent{err}
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return permanent{err}
	}
	if hex.EncodeToString(h.Sum(nil)) == etag {
		return nil
	}
	if err := f.Truncate(0); err != nil {
		return permanent{err}
	}
	return errors.New("what came is not the file (its SHA-256 is another one)")
}

// permanent is an error that would come again.
type permanent struct{ error }

func (r *repo) fetchRest(ctx context.Context, f remote, out *os.File) (done int64, err error) {
	done, err = out.Seek(0, io.SeekEnd)
	if err != nil {
		return done, permanent{err}
	}
	if f.size >= 0 && done == f.size {
		return done, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(idle, func() { cancel(fmt.Errorf("nothing came for %v", idle)) })
	defer watchdog.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return done, permanent{err}
	}
	req.Header.Set("Accept-Encoding", "identity")
	if done > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", done))
	}
	resp, err := r.follow(req)
	if err != nil {
		return done, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusOK,
		resp.StatusCode == http.StatusRequestedRangeNotSatisfiable,
		resp.StatusCode == http.StatusPartialContent &&
			!strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", done)):
		// The whole file, or another part than requested: start over.
		if err := out.Truncate(0); err != nil {
			return done, permanent{err}
		}
		if done, err = out.Seek(0, io.SeekStart); err != nil {
			return done, permanent{err}
		}
		if resp.StatusCode != http.StatusOK {
			return 0, errors.New(status(resp))
		}
	case resp.StatusCode == http.StatusPartialContent:
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return done, errors.New(status(resp))
	default:
		return done, permanent{errors.New(status(resp))}
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := resp.Body.Read(buf)
		watchdog.Reset(idle)
		if n > 0 {
			if done+int64(n) > f.most() {
				out.Truncate(0) // not the start of this file
				return 0, permanent{&limits.Exceeded{What: "what comes", Limit: f.most()}}
			}
			if _, err := out.Write(buf[:n]); err != nil {
				return done, permanent{err}
			}
			done += int64(n)
			if r.Progress != nil {
				r.Progress(f.file, done, max(f.size, 0))
			}
		}
		if err == io.EOF {
			return done, nil
		}
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return done, err
		}
	}
}

// follow is do for the content of a file: it follows redirects to the hub's
// store.
func (r *repo) follow(req *http.Request) (*http.Response, error) {
	for range 10 {
		resp, err := r.do(req)
		if err != nil || resp.StatusCode < 300 || resp.StatusCode >= 400 ||
			resp.Header.Get("Location") == "" {
			return resp, err
		}
		resp.Body.Close()
		at, err := req.URL.Parse(resp.Header.Get("Location"))
		if err != nil {
			return nil, permanent{errors.New("the hub sends a redirect that is not a URL")}
		}
		if req.URL.Scheme == "https" && at.Scheme != "https" {
			return nil, permanent{&httpclient.RedirectError{To: at.Scheme + "://" + at.Host}}
		}
		next := req.Clone(req.Context())
		next.URL, next.Host = at, ""
		next.Header.Del("Authorization")
		req = next
	}
	return nil, permanent{errors.New("too many redirects")}
}

// do sends a request, with the token if it goes to the hub itself. It does not
// follow redirects.
func (r *repo) do(req *http.Request) (*http.Response, error) {
	req.Header.Set("User-Agent", httpclient.UserAgent)
	if hub, err := url.Parse(r.Endpoint); err == nil && r.Token != "" &&
		httpclient.SameOrigin(hub, req.URL) {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	resp, err := r.client.Do(req)
	// The signed URL of a store is a secret, too, so errors have no URL.
	return resp, httpclient.WithoutURL(err)
}

// How long to wait for a hub that does not answer: for a connection, and for
// the headers of an answer, which take well below a second. A download has no
// limit.
const (
	dialTimeout   = 10 * time.Second
	headerTimeout = 30 * time.Second
)

// newClient returns a client that follows nothing: redirects are for look and
// follow, which know where the token may go.
func newClient(c httpclient.Config) *http.Client {
	c = c.Elsewhere()
	c.DialTimeout, c.HeaderTimeout = dialTimeout, headerTimeout
	client := c.Client(0)
	client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}
	return client
}
