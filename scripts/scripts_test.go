// Package scripts_test tests the shell scripts of this folder: their endings,
// and that they leave nothing half done.
package scripts_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// script runs a script of this folder in dir and returns what it printed.
func script(t *testing.T, dir string, env []string, name string, args ...string) (output string,
	failed bool) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(bash, append([]string{path}, args...)...)
	c.Dir, c.Env = dir, append(append(os.Environ(), "no_proxy=*"), env...)
	out, err := c.CombinedOutput()
	return string(out), err != nil
}

func files(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestGetText(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		if _, err := exec.LookPath("wget"); err != nil {
			t.Skip("neither curl nor wget here")
		}
	}
	title := "The Project Gutenberg eBook of The Count of Monte Cristo"
	book := "\ufeff" + title + "\r\n\r\nOn February 24, 1815...\r\n*** END OF THE PROJECT " +
		"GUTENBERG EBOOK THE COUNT OF MONTE CRISTO ***\r\n"
	pages := map[string]string{
		"/book": book,
		"/cut":  book[:100],
		"/html": "<html>too many requests</html>",
		"/more": title + " in French\n*** END OF ANOTHER BOOK ***\n",
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch text, ok := pages[r.URL.Path]; {
		case r.URL.Path == "/short": // the connection ends before the length that was announced
			w.Header().Set("Content-Length", fmt.Sprint(len(book)))
			fmt.Fprint(w, book[:50])
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/book", http.StatusFound)
		case !ok:
			http.NotFound(w, r)
		default:
			fmt.Fprint(w, text)
		}
	}))
	t.Cleanup(server.Close)
	sum := sha256.Sum256([]byte(book))
	digest := hex.EncodeToString(sum[:])

	for _, c := range []struct {
		path, file string
		sha        string
		fails      bool
		says       string
	}{
		{"/book", "", "", false, digest},
		{"/moved", "a text.txt", digest, false, digest},
		{"/book", "", "00", true, "nothing was kept"},
		{"/cut", "", "", true, "ends before the book does"},
		{"/html", "", "", true, "does not begin with the book's title"},
		{"/more", "", "", true, "ends before the book does"},
		{"/short", "", "", true, "could not fetch"},
		{"/none", "", "", true, "could not fetch"},
		{"/book", "no/such.txt", "", true, "there is no folder no"},
	} {
		t.Run(strings.TrimSpace(c.path[1:]+" "+c.file+c.sha[:min(2, len(c.sha))]),
			func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				var args []string
				want := "pg1184.txt"
				if c.file != "" {
					args, want = []string{c.file}, c.file
				}
				out, failed := script(t, dir,
					[]string{"TEXT_URL=" + server.URL + c.path, "TEXT_SHA256=" + c.sha},
					"get-text.sh", args...)
				if failed != c.fails || !strings.Contains(out, c.says) {
					t.Fatalf("failed: %v; output:\n%s", failed, out)
				}
				if c.fails {
					want = ""
				}
				if got := files(t, dir); got != want {
					t.Fatalf("left in the folder: %q, want %q", got, want)
				}
				if c.fails {
					return
				}
				if b, err := os.ReadFile(filepath.Join(dir, want)); err != nil ||
					string(b) != book {
					t.Fatalf("the file holds %q, %v", b, err)
				}
				if out, failed := script(t, dir, []string{"TEXT_URL=" + server.URL + "/none"},
					"get-text.sh", args...); failed || !strings.Contains(out, "exists; remove it") {
					t.Fatalf("a second time: %v\n%s", failed, out)
				}
			})
	}
}

// module writes a Go module of the files and returns its folder.
func module(t *testing.T, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	content["go.mod"] = "module example.test\n\ngo 1.26\n"
	for name, text := range content {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTestSummary(t *testing.T) {
	t.Parallel()
	good := `package a
import "testing"
func TestOne(t *testing.T) { t.Run("sub", func(t *testing.T) { t.Log("noise") }) }
func TestSkip(t *testing.T) { t.Parallel(); t.Skip("SHARED is not set") }
func TestSkipToo(t *testing.T) { t.Parallel(); t.Log("more"); t.Skip("SHARED is not set") }
`
	bad := "package b\nimport \"testing\"\nfunc TestBad(t *testing.T) { t.Error(\"what went " +
		"wrong\") }\nfunc TestGood(t *testing.T) { t.Log(\"noise\") }\n"

	out, failed := script(t,
		module(t, map[string]string{"a/a_test.go": good, "c/c.go": "package c\n"}), nil,
		"test.sh", "./...")
	for _, want := range []string{"\nTests: 2 passed, 0 failed, 2 skipped (subtests counted).\n",
		"ok  \texample.test/a", "[no test files]", "2 SHARED is not set\n"} {
		if !strings.Contains("\n"+out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if failed || strings.Contains(out, "noise") || strings.Contains(out, "=== RUN") {
		t.Errorf("failed: %v; output:\n%s", failed, out)
	}

	out, failed = script(t, module(t, map[string]string{"a/a_test.go": good, "b/b_test.go": bad}),
		nil, "test.sh", "./...")
	for _, want := range []string{"what went wrong", "--- FAIL: TestBad", "FAIL\texample.test/b",
		"ok  \texample.test/a", "Tests: 3 passed, 1 failed, 2 skipped"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if !failed {
		t.Errorf("a failed test does not fail the script:\n%s", out)
	}

	if out, failed = script(t,
		module(t, map[string]string{"a/a.go": "package a\nvar x int = y\n", "a/a_test.go": good}),
		nil, "test.sh", "./..."); !failed || !strings.Contains(out, "undefined: y") {
		t.Errorf("a package that does not build: failed %v; output:\n%s", failed, out)
	}
}

func TestFuzzFindsTargets(t *testing.T) {
	t.Parallel()
	target := func(pkg, name, body string) string {
		return "package " + pkg + "\nimport \"testing\"\nfunc " + name +
			"(f *testing.F) { f.Add(1); f.Fuzz(func(t *testing.T, n int) {" + body + "}) }\n"
	}
	dir := module(t, map[string]string{
		"a/a_test.go": target("a", "FuzzOne", ""), "a/b_test.go": target("a", "FuzzOneMore", ""),
		"b/b_test.go": target("b_test", "FuzzBad", `t.Error("broken")`),
		"b/b.go":      "package b\n", "c/c.go": "package c\n",
	})
	out, failed := script(t, dir, nil, "fuzz.sh", "1x")
	if !failed || !strings.Contains(out, "3 fuzz targets, 1 failed.\n  example.test/b FuzzBad\n") ||
		!strings.Contains(out, "== example.test/a FuzzOneMore for 1x") {
		t.Errorf("failed: %v; output:\n%s", failed, out)
	}
}
