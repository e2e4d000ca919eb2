package plan

import (
	"fmt"

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
	more     int   // messages that hold more than text
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
		w.assumed, w.more = 0, 0
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
	for i := range w.play.Turns {
		w.ask(&w.play.Turns[i])
		r := Request{Conversation: w.conversation.ID, Index: i, Arm: w.play.Arm.Name}
		r.New = max(0, w.chain.Tokens()-w.known)
		r.Prompt, r.Output = w.chain.Tokens(), w.length(&w.play.Turns[i])
		w.reply(i, &r)
		w.chain.Append(w.Template.AppendClose(w.ids[:0])...)
		w.requests = append(w.requests, r)
	}
	if w.DatasetHistory {
		return
	}
	for i := range w.requests {
		r := &w.requests[i]
		r.Hashes = w.chain.Hashes()[:(r.Prompt+r.Output)/w.BlockSize]
	}
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
	for j := t.From; j < t.To; j++ {
		m := &w.conversation.Messages[j]
		text := m.Text
		if j == 0 {
			ids = w.Template.AppendBegin(ids)
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

// length tokenizes a turn's answer and returns the length to ask for.
func (w *writer) length(t *chat.Turn) int {
	w.answer = w.answer[:0]
	length := w.AnswerTokens
	if t.Answer >= 0 {
		m := &w.conversation.Messages[t.Answer]
		w.answer = w.tok.Append(w.answer, m.Text)
		length = max(1, len(w.answer))
		if m.OutputTokens > 0 {
			length = m.OutputTokens
		}
		if m.Raw != nil {
			w.more++
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
	if !w.DatasetHistory {
		kept := w.answer[:min(len(w.answer), r.Output)]
		w.answer = appendInvented(kept, n, turn, r.Output-len(kept))
		w.chain.Append(w.answer...)
		w.known = r.Prompt + r.Output
		return
	}
	// What is generated is thrown away: the next turn hits no further than this
	// prompt.
	generated := w.chain.Clone()
	generated.Append(appendInvented(nil, n, turn, r.Output)...)
	r.Hashes = generated.Hashes()
	if w.play.Turns[turn].Answer >= 0 {
		w.chain.Append(w.answer...)
	}
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
			r.New = r.Prompt
			r.Hashes = w.unshared(i, len(r.Hashes))
		case i > 0:
			store := kvcache.PromptAndOutput
			if w.DatasetHistory {
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
