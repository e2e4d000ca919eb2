package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// The demo ends with what the CPU tier did, by two runs and by one. Its server is made faster
// here, so that times are nothing to go by, except that three times the work takes longer.
func TestDemo(t *testing.T) {
	t.Parallel()
	bin, out := t.TempDir(), t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "./cmd/...")
	build.Dir = ".."
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	text, failed := script(t, ".", []string{"BIN=" + bin, "OUT=" + out, "MTBENCH_SIM_STEP=500us",
		"MTBENCH_SIM_PREFILL_RATE=100000"}, "demo.sh")
	if failed {
		t.Fatal(text)
	}
	m := regexp.MustCompile(`took -?[\d.]+ ms off the mean TTFT \(([\d.]+) to ([\d.]+) ms\)\. ` +
		`The run with it said alone: (worth -?[\d.]+ ms \[|nothing; )`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no result in\n%s", text)
	}
	before, _ := strconv.ParseFloat(m[1], 64)
	after, _ := strconv.ParseFloat(m[2], 64)
	if before <= after {
		t.Errorf("mean TTFT %g ms without the tier and %g ms with it", before, after)
	}
	for _, name := range []string{"conversations.json", "without.jsonl", "with.jsonl"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
}
