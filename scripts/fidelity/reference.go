package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"multiturn/pkg/record"
)

// reference is the original client: vLLM's benchmarks/multi_turn.
type reference struct{ dir, python, tokenizer string }

const (
	referenceScript = "benchmark_serving_multi_turn.py"
	// referenceBase is the memory that its processes share, referenceMemory what each needs beyond
	// that with a tokenizer of 150,000 words, as measured.
	referenceBase   = 1 << 30
	referenceMemory = 10 << 20
	// memoryShare is the share of the free memory that it may fill: the rest is for the server.
	memoryShare = 0.8
)

func (r *reference) name() string { return "reference" }

// check reports missing requirements before anything runs.
func (r *reference) check(ctx context.Context) error {
	if r.dir == "" {
		return errors.New("-reference is missing: want the folder benchmarks/multi_turn of a " +
			"vLLM checkout, or of its source package on PyPI")
	}
	script := filepath.Join(r.dir, referenceScript)
	source, err := os.ReadFile(script)
	if err != nil {
		return fmt.Errorf("%s is not a vLLM checkout's benchmarks/multi_turn: %w", r.dir, err)
	}
	if !strings.Contains(string(source), "--stats-json-output") {
		return fmt.Errorf("%s is too old: it has no --stats-json-output (from vLLM 0.20 on)",
			script)
	}
	if r.tokenizer == "" {
		return errors.New("-tokenizer is missing: the reference needs a folder with tokenizer.json " +
			"and tokenizer_config.json of any model")
	}
	if _, err := os.Stat(filepath.Join(r.tokenizer, "tokenizer.json")); err != nil {
		return fmt.Errorf("-tokenizer: %w", err)
	}
	var missing []string
	for _, module := range []string{"numpy", "pandas", "transformers", "aiohttp", "tqdm", "xlsxwriter"} {
		// find_spec does not run the module; importing all of them takes seconds.
		cmd := exec.CommandContext(ctx, r.python, "-c",
			"import importlib.util, sys; sys.exit(importlib.util.find_spec('"+module+"') is None)")
		if err := cmd.Run(); err != nil {
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				return fmt.Errorf("the reference needs Python: %w (say -python interpreter)", err)
			}
			missing = append(missing, module)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s lacks packages that the reference needs: %s", r.python,
			strings.Join(missing, " "))
	}
	return nil
}

func (r *reference) refuses(p point) string {
	if p.Streams > 100 && p.Opening > 100_000 {
		return "it would tokenize all histories after every answer, for hours"
	}
	need := int64(referenceBase) + int64(p.Streams)*referenceMemory
	if free := availableMemory(); free > 0 && float64(need) > memoryShare*float64(free) {
		return fmt.Sprintf("it needs a process for each of %d clients, about %d MiB, and %d MiB "+
			"are free", p.Streams, need>>20, free>>20)
	}
	return ""
}

func (r *reference) play(ctx context.Context, j job) (*outcome, error) {
	stats, err := filepath.Abs(j.base + ".stats.json")
	if err != nil {
		return nil, err
	}
	data, err := filepath.Abs(j.data)
	if err != nil {
		return nil, err
	}
	tokenizer, err := filepath.Abs(r.tokenizer)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(stats); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err // an old file would be taken for this run's
	}
	cmd := exec.Command(r.python, referenceScript,
		"-i", data, "-m", tokenizer, "--served-model-name", "sim", "-u", j.url,
		"-p", itoa(j.Streams), "-k", itoa(j.Streams), "--no-early-stop",
		"--stats-json-output", stats)
	cmd.Dir = r.dir
	// It must not use the network.
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=1",
		"NO_PROXY=127.0.0.1", "PYTHONDONTWRITEBYTECODE=1")
	script, err := os.ReadFile(filepath.Join(r.dir, referenceScript))
	if err == nil && strings.Contains(string(script), "--send-conversation-id") {
		cmd.Args = append(cmd.Args, "--send-conversation-id")
	}
	p, err := start(ctx, j.base+".log", cmd, true)
	if err != nil {
		return nil, err
	}
	out := &outcome{started: p.started}
	out.usage, err = p.wait()
	out.ended = time.Now()
	if err != nil {
		return nil, fmt.Errorf("the reference: %w\n%s", err, p.tail())
	}
	if out.samples, err = readSamples(stats); err != nil {
		return nil, fmt.Errorf("the reference: %w\n%s", err, p.tail())
	}
	for i := range out.samples {
		s := &out.samples[i]
		out.turns = append(out.turns, turn{
			conversation: s.Conversation, number: (s.InputTurns - 1) / 2, outcome: record.OK,
			startMS: s.StartMS, ttftMS: s.TTFTMS, latencyMS: s.LatencyMS,
			chunks: s.OutputChunks + 1, // it does not count the first chunk
			tokens: s.OutputTokens,
		})
	}
	return out, nil
}
