package kvcache_test

import (
	"fmt"

	"multiturn/pkg/kvcache"
)

// A server with 100 blocks of 16 tokens serves two turns of a conversation.
func ExampleCache() {
	cache, err := kvcache.New(kvcache.Config{
		BlockSize: 16,
		Tiers:     [kvcache.NumTiers]kvcache.TierConfig{kvcache.GPU: {Blocks: 100}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	tokens := kvcache.NewChain(16, "")
	say := func(n int) {
		for range n {
			tokens.Append(int32(tokens.Tokens()))
		}
	}
	for range 2 {
		say(200)
		s, ok := cache.Start(kvcache.Request{Hashes: tokens.Hashes(), Tokens: tokens.Tokens()})
		if !ok {
			fmt.Println("no room: wait, or preempt another request")
			return
		}
		fmt.Println("prompt", tokens.Tokens(), "cached", s.CachedTokens())
		for range 39 { // the KV of the last of 40 generated tokens is never computed
			say(1)
			s.Grow(tokens.Hashes(), 1)
		}
		say(1)
		s.Finish()
	}
	// Output:
	// prompt 200 cached 0
	// prompt 440 cached 224
}

// Four conversations of two blocks in turn: the curve is a cliff between six
// and eight blocks.
func ExampleReuse() {
	r := kvcache.NewReuse(16)
	for range 3 {
		for c := range kvcache.Hash(4) {
			r.Add([]kvcache.Hash{2 * c, 2*c + 1}, 33)
		}
	}
	curve := r.Curve()
	for _, blocks := range []int{6, 7, 8, kvcache.Unlimited} {
		fmt.Printf("%d blocks hit %.0f %% of the prompt tokens\n", blocks,
			100*curve.Rate(curve.At(blocks)))
	}
	// Output:
	// 6 blocks hit 0 % of the prompt tokens
	// 7 blocks hit 32 % of the prompt tokens
	// 8 blocks hit 65 % of the prompt tokens
	// -1 blocks hit 65 % of the prompt tokens
}

// The number of blocks of 16 tokens in 40 GiB on each of two GPUs, with an fp8
// cache, and the size of a conversation of 10,000 tokens.
func ExampleModelByName() {
	m, _ := kvcache.ModelByName("Llama-3.1-8B-Instruct")
	serving := kvcache.Serving{KVBits: 8, TP: 2}
	fmt.Println(m.BytesPerToken(serving), "bytes a token")
	fmt.Println(m.Blocks(40*kvcache.GiB, 16, serving), "blocks")
	fmt.Println(m.SequenceBytes(10_000, serving)>>20, "MiB a conversation")
	// Output:
	// 32768 bytes a token
	// 81920 blocks
	// 312 MiB a conversation
}
