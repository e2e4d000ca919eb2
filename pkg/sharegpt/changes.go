package sharegpt

import (
	"multiturn/internal/human"
	"multiturn/pkg/chat"
)

// Change counts what was changed in one way in the conversations that were
// written. In parity nothing is counted.
type Change struct {
	Kind          Kind
	Conversations int // in which it happened
	Times         int // how often, in all of them: Kind has what is counted
}

// Kind is a way in which a conversation differs from its items.
type Kind int

// The kinds of changes, in the order in which they are made.
const (
	NoID         Kind = iota // it got an id, having none
	Joined                   // from several items
	Repeated                 // the first turn of a part repeats the role before it, and was dropped
	LeadingTurn              // an answer before the first question was dropped
	Cut                      // MaxTurns dropped the turns behind it
	LastQuestion             // the question at the end, without an answer, was dropped
	Renamed                  // a role was renamed: human to user, gpt to assistant
	JoinedText               // the texts of a message's content were joined to one
	LostContent              // content that is not text was dropped from a message
	HalfPair                 // half of a surrogate pair in a text was replaced by U+FFFD
	kinds
)

// kindTexts are the kinds in the table, with what is counted.
var kindTexts = [kinds]struct{ text, noun string }{
	NoID:         {"given an id", "conversation"},
	Joined:       {"joined from several items", "item"},
	Repeated:     {"a part's first turn dropped, its role repeats", "turn"},
	LeadingTurn:  {"answers before the first question dropped", "turn"},
	Cut:          {"cut at the most turns", "turn"},
	LastQuestion: {"last question dropped, it has no answer", "turn"},
	Renamed:      {"roles renamed to user or assistant", "message"},
	JoinedText:   {"texts of a message joined", "message"},
	LostContent:  {"content that is not text dropped", "message"},
	HalfPair:     {"half a surrogate pair replaced by U+FFFD", "message"},
}

func (k Kind) String() string { return kindTexts[k].text }

// times returns how often, with what is counted: 1,234 messages.
func (c *Change) times() string {
	text := human.Thousands(c.Times) + " " + kindTexts[c.Kind].noun
	if c.Times != 1 {
		text += "s"
	}
	return text
}

// changes is how often each change was made in a conversation.
type changes [kinds]int32

// messages counts the changes within messages. The first is that of turn from;
// a system message is that of the first turn.
func (c *changes) messages(ms []chat.Message, turns []turn, from, system int) {
	for i := range ms {
		t := &turns[from+i]
		if i < system {
			t = &turns[i]
		}
		c.count(Renamed, t.from != ms[i].Role)
		c.count(JoinedText, t.texts > 1)
		c.count(LostContent, t.lost)
		c.count(HalfPair, t.halfPair != nil)
	}
}

func (c *changes) count(kind Kind, happened bool) {
	if happened {
		c[kind]++
	}
}

// changeTally adds up the changes of the conversations that are written.
type changeTally [kinds]Change

func (t *changeTally) add(c *changes) {
	for k, n := range c {
		if n > 0 {
			t[k].Conversations++
			t[k].Times += int(n)
		}
	}
}

// list returns the changes that were made.
func (t *changeTally) list() []Change {
	var made []Change
	for k, c := range t {
		if c.Kind = Kind(k); c.Times > 0 {
			made = append(made, c)
		}
	}
	return made
}
