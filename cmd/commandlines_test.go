package cmd_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// pages have command lines of ours in blocks of sh. least is how many they have, so that none
// is overlooked when the form of a page changes.
var pages = []struct {
	name  string
	least int
}{{"README.md", 20}, {"docs/cache.md", 12},
	{"docs/generator-config.md", 2}, {"docs/simulator.md", 4}, {"docs/contributing.md", 4}}

var (
	block = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	ours  = regexp.MustCompile(`\b(genconv|sharegpt2openai|mtbench)\b`)
	local = regexp.MustCompile(`\blocalhost:\d+`)
)

// faster makes runs of half a minute ones of seconds.
var faster = strings.NewReplacer("--step 5ms", "--step 200us", "--request-rate 0.5",
	"--request-rate 50")

// Every command line of the pages works: those of a page one after the other in one shell and one
// folder, against the simulated server that a section starts, or against one that stands for the
// server it names. Lines of other programs are left out.
func TestCommandLines(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join("..", page.name))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(page.name, func(t *testing.T) {
			t.Parallel()
			var sections [][]string
			found := 0
			for _, section := range strings.Split(string(text), "\n## ") {
				script := ""
				for _, m := range block.FindAllStringSubmatch(section, -1) {
					script += m[1]
				}
				lines := commands(script)
				sections = append(sections, lines)
				found += len(lines)
			}
			if found < page.least {
				t.Errorf("%d command lines, want at least %d", found, page.least)
			}
			play(t, bash, sections)
		})
	}
}

// commands returns the lines that are run: ours, and what prepares them or ends them.
func commands(script string) (lines []string) {
	for line := range strings.Lines(strings.ReplaceAll(script, "\\\n", " ")) {
		code, _, _ := strings.Cut(line, " #")
		word, _, _ := strings.Cut(strings.TrimSpace(code), " ")
		switch {
		case strings.HasPrefix(word, "#"):
		case ours.MatchString(code), word == "kill", word == "cp",
			strings.HasPrefix(word, "MODEL="):
			lines = append(lines, strings.TrimSpace(code))
		}
	}
	return lines
}

// play runs the lines of sections.
func play(t *testing.T, bash string, sections [][]string) {
	dir := t.TempDir()
	furnish(t, dir)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close() // the page's servers take it

	script := "set -eu -o pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n"
	for _, lines := range sections {
		if len(lines) > 0 && !strings.Contains(strings.Join(lines, "\n"), "mtbench sim ") {
			lines = slices.Concat([]string{"mtbench sim &"},
				lines, []string{"kill $!"})
		}
		for _, line := range lines {
			script += step(line, address)
		}
	}
	// Far longer than any of these takes, so that a server that never starts fails the test.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, bash, "-c", script)
	c.Dir = dir
	c.Env = append(os.Environ(), "no_proxy=*", "MTBENCH_SIM_LISTEN="+address,
		"MTBENCH_URL=http://"+address, "MODEL=some/model", "TERM=dumb",
		// The models that the pages name are not here.
		"GENCONV_TOKENIZER=o200k_base", "MTBENCH_TOKENIZER=o200k_base",
		"MTBENCH_PLAN_TOKENIZER=o200k_base", "MTBENCH_REPORT_TOKENIZER=o200k_base",
		"MTBENCH_SIM_TOKENIZER=o200k_base", "MTBENCH_SIM_ITL=100us", "MTBENCH_SIM_TTFT_BASE=1ms",
		// Two turns of each conversation are enough to see that a line works.
		"MTBENCH_MAX_TURNS=4", "MTBENCH_PLAN_MAX_TURNS=4")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// step returns what runs a line with the server at the address.
func step(line, address string) string {
	line = faster.Replace(local.ReplaceAllString(line, address))
	step := fmt.Sprintf("echo %q >&2\n", "$ "+line) + line + "\n"
	switch {
	case strings.HasPrefix(line, "mtbench sim "): // ready when it takes connections
		step += fmt.Sprintf("for i in $(seq 100); do (: </dev/tcp/%s) 2>/dev/null && break; sleep 0.1; done\n",
			strings.Replace(address, ":", "/", 1))
	case strings.HasPrefix(line, "kill "):
		step += "wait\n"
	}
	return step
}

// furnish puts the files that the pages take for given into a folder.
func furnish(t *testing.T, dir string) {
	t.Helper()
	examples, err := filepath.Abs("../examples")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(examples, filepath.Join(dir, "examples")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(examples, "opticks.txt"))
	if err != nil {
		t.Fatal(err)
	}
	shared := "["
	for i := range 12 {
		shared += fmt.Sprintf(`{"id": "chat%d_0", "conversations": [{"from": "human", "value": "Say %d."},`+
			`{"from": "gpt", "value": "It is %d."}]},`, i, i, i)
	}
	for name, content := range map[string]string{
		"book.txt": string(text), "pg1184.txt": string(text),
		"sharegpt.json": strings.TrimSuffix(shared, ",") + "]",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
