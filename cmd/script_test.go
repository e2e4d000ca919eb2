// Package cmd_test runs the commands as a user does: the three binaries are built once and put on PATH, and every
// script below testdata/script (chains of commands) and NAME/testdata/script (one command) is run with testscript.
//
// A script has the folder examples in $EXAMPLES. To run those of one command:
//
//	go test ./cmd -run TestScript/genconv
//
// With -update, files of a script that cmp compares with stdout or stderr are rewritten.
package cmd_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what scripts compare with")

// broken holds the output of go build for each command that could not be built.
var broken = map[string]string{}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	bin, err := os.MkdirTemp("", "multiturn-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(bin)
	mains, _ := filepath.Glob("*/main.go")
	for _, main := range mains {
		name := filepath.Dir(main)
		build := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "./"+name)
		if out, err := build.CombinedOutput(); err != nil {
			broken[name] = fmt.Sprintf("%v\n%s", err, out)
		}
	}
	os.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	return m.Run()
}

func TestScript(t *testing.T) {
	t.Parallel()
	for name, output := range broken {
		t.Errorf("cmd/%s does not build: %s", name, output)
	}
	examples, err := filepath.Abs("../examples")
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]string{"together": "testdata/script"}
	own, _ := filepath.Glob("*/testdata/script")
	for _, dir := range own {
		folders[filepath.Dir(filepath.Dir(dir))] = dir
	}
	for name, dir := range folders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, testscript.Params{
				Dir:                 dir,
				UpdateScripts:       *update,
				RequireExplicitExec: true,
				Setup: func(e *testscript.Env) error {
					e.Setenv("EXAMPLES", examples)
					e.Setenv("TERM", "dumb")
					return nil
				},
			})
		})
	}
}
