package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestComplete(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		words string // the last one unfinished
		want  string // the words offered
	}{
		{"--se", "--seed"},
		{"x --m", "--model --max-retries"},
		{"--language ", "any ascii non-ascii"},
		{"--language a", "any ascii"},
		{"--language=no", "--language=non-ascii"},
		{"--log-level d", "debug"},
		{"--completion ", "bash zsh fish"},
		{"--file ", ":files"},
		{"-f x", ":files"},
		{"-vf ", ":files"},
		{"--seed ", ""},
		{"--config ", ":files"},
		{"a", ":files"},
		{"-- --se", ":files"},
		{"--sec", ""},
		{"--zzz", ""},
		{"--zzz=", ""},
		{"---", ""},
		{"-v ", ":files"},
	} {
		equal(t, c.words, offered(newDemo().command("IN OUT"), c.words), c.want)
	}
	for _, c := range []struct{ words, want string }{
		{"s", "sim"},
		{"--seed 3 r", "run report"},
		{"help s", "sim"},
		{"sim --l", "--listen --log-level"},
		{"report --format ", "table json"},
		{"report x", ":files"},
		{"--warm", "--warm"},
		{"report --warm", ""},
		{"run s", ""},
	} {
		equal(t, c.words, offered(newDemo().multi(), c.words), c.want)
	}
	// Nothing typed: flags too.
	if s := offered(newDemo().multi(), ""); !strings.HasPrefix(s, "run sim report --seed") {
		t.Errorf("offered for nothing: %s", s)
	}
	wantOK(t, call(newDemo().multi(), nil, completeWord))
}

// offered returns the candidates for the words, separated by spaces. Where a new
// word begins, flags are left out.
func offered(c *Command, words string) string {
	r := call(c, nil, append([]string{completeWord}, strings.Split(words, " ")...)...)
	if r.code != 0 || r.errout != "" {
		return r.errout
	}
	var list []string
	for line := range strings.Lines(r.out) {
		word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if words != "" && strings.HasSuffix(words, " ") && strings.HasPrefix(word, "--") {
			continue
		}
		list = append(list, word)
	}
	return strings.Join(list, " ")
}

// FuzzComplete checks that completion never fails and prints candidates only.
func FuzzComplete(f *testing.F) {
	for _, s := range []string{"", "-", "--", "--seed", "--seed=", "-v", "sim --listen", "help",
		"-- x", "-vc -"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, subcommands bool) {
		c := newDemo().command("[FILE...]")
		if subcommands {
			c = newDemo().multi()
		}
		words := append([]string{completeWord}, strings.Split(s, " ")...)
		if r := call(c, nil, words...); r.code != 0 || r.errout != "" {
			t.Fatalf("%q: exit code %d, %q", s, r.code, r.errout)
		}
	})
}

func TestCompletionFlag(t *testing.T) {
	t.Parallel()
	wantUsage(t, call(newDemo().command(""), nil, "--completion", "powershell"),
		`demo: flag --completion: "powershell" is not bash, zsh or fish`)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		r := call(newDemo().command(""), nil, "--completion", shell)
		wantOK(t, r)
		path, err := exec.LookPath(shell)
		if err != nil {
			continue // the words of the other shells are tested where they are installed
		}
		script := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(script, []byte(r.out), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(path, "-n", script).CombinedOutput(); err != nil {
			t.Errorf("%s does not take its script: %v\n%s", shell, err, out)
		}
	}
}

// The script runs in a real bash; the command that it calls is this test's own
// process.
func TestBashCompletion(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	dir := t.TempDir()
	write(t, dir, "answers.json", "")
	answers := map[string]string{}
	command := func() *Command { return newDemo().command("IN OUT") }
	for _, line := range []string{"demo --se", "demo --language=a", "demo --language ",
		"demo x --model=y --chec", "demo ans", "demo --url http://h:1 --che"} {
		words := strings.Fields(line)[1:]
		if strings.HasSuffix(line, " ") {
			words = append(words, "")
		}
		answers[strings.Join(words, "|")] = call(command(), nil, append([]string{completeWord},
			words...)...).out
	}
	fake := "#!/bin/sh\nshift\nIFS='|'\ncase \"$*\" in\n"
	for words, out := range answers {
		fake += "'" + words + "') printf '%s' '" + strings.ReplaceAll(out, "'", "") + "' ;;\n"
	}
	fake += "*) echo \"unexpected:$*\" ;;\nesac\n"
	if err := os.WriteFile(filepath.Join(dir, "demo"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	script := write(t, dir, "script", call(command(), nil, "--completion", "bash").out)
	for _, c := range []struct{ line, words, want string }{
		{"demo --se", "demo --se", "--seed"},
		{"demo --language=a", "demo --language = a", "any ascii"},
		{"demo --language ", "demo --language ''", "any ascii non-ascii"},
		{"demo x --model=y --chec", "demo x --model = y --chec", "--check"},
		{"demo --url http://h:1 --che", "demo --url http : //h : 1 --che", "--check"},
		{"demo ans", "demo ans", "answers.json"},
	} {
		run := exec.Command(bash, "--norc", "-c", `
			source "$1"
			COMP_LINE=$2 COMP_POINT=${#2}
			eval "COMP_WORDS=($3)"
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
			_demo_complete
			echo "${COMPREPLY[*]}"`, "bash", script, c.line, c.words)
		run.Dir, run.Env = dir, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := run.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", c.line, err, out)
		}
		equal(t, c.line, strings.TrimSpace(string(out)), c.want)
	}
}
