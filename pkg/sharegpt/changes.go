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
	SystemBeside             // the system prompt beside the list was made a message
	LostSystem               // it was dropped, since the list has another, or it is no text
	CallMade                 // a tool call was given the form of OpenAI's API
	CallAsText               // a tool call that could not be read stayed text
	LostCall                 // it was dropped, since it is no text
	ResultMade               // a tool's result was given its call's id
	JoinedResult             // a result without a call was added to the one before it
	ResultAsUser             // a result without a call was made a user message
	EmptyResult              // a call without a result was given an empty one
	ToolsMade                // the tools were given the form of OpenAI's API
	LostTools                // the tools could not be read and were dropped
	MediaPart                // an image beside the list was made part of a message
	LostMedia                // an image, video or sound without a URL was dropped
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
	SystemBeside: {"system prompt beside the list made a message", "message"},
	LostSystem:   {"system prompt beside the list dropped", "prompt"},
	CallMade:     {"tool calls given the form of the API", "call"},
	CallAsText:   {"tool calls that cannot be read kept as text", "message"},
	LostCall:     {"tool calls that cannot be read dropped", "message"},
	ResultMade:   {"tool results given the ids of their calls", "message"},
	JoinedResult: {"tool results without a call joined to one before", "message"},
	ResultAsUser: {"tool results without a call made user messages", "message"},
	EmptyResult:  {"tool calls without a result given an empty one", "call"},
	ToolsMade:    {"tools given the form of the API", "list"},
	LostTools:    {"tools that cannot be read dropped", "list"},
	MediaPart:    {"images beside the list made parts of messages", "image"},
	LostMedia:    {"images, videos and sounds without a URL dropped", "file"},
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

// losses are the kinds that leave something out.
var losses = [kinds]bool{
	Repeated: true, LeadingTurn: true, Cut: true, LastQuestion: true, LostContent: true,
	HalfPair: true, LostSystem: true, LostCall: true, LostTools: true, LostMedia: true,
}

// lost returns what was left out of a conversation, "" if nothing was.
func (c *changes) lost() string {
	text := ""
	for k, n := range c {
		if n == 0 || !losses[k] {
			continue
		}
		if text != "" {
			text += "; "
		}
		change := Change{Kind: Kind(k), Times: int(n)}
		text += change.Kind.String() + " (" + change.times() + ")"
	}
	return text
}

// changes is how often each change was made in a conversation.
type changes [kinds]int32

// turn counts the changes of a turn that became a message of a role, or a part
// of one.
func (c *changes) turn(t *turn, role string) {
	c.count(Renamed, t.from != role && role != chat.Tool)
	c.count(JoinedText, t.texts > 1 && t.parts == nil)
	c.count(LostContent, t.lost)
	c.count(HalfPair, t.halfPair != nil)
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
