package bench

import (
	"sync"

	"multiturn/pkg/chat"
	"multiturn/pkg/record"
)

// play is one conversation: what of it can be prepared, and how far it has come.
type play struct {
	index int
	conv  *chat.Conversation
	turns []turn
	arm   *arm
	group int // plays of two groups are never in progress together; 0 = there are none
	// session is what the conversation is called towards the server.
	session string
	// mark is put before the text of message markAt, -1 = none is.
	mark       string
	markAt     int
	markTokens int

	prepared sync.Once
	quote    func(salt string) []byte // a salt as it stands in the first piece
	head     []byte                   // of the first turn, up to the salt

	// The rest is touched by one goroutine at a time: the client that has the conversation.
	next   int      // turn to send
	pieces [][]byte // history, as sent
	sent   int      // messages in it
	failed bool
	ended  record.Clock // the answer before the next turn, plus think time: since when that turn could be sent
	fresh  []chat.Message
}

// turn is one request of a conversation, prepared.
type turn struct {
	chat.Turn
	piece  []byte // the new messages encoded, a comma before each but the conversation's first
	marked int    // tokens of what was put in front of their text
	length int    // tokens of the dataset's answer, at least 1; 0 = it has none
}

// newPlay returns a play of the conversation's turns within maxTurns messages.
func newPlay(index int, c *chat.Conversation, maxTurns int) *play {
	p := &play{index: index, conv: c}
	for _, t := range c.Cut(maxTurns) {
		p.turns = append(p.turns, turn{Turn: t})
	}
	return p
}

// prepare encodes the questions and counts the answers to ask for: what a request needs and does not depend on the
// server. Safe to call from several goroutines.
func (p *play) prepare(counter Counter, lengths bool) {
	p.prepared.Do(func() {
		at := 0 // of the salt in the first piece
		for i := range p.turns {
			t := &p.turns[i]
			size := 0
			for j := t.From; j < t.To; j++ {
				size += len(p.conv.Messages[j].Text) + len(p.conv.Messages[j].Raw) + 48
			}
			t.piece = make([]byte, 0, size)
			for j := t.From; j < t.To; j++ {
				m := &p.conv.Messages[j]
				if j > 0 {
					t.piece = append(t.piece, ',')
				}
				from := len(t.piece)
				t.piece = m.AppendJSON(t.piece)
				if j == p.markAt {
					at, p.quote = markPlace(t.piece[from:])
					at += from
				}
			}
			if t.Answer >= 0 && lengths {
				a := &p.conv.Messages[t.Answer]
				switch {
				case a.OutputTokens > 0:
					t.length = a.OutputTokens
				case counter != nil:
					t.length = max(1, counter.Count(a.Text))
				}
			}
		}
		if p.quote != nil {
			t := &p.turns[0]
			t.marked = p.markTokens
			p.head, t.piece = t.piece[:at:at], t.piece[at:]
		}
	})
}

// ask puts the next turn's messages into the history.
func (p *play) ask() *turn {
	t := &p.turns[p.next]
	if p.next == 0 && p.quote != nil {
		p.pieces = append(p.pieces, p.head, p.quote(p.mark))
	}
	p.pieces = append(p.pieces, t.piece)
	p.sent += t.To - t.From
	p.fresh = append(p.fresh, p.conv.Messages[t.From:t.To]...)
	return t
}

// salted is the history with another salt, in a list of its own: a request before may still be looked at.
func (p *play) salted(salt string) [][]byte {
	pieces := append([][]byte(nil), p.pieces...)
	pieces[1] = p.quote(salt)
	return pieces
}

// answer puts an answer into the history.
func (p *play) answer(m chat.Message) {
	// Only this text is encoded: what was sent before is as it was.
	piece := make([]byte, 0, len(m.Text)+len(m.Raw)+48)
	p.pieces = append(p.pieces, m.AppendJSON(append(piece, ',')))
	p.sent++
	p.fresh = append(p.fresh, m)
	p.next++
}

// release lets go of what a conversation needed to be played.
func (p *play) release() {
	p.pieces, p.fresh, p.head = nil, nil, nil
	for i := range p.turns {
		p.turns[i].piece = nil
	}
}

// played is the conversation as it really went. Messages that were not played follow as the dataset has them, as in the
// reference's output file.
func (p *play) played() *chat.Conversation {
	c := &chat.Conversation{ID: p.conv.ID, Messages: append([]chat.Message(nil), p.fresh...)}
	if p.next < len(p.turns) {
		c.Messages = append(c.Messages, p.conv.Messages[p.turns[p.next].From:]...)
		return c
	}
	last := p.turns[len(p.turns)-1]
	rest := last.To
	for rest < len(p.conv.Messages) && p.conv.Messages[rest].Role == chat.Assistant {
		rest++
	}
	c.Messages = append(c.Messages, p.conv.Messages[rest:]...)
	return c
}
