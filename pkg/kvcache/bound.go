package kvcache

// Turn is one answered request of a conversation, in tokens as the server counts them (usage), chat template included.
type Turn struct {
	Prompt int
	Output int
}

// Bound is the most prompt tokens that the turn after previous can hit when its prompt continues the previous one, as the
// token counts alone tell: no tokenizer, any server that reports usage. The zero Turn is no previous turn. Hits on what
// conversations share, such as a system prompt, come on top; a template that rewrites history takes away.
//
// Whole blocks hit: of the previous prompt, and of the answer but for its last token, whose KV was never computed; and
// never the prompt's last token. Block size 1 is a server that keeps tokens, not blocks (llama.cpp).
func Bound(previous Turn, prompt, blockSize int, store Store) int {
	return min(previous.kept(store), max(0, prompt-1)) / blockSize * blockSize
}

// kept is the number of tokens of a turn whose KV a later one may find.
func (t Turn) kept(store Store) int {
	switch store {
	case PromptAndOutput:
		return max(0, t.Prompt) + max(0, t.Output-1)
	case PromptOnly:
		return max(0, t.Prompt)
	}
	return 0
}
