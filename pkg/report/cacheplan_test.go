package report

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// What a cache of the stated shape is predicted to hit is what the cache did
// hit, by every account and to the token.
func TestPredictedIsMeasured(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		config kvcache.Config
		misses bool // fewer hits than possible
	}{
		{"all fits", shape(4000, 0, 0), false},
		{"half fits", shape(400, 0, 0), true},
		{"a tier for the rest, of prompts", shape(400, 2000, 0), true},
		{"three tiers", shape(400, 300, 2000), true},
		{"exclusive", func() kvcache.Config {
			c := shape(400, 300, 0)
			c.Exclusive = true
			return c
		}(), true},
		{"no limit", shape(kvcache.Unlimited, 0, 0), false},
	} {
		for _, clients := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s, %d", tc.name, clients), func(t *testing.T) {
				t.Parallel()
				w := small()
				w.config, w.clients, w.tiers = tc.config, clients, true
				d := w.summary(Options{Cache: stated(tc.config)}).Details
				p := d.Prediction
				if p.All.N != 72 || p.First.N != 12 || p.Later.N != 60 || len(p.Turns) != 6 {
					t.Fatalf("%d turns, %d first, %d later, %d rows", p.All.N, p.First.N, p.Later.N,
						len(p.Turns))
				}
				for _, r := range p.rows() {
					if r.Known != r.N || r.Predicted != r.Cached {
						t.Errorf("turns %d to %d: %v predicted, %v by usage (%d known of %d)",
							r.From, r.To, r.Predicted, r.Cached, r.Known, r.N)
					}
					for tier, n := range r.CachedTier {
						if n != r.PredictedTier[tier] {
							t.Errorf("turns %d to %d, %s: %v predicted, %v by usage", r.From, r.To,
								tier, r.PredictedTier[tier], n)
						}
					}
					if float64(r.Predicted) > float64(r.Possible) || r.Possible >= r.Prompt {
						t.Errorf("turns %d to %d: prompt %d, possible %d, predicted %v", r.From, r.To,
							r.Prompt, r.Possible, r.Predicted)
					}
				}
				if less := p.All.Predicted < Number(p.All.Possible); less != tc.misses {
					t.Errorf("possible %d, predicted %v", p.All.Possible, p.All.Predicted)
				}
				k := d.Counters
				if !k.OK() || k.Turns != 72 || k.value("cached_tokens") != p.All.Cached ||
					k.value("prompt_tokens") != Number(p.All.Prompt) ||
					d.countersOf(p) != p.All.Cached {
					t.Errorf("counters: %+v; usage %v of %d", k, p.All.Cached, p.All.Prompt)
				}
			})
		}
	}
}

// The server's own word is the default, and stated sizes go before.
func TestShape(t *testing.T) {
	t.Parallel()
	at := func(url string, values map[string]float64) *record.Scrape {
		return &record.Scrape{URL: url, When: record.Before, Values: values}
	}
	cached := func(list ...int) (out []any) {
		for i, n := range list {
			out = append(out, &record.Turn{Conversation: "A", Turn: i,
				Exchange: record.Exchange{Outcome: record.OK, Sent: record.Clock(i + 1),
					End: record.Clock(i + 1), Usage: &record.Usage{Prompt: 9999, Cached: &n}}})
		}
		return out
	}
	header := func(kind string, s record.Server) *record.Run {
		s.Kind = kind
		return &record.Run{Model: "Qwen3-8B", Server: s}
	}
	gib := func(n float64) CacheOptions {
		return CacheOptions{Stated: &record.StatedCache{Tiers: []record.StatedTier{{Tier: "gpu",
			GiB: n}}}}
	}
	for _, tc := range []struct {
		name string
		o    CacheOptions
		recs []any
		want string
		note string
	}{
		{"nothing known", CacheOptions{}, nil, "the size of the cache is not known " +
			"(blocks of 16 tokens, assumed)", ""},
		{"llama.cpp", CacheOptions{}, []any{header("llamacpp", record.Server{})},
			"the size of the cache is not known (blocks of 1 token, assumed)", ""},
		{"usage in steps of 32", CacheOptions{}, cached(32, 64, 96, 160, 224, 352, 416, 544),
			"the size of the cache is not known (blocks of 32 tokens, as usage has it)",
			""},
		{"too few steps", CacheOptions{}, cached(64, 128, 256),
			"the size of the cache is not known (blocks of 16 tokens, assumed)", ""},
		{"metrics of vLLM", CacheOptions{},
			[]any{header("vllm", record.Server{}),
				at("a", map[string]float64{"block_size": 32, "gpu_blocks": 96})},
			"blocks of 32 tokens (the server says), gpu 95 blocks (the server says; " +
				"keeps prompt+output)", ""},
		{"metrics of the simulator", CacheOptions{},
			[]any{header("sim", record.Server{}),
				at("a", map[string]float64{"block_size": 32, "gpu_blocks": 96})},
			"blocks of 32 tokens (the server says), gpu 96 blocks (the server says; " +
				"keeps prompt+output)", ""},
		{"the header", CacheOptions{},
			[]any{header("vllm", record.Server{BlockSize: 32, GPUBlocks: 96})},
			"blocks of 32 tokens (the server says), gpu 95 blocks (the server says; " +
				"keeps prompt+output)", ""},
		{"a CPU tier by the metrics", CacheOptions{},
			[]any{at("a", map[string]float64{"gpu_blocks": 96, "cpu_tokens": 3200})},
			"blocks of 16 tokens (assumed), gpu 96 blocks (the server says; keeps " +
				"prompt+output), cpu 200 blocks (the server says; keeps prompt)", ""},
		{"a CPU tier by the header", CacheOptions{},
			[]any{header("vllm", record.Server{BlockSize: 32, GPUBlocks: 96, CPUTokens: 3200})},
			"blocks of 32 tokens (the server says), gpu 95 blocks (the server says; " +
				"keeps prompt+output), cpu 100 blocks (the server says; keeps prompt)", ""},
		{"tiers by the metrics, with larger blocks", CacheOptions{},
			[]any{at("a", map[string]float64{"block_size": 16, "gpu_blocks": 96, "cpu_blocks": 200,
				"offload_blocks": 4, "disk_blocks": 800})},
			"blocks of 16 tokens (the server says), gpu 96 blocks (the server says; keeps " +
				"prompt+output), cpu 200 blocks (the server says; keeps prompt), disk 800 blocks (the " +
				"server says; keeps prompt), offloaded by 64 tokens", ""},
		{"larger blocks by the header", CacheOptions{},
			[]any{header("vllm", record.Server{BlockSize: 16, GPUBlocks: 97, CPUTokens: 3200,
				OffloadBlockSize: 64})},
			"blocks of 16 tokens (the server says), gpu 96 blocks (the server says; keeps " +
				"prompt+output), cpu 200 blocks (the server says; keeps prompt), offloaded by 64 tokens", ""},
		{"a CPU tier, but no GPU", CacheOptions{},
			[]any{at("a", map[string]float64{"cpu_tokens": 3200})},
			"the size of the cache is not known (blocks of 16 tokens, assumed)", ""},
		{"hits in a CPU tier", CacheOptions{},
			[]any{at("a", map[string]float64{"gpu_blocks": 96,
				"cached_tokens_cpu": 10, "cached_tokens_disk": 10}),
				at("a", map[string]float64{"gpu_blocks": 96,
					"cached_tokens_cpu": 20, "cached_tokens_disk": 10})},
			"blocks of 16 tokens (assumed), gpu 96 blocks (the server says; keeps " +
				"prompt+output), cpu no limit (size unknown; keeps prompt)",
			"a cpu tier of unknown size"},
		{"hits on a disk by usage", CacheOptions{},
			[]any{at("a", map[string]float64{"gpu_blocks": 96}),
				&record.Turn{Exchange: record.Exchange{Usage: &record.Usage{
					Tiers: map[string]int{"device": 5, "storage_file": 9}}}}},
			"blocks of 16 tokens (assumed), gpu 96 blocks (the server says; keeps " +
				"prompt+output), disk no limit (size unknown; keeps prompt)",
			"a disk tier of unknown size"},
		{"two servers", CacheOptions{},
			[]any{at("a", map[string]float64{"gpu_blocks": 10}),
				at("b", map[string]float64{"gpu_blocks": 20})},
			"blocks of 16 tokens (assumed), gpu 30 blocks (the server says; keeps " +
				"prompt+output)", "the pools of 2 servers"},
		{"replicas by their metrics", CacheOptions{},
			[]any{replicas(record.Server{}, record.Server{}),
				ofReplica(1, at("a", map[string]float64{"gpu_blocks": 20})),
				ofReplica(2, at("b", map[string]float64{"gpu_blocks": 20}))},
			"blocks of 16 tokens (assumed), gpu 20 blocks (the server says; keeps " +
				"prompt+output) on each of 2 replicas", ""},
		{"replicas that differ", CacheOptions{},
			[]any{replicas(record.Server{}, record.Server{}),
				ofReplica(1, at("a", map[string]float64{"gpu_blocks": 20, "cpu_tokens": 160})),
				ofReplica(2, at("b", map[string]float64{"gpu_blocks": 10, "cpu_tokens": 320}))},
			"blocks of 16 tokens (assumed), gpu 10 blocks (the server says; keeps " +
				"prompt+output), cpu 10 blocks (the server says; keeps prompt) on each of 2 replicas",
			"have 10 to 20 blocks"},
		{"replicas by the header", CacheOptions{},
			[]any{replicas(record.Server{GPUBlocks: 20}, record.Server{GPUBlocks: 20})},
			"blocks of 16 tokens (assumed), gpu 20 blocks (the server says; keeps " +
				"prompt+output) on each of 2 replicas", ""},
		{"metrics of nobody in particular", CacheOptions{},
			[]any{replicas(record.Server{}, record.Server{}),
				at("a", map[string]float64{"gpu_blocks": 40})},
			"blocks of 16 tokens (assumed), gpu 20 blocks (the server says; keeps " +
				"prompt+output) on each of 2 replicas", ""},
		{"metrics of one only", CacheOptions{},
			[]any{replicas(record.Server{}, record.Server{}),
				ofReplica(2, at("b", map[string]float64{"gpu_blocks": 40}))},
			"blocks of 16 tokens (assumed), gpu 40 blocks (the server says; keeps " +
				"prompt+output) on each of 2 replicas", ""},
		{"stated of each", stated(kvcache.Config{BlockSize: 8, Tiers: shape(7, 0, 0).Tiers}),
			[]any{replicas(record.Server{}, record.Server{})},
			"blocks of 8 tokens (stated), gpu 7 blocks (stated; keeps prompt+output) on each of " +
				"2 replicas", ""},
		{"stated", stated(kvcache.Config{BlockSize: 8, Tiers: shape(7, 9, -1).Tiers}),
			[]any{at("a", map[string]float64{"block_size": 32, "gpu_blocks": 96})},
			"blocks of 8 tokens (stated), gpu 7 blocks (stated; keeps " +
				"prompt+output), cpu 9 blocks (stated; keeps prompt), disk no limit (stated; " +
				"keeps prompt)", ""},
		{"GiB of the run's model", gib(1), []any{header("", record.Server{})},
			"blocks of 16 tokens (assumed), gpu 455 blocks (stated; keeps prompt+output)", ""},
		{"a model with windows", CacheOptions{}, []any{&record.Run{Model: "openai/gpt-oss-20b"}},
			"the size of the cache is not known (blocks of 16 tokens, assumed)",
			"as if all 24 layers of gpt-oss-20b had full attention: 12 have a sliding window"},
		{"larger blocks below", CacheOptions{Stated: &record.StatedCache{BlockSize: 16,
			OffloadBlockSize: 64, Tiers: []record.StatedTier{{Tier: "gpu", Blocks: 7},
				{Tier: "cpu", Blocks: 9}}}}, nil, "blocks of 16 tokens (stated), gpu 7 " +
			"blocks (stated; keeps prompt+output), cpu 9 blocks (stated; keeps prompt), offloaded " +
			"by 64 tokens", ""},
		{"GiB of no model", gib(1), nil, "the size of the cache is not known (blocks " +
			"of 16 tokens, assumed)", "only for a known model"},
		{"GiB too few", gib(0.0001), []any{header("", record.Server{})},
			"the size of the cache is not known (blocks of 16 tokens, assumed)",
			"hold no block"},
		{"no GPU",
			CacheOptions{Stated: &record.StatedCache{Tiers: []record.StatedTier{{Tier: "cpu",
				Blocks: 9}}}}, nil, "the size of the cache is not known (blocks of " +
				"16 tokens, assumed)", "the GPU's size is not known"},
		{"a preflight's guess", CacheOptions{},
			[]any{&record.Run{Preflight: &record.Preflight{BlockSize: 64}}},
			"the size of the cache is not known (blocks of 64 tokens, the " +
				"preflight's guess)", ""},
		{"numbers that are none", CacheOptions{},
			[]any{at("a", map[string]float64{"block_size": math.NaN(), "gpu_blocks": math.Inf(1)})},
			"the size of the cache is not known (blocks of 16 tokens, assumed)", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var p CachePlan
			p.shape(collected(Options{Cache: tc.o}, tc.recs...))
			s := &p.Shape
			if got := shapeText(s); got != tc.want {
				t.Errorf("%s\nwant %s", got, tc.want)
			}
			if got := strings.Join(p.Notes, "\n"); !strings.Contains(got, tc.note) ||
				(tc.note == "") != (got == "") {
				t.Errorf("notes %q, want %q", got, tc.note)
			}
			if (s.Config == nil) != (len(s.Tiers) == 0) {
				t.Errorf("config %v for %v", s.Config, s.Tiers)
			}
		})
	}
}

// replicas is the header of a run whose turns these servers shared.
func replicas(servers ...record.Server) *record.Run {
	h := &record.Run{Server: servers[0]}
	for _, s := range servers {
		h.Replicas = append(h.Replicas, record.Replica{Server: s})
	}
	return h
}

// ofReplica is a reading of a replica.
func ofReplica(replica int, s *record.Scrape) *record.Scrape {
	s.Replica = replica
	return s
}

// A server that does not say how much was cached gets no zeros, anywhere.
func TestUnknownCachedTokens(t *testing.T) {
	t.Parallel()
	w := small()
	w.silent = true
	s := w.summary(Options{})
	p := s.Details.Prediction
	for _, r := range p.rows() {
		if r.Known != 0 || r.Cached.OK() || r.HitRate.OK() || r.OfPossible.OK() ||
			r.Recompute50.OK() {
			t.Errorf("%+v", r)
		}
		if !r.Predicted.OK() || r.N == 0 {
			t.Errorf("nothing predicted: %+v", r)
		}
	}
	if s.Details.Cost != nil {
		t.Errorf("a cost model of nothing: %+v", s.Details.Cost)
	}
	for _, b := range s.Details.Reuse.Tokens {
		if b.HitRate.OK() || b.OfPossible.OK() || !b.PredictedOfPossible.OK() {
			t.Errorf("%+v", b)
		}
	}
	if k := s.Details.Counters; k.Unknown != 72 || k.PromptUnknown != 0 {
		t.Errorf("%+v", k)
	}
	var b bytes.Buffer
	if err := write(&b, render.CSV, []*Summary{s}); err != nil ||
		strings.Contains(b.String(), "all turns,cached_tokens,0") ||
		!strings.Contains(b.String(), "all turns,cached_tokens,\n") {
		t.Errorf("%v\n%s", err, &b)
	}

	// The preflight found that this server leaves out a 0: then what is left out is 0.
	recs := w.play()
	recs[0].(*record.Run).Preflight = &record.Preflight{Reported: true, ZeroOmitted: true}
	if p := collected(Options{}, recs...).Summary().Details.Prediction; p.All.Known != 72 ||
		p.All.Cached != 0 {
		t.Errorf("%+v", p.All)
	}
}

// Known for some turns: sums and rates are of those.
func TestPartlyKnown(t *testing.T) {
	t.Parallel()
	recs := small().play()
	var cached, prompt Number
	known := 0
	for _, r := range recs {
		if turn, ok := r.(*record.Turn); ok {
			if turn.Turn%2 == 1 {
				turn.Usage.Cached = nil
				continue
			}
			known++
			cached += Number(*turn.Usage.Cached)
			prompt += Number(turn.Usage.Prompt)
		}
	}
	all := collected(Options{}, recs...).Summary().Details.Prediction.All
	if all.Known != known || all.N != 72 || all.Cached != cached || all.HitRate != cached/prompt {
		t.Errorf("%+v, want %v of %v in %d", all, cached, prompt, known)
	}
}

func TestCacheGolden(t *testing.T) {
	t.Parallel()
	w := small()
	w.config, w.tiers, w.arms, w.clients = shape(400, 900, 0), true,
		[]string{record.ArmMeasured, record.ArmNoReuse}, 2
	arms := w.summary(Options{Cache: stated(w.config)})
	w = small()
	w.config = shape(400, 300, 2000)
	w.kind = "vllm"
	tiers := w.summary(Options{Cache: stated(w.config)})
	for _, tc := range []struct {
		file  string
		write func(*bytes.Buffer) error
	}{
		{"arms.txt", func(b *bytes.Buffer) error {
			return write(b, render.Text, []*Summary{arms})
		}},
		{"arms.json", func(b *bytes.Buffer) error {
			return write(b, render.JSON, []*Summary{arms})
		}},
		{"arms.csv", func(b *bytes.Buffer) error { return write(b, render.CSV, []*Summary{arms}) }},
		{"tiers.txt", func(b *bytes.Buffer) error {
			return write(b, render.Text, []*Summary{tiers})
		}},
	} {
		t.Run(tc.file, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := tc.write(&got); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "cache", tc.file)
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("got\n%s\nwant\n%s", &got, want)
			}
			for line := range strings.Lines(got.String()) {
				if strings.HasSuffix(tc.file, ".txt") && len(line) > 121 {
					t.Errorf("%d columns: %s", len(line)-1, line)
				}
			}
		})
	}
}
