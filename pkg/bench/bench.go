// Package bench plays conversations against a server in real time: package load
// decides which turn may be sent when, a Sender sends it, and every request
// becomes a record. The package does not know HTTP.
//
// Its schedule is that of vLLM's benchmarks/multi_turn without these faults: it
// gives each client its own share of the conversations, rounded down, leaves the
// others' unfinished when one client runs out of work, and ends the run, or
// hangs, on one failure.
//
// # The time between two turns
//
// The time between the end of an answer and the next request is the client's
// own, so as little as possible happens in it. The messages of the dataset are
// encoded, and the lengths of its answers counted, before their conversation
// begins; of an answer only its own text is encoded. History is a list of
// encoded pieces that are never joined. Answers are counted later, on another
// goroutine (see ledger.go).
//
// # Histories
//
// Strict servers refuse an assistant's message without a text, and tool calls that
// no tool message answers. So what stands in the history for an answer is, in this
// order:
//
//  1. the dataset's answer, if the dataset's next message is what a tool returned:
//     that answer has the calls;
//  2. the server's text, without its tool calls, and with its reasoning if
//     Options.ReasoningField says so;
//  3. the dataset's text, without tool calls, if the server's answer has no text: it
//     is empty, reasoning only, or tool calls only;
//  4. nothing, if neither has a text. Then two questions follow each other.
//
// With DatasetAnswers the third comes before the second. An answer that is empty
// has failed as a turn, but its conversation goes on. [record.Turn].History has what
// stands there.
//
// # Salts
//
// In a run with control arms the salt is at the very start of the first
// message's text, in a piece of its own, so the history is still encoded once.
// What a chat template puts before the first text (role marks, a default system
// message, tools) comes before the salt and can hit in both arms. The answers
// are the server's own, so their texts differ between arms, as long as asked
// for. The time it takes to empty a cache is in no turn.
//
// Counts of the run's end are of plays: two for a conversation in a run with
// control arms. Only the conversations of the first arm go to OnConversation,
// without salts.
package bench

import (
	"context"
	"encoding/json"
	"time"

	"multiturn/internal/crash"
	"multiturn/internal/field"
	"multiturn/pkg/chat"
	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// Sender sends one request and waits for the end of its answer. A failure is
// part of the reply, not an error: failed requests are data.
type Sender interface {
	Send(ctx context.Context, r *Request) *Reply
}

// Request is one turn to send.
type Request struct {
	// Conversation is the conversation's id, followed by a slash and the arm in a
	// run with control arms.
	Conversation string
	// Replica is the one to send it to, from 0; see load.Options.
	Replica int
	// Messages, concatenated, are the messages as Options.Encoder encodes them. The
	// pieces belong to the conversation and must not be changed.
	Messages [][]byte
	// Fields are those of the conversation, sent beside the messages.
	Fields []chat.Field
	// MaxTokens and MinTokens are the length to ask for; 0 = no limit.
	MaxTokens, MinTokens int
	// Timeout limits the whole request.
	Timeout time.Duration
}

// Reply is the answer to a Request: what was measured of it, and its texts.
type Reply struct {
	record.Exchange
	Text      string // all content
	First     string // content of the first event that has any
	Reasoning string
	// ToolCalls is a JSON array of the answer's tool calls; nil without any.
	ToolCalls json.RawMessage
	// RetryAfter is the least pause before another try, as the server asked; 0 = it
	// did not.
	RetryAfter time.Duration
}

// Counter counts the tokens of a text, without special tokens. It is safe for
// concurrent use.
type Counter interface {
	Count(text string) int
}

// Fetcher is a Counter that asks somebody for its counts. Count of a text that
// was not fetched is 0. A run fetches before it begins (see Fetch) and after its
// last request has ended, and never in between.
type Fetcher interface {
	Counter
	Fetch(ctx context.Context, texts []string) error
	// Known reports whether the count of a text is known.
	Known(text string) bool
}

// Finished is one finished request and its texts, as the ledger hands it on.
type Finished struct {
	Turn *record.Turn
	// Asked are the messages since the last answer.
	Asked             []chat.Message
	Answer, Reasoning string
	// History is what the next turn is asked with in place of the answer: one
	// message, those with the calls of tools, or none; nil if there is no next turn.
	History []chat.Message
}

// History is what the next turn is asked with.
type History string

// Histories.
const (
	// ServerAnswers is what the server really said, as in the reference.
	ServerAnswers History = record.HistoryServer
	// DatasetAnswers is what the dataset has, so that every server sees the same
	// tokens.
	DatasetAnswers History = record.HistoryDataset
)

// Failure is what a failed turn does to its conversation, once its retries are
// used up.
type Failure string

// Failures.
const (
	EndConversation Failure = "end"     // the turns after it are abandoned
	GoOn            Failure = "dataset" // the dataset's answer takes its place
)

// DefaultTimeout is that of a request.
const DefaultTimeout = 120 * time.Second

// Options of a run. Zero values are the defaults that the comments name.
type Options struct {
	load.Options

	// Encoder encodes messages as the sender's API has them; nil = chat.JSON.
	Encoder chat.Encoder

	// LimitMin and LimitMax bound the answer's length in tokens. 0 is the length of
	// the dataset's answer; a negative bound is not sent.
	LimitMin, LimitMax int
	// Exact asks for exactly the length, as far as the limits allow. Otherwise it
	// is an upper bound.
	Exact bool
	// Retries of a turn that failed so that it may be sent again (see
	// record.Exchange.MayRetry), after 1, 2, 4 seconds and so on, 10 % more or less,
	// up to 5 minutes. A server's Reply.RetryAfter is the least pause; if it is more
	// than 5 minutes, the turn fails.
	Retries int
	// Timeout of a request, or a fifth of a second for each token asked for, if
	// that is more; 0 = DefaultTimeout.
	Timeout time.Duration
	History History // "" = ServerAnswers
	// ReasoningField is the field of an answer's message in which its reasoning is
	// sent back; "" = it is not sent back.
	ReasoningField string
	Failure        Failure // "" = EndConversation
	Verify         bool    // compare answers with the dataset's

	// Salts are needed by the controls that salt prompts.
	Salts *load.Salts
	// Reset empties the server's cache; load.Cold needs it.
	Reset func(context.Context) error
	// Marker, unless empty, is put before the text of every conversation's first
	// user message, where no salt is.
	Marker string

	// NotReady, unless nil, is asked about every attempt that failed, by the
	// goroutine that sends it. If it returns true, the server was not ready yet and
	// NotReady has waited: the turn is sent again, and what went before is no
	// attempt and in no number.
	NotReady func(context.Context, *record.Exchange) bool

	// GiveUp ends the run with an AllFailedError if that many turns, from the
	// first one on, all failed; 0 = never.
	GiveUp int

	// Counter counts what the server does not. If it is nil, counts stay 0 and no
	// length is asked for that would have to be counted.
	Counter Counter
	// Start is the origin of all clocks, the sender's too; zero = now.
	Start time.Time
	// OnMeasured, unless nil, is called before the first turn that is measured,
	// after a warm-up.
	OnMeasured func()
	// OnPlayed, unless nil, is called when the last request has ended. If Counter is
	// a Fetcher, tokens are counted after that.
	OnPlayed func()
	// OnEnded, unless nil, is called with the turn of each finished request soon
	// after its end, before its tokens are counted.
	OnEnded func(*record.Turn)
	// OnFinished, unless nil, is called for each finished request, from one
	// goroutine, in the order of their ends.
	OnFinished func(*Finished) error
	// OnCrash, unless nil, is called with the panics that ended a turn or its count,
	// from any goroutine. Such a turn has the outcome record.Internal.
	OnCrash func(*crash.Error)
	// OnConversation, unless nil, is called with each finished conversation, the
	// answers as they came, from the same goroutine.
	OnConversation func(*chat.Conversation) error
}

func (o Options) withDefaults() Options {
	if o.Encoder == nil {
		o.Encoder = chat.JSON{}
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.History == "" {
		o.History = ServerAnswers
	}
	if o.Failure == "" {
		o.Failure = EndConversation
	}
	if o.Start.IsZero() {
		o.Start = time.Now()
	}
	return o
}

// Validate returns everything that is wrong with the options.
func (o Options) Validate() error {
	var errs field.Errors
	if err := o.Options.Validate(); err != nil {
		errs = append(errs, err)
	}
	if o.LimitMin > 0 || o.LimitMax > 0 {
		if o.LimitMin < 1 || o.LimitMax < 1 || o.LimitMin > o.LimitMax {
			errs.Addf("LimitMin", "%d and LimitMax %d: where one is above 0, both must be "+
				"at least 1, and LimitMin not above LimitMax", o.LimitMin, o.LimitMax)
		}
	}
	if o.Retries < 0 {
		errs.Addf("Retries", "is %d; it must not be negative", o.Retries)
	}
	if o.GiveUp < 0 {
		errs.Addf("GiveUp", "is %d; it must not be negative", o.GiveUp)
	}
	if o.Timeout < 0 {
		errs.Addf("Timeout", "is %v; it must be above 0", o.Timeout)
	}
	switch o.History {
	case "", ServerAnswers, DatasetAnswers:
	default:
		errs.Addf("History", "is %q; it must be %s or %s", o.History, ServerAnswers, DatasetAnswers)
	}
	switch o.Failure {
	case "", EndConversation, GoOn:
	default:
		errs.Addf("Failure", "is %q; it must be %s or %s", o.Failure, EndConversation, GoOn)
	}
	if o.Control.Salted() && o.Salts == nil {
		errs.Addf("Control", "%s: there is no source of salts", o.Control)
	}
	if o.Control == load.Cold && o.Reset == nil {
		errs.Addf("Control", "%s: there is no way to empty the server's cache", o.Control)
	}
	return errs.Err()
}
