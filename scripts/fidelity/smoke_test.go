package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// In a short run of client and server as processes, every turn has its truth,
// and every number that does not depend on the machine is right.
func TestPoint(t *testing.T) {
	if testing.Short() {
		t.Skip("builds mtbench and runs it")
	}
	t.Parallel()
	// go test takes the result from its cache unless something has changed that the test has looked at.
	for _, source := range []string{"../../cmd", "../../pkg", "../../internal"} {
		_ = filepath.WalkDir(source, func(string, fs.DirEntry, error) error { return nil })
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+string(os.PathSeparator),
		"multiturn/cmd/mtbench")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := settings{bin: bin, work: t.TempDir(), seed: 1, first: 5 * time.Millisecond,
		timeout: time.Minute}
	p := point{Name: "3", Streams: 3, Conversations: 5, Interval: time.Millisecond, Turns: 2,
		MinTokens: 4, MaxTokens: 8, Opening: 300}
	got, err := s.point(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	r := &got.Clients[0]
	if r.Turns != 10 || r.Errors != 0 || r.Unmatched != 0 || r.Differing != 0 || r.ExitCode != 0 ||
		r.Outcomes["ok"] != 10 {
		t.Errorf("result %+v", r)
	}
	if r.TTFT == nil || r.TTFT.N != 10 || r.FirstTTFT.N != 5 || r.NextRequest.N != 5 ||
		r.Verdict == "" || r.CPUSeconds <= 0 || r.MemoryMiB <= 0 || r.ThroughputError == nil {
		t.Errorf("result %+v", r)
	}
	if r.Open > 3 || r.Chunks < 10*4 || r.Chunks > 10*8 {
		t.Errorf("%d requests open at once, %d chunks", r.Open, r.Chunks)
	}
	for _, name := range []string{"3.json", "3-mtbench.truth.jsonl", "3-mtbench.records.jsonl",
		"3-mtbench.log", "3-mtbench.sim.log"} {
		if _, err := os.Stat(filepath.Join(s.work, name)); err != nil {
			t.Error(err)
		}
	}
}
