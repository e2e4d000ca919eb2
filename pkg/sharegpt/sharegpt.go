// Package sharegpt converts collections of shared chats to conversations, and
// counts what it leaves out and what it changes by reason.
//
// # Input
//
// A collection is a JSON array or JSONL, packed with gzip, zstd or not, of items like
//
//	{"id": "QWJhYvA_0", "conversations": [
//	    {"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]}
//
// A turn here is one message, as in the input. The list may also be called
// conversation, messages or items, and the keys of a turn role and content;
// content may then be a list of parts. Roles, in upper or lower case, are human,
// user and prompter; gpt, assistant, bing, chatgpt, bard, ai, bot, chatbot and
// model; system and developer; and those of tools, below. Other keys are ignored.
//
// The forms of other collections are read too: a list of texts in turn
// (UltraChat, under data) or of pairs of texts, objects with a question and its
// answer ({"human": "...", "assistant": "..."}), a list of messages that is the
// whole item or a string that holds JSON, trajectories of SWE-agent, and items of
// one question under instruction and input (Alpaca, with history), prompt, query or
// question, with the answer under output, response, completion, answer or answers
// (calls, as in xLAM). Each may be a list of messages instead of a text.
//
// A system prompt may stand beside the list, as system or system_prompt. It
// becomes the first message, unless the list has one.
//
// # Tools
//
// Turns of function_call or tool_call, and tool_calls of an answer, become calls
// of an assistant message. Turns of tool, observation, tool_response and the like
// become tool messages that answer the calls in order. function is a call behind
// a question, else a result. In an item that has such turns, or tools beside the
// list, calls within answers count as well: <tool_call>, <function_call> or
// <functioncall>. A call is JSON, or what Python prints for it. Ids that an item
// has stay; others are call00001, call00002 and so on. A call without a result
// gets an empty one, and a result without a call becomes a user message, since
// strict servers refuse anything else. A call that cannot be read stays text.
//
// tools beside the list, an array or a string that holds one, are kept in the form
// of OpenAI's API.
//
// # Images
//
// A list of parts that are not only text stays as it is: image_url, input_audio,
// audio_url, video_url and file. Where <image> stands in a text and image or
// images beside the list have a URL or a data URI, the text becomes such a list;
// images without a mark come before the first question. Other media are left out
// and counted: a server cannot read a file by its name.
//
// # Ids
//
// A long chat is often split into several items with the ids NAME_INDEX. They
// are joined to one conversation, NAME, unless Options.Separate is set. An item
// with another id is a conversation of its own, and so is an item that is
// named by conversation_id, conversation_hash, prompt_id or uuid. An item without
// an id that is a text or a number is called after the SHA-256 of its text, which
// is the same in any file. An item in which no turn has the key from looks like one
// of a dataset of whole conversations (genconv's, or one for the OpenAI API), whose
// ids often just count: CONV_ID_0, CONV_ID_1. It is a conversation of its own under
// its whole id, unless Options.Join is set.
//
// Input may be cut off, by a broken download for example. What came before is
// converted, and Result.CutOff has the place where it ends. JSONL that is cut
// at the end of a line looks like a whole file.
//
// # What comes out
//
// The order is that of the reference converter (convert_sharegpt_to_openai.py
// of vLLM): CPython's generator shuffles the items by the seed, a conversation
// takes the place of its first item, and MaxItems draws a sample from what is
// left. The parts of a conversation are joined in the order of their index. If
// a part begins with the role that the part before it ended with, its first
// turn is dropped. An item with the name and index of an earlier one is a
// duplicate.
//
// Then, for each conversation, answers before the first user message are
// dropped, but a leading system message is kept; MaxTurns cuts; and a user
// message at the end is dropped unless KeepOdd is set. The conversation is left
// out if it has fewer turns than MinTurns, if roles do not alternate, or if a
// message fails the filters of length and language. The system message is not
// counted as a turn. Lengths are in characters (code points). Dedup leaves out a
// conversation whose messages and tools all equal those of another one; one that
// only begins like another is kept, since replaying both is what a cache is for. A
// bad item does not affect others.
//
// # Parity
//
// Options.Parity makes the output equal to the reference's byte for byte, with
// its faults: parts are joined in shuffled order, only conversations with a
// character beyond ASCII in every message pass, a leading system message is
// lost, MaxTurns counts dropped answers at the front, MinTurns counts the turns
// before anything is dropped, conversations may end with a user message, and
// one bad item ends the run with the reference's error.
package sharegpt

import (
	"errors"
	"io"
	"math/big"
	"runtime"

	"multiturn/internal/field"
	"multiturn/pkg/chat"
)

// Language is a filter on the characters of messages, or on the language that an
// item names: codes of ISO 639 with commas between them, such as "zh,en". Items
// may also name it in English or as en-US.
type Language string

// The language filters.
const (
	Any   Language = "any"   // no filter
	ASCII Language = "ascii" // every message is ASCII only: mostly English, and code
	// every message has a character beyond ASCII, as in the reference
	NonASCII Language = "non-ascii"
)

// Languages lists the language filters.
var Languages = []Language{Any, ASCII, NonASCII}

// Options select what to keep. The zero value keeps all usable conversations,
// in the order of seed 0.
type Options struct {
	Seed *big.Int // nil = 0; its sign does not matter
	// A limit is off if it is nil or 0. In parity MaxItems and MaxTurns of 0
	// keep nothing, as in the reference.
	MaxItems             *int // conversations, sampled at random when there are more
	MinTurns, MaxTurns   *int // turns of a conversation
	MinLength, MaxLength *int // characters of each message
	Language             Language
	Dedup                bool // leave out conversations with the messages of an earlier one
	KeepOdd              bool
	Separate             bool // ids of the form NAME_INDEX are those of whole conversations
	// and if not Separate: those of parts in items of role and content, too
	Join   bool
	Parity bool

	// Count returns the number of tokens of a text, for the statistics; nil
	// leaves tokens out. In parity it is used for a sample only. It is called
	// from several goroutines and must not keep the text.
	Count func(text string) int
	// Workers is the number of goroutines that parse; 0 means one per
	// processor.
	Workers int
	// Rejects receives what is left out, one JSON object per line: line and
	// item are its place, reason and detail why it was left out, and data is
	// the item (if it is not JSON, its first 1,000 bytes as text). A conversation
	// that is written without a part of it has a line too, with the reason "kept
	// in part" and no data. What MaxItems leaves out has none. Parity writes only
	// filtered conversations, since it ends at the first bad item. May be nil.
	Rejects io.Writer
	// Progress is called from several goroutines with the number of bytes read
	// since the last call. They add up to twice the size of the input, which is
	// read twice. May be nil.
	Progress func(bytes int)
	// Transcript receives what the reference prints. It is used in parity only.
	// May be nil.
	Transcript *Transcript

	codes []string // of Language
}

// Validate returns the errors of all options, as field.Errors.
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
	if o.Language != "" {
		if _, err := ParseLanguage(string(o.Language)); err != nil {
			errs.Addf("Language", "is %q, which %v", o.Language, err)
		}
	}
	return errs.Err()
}

// on reports whether a limit is set and not 0.
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

// Result describes a conversion.
type Result struct {
	Items         int // of the input, broken ones included
	Conversations int // before any was left out
	Written       int // conversations
	Messages      int // written
	NotSampled    int // conversations that MaxItems left out
	// MostParts is the number of parts of the conversation with the most parts,
	// and Longest is its id.
	MostParts int
	Longest   string
	// Apart is the number of items of role and content that were not joined
	// although they share the NAME of their id, and ApartID is the first such
	// id.
	Apart   int
	ApartID string
	// CutOff is where the input is cut off; nil if it is complete.
	CutOff *CutOff
	// Dropped counts the items and conversations left out by reason, most
	// frequent first.
	Dropped []Drop
	// Changed counts what differs from the items in the conversations written.
	Changed []Change
	// Kept describes all conversations that passed the filters. Sampled
	// describes those that MaxItems drew; nil if there was no sample.
	Kept, Sampled *Statistics
}

// CutOff is where an input ends inside an item or an array, or where packed data
// is cut off or damaged.
type CutOff struct {
	Line  int   // the last one, from 1
	Bytes int64 // of the input (of a packed one: unpacked)
	Err   error // of packed data; nil if the text ends too early
}

// Drop counts what was left out for one reason.
type Drop struct {
	Reason Reason
	// One of the two is set, since a reason is about items or about
	// conversations.
	Items, Conversations int
	// Example describes the first of them: its place and its error.
	Example string
}

// Reason is why an item or a conversation was left out.
type Reason string

// The reasons. Those of items come first.
const (
	BadJSON     Reason = "not valid JSON"
	NotAnItem   Reason = "not an object with a list of turns"
	Duplicate   Reason = "same id as an earlier item"
	Empty       Reason = "no turns"
	BadTurn     Reason = "a turn without role or text"
	UnknownRole Reason = "unknown role"
	BadOrder    Reason = "roles do not alternate"
	TooFewTurns Reason = "too few turns"
	TooShort    Reason = "a message is too short"
	TooLong     Reason = "a message is too long"
	Foreign     Reason = "language"
	Twin        Reason = "same messages as an earlier conversation"
)

// partly is the reason, in the rejects, of a conversation that is kept.
const partly Reason = "kept in part"

// ErrNothingLeft is the error if no conversation passes the filters.
var ErrNothingLeft = errors.New("no conversation is left")

// made is a conversation that passed, or why it did not. Its texts are valid
// until the worker's next conversation.
type made struct {
	conv   chat.Conversation
	reason Reason // empty: it passed
	detail string
	err    error // ends the run (parity only)
	// surrogate also ends the run, after all other conversations have been
	// checked (parity only).
	surrogate *surrogate
	messages  int
	digest    [16]byte // of the messages, with Dedup
	row       row
	changes   changes
}
