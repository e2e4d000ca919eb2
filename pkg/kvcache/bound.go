package kvcache

// Turn is one answered request of a conversation, in tokens as the server
// counts them in usage, chat template included.
type Turn struct {
	Prompt int
	Output int
}

// Bound returns the most prompt tokens that a turn can hit if its prompt
// continues the previous turn. It needs token counts only: no tokenizer, and
// any server that reports usage. Use the zero Turn if there is no previous one.
// Hits on text that conversations share, such as a system prompt, come on top;
// a template that rewrites the history lowers the bound.
//
// Only whole blocks are hit: those of the previous prompt and of its answer,
// whose last token has no KV, and never the last token of the prompt itself.
// Use block size 1 for a server that keeps tokens rather than blocks
// (llama.cpp).
func Bound(previous Turn, prompt, blockSize int, store Store) int {
	return min(previous.Kept(store), max(0, prompt-1)) / blockSize * blockSize
}

// Kept returns the number of tokens of a turn whose KV a later turn can hit. The KV
// of the last token of an answer is never computed.
func (t Turn) Kept(store Store) int {
	switch store {
	case PromptAndOutput:
		return max(0, t.Prompt) + max(0, t.Output-1)
	case PromptOnly:
		return max(0, t.Prompt)
	}
	return 0
}
