package kvcache

import (
	"encoding/json"
	"os"
	"testing"
)

// What a real vLLM reported as cached_tokens under eviction, to the token.
func TestRealVLLM(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/vllm_lru.json")
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
	c, err := New(Config{BlockSize: golden.BlockSize, Tiers: [NumTiers]TierConfig{GPU: {Blocks: golden.UsableBlocks}}})
	if err != nil {
		t.Fatal(err)
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
			t.Errorf("request %d (conversation %d): %d cached tokens, vLLM says %d", i, r.Conv, s.CachedTokens(), r.Cached)
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
