package cli

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestHelp(t *testing.T) {
	t.Parallel()
	long := newDemo().command("IN OUT")
	long.Usage = "show what a command can do, in words that are too many for the hundred " +
		"columns of one line of help"
	long.Description = "A first paragraph that is long enough to be broken at the hundredth " +
		"column, which is where lines of help end.\n\n  indented lines stay as they are\n\nAnother."
	long.Groups[0].Flags[2].Required = true
	long.Groups[1].Flags = append(long.Groups[1].Flags, Flag{
		Name: "a-flag-with-a-name-of-great-length", Meta: "SOMETHING", Value: String(new(string)),
		Usage: strings.Repeat("many words of explanation ", 8),
	})
	for name, c := range map[string]struct {
		command *Command
		words   []string
	}{
		"leaf":    {long, []string{"--help"}},
		"root":    {newDemo().multi(), []string{"-h"}},
		"sub":     {newDemo().multi(), []string{"report", "--help"}},
		"default": {newDemo().multi(), []string{"run", "-h"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := call(c.command, nil, c.words...)
			wantOK(t, r)
			golden := filepath.Join("testdata", "help-"+name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(r.out), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if r.out != string(want) {
				t.Errorf("help is not as in %s (go test -update rewrites it):\n%s", golden, r.out)
			}
			if !strings.HasSuffix(r.out, "\n\n"+exitCodes+"\n") {
				t.Error("the exit codes are not its last line")
			}
			for line := range strings.Lines(r.out) {
				if line = strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(line) > helpWidth {
					t.Errorf("wider than %d columns: %s", helpWidth, line)
				}
				if strings.TrimRight(line, " ") != line {
					t.Errorf("ends with spaces: %q", line)
				}
			}
		})
	}
}

// --help wins over all words after it and over missing flags, but an error before
// it is reported first.
func TestHelpAsked(t *testing.T) {
	t.Parallel()
	full := call(newDemo().command("IN OUT"), nil, "--help").out
	for _, words := range [][]string{{"-h"}, {"in", "--help", "--unknown"}, {"--seed", "x", "-vh"},
		{"--help=true"}} {
		equal(t, strings.Join(words, " "),
			call(newDemo().command("IN OUT"), []string{"DEMO_SEED=x"},
				words...).out, full)
	}
	wantUsage(t, call(newDemo().command(""), nil, "--unknown", "--help"),
		"demo: unknown flag --unknown")
	wantOK(t, call(newDemo().command("IN"), nil, "--help=false", "x"))

	multi := func(words ...string) string { return call(newDemo().multi(), nil, words...).out }
	equal(t, "help", multi("help"), multi("--help"))
	equal(t, "help report", multi("help", "report"), multi("report", "--help"))
	equal(t, "flags before help", multi("-v", "help", "run"), multi("run", "-h"))
	r := call(&Command{Name: "demo", Commands: newDemo().multi().Commands}, nil, "--help")
	if r.code != 0 || strings.Contains(r.out, "when no command is named") {
		t.Errorf("help of a command without a default: %d %s", r.code, r.out)
	}
	wantUsage(t, call(&Command{Name: "demo", Commands: newDemo().multi().Commands}, nil),
		"demo: name a command: run, sim or report")
}
