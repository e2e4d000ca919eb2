package plan

import (
	"time"

	"multiturn/pkg/chat"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/kvcache"
)

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
	for i, p := range c.Cut(l.MaxTurns) {
		ids = ids[:0]
		for j := p.From; j < p.To; j++ {
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
		if p.Answer >= 0 {
			m := &c.Messages[p.Answer]
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
		} else if p.Answer < 0 {
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
			if p.Answer >= 0 {
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
		s.delays = append(s.delays, p.Think)
	}
	if !l.DatasetHistory {
		for i := range s.requests {
			r := &s.requests[i]
			r.Hashes = chain.Hashes()[:(r.Prompt+r.Output)/l.BlockSize]
		}
	}
	return s
}
