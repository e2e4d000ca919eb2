package kvcache

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The hits equal what a real vLLM reported as cached_tokens under eviction, to
// the token.
func TestRealVLLM(t *testing.T) {
	t.Parallel()
	t.Run("testdata", func(t *testing.T) { realVLLM(t, "testdata/vllm_lru.json") })
	t.Run("shared", func(t *testing.T) {
		realVLLM(t, filepath.Join(shared(t), "data", "metrics", "vllm-lru-golden.json"))
	})
}

func realVLLM(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		BlockSize    int `json:"block_size"`
		UsableBlocks int `json:"usable_blocks"`
		Generated    int
		Requests     []struct{ Conv, Prompt, Cached int }
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{BlockSize: golden.BlockSize,
		Tiers: [NumTiers]TierConfig{GPU: {Blocks: golden.UsableBlocks}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(golden.Requests) != 12 {
		t.Fatalf("%d requests in the golden file", len(golden.Requests))
	}
	chains := map[int]*Chain{}
	for i, r := range golden.Requests {
		chain := chains[r.Conv]
		if chain == nil {
			chain = NewChain(golden.BlockSize, "")
			chains[r.Conv] = chain
		}
		grow := func(tokens int) {
			for chain.Tokens() < tokens {
				chain.Append(int32(r.Conv*100_000 + chain.Tokens()))
			}
		}
		grow(r.Prompt)
		s, ok := c.Start(Request{Hashes: chain.Hashes(), Tokens: r.Prompt})
		if !ok {
			t.Fatalf("request %d refused", i)
		}
		if s.CachedTokens() != r.Cached {
			t.Errorf("request %d (conversation %d): %d cached tokens, vLLM reports %d", i, r.Conv,
				s.CachedTokens(), r.Cached)
		}
		for n := 1; n < golden.Generated; n++ { // the last token's KV is never computed
			grow(r.Prompt + n)
			if !s.Grow(chain.Hashes(), 1) {
				t.Fatalf("request %d refused at token %d", i, n)
			}
		}
		grow(r.Prompt + golden.Generated)
		s.Finish()
	}
	if c.Running() != 0 {
		t.Errorf("%d blocks pinned at the end", c.Running())
	}
}

func newCache(t testing.TB, config Config) *Cache {
	t.Helper()
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// run plays a request alone through a cache and returns its hits.
func run(t *testing.T, c *Cache, a access) Hits {
	t.Helper()
	s, ok := c.Start(Request{Hashes: a.hashes, Tokens: a.prompt})
	if !ok {
		t.Fatalf("refused %d tokens", a.prompt)
	}
	if full := len(a.hashes) * c.config.BlockSize; full > s.Computed() &&
		!s.Grow(a.hashes, full-s.Computed()) {
		t.Fatalf("refused %d tokens", full)
	}
	hits := s.Hits()
	s.Finish()
	return hits
}

// The cache, with one request at a time, and the curve give the same hits. An
// inclusive tier below the GPU holds full blocks only and is a plain LRU cache,
// so its hits are equal to the block. The GPU loses a block to the running
// request's partial block and one for every duplicate (a prompt that is hit
// completely recomputes its last block), so its hits lie between the curve's
// values at its capacity and slightly below.
func TestCacheAgainstCurve(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 5))
		size := 2 + rng.IntN(6)
		accesses := conversations(rng, 150, size)
		r := NewReuse(size)
		largest := 0
		for i := range accesses {
			if accesses[i].prompt%size == 0 {
				accesses[i].prompt-- // no duplicates
			}
			r.Add(accesses[i].hashes, accesses[i].prompt)
			largest = max(largest, len(accesses[i].hashes)+1)
		}
		curve := r.Curve()
		for range 4 {
			gpu := largest + rng.IntN(curve.Unique)
			cpu := gpu + 1 + rng.IntN(curve.Unique)
			for _, exclusive := range []bool{false, true} {
				c := newCache(t,
					Config{BlockSize: size, Exclusive: exclusive,
						Tiers: [NumTiers]TierConfig{GPU: {Blocks: gpu}, CPU: {Blocks: cpu}}})
				var total, onGPU int64
				for _, a := range accesses {
					hits := run(t, c, a)
					total += int64(hits.Blocks())
					onGPU += int64(hits[GPU])
				}
				if low, high := curve.At(gpu-1).HitBlocks, curve.At(gpu).HitBlocks; onGPU < low ||
					onGPU > high {
					t.Errorf("seed %d exclusive %v: %d hits on a GPU of %d blocks, the curve "+
						"says %d to %d", seed, exclusive, onGPU, gpu, low, high)
				}
				low, high := curve.At(cpu).HitBlocks, curve.At(cpu).HitBlocks
				if exclusive {
					low, high = curve.At(gpu+cpu-1).HitBlocks, curve.At(gpu+cpu).HitBlocks
				}
				if total < low || total > high {
					t.Errorf("seed %d exclusive %v: %d hits with %d + %d blocks, the curve says "+
						"%d to %d", seed, exclusive, total, gpu, cpu, low, high)
				}
			}
		}
	}
}

func hashes(n int) []Hash {
	c := NewChain(1, "")
	for i := range n {
		c.Append(int32(i))
	}
	return c.Hashes()
}

// vLLM's rules one by one, on a cache of 10 blocks of 4 tokens.
func TestRules(t *testing.T) {
	t.Parallel()
	config := Config{BlockSize: 4, Tiers: [NumTiers]TierConfig{GPU: {Blocks: 10}}}
	h := hashes(20)

	t.Run("one prompt token is computed", func(t *testing.T) {
		c := newCache(t, config)
		run(t, c, access{h[:3], 13})
		for tokens, want := range map[int]int{1: 0, 4: 0, 5: 1, 8: 1, 9: 2, 12: 2, 13: 3, 40: 3} {
			if got := c.Lookup(h[:10], tokens).Blocks(); got != want {
				t.Errorf("%d tokens hit %d blocks, want %d", tokens, got, want)
			}
		}
	})
	t.Run("a request that cannot start changes nothing", func(t *testing.T) {
		c := newCache(t, config)
		run(t, c, access{h[:4], 17})
		s, _ := c.Start(Request{Hashes: h[10:17], Tokens: 28})
		before := c.Stats()
		if _, ok := c.Start(Request{Hashes: h[:5], Tokens: 20}); ok || c.Room(h[:5], 20) {
			t.Error("it started")
		}
		before.Refused++
		if c.Stats() != before || c.Running() != 7 || c.Lookup(h[:5], 20).Blocks() != 3 {
			t.Errorf("stats %+v, %d pinned, %d hit", c.Stats(), c.Running(),
				c.Lookup(h[:5], 20).Blocks())
		}
		if s.Grow(h[10:20], 13) || !s.Grow(h[10:20], 12) || s.Grow(nil, 1) {
			t.Error("growth does not stop at ten blocks")
		}
		if c.fits(41) || !c.fits(40) {
			t.Error("ten blocks of four hold 40 tokens, no more")
		}
		s.Finish()
	})
	t.Run("a preempted request hits its own blocks", func(t *testing.T) {
		c := newCache(t, config)
		s, _ := c.Start(Request{Hashes: h[:3], Tokens: 14})
		s.Grow(h[:4], 3)
		s.Preempt()
		s, ok := c.Start(Request{Hashes: h[:4], Tokens: 18, Prompt: 14})
		if !ok || s.CachedTokens() != 16 || s.Computed() != 18 {
			t.Errorf("%d cached, %d computed", s.CachedTokens(), s.Computed())
		}
		if st := c.Stats(); st.Preempted != 1 || st.Computed != 14+3+2 {
			t.Errorf("stats %+v", st)
		}
	})
	t.Run("chunked prefill takes blocks by chunks", func(t *testing.T) {
		c := newCache(t, config)
		s, _ := c.Start(Request{Hashes: h[:8], Tokens: 32, Compute: 6})
		if len(s.blocks) != 2 || c.Cached(GPU) != 1 || s.Computed() != 6 {
			t.Errorf("%d blocks, %d cached, %d computed", len(s.blocks), c.Cached(GPU),
				s.Computed())
		}
		s.Grow(h[:8], 26)
		if len(s.blocks) != 8 || c.Cached(GPU) != 8 {
			t.Errorf("%d blocks, %d cached", len(s.blocks), c.Cached(GPU))
		}
	})
	t.Run("running blocks are never evicted", func(t *testing.T) {
		c := newCache(t, config)
		s, _ := c.Start(Request{Hashes: h[:4], Tokens: 17})
		for i := range 5 {
			run(t, c, access{h[5+i*3 : 8+i*3], 13})
		}
		if c.Lookup(h[:4], 17).Blocks() != 4 {
			t.Error("the running request's blocks are gone")
		}
		if c.Reset() || c.Cached(GPU) == 0 {
			t.Error("reset under a running request")
		}
		s.Finish()
		if !c.Reset() || c.Cached(GPU) != 0 || c.Lookup(h, 21).Blocks() != 0 {
			t.Error("no reset of an idle cache")
		}
		run(t, c, access{h[:10], 40})
	})
	t.Run("a block computed twice is two blocks", func(t *testing.T) {
		c := newCache(t, config)
		a, _ := c.Start(Request{Hashes: h[:2], Tokens: 9, Compute: 8})
		run(t, c, access{h[:2], 8}) // hits one, recomputes the other
		if c.Running() != 2 || c.Cached(GPU) != 2 {
			t.Errorf("%d pinned, %d cached", c.Running(), c.Cached(GPU))
		}
		a.Finish()
		// room for eight: seven empty blocks and the duplicate
		s, ok := c.Start(Request{Hashes: h[10:18], Tokens: 32})
		if !ok || s.Evicted() != [NumTiers]int{1, 0, 0} || c.Lookup(h[:2], 9).Blocks() != 2 {
			t.Errorf("evicted %v, %d left", s.Evicted(), c.Lookup(h[:2], 9).Blocks())
		}
	})
	t.Run("answers reach a prompt-only tier when they come back", func(t *testing.T) {
		config := config
		config.Tiers[CPU] = TierConfig{Blocks: Unlimited, Store: PromptOnly}
		c := newCache(t, config)
		run(t, c, access{h[:5], 9}) // two blocks of prompt, three with answer
		if c.Cached(GPU) != 5 || c.Cached(CPU) != 2 {
			t.Errorf("%d on the GPU, %d on the CPU", c.Cached(GPU), c.Cached(CPU))
		}
		run(t, c, access{h[:6], 25})
		if c.Cached(CPU) != 6 {
			t.Errorf("%d on the CPU", c.Cached(CPU))
		}
	})
	t.Run("nothing stored, nothing hit", func(t *testing.T) {
		config := config
		config.Tiers[GPU].Store = Nothing
		c := newCache(t, config)
		run(t, c, access{h[:5], 21})
		if hits := run(t, c, access{h[:5], 21}); hits.Blocks() != 0 || c.Cached(GPU) != 0 {
			t.Errorf("hits %v, %d cached", hits, c.Cached(GPU))
		}
	})
	t.Run("a sequence cannot end twice", func(t *testing.T) {
		c := newCache(t, config)
		s, _ := c.Start(Request{Tokens: 3})
		s.Finish()
		defer func() {
			if recover() == nil {
				t.Error("no panic at the second end")
			}
		}()
		s.Finish()
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config Config
		want   []string
	}{
		"zero": {Config{}, []string{"block size of 0", "gpu tier of 0 blocks"}},
		"negative": {Config{BlockSize: 1, Tiers: [NumTiers]TierConfig{{Blocks: 5}, {Blocks: -2}}},
			[]string{"cpu tier of -2 blocks"}},
		"policy": {Config{BlockSize: 1,
			Tiers: [NumTiers]TierConfig{{Blocks: Unlimited}, {}, {Store: 7}}},
			[]string{"disk tier: unknown store policy 7"}},
	} {
		_, err := New(test.config)
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
	for p := PromptAndOutput; p <= Nothing; p++ {
		if got, err := ParseStore(p.String()); got != p || err != nil {
			t.Errorf("%v: %v, %v", p, got, err)
		}
	}
	if _, err := ParseStore("all"); err == nil {
		t.Error("no error for an unknown policy")
	}
}

// cachePath is the steady state of a server: 50 conversations in turn on a full
// cache with a full tier below it.
func cachePath(b testing.TB, exclusive bool) (*Cache, func()) {
	const size = 16
	c := newCache(b,
		Config{BlockSize: size, Exclusive: exclusive,
			Tiers: [NumTiers]TierConfig{GPU: {Blocks: 4000}, CPU: {Blocks: 6000}}})
	chains := make([]*Chain, 50)
	for i := range chains {
		chains[i] = NewChain(size, "")
		for j := range 300 * size {
			chains[i].Append(int32(i), int32(j))
		}
	}
	next := 0
	return c, func() {
		hashes := chains[next%len(chains)].Hashes()
		next++
		s, ok := c.Start(Request{Hashes: hashes, Tokens: 290 * size})
		if !ok {
			b.Fatal("refused")
		}
		for range 10 * size {
			s.Grow(hashes, 1)
		}
		s.Finish()
	}
}

func TestCacheDoesNotAllocate(t *testing.T) {
	for _, exclusive := range []bool{false, true} {
		_, step := cachePath(t, exclusive)
		for range 200 {
			step()
		}
		if n := testing.AllocsPerRun(200, step); n != 0 {
			t.Errorf("exclusive %v: %v allocations a request on the steady path", exclusive, n)
		}
	}
}

func BenchmarkCache(b *testing.B) {
	for name, exclusive := range map[string]bool{"inclusive": false, "exclusive": true} {
		b.Run(name, func(b *testing.B) {
			_, step := cachePath(b, exclusive)
			for range 200 {
				step()
			}
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/300, "ns/block")
		})
	}
}

// A tier with blocks of 16 tokens below a GPU with blocks of 4 stores and loads
// whole ones.
func TestOffloadedBlocks(t *testing.T) {
	t.Parallel()
	chain := func(name string, tokens int) []Hash {
		c := NewChain(4, name)
		c.AppendUnknown(tokens)
		return c.Hashes()
	}
	config := Config{BlockSize: 4, OffloadBlockSize: 16}
	config.Tiers[GPU].Blocks = 20
	config.Tiers[CPU] = TierConfig{Blocks: 43, Store: PromptOnly} // 10 of its blocks
	c := newCache(t, config)
	run := func(name string, prompt, output int) Hits {
		hashes := chain(name, prompt+output)
		s, ok := c.Start(Request{Hashes: hashes, Tokens: prompt})
		if !ok {
			t.Fatal("refused")
		}
		if output > 1 {
			s.Grow(hashes, output-1)
		}
		s.Finish()
		return s.Hits()
	}
	// 58 tokens fill three offloaded blocks; 10 tokens and the answer are not stored.
	run("a", 58, 7)
	if n := c.Cached(CPU); n != 12 {
		t.Errorf("%d blocks below, want 12", n)
	}
	run("b", 60, 1) // a loses its blocks on the GPU but for the first 5
	for _, tc := range []struct {
		prompt int
		want   Hits
	}{
		// The hits end in the second offloaded block: the rest of it and the third are
		// loaded, as far as they are whole before the last token.
		{49, Hits{GPU: 5, CPU: 7}}, {48, Hits{GPU: 5}}, {36, Hits{GPU: 5}}, {20, Hits{GPU: 4}},
	} {
		if got := c.Lookup(chain("a", tc.prompt), tc.prompt); got != tc.want {
			t.Errorf("%d tokens: %v, want %v", tc.prompt, got, tc.want)
		}
	}
	for _, bad := range []Config{
		{BlockSize: 4, OffloadBlockSize: 6}, {BlockSize: 4, OffloadBlockSize: 2},
		{BlockSize: 4, OffloadBlockSize: -4}, {BlockSize: 4, OffloadBlockSize: 8, Exclusive: true},
	} {
		bad.Tiers = config.Tiers
		if bad.Validate() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
