package sim

// Tokenizer converts between text and token ids.
type Tokenizer interface {
	// Append appends the ids of text, without special tokens.
	Append(dst []int32, text string) []int32
	// Decode returns the text of ids. Ids that are not tokens have no text.
	Decode(ids []int32) string
}

// Quad is a simple tokenizer: four bytes are a token. The last token of a text
// may be shorter, and a token that would end with a byte outside ASCII ends
// before it, so that ids are not negative. English has about as many tokens in
// real vocabularies. Counting costs nothing, so a load test measures the client
// and not the server's tokenizer. The id of a token is its bytes, the first one
// lowest.
type Quad struct{}

var _ Tokenizer = Quad{}

// Append appends the ids of text.
func (Quad) Append(dst []int32, text string) []int32 {
	for len(text) >= 4 {
		if c := text[3]; c < 0x80 {
			dst = append(dst, int32(text[0])|int32(text[1])<<8|int32(text[2])<<16|int32(c)<<24)
			text = text[4:]
			continue
		}
		dst = append(dst, int32(text[0])|int32(text[1])<<8|int32(text[2])<<16)
		text = text[3:]
	}
	if text == "" {
		return dst
	}
	var id int32
	for i := range len(text) {
		id |= int32(text[i]) << (8 * i)
	}
	return append(dst, id)
}

// Decode returns the text of ids. Zero bytes end a token.
func (Quad) Decode(ids []int32) string {
	out := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		n := len(out)
		out = append(out, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
		for len(out) > n && out[len(out)-1] == 0 {
			out = out[:len(out)-1]
		}
	}
	return string(out)
}
