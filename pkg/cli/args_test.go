package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestSortArgs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string // words with spaces between
		flags    string
		args     string
		err      string
	}{
		{"the reference's order", "IN OUT --seed=99 --model m", "--seed=99 --model=m",
			"IN OUT", ""},
		{"between", "IN --seed 99 OUT", "--seed=99", "IN OUT", ""},
		{"before", "--seed 99 IN OUT", "--seed=99", "IN OUT", ""},
		{"one dash", "-seed 99 IN", "--seed=99", "IN", ""},
		{"short", "-s 99 IN", "--seed=99", "IN", ""},
		{"short with =", "-s=99 IN", "--seed=99", "IN", ""},
		{"short, joined value", "-s99 IN", "--seed=99", "IN", ""},
		{"negative value", "--limit -1 IN", "--limit=-1", "IN", ""},
		{"negative value, short", "-s -5", "--seed=-5", "", ""},
		{"negative value with =", "--limit=-1 IN", "--limit=-1", "IN", ""},
		{"negative positional", "-5 IN", "", "-5 IN", ""},
		{"switches joined", "-vc IN", "--verbose=true --check=true", "IN", ""},
		{"switches joined, value last", "-vs 3 IN", "--verbose=true --seed=3", "IN", ""},
		{"switch takes no word", "--verbose true", "--verbose=true", "true", ""},
		{"switch with =", "--verbose=false", "--verbose=false", "", ""},
		{"alias", "--limit-old 3", "--limit=3", "", ""},
		{"twice", "--seed 1 -s 2", "--seed=1 --seed=2", "", ""},
		{"double dash", "--seed 1 -- --check -x - --", "--seed=1", "--check -x - --", ""},
		{"lone dash", "- --seed 1 -", "--seed=1", "- -", ""},
		{"lone dash as a value", "--model - IN", "--model=-", "IN", ""},
		{"value with = in it", "--header=K=v=w", "--header=K=v=w", "", ""},
		{"value that only looks like a flag", "--model -x9", "--model=-x9", "", ""},
		{"help stands for a file", "help h", "", "help h", ""},
		{"empty value", "--model=", "--model=", "", ""},
		{"flags file", "IN --config c.json", "--config=c.json", "IN", ""},
		{"unknown", "--sede 1", "", "", "unknown flag --sede; did you mean --seed?"},
		{"unknown, with value", "--sede=1", "", "", "unknown flag --sede; did you mean --seed?"},
		{"unknown, far", "--zzzzzzzz", "", "", "unknown flag --zzzzzzzz"},
		{"unknown beginning", "--verb", "", "", "unknown flag --verb; did you mean --verbose?"},
		{"unknown short", "-x", "", "", "unknown flag -x"},
		{"three dashes", "---seed", "", "", "unknown flag ---seed; did you mean --seed?"},
		{"no value", "IN --seed", "", "", "flag --seed needs a value: --seed N"},
		{"no value before --", "--seed -- IN", "", "", "flag --seed needs a value: --seed N"},
		{"flag for a value", "--model --seed 3", "", "",
			"flag --model needs a value, but the flag --seed follows (write --model=--seed if " +
				"that is the value)"},
		{"short flag for a value", "--model -s", "", "",
			"flag --model needs a value, but the flag -s follows (write --model=-s if that is " +
				"the value)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, err := sortArgs(newDemo().command("IN OUT"), strings.Fields(c.in))
			if c.err != "" {
				if err == nil || err.Error() != c.err || CodeOf(err) != Usage {
					t.Fatalf("error %v (code %d), want %q", err, CodeOf(err), c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "flags", strings.Join(l.flags, " "), c.flags)
			equal(t, "args", strings.Join(l.args, " "), c.args)
		})
	}
}

func TestSubcommands(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, leaf, flags, args, err string }{
		{"", "run", "", "", ""},
		{"--seed 3", "run", "--seed=3", "", ""},
		{"run --seed 3", "run", "--seed=3", "", ""},
		{"--seed 3 run", "run", "--seed=3", "", ""},
		{"--seed 3 sim", "sim", "--seed=3", "", ""},
		{"sim --listen :8000", "sim", "--listen=:8000", "", ""},
		{"--listen run sim", "sim", "--listen=run", "", ""},
		{"--model sim", "run", "--model=sim", "", ""},
		{"report a b", "report", "", "a b", ""},
		{"report a --format json report", "report", "--format=json", "a report", ""},
		{"report -- sim", "report", "", "sim", ""},
		{"-v report x", "", "", "", "-v is not a flag of multi report but of multi run"},
		{"reprot a", "", "", "",
			`no command "reprot"; did you mean report? (the commands are run, sim, report)`},
		{"word", "", "", "", `no command "word" (the commands are run, sim, report)`},
		{"file.json", "", "", "", `no command "file.json"; a file is given with -f FILE`},
		{"report.json", "", "", "", `no command "report.json"; a file is given with -f FILE`},
		{"-v dir/file", "", "", "", `no command "dir/file"; a file is given with -f FILE`},
		{"-", "", "", "", `no command "-"; a file is given with -f FILE`},
		{"testdata", "", "", "", `no command "testdata"; a file is given with -f FILE`},
		{"run file.json", "", "", "",
			`unexpected argument "file.json"; a file is given with -f FILE`},
		{"--verbose false", "", "", "",
			`no command "false"; a switch takes its value with =: --verbose=false`},
		{"-cv off --seed 3 report", "", "", "",
			`no command "off"; a switch takes its value with =: --verbose=off`},
		{"run -v 0", "", "", "",
			`unexpected argument "0"; a switch takes its value with =: --verbose=0`},
		{"--verbose=true false", "", "", "",
			`no command "false" (the commands are run, sim, report)`},
		{"-v --seed 3 false", "", "", "", `no command "false" (the commands are run, sim, report)`},
		{"-v -- false", "", "", "", `no command "false" (the commands are run, sim, report)`},
		{"--listen x", "", "", "", "--listen is not a flag of multi run but of multi sim"},
		{"report --listen=x", "", "", "",
			"--listen is not a flag of multi report but of multi sim"},
		{"help nothing", "", "", "", `no command "nothing"`},
	} {
		t.Run(c.in, func(t *testing.T) {
			t.Parallel()
			l, err := sortArgs(newDemo().multi(), strings.Fields(c.in))
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "command", l.leaf.Name, c.leaf)
			equal(t, "flags", strings.Join(l.flags, " "), c.flags)
			equal(t, "args", strings.Join(l.args, " "), c.args)
		})
	}
}

// urfave reads the sorted list and must not change, lose or double a value.
func TestThroughUrfave(t *testing.T) {
	t.Parallel()
	d := newDemo()
	wantOK(t,
		call(d.command("IN OUT"), nil, "in", "-f", "a,b", "--header", "A: x,y", "--header=B=2",
			"-", "-fc", "-v",
			"--seed=1", "-s", "2", "--limit", "0.5", "--word=--", "--word", "w, w"))
	equal(t, "args", d.call.Args, []string{"in", "-"})
	equal(t, "files: lists keep commas and are not doubled by short names", d.Files, []string{"a,b",
		"c"})
	equal(t, "words", d.Words, []string{"--", "w, w"})
	equal(t, "headers", d.Headers, map[string][]string{"A": {"x,y"}, "B": {"2"}})
	equal(t, "seed: the last one wins, by either name", d.Seed, 2)
	equal(t, "switches", []bool{d.Verbose, d.Check}, []bool{true, false})
}

// urfave adds a command help (alias h) that would take the place of a
// positional argument of that name.
func TestHelpIsAFile(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"h", "seed", "run", ""} {
		d := newDemo()
		wantOK(t, call(d.command("[CONFIG]"), nil, word))
		equal(t, "args", d.call.Args, []string{word})
	}
	d := newDemo()
	wantOK(t, call(d.multi(), nil, "report", "help", "h"))
	equal(t, "args", d.call.Args, []string{"help", "h"})
	wantOK(t, call(d.multi(), nil, "report", "--", "help"))
	equal(t, "args", d.call.Args, []string{"help"})
}

func TestNumberOfArgs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		spec string
		args []string
		err  string
	}{
		{"", nil, ""},
		{"", []string{"x"},
			`demo: unexpected argument "x" (demo takes flags only; see demo --help)`},
		{"IN OUT", []string{"a"}, "demo: OUT is missing (usage: demo [flags] IN OUT)"},
		{"IN OUT", []string{"a", "b"}, ""},
		{"IN OUT", []string{"a", "b", "c"},
			`demo: unexpected argument "c" (usage: demo [flags] IN OUT)`},
		{"[CONFIG]", nil, ""},
		{"[CONFIG]", []string{"a"}, ""},
		{"[CONFIG]", []string{"a", "b"},
			`demo: unexpected argument "b" (usage: demo [flags] [CONFIG])`},
		{"FILE...", nil, "demo: FILE is missing (usage: demo [flags] FILE...)"},
		{"FILE...", []string{"a", "b", "c"}, ""},
		{"[FILE...]", nil, ""},
	} {
		d := newDemo()
		r := call(d.command(c.spec), nil, c.args...)
		if c.err == "" {
			wantOK(t, r)
		} else {
			wantUsage(t, r, c.err)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   []string
		want string
	}{
		{[]string{"--sead=1"}, "demo: unknown flag --sead; did you mean --seed?"},
		{[]string{"--seed", "x"}, `demo: flag --seed: "x" is not a whole number`},
		{[]string{"-s", ""}, `demo: flag --seed: "" is not a whole number`},
		{[]string{"--verbose=maybe"}, `demo: flag --verbose: "maybe" is not true or false`},
		{[]string{"--language", "asci"},
			`demo: flag --language: "asci" is not any, ascii or non-ascii; did you mean ascii?`},
		{[]string{"--wait", "soon"},
			`demo: flag --wait: "soon" is not a time: write 30 (seconds), 30s, 250ms or 1h30m`},
		{[]string{"--verbose", "false"},
			`demo: unexpected argument "false"; a switch takes its value with =: --verbose=false`},
		{[]string{"--api-key"}, "demo: flag --api-key needs a value: --api-key TEXT"},
		{[]string{"--header", "Authorization Bearer sk-1"},
			"demo: flag --header: this is not a header: write 'Name: value' or Name=value"},
		{[]string{"--model=\x1b[31m", "--seed=\x1b]0;x\a"},
			`demo: flag --seed: "\x1b]0;x\a" is not a whole number`},
		{[]string{"\x1b[31m\n"},
			`demo: unexpected argument "\x1b[31m\n" (demo takes flags only; see demo --help)`},
		{[]string{"--\x1b[31m"}, `demo: unknown flag --\x1b[31m`},
	} {
		wantUsage(t, call(newDemo().command(""), nil, c.in...), c.want)
	}
	r := newDemo().command("")
	r.Groups[0].Flags[2].Required = true
	wantUsage(t, call(r, nil), "demo: flag --model is needed (or set DEMO_MODEL); see demo --help")
}

func TestFlagDeclaredTwice(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a flag declared twice is not noticed")
		}
	}()
	c := newDemo().command("")
	c.Groups = append(c.Groups, Group{"More", []Flag{{Name: "seed", Value: Int(new(int))}}})
	call(c, nil)
}

// FuzzSortArgs checks that sorting loses and invents no word, that sorting the
// result again changes nothing, and that words after -- are unchanged.
func FuzzSortArgs(f *testing.F) {
	for _, s := range []string{
		"IN OUT --seed=99", "-s 1 -- -x", "sim --listen :1", "-vc - --limit -1", "--model --seed",
		"report a b", "help sim", "-", "--", "", "-s=", "--=", "---",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, subcommands bool) {
		root := newDemo().command("[FILE...]")
		if subcommands {
			root = newDemo().multi()
		}
		words := strings.Split(s, " ")
		given := slices.Clone(words)
		l, err := sortArgs(root, words)
		if !slices.Equal(words, given) {
			t.Fatalf("the words given were changed: %q, were %q", words, given)
		}
		if err != nil {
			if CodeOf(err) != Usage {
				t.Fatalf("%q: not a usage error: %v", words, err)
			}
			return
		}
		if l.stop != "" {
			return
		}
		again, err := sortArgs(root, l.sorted(root)[1:])
		if err != nil || !slices.Equal(again.flags, l.flags) ||
			!slices.Equal(again.args, l.args) || again.leaf != l.leaf {
			t.Fatalf("%q gives %q, and that gives %q, %v", words, l.sorted(root),
				again.sorted(root), err)
		}
		if i := slices.Index(words, "--"); i >= 0 && i+1 < len(words) {
			// The first -- ends the flags unless it followed = or was refused as a value.
			tail := words[i+1:]
			if len(l.args) < len(tail) || !slices.Equal(l.args[len(l.args)-len(tail):], tail) {
				t.Fatalf("%q: what follows -- is not kept: %q", words, l.args)
			}
		}
		total := 0
		for _, w := range l.args {
			if !slices.Contains(words, w) {
				t.Fatalf("%q: argument %q was made up", words, w)
			}
			total += len(w)
		}
		if total > len(s) {
			t.Fatalf("%q: more arguments than were given: %q", words, l.args)
		}
	})
}
