package sim

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"multiturn/pkg/chat/template"
	"multiturn/pkg/kvcache"
)

// prompter turns requests into chains of blocks. It remembers the chains of
// prompts by their messages, so that the work of the next turn depends on its
// new messages only, however long the history.
type prompter struct {
	tokenizer Tokenizer
	template  *template.Template
	kept      *template.Template // it, without leaving reasoning out: for prompts of text
	blockSize int
	memory    int
	seed      maphash.Seed

	mu    sync.Mutex
	known map[uint64]*kvcache.Chain
	order []uint64 // keys of known, oldest first, from gone on
	gone  int
	size  int // hashes remembered
}

// promptMemory is the number of block hashes that a prompter remembers, of
// eight bytes each: 64 MiB, or 134 million tokens in blocks of 16.
const promptMemory = 8 << 20

func newPrompter(tok Tokenizer, t *template.Template, blockSize int) *prompter {
	kept := *t
	kept.DropReasoning = false
	return &prompter{
		tokenizer: tok, template: t, kept: &kept, blockSize: blockSize, memory: promptMemory,
		seed: maphash.MakeSeed(), known: map[uint64]*kvcache.Chain{},
	}
}

// chain returns the request's prompt. The caller may change it.
func (p *prompter) chain(r *request) *kvcache.Chain {
	if r.promptIDs != nil {
		c := kvcache.NewChain(p.blockSize, r.salt)
		c.Append(r.promptIDs...)
		return c
	}
	p.recognise(r)
	keys := make([]uint64, len(r.messages)+1)
	keys[0] = maphash.String(p.seed, r.salt)
	if r.raw {
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
		ids = p.appendMessage(ids[:0], r, from+i)
		c.Append(ids...)
	}
	if from < len(r.messages) {
		p.remember(keys[len(keys)-1], c)
	}
	if !r.raw {
		c.Append(p.template.AppendAnswer(ids[:0], p.tokenizer, r.think)...)
	}
	return c
}

// appendMessage appends message i of a prompt, with what stands before the first.
func (p *prompter) appendMessage(ids []int32, r *request, i int) []int32 {
	m := &r.messages[i]
	before := ""
	if i == 0 {
		if !r.bare {
			ids = p.template.AppendBegin(ids)
		}
	} else {
		before = r.messages[i-1].role
	}
	if r.raw {
		return p.tokenizer.Append(ids, m.text)
	}
	t := p.template
	if r.api == completionsAPI {
		t = p.kept
	}
	return t.AppendMessage(ids, p.tokenizer, before, m.role, m.reasoning, m.text)
}

// recognise finds the messages in a text that is as the template makes them, as
// a server's tokenizer finds the template's marks. Messages that the template
// joins become one.
func (p *prompter) recognise(r *request) {
	if r.raw && len(r.messages) == 1 {
		messages, ok := p.kept.Parse(r.messages[0].text)
		if !ok {
			return
		}
		r.raw, r.messages = false, nil
		for _, m := range messages {
			r.messages = append(r.messages, message{role: m.Role, text: m.Text})
		}
	}
	for i := len(r.messages) - 2; i >= 0; i-- {
		m := &r.messages[i]
		if f := p.template.Forms[m.role]; f.Joins && !r.raw {
			_, between := p.template.Around("", m.role)
			r.messages[i+1].text = m.text + between + r.messages[i+1].text
			r.messages = slices.Delete(r.messages, i, i+1)
		}
	}
}

// ids returns the whole prompt, for /tokenize.
func (p *prompter) ids(r *request, generation bool) []int32 {
	if r.promptIDs != nil {
		return r.promptIDs
	}
	p.recognise(r)
	ids := []int32{}
	for i := range r.messages {
		ids = p.appendMessage(ids, r, i)
	}
	if !r.raw && generation {
		ids = p.template.AppendAnswer(ids, p.tokenizer, r.think)
	}
	return ids
}

// recall returns the longest known beginning: a copy of its chain and the
// number of its messages.
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

// decode returns the text of ids, including marks.
func (p *prompter) decode(ids []int32) string {
	var b strings.Builder
	for len(ids) > 0 {
		n := slices.IndexFunc(ids, func(id int32) bool { return template.MarkText(id) != "" })
		if n < 0 {
			n = len(ids)
		}
		b.WriteString(p.tokenizer.Decode(ids[:n]))
		if n < len(ids) {
			b.WriteString(template.MarkText(ids[n]))
			n++
		}
		ids = ids[n:]
	}
	return b.String()
}
