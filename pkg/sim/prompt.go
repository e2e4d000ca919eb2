package sim

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"multiturn/pkg/kvcache"
)

// Template says how messages become a prompt.
type Template string

// Templates. Both write every message as
//
//	<|im_start|>ROLE\nCONTENT<|im_end|>\n
//
// and end with <|im_start|>assistant\n, with <think> behind it if reasoning follows. The marks are ids of their own; role and content are tokenized each by itself, so
// an answer that comes back as a message has the ids it was generated with.
const (
	// Plain keeps what was said: the reasoning of an assistant message, if the client sends it, comes before its content
	// as <think>REASONING</think>.
	Plain Template = "plain"
	// StripReasoning drops the reasoning of earlier answers, as the templates of most reasoning models do: the next turn's
	// prompt then differs from what was generated, and the cache is of use only up to there.
	StripReasoning Template = "strip-reasoning"
)

// Marks of the template: ids that no text has (they hold bytes that are not UTF-8, see Quad) and no vocabulary reaches.
const (
	markStart int32 = 0x01ffffff // <|im_start|>
	markEnd   int32 = 0x02ffffff // <|im_end|>, and the end of an answer
	markLine  int32 = 0x03ffffff // the line end behind a role or a message
	markThink int32 = 0x04ffffff // <think>
	markReply int32 = 0x05ffffff // </think>
)

var markTexts = map[int32]string{markStart: "<|im_start|>", markEnd: "<|im_end|>", markLine: "\n", markThink: "<think>", markReply: "</think>"}

// prompter turns requests into chains of blocks. It remembers the chains of prompts it has seen, by their messages, so
// that the next turn of a conversation costs its new messages only, however long its history is.
type prompter struct {
	tokenizer Tokenizer
	template  Template
	blockSize int
	memory    int
	seed      maphash.Seed

	mu    sync.Mutex
	known map[uint64]*kvcache.Chain
	order []uint64 // of known, oldest first, from gone on
	gone  int
	size  int // hashes held
}

// promptMemory bounds what a prompter remembers: block hashes of eight bytes.
const promptMemory = 8 << 20

func newPrompter(t Tokenizer, template Template, blockSize int) *prompter {
	return &prompter{tokenizer: t, template: template, blockSize: blockSize, memory: promptMemory, seed: maphash.MakeSeed(), known: map[uint64]*kvcache.Chain{}}
}

// chain is the request's prompt. It is the caller's own.
func (p *prompter) chain(r *request) *kvcache.Chain {
	if r.promptIDs != nil {
		c := kvcache.NewChain(p.blockSize, r.salt)
		c.Append(r.promptIDs...)
		return c
	}
	keys := make([]uint64, len(r.messages)+1)
	keys[0] = maphash.String(p.seed, r.salt)
	if !r.chat {
		keys[0]++
	}
	var h maphash.Hash
	h.SetSeed(p.seed)
	for i := range r.messages {
		m := &r.messages[i]
		h.Reset()
		maphash.WriteComparable(&h, keys[i])
		for _, s := range [...]string{m.role, m.text, m.reasoning} {
			maphash.WriteComparable(&h, len(s))
			h.WriteString(s)
		}
		keys[i+1] = h.Sum64()
	}
	c, from := p.recall(keys)
	if c == nil {
		c = kvcache.NewChain(p.blockSize, r.salt)
	}
	var ids []int32
	for i := range r.messages[from:] {
		ids = p.appendMessage(ids[:0], r.chat, &r.messages[from+i])
		c.Append(ids...)
	}
	if from < len(r.messages) {
		p.remember(keys[len(keys)-1], c)
	}
	if r.chat {
		c.Append(p.opening(r.think)...)
	}
	return c
}

// opening begins the answer, or the thought before it.
func (p *prompter) opening(think bool) []int32 {
	ids := append(p.tokenizer.Append([]int32{markStart}, "assistant"), markLine)
	if think {
		ids = append(ids, markThink)
	}
	return ids
}

func (p *prompter) appendMessage(ids []int32, chat bool, m *message) []int32 {
	if !chat {
		return p.tokenizer.Append(ids, m.text)
	}
	ids = p.tokenizer.Append(append(ids, markStart), m.role)
	ids = append(ids, markLine)
	if m.reasoning != "" && p.template != StripReasoning {
		ids = p.tokenizer.Append(append(ids, markThink), m.reasoning)
		ids = append(ids, markReply)
	}
	text := m.text
	if p.template == StripReasoning && m.role == "assistant" {
		if _, answer, ok := strings.Cut(text, "</think>"); ok {
			text = strings.TrimLeft(answer, "\n")
		}
	}
	ids = p.tokenizer.Append(ids, text)
	return append(ids, markEnd, markLine)
}

// ids is the whole prompt, for /tokenize.
func (p *prompter) ids(r *request, generation bool) []int32 {
	if r.promptIDs != nil {
		return r.promptIDs
	}
	ids := []int32{}
	for i := range r.messages {
		ids = p.appendMessage(ids, r.chat, &r.messages[i])
	}
	if r.chat && generation {
		ids = append(ids, p.opening(r.think)...)
	}
	return ids
}

// recall finds the longest known beginning: how many messages it holds, and a copy of its chain.
func (p *prompter) recall(keys []uint64) (*kvcache.Chain, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(keys) - 1; i > 0; i-- {
		if c := p.known[keys[i]]; c != nil {
			return c.Clone(), i
		}
	}
	return nil, 0
}

func (p *prompter) remember(key uint64, c *kvcache.Chain) {
	c = c.Clone()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known[key] != nil {
		return
	}
	p.known[key] = c
	p.order = append(p.order, key)
	p.size += len(c.Hashes()) + 8 // the entry itself counts too
	for p.size > p.memory && len(p.order)-p.gone > 1 {
		old := p.order[p.gone]
		p.gone++
		p.size -= len(p.known[old].Hashes()) + 8
		delete(p.known, old)
	}
	if p.gone > len(p.order)/2 {
		p.order = slices.Delete(p.order, 0, p.gone)
		p.gone = 0
	}
}

// decode is the text of ids, marks included.
func (p *prompter) decode(ids []int32) string {
	var b strings.Builder
	for len(ids) > 0 {
		n := slices.IndexFunc(ids, func(id int32) bool { return markTexts[id] != "" })
		if n < 0 {
			n = len(ids)
		}
		b.WriteString(p.tokenizer.Decode(ids[:n]))
		if n < len(ids) {
			b.WriteString(markTexts[ids[n]])
			n++
		}
		ids = ids[n:]
	}
	return b.String()
}

func (t Template) validate() error {
	if t != Plain && t != StripReasoning {
		return fmt.Errorf("template %q is none of %s, %s", t, Plain, StripReasoning)
	}
	return nil
}
