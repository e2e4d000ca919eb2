package scrape

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"multiturn/pkg/server"
)

func read(t *testing.T, name string) Reading {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	e, err := Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	return Read(e)
}

// The expositions are real servers', after runs whose numbers are known.
func TestRealExpositions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		file   string
		want   map[string]float64
		names  map[string]string
		absent []string
	}{
		{
			"vllm-0.32.0.prom",
			map[string]float64{
				"prompt_tokens": 8701, "computed_tokens": 4861, "cached_tokens": 3840,
				"cached_tokens_gpu": 3840, "cached_tokens_cpu": 0, "cached_tokens_disk": 0,
				"cached_tokens_external": 0, "generation_tokens": 5952, "requests": 20,
				"preemptions": 1, "prefix_queries": 8701, "prefix_hits": 3840, "running": 0,
				"waiting": 0, "kv_usage": 0, "block_size": 32, "gpu_blocks": 96,
				"prefill_seconds": 1.335970432999602, "queue_seconds": 0.0008511169980920386,
				"ttft_seconds": 1.747016191482544,
			},
			map[string]string{"cached_tokens_gpu": `vllm:prompt_tokens_cached_by_source_total{source="device"}`},
			[]string{"load_bytes", "cpu_usage"},
		},
		{
			"llamacpp-11434.prom",
			map[string]float64{
				// One conversation of 607 + 955 + 1303 prompt tokens, of which
				// 0 + 646 + 994 were cached.
				"prompt_tokens": 2865, "computed_tokens": 1225, "cached_tokens": 1640,
				"generation_tokens": 120, "prefill_seconds": 13.4543, "running": 0, "waiting": 0,
			},
			map[string]string{"prompt_tokens": "llamacpp:prompt_tokens_total + " +
				"llamacpp:prompt_tokens_cached_total"},
			[]string{"cached_tokens_gpu", "preemptions", "gpu_blocks", "kv_usage"},
		},
		{
			"llm-d-inference-sim-0.10.2.prom", // counters without _total
			map[string]float64{
				"prompt_tokens": 1014, "cached_tokens": 608, "prefix_queries": 1014,
				"generation_tokens": 60, "requests": 3, "block_size": 16, "gpu_blocks": 64,
				"kv_usage": 0, "running": 0, "waiting": 0, "prefill_seconds": 0.467015577,
				"ttft_seconds": 0.466, "prefix_hits": 608,
			},
			map[string]string{"cached_tokens": "vllm:prefix_cache_hits"},
			[]string{"computed_tokens", "cached_tokens_cpu", "preemptions"},
		},
	} {
		t.Run(tc.file, func(t *testing.T) {
			t.Parallel()
			got := read(t, tc.file)
			for q, want := range tc.want {
				if v, ok := got.Values[q]; !ok || v != want {
					t.Errorf("%s = %v (%v), want %v", q, v, ok, want)
				}
			}
			for q, want := range tc.names {
				if got.Names[q] != want {
					t.Errorf("%s was read from %q, want %q", q, got.Names[q], want)
				}
			}
			for _, q := range tc.absent {
				if v, ok := got.Values[q]; ok {
					t.Errorf("%s = %v, but it is not exposed", q, v)
				}
			}
		})
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text, quantity string
		want                 float64
	}{
		{"engines are added", "vllm:prompt_tokens_total{engine=\"0\"} 3\n" +
			"vllm:prompt_tokens_total{engine=\"1\"} 4\n", "prompt_tokens", 7},
		{"shares are averaged", "vllm:kv_cache_usage_perc{engine=\"0\"} 0.5\n" +
			"vllm:kv_cache_usage_perc{engine=\"1\"} 1\n", "kv_usage", 0.75},
		{"the size of the CPU tier, in a label", `vllm:kv_offload_config_info{cpu_num_chunks="7",` +
			"cpu_kv_cache_size_tokens=\"448\"} 1\n", "cpu_tokens", 448},
		{"generations are not added", "vllm:kv_offload_load_bytes_total 5\n" +
			"vllm:kv_offload_total_bytes_total{transfer_type=\"CPU_to_GPU\"} 5\n", "load_bytes", 5},
		{"the older one alone",
			"vllm:kv_offload_total_bytes_total{transfer_type=\"CPU_to_GPU\"} 5\n" +
				"vllm:kv_offload_total_bytes_total{transfer_type=\"GPU_to_CPU\"} 9\n",
			"load_bytes", 5},
		{"SGLang's total is not added to its parts",
			"sglang:cached_tokens_total{cache_source=\"device\"} 3\n" +
				"sglang:cached_tokens_total{cache_source=\"host\"} 4\n" +
				"sglang:cached_tokens_total{cache_source=\"total\"} 7\n", "cached_tokens", 7},
		{"SGLang's storage of any kind",
			"sglang:cached_tokens_total{cache_source=\"storage_file\"} 3\n" +
				"sglang:cached_tokens_total{cache_source=\"storage_nixl\"} 4\n",
			"cached_tokens_disk", 7},
		{"SGLang, without the parts", "sglang:cached_tokens_total{cache_source=\"total\"} 7\n",
			"cached_tokens", 7},
		{"SGLang's part that has not counted yet",
			"sglang:cached_tokens_total{cache_source=\"host\"} 4\n", "cached_tokens_gpu", 0},
		{"SGLang's storage, which has no kind in newer releases",
			"# TYPE sglang:cached_tokens_total counter\n" +
				"sglang:cached_tokens_total{cache_source=\"storage\"} 7\n",
			"cached_tokens_disk", 7},
		{"any store below host memory", "vllm:kv_offload_tiering_chunk_hits_total{tier=\"0:primary\"} 3\n" +
			"vllm:kv_offload_tiering_chunk_hits_total{tier=\"1:fs\"} 4\n" +
			"vllm:kv_offload_tiering_chunk_hits_total{tier=\"2:obj\"} 5\n" +
			"vllm:kv_offload_tiering_chunk_hits_total{tier=\"3:p2p\"} 8\n", "disk_hits", 9},
		{"other servers", "vllm:kv_offload_tiering_block_hits_total{tier=\"0:primary\"} 3\n" +
			"vllm:kv_offload_tiering_block_hits_total{tier=\"2:p2p\"} 8\n", "p2p_hits", 8},
		{"the size of the CPU tier, as a product", `vllm:kv_offload_config_info{cpu_num_chunks="7",` +
			"cpu_blocks_per_chunk=\"4\"} 1\n", "cpu_blocks", 28},
		{"NIXL's transfer", "# TYPE vllm:nixl_bytes_transferred histogram\n" +
			"vllm:nixl_bytes_transferred_bucket{le=\"+Inf\"} 2\n" +
			"vllm:nixl_bytes_transferred_sum 5\nvllm:nixl_bytes_transferred_count 2\n",
			"transfer_bytes", 5},
		{"a histogram's sum", "# TYPE vllm:request_prefill_time_seconds histogram\n" +
			"vllm:request_prefill_time_seconds_bucket{le=\"+Inf\"} 2\n" +
			"vllm:request_prefill_time_seconds_sum 1.5\n" +
			"vllm:request_prefill_time_seconds_count 2\n", "prefill_seconds", 1.5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e, err := Parse(strings.NewReader(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := Read(e).Values[tc.quantity]; got != tc.want {
				t.Errorf("%s = %v, want %v", tc.quantity, got, tc.want)
			}
		})
	}
}

// A counter that is declared and has no series has not counted yet. One that is
// not declared, and a part of which nothing is known, are unknown.
func TestDeclared(t *testing.T) {
	t.Parallel()
	e, err := Parse(strings.NewReader("# HELP sglang:cached_tokens_total x\n" +
		"# TYPE sglang:cached_tokens_total counter\n" +
		"# TYPE vllm:kv_cache_usage_perc gauge\n" +
		"# TYPE vllm:request_prefill_time_seconds histogram\n" +
		"# TYPE vllm:nixl_bytes_transferred histogram\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := Read(e)
	for _, q := range []string{"cached_tokens", "cached_tokens_cpu", "prefill_seconds"} {
		if v, ok := got.Values[q]; !ok || v != 0 || got.Names[q] != "" {
			t.Errorf("%s: %v (%v) from %q, want 0", q, v, ok, got.Names[q])
		}
	}
	for _, q := range []string{"kv_usage", "prompt_tokens", "load_bytes"} {
		if v, ok := got.Values[q]; ok {
			t.Errorf("%s: %v, but it is not exposed", q, v)
		}
	}
	e, err = Parse(strings.NewReader("# TYPE sglang:cached_tokens_total counter\n" +
		"sglang:cached_tokens_total{cache_source=\"total\"} 7\n"))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := Read(e).Values["cached_tokens_gpu"]; ok {
		t.Errorf("%v tokens on the GPU, of a total that is not split", v)
	}
}

// A source is marked as seen if and only if a capture of a real server has it.
func TestSeen(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.prom")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	all := &Exposition{Series: map[string][]Series{}}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		e, err := Parse(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(all.Series, e.Series)
	}
	for _, q := range server.Quantities() {
		for _, s := range q.From {
			names := s.Sum
			if s.Name != "" {
				names = []string{s.Name}
			}
			seen := !slices.ContainsFunc(names, func(name string) bool {
				_, list := all.metric(name)
				return list == nil
			})
			if seen != s.Seen {
				t.Errorf("%s: %q: seen is %v, and in the captures it is %v", q.Name, names, s.Seen, seen)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"llamacpp-11434.prom", "llm-d-inference-sim-0.10.2.prom"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add("vllm:cache_config_info{block_size=\"x\"} 1\n")
	f.Fuzz(func(t *testing.T, s string) {
		e, err := Parse(strings.NewReader(s))
		if err != nil {
			return
		}
		r := Read(e)
		for q, v := range r.Values {
			if math.IsNaN(v) {
				t.Errorf("%s = %v, read from %q", q, v, r.Names[q])
			}
		}
	})
}
