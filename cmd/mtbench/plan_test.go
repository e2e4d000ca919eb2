package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"multiturn/pkg/cli"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
)

// planJSONOf runs `mtbench plan` and returns what it prints.
func planJSONOf(t *testing.T, args ...string) []*plan.Summary {
	t.Helper()
	var out, talk bytes.Buffer
	code := cli.Main(command(), cli.Process{
		Args: append([]string{"mtbench", "plan", "--format", "json"},
			args...), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &talk,
	})
	if code != 0 {
		t.Fatalf("%v: exit code %d: %s", args, code, &talk)
	}
	var plans []*plan.Summary
	if err := json.Unmarshal(out.Bytes(), &plans); err != nil {
		t.Fatal(err)
	}
	return plans
}

// The golden hits were counted by a plain LRU pass for each capacity, over a
// made-up trace and over Mooncake's published ones.
func TestPlanOfTraces(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		trace, golden string
		blockSize     int
	}{
		{"../../pkg/kvcache/testdata/trace.jsonl", "../../pkg/kvcache/testdata/trace.lru.json", 16},
		{"mooncake_conversation.jsonl.gz", "mooncake_conversation.lru.json", kvcache.MooncakeBlock},
	} {
		t.Run(filepath.Base(test.trace), func(t *testing.T) {
			t.Parallel()
			if !strings.HasPrefix(test.trace, "..") {
				shared := os.Getenv("SHARED")
				if shared == "" {
					t.Skip("SHARED does not name the folder with Mooncake's trace")
				}
				test.trace = filepath.Join(shared, "data", "traces", test.trace)
				test.golden = filepath.Join(shared, "data", "traces", test.golden)
			}
			var golden []struct {
				Capacity     int   `json:"capacity_blocks"`
				HitBlocks    int64 `json:"hit_blocks"`
				Blocks       int64 `json:"blocks"`
				HitTokens    int64 `json:"hit_tokens"`
				PromptTokens int64 `json:"prompt_tokens"`
			}
			b, err := os.ReadFile(test.golden)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, &golden); err != nil {
				t.Fatal(err)
			}
			var capacities []string
			for _, g := range golden[:len(golden)-1] {
				capacities = append(capacities, strconv.Itoa(g.Capacity))
			}
			s := planJSONOf(t, test.trace, "--block-size", strconv.Itoa(test.blockSize),
				"--capacities", strings.Join(capacities, ","))[0]
			got := append(s.Curve, s.Possible) // the golden's last capacity is 0, no limit
			if len(got) != len(golden) {
				t.Fatalf("%d capacities, want %d", len(got), len(golden))
			}
			for i, g := range golden {
				if got[i].HitBlocks != g.HitBlocks || got[i].HitTokens != g.HitTokens ||
					s.BlockAccesses != g.Blocks || s.PromptTokens != g.PromptTokens {
					t.Errorf("%+v, want %+v", got[i], g)
				}
			}
		})
	}
}

// Records of a run on a real vLLM with too few blocks. Leaving out the later
// requests gives the cached tokens of each.
func TestPlanOfVLLMRecords(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../pkg/kvcache/testdata/vllm_lru.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		BlockSize    int `json:"block_size"`
		UsableBlocks int `json:"usable_blocks"`
		Generated    int
		Requests     []struct{ Round, Conv, Prompt, Cached int }
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "run.jsonl")
	var records bytes.Buffer
	w := record.NewWriter(&records)
	_ = w.Run(&record.Run{ID: "golden", Server: record.Server{Kind: "vllm"}})
	// The server's own cache size is used if no size is stated; one block is
	// vLLM's null block.
	_ = w.Scrape(&record.Scrape{When: record.Before,
		Values: map[string]float64{"block_size": float64(golden.BlockSize),
			"gpu_blocks": float64(golden.UsableBlocks + 1)}})
	total := int64(0)
	for i, r := range golden.Requests {
		_ = w.Turn(&record.Turn{
			Conversation: fmt.Sprint(r.Conv), Turn: r.Round,
			Exchange: record.Exchange{Outcome: record.OK, Sent: record.Clock(1 + 10*i),
				End:   record.Clock(5 + 10*i),
				Usage: &record.Usage{Prompt: r.Prompt, Completion: golden.Generated}},
		})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(records.Bytes(), []byte("\n"))
	for i, r := range golden.Requests {
		total += int64(r.Cached)
		if err := os.WriteFile(file, bytes.Join(lines[:2+i+1], nil), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{file}, {file, "--no-tokenizer", "--block-size",
			strconv.Itoa(golden.BlockSize), "--gpu-blocks", strconv.Itoa(golden.UsableBlocks)}} {
			s := planJSONOf(t, args...)[0]
			if s.All.Requests != i+1 || s.All.Predicted() != total {
				t.Errorf("after request %d: %d tokens hit by %d requests, vLLM hit %d", i,
					s.All.Predicted(), s.All.Requests, total)
			}
		}
	}
}

func TestParseStores(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"prompt":                          "gpu=prompt,cpu=prompt,disk=prompt",
		"nothing":                         "gpu=nothing,cpu=prompt,disk=prompt",
		"cpu=prompt+output":               "gpu=prompt+output,cpu=prompt+output,disk=prompt",
		"prompt+output, disk=nothing":     "gpu=prompt+output,cpu=prompt,disk=nothing",
		"gpu=prompt,cpu=nothing,disk=all": "",
		"":                                "",
		"ram=prompt":                      "",
	} {
		got, err := parseStores(text)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("%q: %v, %v; want %q", text, got, err, want)
		}
	}
}
