// Package cmd_test runs the commands as a user does: the three binaries are
// built once and put on PATH, and every script below testdata/script (chains of
// commands) and NAME/testdata/script (one command) is run with testscript.
//
// A script has the folder examples in $EXAMPLES. To run those of one command:
//
//	go test ./cmd -run TestScript/genconv
//
// A line "sim FLAGS..." starts a simulated server for the rest of the script
// and puts its address into $URL.
//
// With -update, files of a script that cmp compares with stdout or stderr are rewritten.
package cmd_test

import (
	"bufio"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
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
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build does
		if out, err := build.CombinedOutput(); err != nil {
			broken[name] = fmt.Sprintf("%v\n%s", err, out)
		}
	}
	os.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	return m.Run()
}

func TestScript(t *testing.T) {
	t.Parallel()
	// The commands are only run here, so go test would take this result from its cache
	// when their sources have changed. It does not when the test has looked at them.
	for _, source := range []string{".", "../pkg", "../internal", "../go.mod"} {
		_ = filepath.WalkDir(source, func(string, fs.DirEntry, error) error { return nil })
	}
	for name, output := range broken {
		t.Errorf("cmd/%s does not build: %s", name, output)
	}
	examples, err := filepath.Abs("../examples")
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]string{"together": "testdata/script"}
	own, _ := filepath.Glob("*/testdata/script/*.txtar")
	for _, file := range own {
		dir := filepath.Dir(file)
		folders[filepath.Dir(filepath.Dir(dir))] = dir
	}
	for name, dir := range folders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, testscript.Params{
				Dir:                 dir,
				UpdateScripts:       *update,
				RequireExplicitExec: true,
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"sim": startSim,
				},
				Setup: func(e *testscript.Env) error {
					e.Setenv("EXAMPLES", examples)
					e.Setenv("TERM", "dumb")
					return nil
				},
			})
		})
	}
}

// startSim is the script command sim.
func startSim(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("sim cannot be negated")
	}
	cmd := exec.Command("mtbench", append([]string{"sim", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	talk, err := os.Create(ts.MkAbs("sim.log")) // not ts.Stderr, which the next command uses too
	ts.Check(err)
	cmd.Stderr = talk
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // SIGINT is ignored by tests in the background
		_ = cmd.Wait()                          // whose error does not matter
		_ = talk.Close()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		ts.Fatalf("sim did not start: %v", err)
	}
	ts.Setenv("URL", strings.TrimSpace(line))
}
