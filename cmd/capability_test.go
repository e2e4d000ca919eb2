//go:build linux

package cmd_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// netRaw is the capability to capture packets, by its number.
const netRaw = 13

// holders returns how many of a process's threads have the capability in a set,
// such as CapEff.
func holders(t *testing.T, pid int, set string) (n int) {
	t.Helper()
	files, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	if err != nil || len(files) == 0 {
		t.Fatal("no threads of the process", err)
	}
	for _, file := range files {
		text, _ := os.ReadFile(file) // the thread may have ended
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, set+":"); ok {
				bits, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
				if err != nil {
					t.Fatal(err)
				}
				n += int(bits >> netRaw & 1)
			}
		}
	}
	return n
}

// A run that may capture packets does so, and has the right no longer in any of
// its threads before it reads its input.
func TestCaptureNeedsNoRightForLong(t *testing.T) {
	t.Parallel()
	if holders(t, os.Getpid(), "CapEff") == 0 {
		t.Skip("these tests may not capture packets")
	}
	dir := t.TempDir()
	sim := exec.Command("mtbench", "sim", "--listen", "127.0.0.1:0", "--model", "m", "--itl", "0")
	out, err := sim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sim.Process.Kill(); _ = sim.Wait() }()
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}

	records := filepath.Join(dir, "r.jsonl")
	run := exec.Command("mtbench", "-i", "-", "-m", "m", "--tokenizer", "o200k_base",
		"--clocks", "packets", "-u", strings.TrimSpace(url), "--records", records)
	var said bytes.Buffer
	run.Stderr = &said
	in, err := run.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = run.Process.Kill() }()
	for start := time.Now(); holders(t, run.Process.Pid, "CapEff") > 0; {
		if time.Since(start) > time.Minute {
			t.Fatal("threads keep the right to capture packets")
		}
		time.Sleep(20 * time.Millisecond)
	}
	for _, set := range []string{"CapPrm", "CapInh", "CapAmb"} {
		if n := holders(t, run.Process.Pid, set); n > 0 {
			t.Errorf("%d threads have the capability in %s", n, set)
		}
	}
	_, _ = io.WriteString(in, `[{"id": "a", "messages": [{"role": "user", "content": "Hello?"}]}]`)
	in.Close()
	if err := run.Wait(); err != nil {
		t.Fatalf("%v: %s", err, &said)
	}
	text, err := os.ReadFile(records)
	if err != nil || !bytes.Contains(text, []byte(`"clocks":"packets"`)) {
		t.Errorf("the run was not clocked by packets: %v, %s", err, text)
	}
}
