package kvcache

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// Real servers: vLLM 0.32.0 by blocks of 32, llama.cpp by tokens, three turns each.
func TestBound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		previous          Turn
		prompt, blockSize int
		store             Store
		want              int
	}{
		"vllm, second turn":      {Turn{606, 40}, 953, 32, PromptAndOutput, 640},
		"vllm, third turn":       {Turn{953, 40}, 1300, 32, PromptAndOutput, 992},
		"vllm, the same again":   {Turn{606, 0}, 606, 32, PromptAndOutput, 576},
		"llama.cpp, second turn": {Turn{607, 40}, 955, 1, PromptAndOutput, 646},
		"llama.cpp, third turn":  {Turn{955, 40}, 1303, 1, PromptAndOutput, 994},
		"llama.cpp, same again":  {Turn{607, 0}, 607, 1, PromptAndOutput, 606},
		"simulator, prompt only": {Turn{65, 50}, 142, 16, PromptOnly, 64},
		"last token not there":   {Turn{60, 4}, 100, 16, PromptAndOutput, 48},
		"first turn":             {Turn{}, 100, 16, PromptAndOutput, 0},
		"nothing stored":         {Turn{100, 10}, 200, 16, Nothing, 0},
		"history cut":            {Turn{1000, 10}, 33, 16, PromptAndOutput, 32},
		"nonsense":               {Turn{-5, -5}, -1, 16, PromptAndOutput, 0},
	} {
		if got := Bound(test.previous, test.prompt, test.blockSize, test.store); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

// Token counts alone give the very curve that the blocks give.
func TestSessionsAgainstReuse(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 9))
		size := 1 + rng.IntN(20)
		store := Store(rng.IntN(2))
		sessions, blocks := NewSessions(size, store), NewReuse(size)
		chains := make([]*Chain, 1+rng.IntN(12))
		for step := range 300 {
			i := rng.IntN(len(chains))
			name := fmt.Sprint(i)
			if chains[i] == nil {
				chains[i] = NewChain(size, name)
			}
			chain := chains[i]
			for range 1 + rng.IntN(50) {
				chain.Append(int32(chain.Tokens()))
			}
			turn := Turn{Prompt: chain.Tokens(), Output: rng.IntN(60)}
			for range turn.Output {
				chain.Append(int32(chain.Tokens()))
			}
			kept := slices.Clone(chain.Hashes()[:turn.kept(store)/size])
			got, want := sessions.Add(name, turn), size*blocks.Add(kept, turn.Prompt)
			if got != want {
				t.Fatalf("seed %d step %d: %d tokens hit, by blocks %d", seed, step, got, want)
			}
		}
		got, want := sessions.Curve(), blocks.Curve()
		if got.Accesses != want.Accesses || got.PromptTokens != want.PromptTokens || got.Unique != want.Unique || got.Largest != want.Largest {
			t.Fatalf("seed %d: totals %+v, by blocks %+v", seed, *got, *want)
		}
		if !slices.Equal(got.steps, want.steps) {
			t.Fatalf("seed %d: curves differ: ideal %+v, by blocks %+v", seed, got.Ideal(), want.Ideal())
		}
	}
}

func BenchmarkSessions(b *testing.B) {
	names := make([]string, 10_000)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	s := NewSessions(16, PromptAndOutput)
	rng := rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	turn := 0
	for b.Loop() {
		turn++
		s.Add(names[rng.IntN(len(names))], Turn{Prompt: 1000 + turn/100, Output: 200})
	}
}
