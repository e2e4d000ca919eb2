package plan

import (
	"fmt"

	"multiturn/internal/compact"
	"multiturn/pkg/chat"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/load"
)

// script is a play as it will be sent: the requests it makes, without times.
type script struct {
	requests []Request
	computed []int // tokens of each prompt that the turn before did not have
	assumed  int   // answers whose length is unknown
	more     int   // messages that hold more than text and tool calls
	tools    int   // conversations with tools
}

// script returns the script of a play. Prompts begin with the salt if the arm's
// do.
func (s *Simulation) script(p *load.Play, c *chat.Conversation, tok template.Tokenizer,
	salt string) script {
	w := writer{Simulation: s, play: p, conversation: c, tok: tok}
	if p.Arm.Salt != load.Unsalted {
		w.salt = salt
	}
	w.write()
	w.share()
	if !p.Arm.First { // what is assumed of the dataset is assumed once
		w.assumed, w.more, w.tools = 0, 0, 0
	}
	return w.script
}

// writer turns a play into requests.
type writer struct {
	*Simulation
	script
	play         *load.Play
	conversation *chat.Conversation
	tok          template.Tokenizer
	salt         string // before the first text; "" = none

	chain       *kvcache.Chain
	ids, answer []int32
	known       int // tokens of the turn before: its prompt, and its answer if that is kept
}

// write writes the requests and the blocks of a cache that nobody empties.
func (w *writer) write() {
	w.chain = kvcache.NewChain(w.BlockSize, w.epoch())
	dialogue := &Dialogue{w.conversation.ID, w.play.Arm.Name}
	for i := range w.play.Turns {
		w.ask(&w.play.Turns[i])
		r := Request{Dialogue: dialogue, Index: int32(i)}
		r.New = compact.Narrow(max(0, w.chain.Tokens()-w.known))
		r.Prompt, r.Output = w.chain.Tokens(), w.length(&w.play.Turns[i])
		w.reply(i, &r)
		w.chain.Append(w.Template.AppendClose(w.ids[:0])...)
		w.requests = append(w.requests, r)
	}
	for i := range w.requests {
		if r := &w.requests[i]; !w.replaced(i) {
			r.Hashes = w.chain.Hashes()[:(r.Prompt+r.Output)/w.BlockSize]
		}
	}
}

// replaced reports whether the dataset's answer stands in the history in place of
// the one that a turn generates, as package bench decides it: an answer of the
// simulation always has a text.
func (w *writer) replaced(turn int) bool {
	return w.DatasetHistory || w.play.Turns[turn].Calls > 0
}

// epoch names the time between two emptyings of the cache in which the play's
// turns are sent, as blocks of two such times are not shared.
func (w *writer) epoch() string {
	if w.Control == load.Cold {
		return fmt.Sprint(w.play.Batch)
	}
	return ""
}

// ask appends the prompt of a turn to the chain.
func (w *writer) ask(t *chat.Turn) {
	ids := w.ids[:0]
	if t.From == 0 {
		begin := w.Template.AppendBegin(ids)
		ids = appendTools(begin, w.Template, w.tok, w.conversation)
		w.tools = min(1, len(ids)-len(begin))
	}
	for j := t.From; j < t.To; j++ {
		m := &w.conversation.Messages[j]
		text := m.AllText()
		if j == 0 {
			text = w.salt + text
		}
		ids = w.Template.AppendMessage(ids, w.tok, w.conversation.RoleBefore(j), m.Role, "", text)
		if m.Raw != nil {
			w.more++
		}
	}
	w.ids = w.Template.AppendAnswer(ids, w.tok, false)
	w.chain.Append(w.ids...)
}

// appendTools appends the tools of a conversation. Chat templates put their JSON
// into the system message or the first question, with a few words around it: it is
// counted as a system message of its own before all others.
func appendTools(ids []int32, t *template.Template, tok template.Tokenizer,
	c *chat.Conversation) []int32 {
	if tools := c.Tools(); tools != "" {
		return t.AppendMessage(ids, tok, "", chat.System, "", tools)
	}
	return ids
}

// appendAnswer appends the dataset's answer to a turn, without what closes it.
func appendAnswer(ids []int32, tm *template.Template, tok template.Tokenizer,
	messages []chat.Message) []int32 {
	for i := range messages {
		if i > 0 {
			ids = tm.AppendAnswer(tm.AppendClose(ids), tok, false)
		}
		ids = tok.Append(ids, messages[i].AllText())
	}
	return ids
}

// length tokenizes a turn's answer and returns the length to ask for.
func (w *writer) length(t *chat.Turn) int {
	w.answer = w.answer[:0]
	length := w.AnswerTokens
	if t.Answer >= 0 {
		length = 0
		messages := w.conversation.Answer(*t)
		for i := range messages {
			m, known := &messages[i], len(w.answer)
			w.answer = w.tok.Append(w.answer, m.AllText())
			if m.OutputTokens > 0 {
				length += m.OutputTokens
			} else {
				length += max(1, len(w.answer)-known)
			}
			if m.Raw != nil && !m.Calls() {
				w.more++
			}
		}
	}
	if w.LimitMax > 0 {
		length = min(length, w.LimitMax)
	} else if t.Answer < 0 {
		w.assumed++
	}
	return max(length, w.LimitMin)
}

// reply appends the answer to the chain as the next turn is asked with it.
func (w *writer) reply(turn int, r *Request) {
	n := w.play.Conversation
	if !w.replaced(turn) {
		kept := w.answer[:min(len(w.answer), r.Output)]
		w.chain.Append(kept...)
		w.chain.AppendOwn(own(n, turn), r.Output-len(kept))
		w.known = r.Prompt + r.Output
		return
	}
	// What is generated is thrown away: the next turn hits no further than this
	// prompt.
	generated := w.chain.Clone()
	generated.AppendOwn(own(n, turn), r.Output)
	r.Hashes = generated.Hashes()
	w.chain.Append(appendAnswer(w.ids[:0], w.Template, w.tok,
		w.conversation.Answer(w.play.Turns[turn]))...)
	w.known = r.Prompt
}

// share works out what the turns share: nothing where every prompt has a salt
// of its own or meets an empty cache.
func (w *writer) share() {
	arm := w.play.Arm
	alone := arm.Cold || arm.Salt == load.SaltRequest
	for i := range w.requests {
		r := &w.requests[i]
		computed := r.Prompt
		switch {
		case alone:
			r.New = compact.Narrow(r.Prompt)
			r.Hashes = w.unshared(i, len(r.Hashes))
		case i > 0:
			store := kvcache.PromptAndOutput
			if w.replaced(i - 1) {
				store = kvcache.PromptOnly
			}
			computed -= kvcache.Bound(w.requests[i-1].Turn, r.Prompt, w.BlockSize, store)
		}
		w.computed = append(w.computed, computed)
	}
}

// unshared returns n blocks that no other request has.
func (w *writer) unshared(turn, n int) []kvcache.Hash {
	chain := kvcache.NewChain(w.BlockSize, fmt.Sprint(w.play.Conversation, w.play.Arm.Name, turn))
	chain.AppendUnknown(n * w.BlockSize)
	return chain.Hashes()
}
