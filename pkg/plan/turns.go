package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"multiturn/pkg/chat"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
)

// Executed says how the turns of a run are read.
type Executed struct {
	BlockSize int // tokens; 0 = DefaultBlockSize
	// Template stands in for the server's where a turn has no usage: its tokens
	// are added to the client's count of texts. Nil means template.Plain.
	Template *template.Template
	// DatasetHistory says that turns were asked with the dataset's answers and not the server's.
	DatasetHistory bool
	// Texts, optional, are the conversations that were sent, by id. With them conversations that begin alike share blocks,
	// as far as their texts tell: token counts stay the server's, and what it counted beyond the texts comes behind them.
	// Tokenizer is needed then, and MaxTurns as in Load.
	Texts     map[string]*chat.Conversation
	Tokenizer template.Tokenizer
	MaxTurns  int
}

// FromTurns makes a workload of the turns of one run: the interleaving that was executed. Turns may come in any order.
//
// Token counts are the server's usage; where there is none, the client's counts and Template. The blocks of a conversation
// are its own, named by their places, since the next turn's prompt is the turn before, its answer and what is new. Where the
// answer had reasoning (which a client does not send back), or a prompt is too short to hold it, the turn shares the prompt
// before it but not the answer; where it is shorter than that prompt, nothing. Notes count such turns.
//
// A turn that failed counts if the server had begun to answer: its prompt was computed then. One whose tokens are not
// known is left out, and so is what no server saw.
//
// A conversation's arms, in a run with control arms, are conversations of their own; in those of no reuse, and where the
// cache was emptied before every turn, no turn shares anything.
func FromTurns(turns []*record.Turn, o Executed) *Workload {
	if o.BlockSize == 0 {
		o.BlockSize = DefaultBlockSize
	}
	o.Template = cmp.Or(o.Template, template.Plain)
	w := &Workload{BlockSize: o.BlockSize, Timed: true, How: "executed: as the turns were sent and ended"}
	type dialogue struct{ conversation, arm string }
	byDialogue := map[dialogue][]int{}
	var dialogues []dialogue
	var unseen, unknown, estimated int
	for i, t := range turns {
		prompt, _, usage := o.tokens(t)
		switch {
		case !t.Outcome.OK() && !t.FirstToken.OK():
			unseen++
			continue
		case prompt <= 0:
			unknown++
			continue
		case !usage:
			estimated++
		}
		d := dialogue{t.Conversation, t.Arm}
		if byDialogue[d] == nil {
			dialogues = append(dialogues, d)
		}
		byDialogue[d] = append(byDialogue[d], i)
	}

	var shorter, dropped, cut, textless int
	for n, d := range dialogues {
		list := byDialogue[d]
		slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(turns[a].Turn, turns[b].Turn) })
		c := &told{Executed: &o, number: n, chain: kvcache.NewChain(o.BlockSize, ""), alone: sharesNothing(d.arm)}
		if o.Texts != nil && !c.alone {
			if c.text = o.Texts[d.conversation]; c.text == nil {
				textless++
			} else {
				c.parts = c.text.Cut(o.MaxTurns)
			}
		}
		for _, i := range list {
			r := c.add(turns[i])
			r.Source = i
			w.Requests = append(w.Requests, r)
		}
		shorter += c.shorter
		dropped += c.dropped
		cut += c.cut
	}
	slices.SortStableFunc(w.Requests, func(a, b Request) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Source, b.Source))
	})

	note := func(n int, format string) {
		if n > 0 {
			w.Notes = append(w.Notes, fmt.Sprintf(format, n))
		}
	}
	note(unseen, "%d turns that failed before any token are left out")
	note(unknown, "%d turns are left out: neither the server nor the client counted their tokens")
	note(estimated, "%d turns have no usage: their tokens are the client's counts and an estimate of the chat template")
	note(dropped, "%d prompts follow an answer with reasoning, which the history they are asked with leaves out: they share the prompt before them only")
	note(shorter, "%d prompts are too short to hold the turn before them and its answer (is reasoning dropped from the history?): they share its prompt only")
	note(cut, "%d prompts are shorter than the one before them (was history cut?): they share nothing with it")
	note(textless, "%d conversations are not among the texts: they share nothing with others")
	return w
}

// sharesNothing says whether the turns of a control arm find nothing that was sent before.
func sharesNothing(arm string) bool {
	switch arm {
	case record.ArmNoReuse, record.ArmAA1, record.ArmAA2, record.ArmCold:
		return true
	}
	return false
}

// tokens are a turn's prompt and answer, and whether the server counted them.
func (o *Executed) tokens(t *record.Turn) (prompt, output int, usage bool) {
	if u := t.Usage; u != nil && u.Prompt > 0 {
		return u.Prompt, u.Completion, true
	}
	if t.Counted.Input > 0 {
		return t.Counted.Input + o.Template.Overhead(t.Messages), t.Counted.Output, false
	}
	return 0, 0, false
}

// told is a conversation as its turns tell it.
type told struct {
	*Executed
	number int
	text   *chat.Conversation
	parts  []chat.Turn
	alone  bool // no turn shares anything

	chain    *kvcache.Chain // the turn before, prompt and answer
	asked    *kvcache.Chain // its prompt, where the answer may be dropped
	last     kvcache.Turn
	reasoned bool // its answer began with reasoning, which is not sent back
	turns    int
	scratch  []int32

	// Prompts that do not go on from the whole turn before them, by reason.
	dropped, shorter, cut int
}

func (c *told) add(t *record.Turn) Request {
	r := Request{Conversation: t.Conversation, Index: t.Turn, Warmup: t.Warmup}
	r.Prompt, r.Output, _ = c.tokens(t)
	r.Start = time.Duration(cmp.Or(t.Sent, t.Issued))
	r.End = max(r.Start, time.Duration(t.End))
	r.New = max(0, r.Prompt-c.last.Prompt-c.last.Output)

	switch {
	case c.turns == 0:
	case c.alone:
		c.chain = kvcache.NewChain(c.BlockSize, "")
		r.New = r.Prompt
	case r.Prompt < c.last.Prompt:
		c.cut++
		c.chain = kvcache.NewChain(c.BlockSize, "")
		r.New = r.Prompt
	case c.DatasetHistory || c.reasoned || r.Prompt < c.last.Prompt+c.last.Output:
		switch {
		case c.DatasetHistory:
		case c.reasoned:
			c.dropped++
		default:
			c.shorter++
		}
		c.chain = c.asked
		r.New = r.Prompt - c.last.Prompt
	}
	c.fill(t, r.Prompt-c.chain.Tokens())
	c.asked = c.chain.Clone()
	// Even numbers are answers, odd ones what a prompt has beyond its text.
	c.chain.Append(appendInvented(c.scratch[:0], c.number, 2*c.turns, r.Output)...)
	// The slice stays as it is: chains grow behind it, and a turn that drops the answer goes on from a copy.
	r.Hashes = c.chain.Hashes()
	c.last = r.Turn
	c.reasoned = t.ChunksReasoning > 0 || t.Usage != nil && t.Usage.Reasoning != nil && *t.Usage.Reasoning > 0
	c.turns++
	return r
}

// fill appends n tokens of a new prompt: those of its texts, as far as they are known and fit.
func (c *told) fill(t *record.Turn, n int) {
	ids := c.scratch[:0]
	if t.Turn >= 0 && t.Turn < len(c.parts) {
		p := c.parts[t.Turn]
		if c.turns == 0 {
			p.From = 0 // turns before it may be missing
		} else {
			if before := c.parts[max(0, t.Turn-1)]; c.DatasetHistory && before.Answer >= 0 {
				ids = c.Tokenizer.Append(ids, c.text.Messages[before.Answer].Text)
			}
			ids = c.Template.AppendClose(ids)
		}
		for j := p.From; j < p.To; j++ {
			m := &c.text.Messages[j]
			ids = c.Template.AppendMessage(ids, c.Tokenizer, m.Role, "", m.Text)
		}
		ids = c.Template.AppendAnswer(ids, c.Tokenizer, false)
	}
	if len(ids) > n {
		ids = ids[:max(0, n)]
	}
	ids = appendInvented(ids, c.number, 2*c.turns+1, n-len(ids))
	c.chain.Append(ids...)
	c.scratch = ids
}

// SampleTurn makes a turn of a measurement as the reference writes it: its times, its messages and its own counts of tokens.
func SampleTurn(s *record.Sample) *record.Turn {
	clock := func(ms float64) record.Clock {
		if !(ms > 0 && ms < 1e15) { // NaN too
			return 0
		}
		return record.Clock(ms * 1e6)
	}
	t := &record.Turn{
		Type: record.TypeTurn, Conversation: s.Conversation, Client: s.Client, Messages: s.InputTurns, Turn: max(0, s.InputTurns-1) / 2,
		Exchange: record.Exchange{Outcome: record.OK, Sent: clock(s.StartMS),
			FirstToken: clock(s.StartMS + s.TTFTMS), End: clock(s.StartMS + s.LatencyMS)},
	}
	t.Counted = record.Counted{Input: s.InputTokens, Output: s.OutputTokens, FirstChunk: s.FirstChunkTokens}
	return t
}
