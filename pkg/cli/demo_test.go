package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// demo is a command with one flag of each kind, multi a command with
// subcommands; both keep their calls.
type demo struct {
	Seed           int
	Rate           float64
	Model, Key     string
	URL            []string
	Wait           time.Duration
	Warm           []float64
	Size           int64
	Lang           string
	Files, Words   []string
	Headers        http.Header
	Verbose, Check bool
	Retries        int

	call *Call
	run  func(ctx context.Context, c *Call) error
}

func newDemo() *demo {
	return &demo{Lang: "any", URL: []string{"http://localhost:8000"},
		Wait: 2 * time.Minute}
}

func (d *demo) groups() []Group {
	return []Group{
		{"Zeal", []Flag{
			{Name: "seed", Short: "s", Essential: true, Value: Int(&d.Seed),
				Usage: "seed of every draw; the same seed gives the same data"},
			{Name: "limit", Aliases: []string{"limit-old"}, Value: Float(&d.Rate, 0),
				Usage: "a limit"},
			{Name: "model", Short: "m", Value: String(&d.Model), Usage: "the model",
				Names: func() []string { return []string{"large", "small"} }},
			{Name: "api-key", Value: String(&d.Key), Secret: true, Usage: "the key"},
			{Name: "url", Short: "u", Value: URLs(&d.URL), Usage: "the server"},
		}},
		{"Aim", []Flag{
			{Name: "wait", Value: Duration(&d.Wait), Usage: "how long to wait"},
			{Name: "warm", Value: Percents(&d.Warm), Usage: "percentages"},
			{Name: "size", Value: Size(&d.Size), Usage: "a size"},
			{Name: "language", Value: Enum(&d.Lang, "any", "ascii", "non-ascii"),
				Usage: "which languages"},
			{Name: "file", Short: "f", Value: Files(&d.Files), Usage: "a file"},
			{Name: "word", Value: Strings(&d.Words), Usage: "a word"},
			{Name: "header", Value: Headers(&d.Headers), Usage: "a header"},
			{Name: "verbose", Short: "v", Value: Bool(&d.Verbose), Usage: "say more"},
			{Name: "check", Short: "c", Value: Bool(&d.Check), Usage: "check"},
			{Name: "max-retries", Value: Int(&d.Retries, 0), Env: []string{"OLD_RETRIES"},
				Usage: "tries"},
			{Name: "secret-door", Value: Bool(new(bool)), Hidden: true, Usage: "not shown"},
		}},
	}
}

func (d *demo) command(args string) *Command {
	return &Command{
		Name: "demo", Usage: "show what a command can do", Args: args, Groups: d.groups(),
		Examples: []Example{{"the usual", "demo --seed=1 in out"}},
		Run:      d.keep,
	}
}

func (d *demo) keep(ctx context.Context, c *Call) error {
	d.call = c
	if d.run != nil {
		return d.run(ctx, c)
	}
	return nil
}

// multi has the subcommands run (the default, no arguments), sim and report.
func (d *demo) multi() *Command {
	var listen string
	port := 8000
	return &Command{
		Name: "multi", Usage: "several commands", Default: "run",
		Stray: "a file is given with -f FILE",
		Commands: []*Command{
			{Name: "run", Usage: "run it", Groups: d.groups(), Run: d.keep, Drain: true},
			{Name: "sim", Usage: "simulate it", Run: d.keep, Groups: []Group{{"Server", []Flag{
				{Name: "listen", Value: String(&listen), Usage: "address"},
				{Name: "port", Value: Int(&port, 1, 65535), Usage: "port"},
				{Name: "seed", Value: Int(&d.Seed), Usage: "seed"},
			}}}},
			{Name: "report", Usage: "report it", Args: "FILE...", Run: d.keep,
				Groups: []Group{{"Output",
					[]Flag{
						{Name: "format", Value: Enum(new(string), "table", "json"), Usage: "form"},
					}}}},
		},
	}
}

// result is the result of one call of Main.
type result struct {
	code        int
	out, errout string
}

func call(c *Command, env []string, words ...string) result {
	var out, errout bytes.Buffer
	code := Main(c, Process{Args: append([]string{c.Name}, words...), Env: env,
		Stdin: strings.NewReader("from stdin"), Stdout: &out, Stderr: &errout})
	return result{code, out.String(), errout.String()}
}

// wantUsage checks that a call ended as usage errors do: one line on stderr,
// nothing on stdout, exit code 2.
func wantUsage(t *testing.T, r result, want string) {
	t.Helper()
	if r.code != 2 || r.out != "" || r.errout != want+"\n" {
		t.Errorf("exit code %d, stdout %q, stderr\n  %q\nwant exit code 2 and\n  %q", r.code, r.out,
			r.errout, want+"\n")
	}
}

func wantOK(t *testing.T, r result) {
	t.Helper()
	if r.code != 0 || r.errout != "" {
		t.Errorf("exit code %d, stderr %q", r.code, r.errout)
	}
}

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%q", got), fmt.Sprintf("%q", want); g != w {
		t.Errorf("%s is %s, want %s", what, g, w)
	}
}
