package plan

import "multiturn/pkg/chat"

// Tokenizer turns text into token ids, without special tokens; safe for concurrent use.
type Tokenizer interface {
	Append(dst []int32, text string) []int32
}

// Template is how messages become a prompt. The zero value is the built-in template, that of `mtbench sim`:
//
//	<|im_start|>ROLE\nCONTENT<|im_end|>\n
//
// for every message and <|im_start|>assistant\n at the end, where marks and line ends are a token each and role and content
// are tokenized each by itself. Real templates differ by a few tokens a message; PerMessage comes near them.
type Template struct {
	// Bare leaves the built-in template out: PerMessage tokens before each message, and before an answer, are all there is.
	Bare       bool
	PerMessage int
}

// Marks are ids that no vocabulary has.
const (
	markStart int32 = 0x3f000000 + iota
	markEnd
	markLine
	markBare
)

// open appends what comes before the content of a message.
func (t Template) open(ids []int32, tok Tokenizer, role string) []int32 {
	if t.Bare {
		for range t.PerMessage {
			ids = append(ids, markBare)
		}
		return ids
	}
	return append(tok.Append(append(ids, markStart), role), markLine)
}

// end appends what comes behind the content of a message.
func (t Template) end(ids []int32) []int32 {
	if t.Bare {
		return ids
	}
	return append(ids, markEnd, markLine)
}

func (t Template) message(ids []int32, tok Tokenizer, m *chat.Message) []int32 {
	return t.end(tok.Append(t.open(ids, tok, m.Role), m.Text))
}

// overhead is the template's share of a prompt of so many messages, by estimate: a role is taken to be one token.
func (t Template) overhead(messages int) int {
	if t.Bare {
		return t.PerMessage * (messages + 1)
	}
	return 5*messages + 3
}
