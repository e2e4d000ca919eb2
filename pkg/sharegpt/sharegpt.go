// Package sharegpt turns collections of shared chats into conversations, and counts why it left any out.
//
// # Input
//
// A collection is a JSON array or JSONL, packed with gzip or not, of items like
//
//	{"id": "QWJhYvA_0", "conversations": [{"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]}
//
// The list may also be called conversation, messages or items, and a turn's keys role and content (then also content given
// as parts of text). Roles: human and user; gpt, assistant, bing, chatgpt, bard, ai, bot and model; system. Other keys are
// ignored. A long chat is often cut into several items whose ids are NAME_INDEX: these are one conversation, NAME,
// unless Options.Separate says that they are not. An item whose id has no such index stands alone under its id, and an
// item without an id is called item-NUMBER, its place in the file. An item in which no turn has the key from is of the
// shape that datasets of whole conversations have (genconv's, those for the API of OpenAI), whose ids often just count:
// CONV_ID_0, CONV_ID_1. It is a conversation of its own under its whole id, unless Options.Join is set.
//
// Input may be cut off, a download that broke, say. What came before is converted, and Result.CutOff says where it ends.
// Lines that end where the file does cannot be told from a whole file.
//
// # What comes out
//
// The order is that of the reference converter (convert_sharegpt_to_openai.py of vLLM): items are shuffled by CPython's
// generator from the seed, a conversation stands where the first of its items does, and MaxItems draws a sample from what
// is left. The parts of a conversation are joined in the order of their index; where a part begins with the role that the
// one before it ended with, that first turn is dropped. An item with the name and index of an earlier one is a
// duplicate. Then, for each conversation: answers before the first user message are dropped, a system message at the
// front is kept; MaxTurns cuts; a user message at the end is dropped (KeepOdd keeps it); and the conversation is left out
// if it has fewer turns than MinTurns, if roles do not alternate, or if a message fails the filters of length and
// language. Turns are messages without the system message; lengths are in characters (code points). One bad item costs
// nothing but itself.
//
// # Parity
//
// Options.Parity does what the reference does to the byte, faults included: the parts of a conversation are joined in
// shuffled order, only conversations with a character beyond ASCII in every message pass, a leading system message is
// lost, MaxTurns counts a dropped lead, MinTurns looks at the list before any of that, conversations may end with a user
// message, and one bad item ends the run with the reference's error.
package sharegpt

import (
	"errors"
	"io"
	"math/big"
	"runtime"

	"multiturn/internal/field"
	"multiturn/pkg/chat"
)

// Language is a filter on the characters of messages.
type Language string

// The language filters.
const (
	Any      Language = "any"       // no filter
	ASCII    Language = "ascii"     // every message is ASCII only: mostly English, and code
	NonASCII Language = "non-ascii" // every message has a character beyond ASCII, as the reference requires
)

// Languages are the choices for a flag.
var Languages = []Language{Any, ASCII, NonASCII}

// Options say what to keep. The zero value keeps all that can be played, in the order of seed 0.
type Options struct {
	Seed *big.Int // nil = 0; its sign does not matter
	// The limits are off where nil. A 0 is off too, but in parity, where MaxItems and MaxTurns take it at its word.
	MaxItems             *int // conversations, sampled at random when there are more
	MinTurns, MaxTurns   *int // turns of a conversation
	MinLength, MaxLength *int // characters of each message
	Language             Language
	KeepOdd              bool
	Separate             bool // ids of the form NAME_INDEX are those of whole conversations
	Join                 bool // and if not Separate: those of parts in items of role and content, too
	Parity               bool

	// Count returns the tokens of a text for the statistics; nil leaves them out, and parity has them of a sample only. It
	// is called by several goroutines, and must not keep the text.
	Count func(text string) int
	// Workers is how many goroutines parse; 0 = one for each processor.
	Workers int
	// Rejects receives what is left out, an object a line: line and item say where it stood, reason and detail why, and
	// data is the item as it came (text, cut at 1,000 bytes, where it is no JSON). Parity, which ends at the first bad
	// item, writes only conversations that were filtered. May be nil.
	Rejects io.Writer
	// Progress is told, by several goroutines, of so many more bytes read, of twice the input's size in all. May be nil.
	Progress func(bytes int)
	// Transcript receives what the reference prints, in parity. May be nil.
	Transcript *Transcript
}

// Validate returns all that is wrong with the options, as field.Errors.
func (o *Options) Validate() error {
	var errs field.Errors
	for _, l := range []struct {
		name  string
		limit *int
	}{
		{"MaxItems", o.MaxItems}, {"MinTurns", o.MinTurns}, {"MaxTurns", o.MaxTurns},
		{"MinLength", o.MinLength}, {"MaxLength", o.MaxLength},
	} {
		if l.limit != nil && *l.limit < 0 {
			errs.Addf(l.name, "is %d, want 0 or more", *l.limit)
		}
	}
	pair := func(low, high string, a, b *int) {
		if on(a) && on(b) && *a > *b {
			errs.Addf(low, "is %d, more than %s, which is %d", *a, high, *b)
		}
	}
	pair("MinTurns", "MaxTurns", o.MinTurns, o.MaxTurns)
	pair("MinLength", "MaxLength", o.MinLength, o.MaxLength)
	switch o.Language {
	case "", Any, ASCII, NonASCII:
	default:
		errs.Addf("Language", "is %q, want any, ascii or non-ascii", o.Language)
	}
	return errs.Err()
}

// on says whether a limit is set and not 0.
func on(limit *int) bool { return limit != nil && *limit != 0 }

func (o *Options) seed() *big.Int {
	if o.Seed == nil {
		return new(big.Int)
	}
	return o.Seed
}

func (o *Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return runtime.GOMAXPROCS(0)
}

func (o *Options) progress(n int) {
	if o.Progress != nil {
		o.Progress(n)
	}
}

// Result is what a conversion did.
type Result struct {
	Items         int // of the input, broken ones included
	Conversations int // they make, before any was left out
	Written       int // conversations
	Messages      int // written
	NotSampled    int // conversations that MaxItems left out
	// MostParts is the number of items that were joined to the conversation of most parts, and Longest its id.
	MostParts int
	Longest   string
	// Apart is the number of items of role and content that were not joined, though the NAME of their ids is that of
	// others like them, and ApartID the first one's id.
	Apart   int
	ApartID string
	// CutOff is where the input ends too early; nil if it does not.
	CutOff *CutOff
	// Dropped are the items and conversations left out, by reason, most frequent first.
	Dropped []Drop
	// Kept describes all conversations that passed the filters, Sampled those that MaxItems drew (nil if it drew none).
	Kept, Sampled *Statistics
}

// CutOff is where an input ends inside an item or an array.
type CutOff struct {
	Line  int   // the last one, from 1
	Bytes int64 // of the input (of a packed one: unpacked)
}

// Drop counts what was left out for one reason.
type Drop struct {
	Reason Reason
	// Items or Conversations is the number, depending on what the reason is about.
	Items, Conversations int
	// Example is the first of them: where it stands and what is wrong with it.
	Example string
}

// Reason is why an item or a conversation was left out.
type Reason string

// The reasons. Those of items come first.
const (
	BadJSON     Reason = "not valid JSON"
	NotAnItem   Reason = "not an object with a list of turns"
	BadID       Reason = "id is neither text nor a number"
	Duplicate   Reason = "same id as an earlier item"
	Empty       Reason = "no turns"
	BadTurn     Reason = "a turn without role or text"
	UnknownRole Reason = "unknown role"
	BadOrder    Reason = "roles do not alternate"
	TooFewTurns Reason = "too few turns"
	TooShort    Reason = "a message is too short"
	TooLong     Reason = "a message is too long"
	Foreign     Reason = "language"
)

// ErrNothingLeft is the error when no conversation passes.
var ErrNothingLeft = errors.New("no conversation is left")

// made is a conversation that passed, or why it did not. Its texts hold until the worker's next conversation.
type made struct {
	conv   chat.Conversation
	reason Reason // empty: it passed
	detail string
	err    error // ends the run (parity only)
	// surrogate ends the run too, but not before every other conversation has been looked at (parity only).
	surrogate *surrogate
	messages  int
	row       row
}
