package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPrecedence(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "flags.json",
		`{"seed": 3, "model": "from file", "header": ["A: file"], "word": "one", "verbose": true, "limit": 1.5}`)
	for _, c := range []struct {
		name  string
		env   []string
		words []string
		seed  int
		model string
		words2,
		headers string
	}{
		{name: "default"},
		{"file", nil, []string{"--config", file}, 3, "from file", "one", "A: ***"},
		{"file named by the environment", []string{"DEMO_CONFIG=" + file}, nil, 3,
			"from file", "one", "A: ***"},
		{"environment", []string{"DEMO_SEED=2", "DEMO_MODEL=from env", "DEMO_WORD=x y\nz"}, nil, 2,
			"from env", "x y|z", ""},
		{"environment over file", []string{"DEMO_SEED=2", "DEMO_HEADER=B: env\nC=env"},
			[]string{"--config", file}, 2, "from file", "one", "B: ***,C: ***"},
		{"line over both", []string{"DEMO_SEED=2", "DEMO_MODEL="}, []string{"--config", file, "-s0",
			"--header=D: line"}, 0, "from file", "one", "D: ***"},
		{"empty variable is unset", []string{"DEMO_SEED="}, []string{"--config", file},
			3, "from file", "one", "A: ***"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDemo()
			wantOK(t, call(d.command(""), c.env, c.words...))
			equal(t, "seed", d.Seed, c.seed)
			equal(t, "model", d.Model, c.model)
			equal(t, "words", strings.Join(d.Words, "|"), c.words2)
			equal(t, "headers", strings.Join(headers{&d.Headers}.Get().([]string), ","), c.headers)
			if c.name == "file" &&
				(!d.Verbose || d.Rate != 1.5 || !d.call.IsSet("verbose") || d.call.IsSet("check")) {
				t.Errorf("verbose %v, limit %v", d.Verbose, d.Rate)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	d := newDemo()
	wantOK(t, call(d.command(""), []string{"OLD_RETRIES=4", "DEMO_CHECK=yes", "DEMO_VERBOSE=0"}))
	if d.Retries != 4 || !d.Check || d.Verbose {
		t.Errorf("retries %d, check %v, verbose %v", d.Retries, d.Check, d.Verbose)
	}
	d = newDemo()
	wantOK(t, call(d.command(""), []string{"OLD_RETRIES=4", "DEMO_MAX_RETRIES=5"}))
	equal(t, "the flag's own variable goes first", d.Retries, 5)

	d = newDemo()
	wantOK(t, call(d.multi(), []string{"MULTI_SIM_SEED=7", "MULTI_SEED=x"}, "sim"))
	equal(t, "a subcommand's variable", d.Seed, 7)
	for _, words := range [][]string{nil, {"run"}} {
		d = newDemo()
		wantOK(t, call(d.multi(), []string{"MULTI_SEED=8", "MULTI_SIM_SEED=x", "MULTI_RUN_SEED=x"},
			words...))
		equal(t, "the default subcommand's variable", d.Seed, 8)
	}
	d = newDemo()
	wantOK(t, call(d.multi(), []string{"MULTI_QUIET=1", "MULTI_SIM_QUIET=x"}, "sim"))
	equal(t, "a common flag's variable", d.call.Quiet(), true)
	wantUsage(t, call(newDemo().multi(), []string{"MULTI_REPORT_FORMAT=x"}, "report", "a"),
		`multi: environment variable MULTI_REPORT_FORMAT: "x" is not table or json`)
	needy := newDemo().multi()
	needy.command("sim").Groups[0].Flags[0].Required = true
	wantUsage(t, call(needy, nil, "sim"),
		"multi: flag --listen is needed (or set MULTI_SIM_LISTEN); see multi sim --help")

	wantUsage(t, call(newDemo().command(""), []string{"DEMO_SEED=x"}),
		`demo: environment variable DEMO_SEED: "x" is not a whole number`)
	wantUsage(t, call(newDemo().command(""), []string{"OLD_RETRIES=-1"}),
		`demo: environment variable OLD_RETRIES: "-1" is less than 0`)
	wantUsage(t, call(newDemo().command(""), []string{"DEMO_HEADER=Bearer sk"}),
		"demo: environment variable DEMO_HEADER: this is not a header: write 'Name: value' or "+
			"Name=value")
	d = newDemo() // neither --help nor --version nor --completion can be had from the environment
	wantOK(t,
		call(d.command(""), []string{"DEMO_HELP=1", "DEMO_VERSION=1", "DEMO_COMPLETION=bash"}))
	if d.call == nil {
		t.Error("the command did not run")
	}
}

// Only the environment that is passed in is read.
func TestProcessEnvironmentIsNotRead(t *testing.T) {
	t.Setenv("DEMO_SEED", "99")
	d := newDemo()
	wantOK(t, call(d.command(""), nil))
	equal(t, "seed", d.Seed, 0)
	equal(t, "Getenv", d.call.Getenv("DEMO_SEED"), "")
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, c := range map[string]struct{ content, want string }{
		"unknown": {"{\n  \"seed\": 1,\n  \"sede\": 2\n}",
			`FILE:3: unknown key "sede": not a flag of demo; did you mean seed?`},
		"dashes": {`{"--seed": 1}`,
			`FILE:1: unknown key "--seed": not a flag of demo; did you mean seed?`},
		"underline": {`{"max_retries": 1}`,
			`FILE:1: unknown key "max_retries": not a flag of demo; did you mean max-retries?`},
		"short":     {`{"s": 1}`, `FILE:1: unknown key "s": not a flag of demo`},
		"alias":     {`{"limit-old": 1}`, `FILE:1: unknown key "limit-old": write "limit"`},
		"twice":     {"{\"seed\": 1,\n\"seed\": 2}", `FILE:2: key "seed" is there twice`},
		"bad value": {"{\n\"seed\": \"x\"}", `FILE:2: key "seed": "x" is not a whole number`},
		"secret": {`{"header": "Bearer sk"}`,
			`FILE:1: key "header": this is not a header: write 'Name: value' or Name=value`},
		"null":   {`{"seed": null}`, `FILE:1: key "seed": null is no value: leave the key out`},
		"list":   {`{"seed": [1, 2]}`, `FILE:1: key "seed": the flag takes one value, not a list`},
		"object": {`{"seed": {"a": 1}}`, `FILE:1: key "seed": an object is no value of a flag`},
		"in list": {`{"word": ["a", ["b"]]}`,
			`FILE:1: key "word": the flag takes one value, not a list`},
		"real":   {`{"seed": 1.5}`, `FILE:1: key "seed": "1.5" is not a whole number`},
		"help":   {`{"help": true}`, `FILE:1: --help cannot be given in a config file`},
		"config": {`{"config": "x"}`, `FILE:1: --config cannot be given in a config file`},
		"array": {`["seed"]`,
			`FILE: not a config file: it must hold one JSON object whose keys are flag names`},
		"empty": {``,
			`FILE: not a config file: it must hold one JSON object whose keys are flag names`},
		"yaml": {`seed: 1`,
			`FILE: not a config file: it must hold one JSON object whose keys are flag names`},
		"cut":       {"{\"seed\": 1,\n", `FILE:2: the JSON ends in the middle`},
		"cut value": {"{\"seed\":\n", `FILE:2: the JSON ends in the middle`},
		"more":      {"{\"seed\": 1}\n{}", `FILE:1: something follows the JSON object`},
		"generator": {`{"filetype": "generate_conversations"}`,
			`FILE:1: this is a generator config, an input; --config takes a file with values for flags`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := write(t, dir, name+".json", c.content)
			wantUsage(t, call(newDemo().command(""), nil, "--config", file),
				"demo: "+strings.Replace(c.want, "FILE", file, 1))
		})
	}
	file := write(t, dir, "syntax.json", "{\n\"seed\" 1}")
	r := call(newDemo().command(""), nil, "--config", file)
	if r.code != 2 || !strings.HasPrefix(r.errout, "demo: "+file+":2: ") {
		t.Errorf("exit code %d, %q", r.code, r.errout)
	}
	missing := filepath.Join(dir, "syntacks.json")
	wantUsage(t, call(newDemo().command(""), nil, "--config", missing),
		"demo: flag --config: "+missing+": file not found; did you mean "+file+"?")
}

func TestConfigOfSubcommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shared := write(t, dir, "shared.json",
		`{"seed": 1, "run": {"seed": 2, "word": ["a", "b"]}, "sim": {"listen": "x"}, "format": "json", "report": {}}`)
	for _, c := range []struct {
		words []string
		seed  int
		list  string
	}{
		{nil, 2, "a|b"},
		{[]string{"run"}, 2, "a|b"},
		{[]string{"sim"}, 1, ""},
		{[]string{"report", "x"}, 0, ""},
	} {
		d := newDemo()
		wantOK(t, call(d.multi(), nil, append(c.words, "--config", shared)...))
		equal(t, "seed", d.Seed, c.seed)
		equal(t, "words", strings.Join(d.Words, "|"), c.list)
	}
	bad := write(t, dir, "bad.json", "{\"sim\": {\n\"lisen\": 1}}")
	wantUsage(t, call(newDemo().multi(), nil, "--config", bad),
		"multi: "+bad+`:2: unknown key "lisen": not a flag of multi sim; did you mean listen?`)
	bad = write(t, dir, "bad2.json", `{"lisen": 1}`)
	wantUsage(t, call(newDemo().multi(), nil, "--config", bad),
		"multi: "+bad+`:1: unknown key "lisen": not a flag of multi; did you mean listen?`)
}

// FuzzConfig: a config file of any content sets flags or is refused with its
// name, and never panics.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{`{"seed": 3}`, `{"run": {"seed": 1}, "word": ["a"]}`, `{`, `{"a":{}}`,
		`[]`, "\xef\xbb\xbf{}", `{"seed":1}{`, `{"word":[[]]}`} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content string) {
		file := filepath.Join(dir, "config.json")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r := call(newDemo().multi(), nil, "--config", file)
		if r.code != 0 && (r.code != 2 || !strings.HasPrefix(r.errout, "multi: "+file) ||
			strings.Count(r.errout, "\n") != 1) {
			t.Fatalf("%q: exit code %d, %q", content, r.code, r.errout)
		}
	})
}
