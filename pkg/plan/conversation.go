package plan

import (
	"time"

	"multiturn/pkg/chat"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/kvcache"
)

// part is what one turn of a conversation sends anew, by the rules of package bench.
type part struct {
	from, to int // messages of the conversation
	answer   int // index of the dataset's answer, -1 = it has none
	delay    time.Duration
}

// parts cuts a conversation into turns, of which at most the first maxTurns messages are played (0 = all).
func parts(c *chat.Conversation, maxTurns int) []part {
	var out []part
	from := 0
	for i := range c.Messages {
		if !c.EndsTurn(i) {
			continue
		}
		// An odd limit plays the turn that it cuts.
		if maxTurns > 0 && len(out) > 0 && i >= maxTurns {
			break
		}
		p := part{from: from, to: i + 1, answer: -1}
		for j := from; j <= i; j++ {
			p.delay += c.Messages[j].Delay
		}
		if i+1 < len(c.Messages) {
			p.answer = i + 1
		}
		out = append(out, p)
		// One answer takes the place of the whole run of the dataset's.
		for from = i + 1; from < len(c.Messages) && c.Messages[from].Role == chat.Assistant; from++ {
		}
	}
	return out
}

// script is a conversation as it will be sent: the requests it makes, without times.
type script struct {
	requests []Request
	delays   []time.Duration
	assumed  int // answers whose length nothing tells
	more     int // messages that hold more than text
}

// write turns conversation number n into requests.
func (l *Load) write(n int, c *chat.Conversation, tok template.Tokenizer) script {
	var s script
	chain := kvcache.NewChain(l.BlockSize, "")
	var ids, answer []int32
	known := 0 // tokens of the turn before: its prompt, and its answer if that is kept
	for i, p := range parts(c, l.MaxTurns) {
		ids = ids[:0]
		for j := p.from; j < p.to; j++ {
			m := &c.Messages[j]
			ids = l.Template.AppendMessage(ids, tok, m.Role, "", m.Text)
			if m.Raw != nil {
				s.more++
			}
		}
		ids = l.Template.AppendAnswer(ids, tok, false)
		chain.Append(ids...)

		answer = answer[:0]
		length := l.AnswerTokens
		if p.answer >= 0 {
			m := &c.Messages[p.answer]
			answer = tok.Append(answer, m.Text)
			length = max(1, len(answer))
			if m.OutputTokens > 0 {
				length = m.OutputTokens
			}
			if m.Raw != nil {
				s.more++
			}
		}
		if l.LimitMax > 0 {
			length = min(length, l.LimitMax)
		} else if p.answer < 0 {
			s.assumed++
		}
		if l.LimitMin > 0 {
			length = max(length, l.LimitMin)
		}

		r := Request{Conversation: c.ID, Index: i, New: max(0, chain.Tokens()-known)}
		r.Prompt, r.Output = chain.Tokens(), length
		if l.DatasetHistory {
			// What is generated is thrown away: the next turn hits no further than this prompt.
			generated := chain.Clone()
			generated.Append(appendInvented(nil, n, i, length)...)
			r.Hashes = generated.Hashes()
			if p.answer >= 0 {
				chain.Append(answer...)
			}
		} else {
			if len(answer) > length {
				answer = answer[:length]
			}
			answer = appendInvented(answer, n, i, length-len(answer))
			chain.Append(answer...)
		}
		known = r.Prompt + r.Output
		if l.DatasetHistory {
			known = r.Prompt
		}
		chain.Append(l.Template.AppendClose(ids[:0])...)
		s.requests = append(s.requests, r)
		s.delays = append(s.delays, p.delay)
	}
	if !l.DatasetHistory {
		for i := range s.requests {
			r := &s.requests[i]
			r.Hashes = chain.Hashes()[:(r.Prompt+r.Output)/l.BlockSize]
		}
	}
	return s
}
