package plan

import (
	"cmp"
	"time"

	"multiturn/internal/compact"
	"multiturn/pkg/chat"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
)

// retelling is a conversation that is put together from its turns.
type retelling struct {
	*Executed
	number int
	alone  bool               // no turn shares anything
	text   *chat.Conversation // nil if it is unknown
	parts  []chat.Turn

	chain    *kvcache.Chain // the turn before, prompt and answer
	asked    kvcache.Mark   // its prompt, for when the answer is dropped
	last     kvcache.Turn
	reasoned bool   // its answer began with reasoning, which is not sent back
	history  string // what stands in the history in place of its answer, see record.Turn
	turns    int
	scratch  []int32
	broken   breaks
}

// breaks counts prompts that do not go on from the whole turn before them.
type breaks struct {
	reasoning int // that turn's answer had reasoning
	replaced  int // something else than its answer stands in the history
	shorter   int // they are too short for its answer
	cut       int // they are shorter than its prompt
}

func (b *breaks) add(other breaks) {
	b.reasoning += other.reasoning
	b.replaced += other.replaced
	b.shorter += other.shorter
	b.cut += other.cut
}

func newRetelling(o *Executed, number int, alone bool) *retelling {
	return &retelling{
		Executed: o, number: number, alone: alone, chain: kvcache.NewChain(o.BlockSize, ""),
	}
}

// add returns the request of the next turn.
func (c *retelling) add(t *record.Turn) Request {
	r := Request{Index: compact.Narrow(t.Turn), Warmup: t.Warmup}
	r.Prompt, r.Output, _ = c.tokens(t)
	r.Start = time.Duration(cmp.Or(t.Sent, t.Issued))
	r.End = max(r.Start, time.Duration(cmp.Or(t.LastToken, t.End)))
	if t.Chunks != 1 { // an answer in one piece was generated before it came
		r.First = time.Duration(t.FirstToken)
	}
	r.New = compact.Narrow(max(0, r.Prompt-c.last.Prompt-c.last.Output))
	switch kept, why := c.kept(r.Prompt); kept {
	case keptNothing:
		c.chain = kvcache.NewChain(c.BlockSize, "")
		r.New = compact.Narrow(r.Prompt)
		c.count(why)
	case keptPrompt:
		c.chain = c.chain.At(c.asked)
		r.New = compact.Narrow(r.Prompt - c.last.Prompt)
		c.count(why)
	}
	c.fill(t, r.Prompt-c.chain.Tokens())
	c.asked = c.chain.Mark()
	// Even numbers are answers, odd ones what a prompt has beyond its text.
	c.chain.AppendOwn(own(c.number, 2*c.turns), r.Output)
	// The slice stays as it is: chains grow behind it, and a turn that drops the
	// answer goes on from a copy.
	r.Hashes = c.chain.Hashes()
	c.remember(t, r.Turn)
	return r
}

// remember notes a turn as the last one.
func (c *retelling) remember(t *record.Turn, last kvcache.Turn) {
	c.last = last
	c.reasoned = reasoned(t)
	c.history = t.History
	c.turns++
}

// reasoned reports whether a turn's answer began with reasoning.
func reasoned(t *record.Turn) bool {
	return t.ChunksReasoning > 0 ||
		t.Usage != nil && t.Usage.Reasoning != nil && *t.Usage.Reasoning > 0
}

// kept is what of a turn the next prompt begins with.
type kept int

const (
	keptAll kept = iota // its prompt and its answer
	keptPrompt
	keptNothing
)

// kept returns what a prompt of that many tokens shares with the turn before it,
// and which count of breaks that is; nil if it is none.
func (c *retelling) kept(prompt int) (kept, *int) {
	switch {
	case c.turns == 0:
		return keptAll, nil
	case c.alone:
		return keptNothing, nil
	case prompt < c.last.Prompt:
		return keptNothing, &c.broken.cut
	case c.DatasetHistory && c.history != record.HistoryServer:
		return keptPrompt, nil
	case c.history != "" && c.history != record.HistoryServer:
		return keptPrompt, &c.broken.replaced
	case c.reasoned:
		return keptPrompt, &c.broken.reasoning
	case prompt < c.last.Prompt+c.last.Output:
		return keptPrompt, &c.broken.shorter
	}
	return keptAll, nil
}

// count adds one to a count of breaks, which may be nil.
func (c *retelling) count(n *int) {
	if n != nil {
		*n++
	}
}

// fromDataset reports whether the dataset's answer stands in the history for that of
// the turn before.
func (c *retelling) fromDataset() bool {
	switch c.history {
	case "":
		return c.DatasetHistory
	case record.HistoryTool, record.HistoryDataset:
		return true
	}
	return false
}

// fill appends n tokens of a new prompt: those of its texts, as far as they are
// known and fit.
func (c *retelling) fill(t *record.Turn, n int) {
	ids := c.scratch[:0]
	if t.Turn >= 0 && t.Turn < len(c.parts) {
		ids = c.appendTexts(ids, t.Turn)
	}
	if len(ids) > n {
		ids = ids[:max(0, n)]
	}
	c.chain.Append(ids...)
	c.chain.AppendOwn(own(c.number, 2*c.turns+1), n-len(ids))
	c.scratch = ids
}

// appendTexts appends the tokens of what a turn sends anew.
func (c *retelling) appendTexts(ids []int32, turn int) []int32 {
	p := c.parts[turn]
	if c.turns == 0 {
		p.From = 0 // turns before it may be missing
		ids = c.Template.AppendBegin(ids)
		ids = appendTools(ids, c.Template, c.Tokenizer, c.text)
	} else {
		if c.fromDataset() {
			before := c.parts[max(0, turn-1)]
			ids = appendAnswer(ids, c.Template, c.Tokenizer, c.text.Answer(before))
		}
		ids = c.Template.AppendClose(ids)
	}
	for j := p.From; j < p.To; j++ {
		m := &c.text.Messages[j]
		ids = c.Template.AppendMessage(ids, c.Tokenizer, c.text.RoleBefore(j), m.Role, "",
			m.AllText())
	}
	return c.Template.AppendAnswer(ids, c.Tokenizer, false)
}
