package cli

import (
	"context"
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
		"leaf":       {long, []string{"--help-all"}},
		"essentials": {newDemo().multi(), []string{"-h"}},
		"root":       {newDemo().multi(), []string{"--help-all"}},
		"sub":        {newDemo().multi(), []string{"report", "--help-all"}},
		"default":    {newDemo().multi(), []string{"run", "--help-all"}},
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
				if line = strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(line) > int(widest) {
					t.Errorf("wider than %d columns: %s", int(widest), line)
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
	equal(t, "report help", multi("report", "help"), multi("report", "--help"))
	equal(t, "run help", multi("run", "-v", "help"), multi("run", "--help"))
	equal(t, "help of one command", call(newDemo().command("IN OUT"), nil, "help").out, full)
	equal(t, "flags before help", multi("-v", "help", "run"), multi("run", "-h"))
	r := call(&Command{Name: "demo", Commands: newDemo().multi().Commands}, nil, "--help")
	if r.code != 0 || strings.Contains(r.out, "when no command is named") {
		t.Errorf("help of a command without a default: %d %s", r.code, r.out)
	}
	wantUsage(t, call(&Command{Name: "demo", Commands: newDemo().multi().Commands}, nil),
		"demo: name a command: run, sim or report")
}

// A file that is named help is no question.
func TestFileNamedHelp(t *testing.T) {
	t.Chdir(t.TempDir())
	d := newDemo()
	r := call(d.command("[CONFIG]"), nil, "help")
	equal(t, "help", r.out, call(d.command("[CONFIG]"), nil, "--help").out)
	write(t, ".", "help", "")
	wantOK(t, call(d.command("[CONFIG]"), nil, "help"))
	equal(t, "arguments", d.call.Args, []string{"help"})
}

// The value list prints the names that a flag takes, whatever else is missing.
func TestNames(t *testing.T) {
	t.Parallel()
	c := newDemo().multi()
	c.Commands[0].Groups[1].Flags[0].Required = true
	for _, words := range [][]string{{"--model", "list"}, {"run", "-m=list", "--unknown"}} {
		r := call(c, nil, words...)
		wantOK(t, r)
		equal(t, "names", r.out, "large\nsmall\n")
	}
}

// Terms wraps at 100 columns, and at a terminal's width if that is less.
func TestTerms(t *testing.T) {
	t.Parallel()
	d := newDemo()
	d.run = func(_ context.Context, c *Call) error {
		return c.Terms([]Term{{"short", strings.Repeat("many words ", 20)}, {"longer", "few\nlines"},
			{strings.Repeat("x", 40), "below"}})
	}
	r := call(d.command(""), nil)
	wantOK(t, r)
	equal(t, "terms", r.out, "  short   "+strings.TrimSpace(strings.Repeat("many words ", 8))+
		"\n          "+strings.TrimSpace(strings.Repeat("many words ", 8))+
		"\n          "+strings.TrimSpace(strings.Repeat("many words ", 4))+
		"\n  longer  few\n          lines\n  "+strings.Repeat("x", 40)+"\n          below\n")
	equal(t, "narrow", width(20).wrap(4, "one two three four five"), "one two three\n    four five")
}

// Choices that the term has no room for are in the whole help.
func TestHelpChoices(t *testing.T) {
	t.Parallel()
	var s string
	for _, c := range []struct {
		value Value
		term  string
		usage string
	}{
		{Enum(&s, "any", "ascii"), "    --x any|ascii", "which"},
		{AutoEnum(&s, "completions", "responses", "others"), "    --x NAME",
			"which; one of auto, completions, responses or others"},
		{String(&s), "    --x TEXT", "which"},
	} {
		f := &Flag{Name: "x", Value: c.value, Usage: "which"}
		equal(t, "term", f.term(), c.term)
		equal(t, "usage", f.wholeUsage(), c.usage)
	}
}
