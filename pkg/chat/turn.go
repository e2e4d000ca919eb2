package chat

import (
	"time"

	"multiturn/internal/limits"
)

// Turn is one request of a conversation: the messages that it sends for the
// first time, and the answer that it asks for.
type Turn struct {
	// From and To delimit the new messages, Messages[From:To].
	From, To int
	// Answer is the index of the dataset's answer, -1 if it has none.
	Answer int
	// Calls is the end of the dataset's answer, Messages[Answer:Calls], if the
	// messages that follow it say what a tool returned; else it is 0. That answer
	// has the calls, so it stays in the history whatever the server answers.
	Calls int
	// Think is the think time before the turn: the delays of its messages.
	Think time.Duration
}

// Cut returns the turns of the conversation.
//
// A turn ends at a message that an answer follows, or that is the last one, if
// a user or a tool has spoken since the last answer. System and assistant
// messages that open a conversation are sent along with its first turn. A run
// of assistant messages stands for one answer, its first message.
//
// Only the turns among the first limit messages are returned; 0 means all. A
// turn that is cut by the limit is returned as if it were the last message, as
// the reference counts, and so is the first turn whatever the limit.
func (c *Conversation) Cut(limit int) []Turn {
	var turns []Turn
	from, asked := 0, false
	for i := range c.Messages {
		switch c.Messages[i].Role {
		case User, Tool, Function:
			asked = true
		case Assistant:
			asked = false
		}
		if !asked || !c.answered(i) {
			continue
		}
		if limit > 0 && len(turns) > 0 && i >= limit {
			break
		}
		turns = append(turns, c.turn(from, i+1))
		from = c.AfterAnswer(i + 1)
	}
	return turns
}

// answered reports whether an answer follows message i: the assistant speaks
// next, or nobody does.
func (c *Conversation) answered(i int) bool {
	return i+1 == len(c.Messages) || c.Messages[i+1].Role == Assistant
}

// turn returns the turn that sends Messages[from:to].
func (c *Conversation) turn(from, to int) Turn {
	t := Turn{From: from, To: to, Answer: -1}
	for i := from; i < to; i++ {
		t.Think = min(t.Think+c.Messages[i].Delay, limits.Clock)
	}
	if to < len(c.Messages) {
		t.Answer = to
		if rest := c.AfterAnswer(to); c.returned(rest) {
			t.Calls = rest
		}
	}
	return t
}

// returned reports whether message i is what a tool returned.
func (c *Conversation) returned(i int) bool {
	return i < len(c.Messages) && (c.Messages[i].Role == Tool || c.Messages[i].Role == Function)
}

// Answer returns the messages that stand for the answer of a turn: one, or those
// with the calls of tools.
func (c *Conversation) Answer(t Turn) []Message {
	switch {
	case t.Answer < 0:
		return nil
	case t.Calls > 0:
		return c.Messages[t.Answer:t.Calls]
	}
	return c.Messages[t.Answer : t.Answer+1]
}

// AfterAnswer returns the index of the first message from i on that is not the
// assistant's.
func (c *Conversation) AfterAnswer(i int) int {
	for i < len(c.Messages) && c.Messages[i].Role == Assistant {
		i++
	}
	return i
}
