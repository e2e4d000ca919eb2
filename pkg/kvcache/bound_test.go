package kvcache

import "testing"

// The values of real servers are from vLLM 0.32.0 with blocks of 32 and from
// llama.cpp with tokens, three turns each.
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
