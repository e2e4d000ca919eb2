package sim

// promptTokens is the length of a request's prompt.
func promptTokens(t Tokenizer, r *request) int {
	if r.promptIDs != nil {
		return len(r.promptIDs)
	}
	n := 0
	var ids []int32
	for _, m := range r.messages {
		ids = t.Append(ids[:0], m.text)
		n += len(ids)
		if r.chat {
			ids = t.Append(ids[:0], m.role)
			n += len(ids) + 4
		}
	}
	if r.chat {
		n += 3
	}
	return n
}
