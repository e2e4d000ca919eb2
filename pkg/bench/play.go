package bench

import (
	"sync"

	"multiturn/pkg/chat"
	"multiturn/pkg/load"
)

// play is a conversation being played: what can be prepared of it, and its
// history.
type play struct {
	load.Play
	conv    *chat.Conversation
	turns   []turn
	encoder chat.Encoder
	// session is the conversation's name towards the server.
	session string
	mark

	prepared sync.Once
	quote    func(text string) []byte // the mark as the first piece has it
	head     []byte                   // of the first turn, up to the mark

	// The rest is used by one goroutine at a time: the client that has the
	// conversation.
	pieces [][]byte       // history, as sent
	sent   int            // messages in it
	fresh  []chat.Message // the same messages
}

// turn is one request of a conversation, prepared.
type turn struct {
	chat.Turn
	piece  []byte // the new messages, encoded
	marked int    // tokens of the mark in front of their text
	length int    // tokens of the dataset's answer, at least 1; 0 if it has none
}

// plays returns the plays of a run, not yet prepared.
func (o *Options) plays(all []load.Play, conversations []chat.Conversation) ([]*play, error) {
	marker := marker{opt: o, salts: map[*load.Arm]string{}}
	plays := make([]*play, len(all))
	for i := range all {
		p := &play{
			Play: all[i], conv: &conversations[all[i].Conversation], encoder: o.Encoder,
		}
		for _, t := range p.Turns {
			p.turns = append(p.turns, turn{Turn: t})
		}
		p.session = p.conv.ID
		if p.Arm.Name != "" {
			p.session += "/" + p.Arm.Name
		}
		var err error
		if p.mark, err = marker.of(p); err != nil {
			return nil, err
		}
		plays[i] = p
	}
	return plays, nil
}

// prepare encodes questions and counts the answers to ask for: all that a
// request needs and that does not depend on the server. It is safe for
// concurrent use.
func (p *play) prepare(counter Counter, lengths bool) {
	p.prepared.Do(func() {
		for i := range p.turns {
			t := &p.turns[i]
			p.encode(t)
			if t.Answer >= 0 && lengths {
				t.length = answerLength(p.conv.Answer(t.Turn), counter)
			}
		}
	})
}

// encode makes a turn's piece, and finds the mark's place if that is in it.
func (p *play) encode(t *turn) {
	messages := p.conv.Messages[t.From:t.To]
	size := 0
	for i := range messages {
		size += pieceSize(&messages[i])
	}
	t.piece = make([]byte, 0, size)
	for i := range messages {
		var before *chat.Message
		if t.From+i > 0 {
			before = &p.conv.Messages[t.From+i-1]
		}
		if t.From+i != p.markAt {
			t.piece = p.encoder.Append(t.piece, before, &messages[i])
			continue
		}
		head, tail, quote := p.encoder.Split(before, &messages[i])
		t.marked, p.quote = p.markTokens, quote
		p.head, t.piece = append(t.piece, head...), tail
	}
}

// pieceSize is about the length of a message's JSON: its keys are 48 bytes at
// most.
func pieceSize(m *chat.Message) int { return len(m.Text) + len(m.Raw) + 48 }

// answerLength returns the number of tokens to ask for in place of an answer of
// the dataset; 0 if nothing counts it.
func answerLength(messages []chat.Message, counter Counter) int {
	length := 0
	for i := range messages {
		switch m := &messages[i]; {
		case m.OutputTokens > 0:
			length += m.OutputTokens
		case counter != nil:
			length += max(1, counter.Count(m.AllText()))
		}
	}
	return length
}

// ask puts the messages of a turn into the history.
func (p *play) ask(turn int) *turn {
	t := &p.turns[turn]
	if turn == 0 && p.quote != nil {
		p.pieces = append(p.pieces, p.head, p.quote(p.text))
	}
	p.pieces = append(p.pieces, t.piece)
	p.sent += t.To - t.From
	p.fresh = append(p.fresh, p.conv.Messages[t.From:t.To]...)
	return t
}

// salted returns the history with another salt, in a list of its own: the
// request before may still be looked at.
func (p *play) salted(salt string) [][]byte {
	pieces := append([][]byte(nil), p.pieces...)
	pieces[1] = p.quote(salt)
	return pieces
}

// answer puts an answer into the history. Only its text is encoded: what was
// sent before stays as it is.
func (p *play) answer(m chat.Message) {
	piece := make([]byte, 0, pieceSize(&m))
	p.pieces = append(p.pieces, p.encoder.Append(piece, &p.fresh[len(p.fresh)-1], &m))
	p.sent++
	p.fresh = append(p.fresh, m)
}

// release lets go of what was needed to play the conversation.
func (p *play) release() {
	p.pieces, p.fresh, p.head = nil, nil, nil
	for i := range p.turns {
		p.turns[i].piece = nil
	}
}

// played returns the finished conversation with the answers as they came. The
// messages that were not played follow as the dataset has them, as in the
// reference's output file.
func (p *play) played() *chat.Conversation {
	c := &chat.Conversation{
		ID: p.conv.ID, Messages: append([]chat.Message(nil), p.fresh...), Fields: p.conv.Fields,
	}
	rest := p.conv.AfterAnswer(p.turns[len(p.turns)-1].To)
	c.Messages = append(c.Messages, p.conv.Messages[rest:]...)
	return c
}

// needsLengths reports whether the length of any answer is the dataset's.
func (o *Options) needsLengths() bool { return o.LimitMax == 0 || o.LimitMin == 0 }

// lengths returns the fewest and the most tokens to ask for; 0 = no limit.
func (o *Options) lengths(t *turn) (least, most int) {
	bound := func(limit int) int {
		switch {
		case limit < 0:
			return 0
		case limit > 0:
			return limit
		}
		return t.length
	}
	least, most = bound(o.LimitMin), bound(o.LimitMax)
	if !o.Exact {
		least = 0
	}
	return least, most
}
