// Package bench decides who sends what when: conversations are dealt to clients, turn after turn, and every request
// becomes a record. It does not know HTTP: it declares the Sender that it needs.
//
// # Scheduling
//
// Clients bounds the requests in flight, Active the conversations in progress. A turn becomes ready when the answer
// before it has ended and the think time before it has passed; ready turns are taken first-in first-out, or at random,
// by whichever client is free. A conversation starts, in the order of the input, when one ends. Everything that was
// started is finished, unless a turn fails (which ends its conversation, not the run), the limit of requests is reached,
// or the user interrupts.
//
// This is vLLM's benchmarks/multi_turn with its scheduling faults mended: it gave each client its own share of the
// conversations, rounded down, left the others' unfinished when one client ran out of work, and ended the run, or hung,
// on one failure.
//
// # Nothing grows between two turns
//
// Messages of the dataset are encoded, and the lengths of its answers counted, ahead of their conversation's start; of
// an answer only its own text is encoded. History is a list of encoded pieces, never joined. Answers are counted after
// the fact, off the path (see ledger.go).
//
// # Control arms
//
// What a cache is worth is the difference between turns that could use it and turns that could not, all else being equal.
// With a Control every conversation is played twice in the run, once in each of two arms, and the effect is the difference
// within pairs: what a conversation is like, and how the server changes in the course of a run, hits both arms alike. Which
// arm of a pair goes first is balanced (each in half of the pairs) and drawn from the seed.
//
// NoReuse: the control arm's prompts begin with a salt that is new in every request, so no prompt begins like another; those
// of the measured arm with a salt as long that is the same for the whole arm and in no other run, so what conversations share
// stays shared, and neither arm nor an earlier run warms the other. The salt is at the very start of the first message's
// text, in a piece of its own: the history is still encoded once. What a chat template puts before the first text (role
// marks, a default system message, tools) comes before the salt and can hit in both arms. The answers are the server's own,
// so their texts differ between arms, as long as asked for.
//
// How the arms share the run is the Mix. ByBatch, the default: at most eight batches of at least Active conversations, each
// played to its end in one arm and then in the other, so each arm has the load and the cache to itself, as in a run of its
// own. What changes with time comes between the arms, balanced over batches; and a batch's end, when fewer are left than
// clients, comes more often than in a run without control, in both arms alike. ByConversation: both plays of a pair start one
// after the other and take turns like any two conversations, under one load, so nothing that changes with time can come between
// them. But each arm feels the other: turns of the measured arm queue behind the control's prompts, and the control's blocks
// take up room in the cache. On a busy server the difference is then a fraction of that between a run with a cache and one
// without; with one client and a cache large enough for all it is the same.
//
// Cold: nothing is put into prompts; before every turn of the control arm the server's cache is emptied. As that empties it
// for all, requests go one at a time, and the arms take turns by batches whatever the Mix. The cache is emptied between
// batches, too, so the measured arm finds what its batch has sent. The time it takes to empty the cache is in no turn.
//
// AA: as NoReuse, with salts that are new in every request in both arms. The two must not differ; if they do, the
// comparison is at fault.
//
// Counts of the run's end are of plays: two for a conversation. A limit of requests counts those of both arms. Only the
// first arm's conversations go to OnConversation, without salts.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"multiturn/pkg/chat"
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
	// Messages, concatenated, are the messages as JSON objects with commas between
	// them. The pieces belong to the conversation and must not be changed.
	Messages [][]byte
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
}

// Counter counts tokens of a text, without special tokens; safe for concurrent use.
type Counter interface {
	Count(text string) int
}

// Exchange is one finished request and its texts, as the ledger hands it on.
type Exchange struct {
	Turn *record.Turn
	// Asked are the messages since the last answer; Answer is the text that came.
	Asked             []chat.Message
	Answer, Reasoning string
	// History is the answer as the next turn is asked with it; nil if the turn failed.
	History *chat.Message
}

// Order is how ready turns are taken.
type Order string

// Orders, by the reference's names.
const (
	RoundRobin Order = "round_robin" // first-in first-out
	Random     Order = "random"
)

// History is what the next turn is asked with.
type History string

// Histories.
const (
	ServerAnswers  History = "server"  // what the server really said, as the reference does
	DatasetAnswers History = "dataset" // what the dataset has, so that every server sees the same tokens
)

// Failure is what a failed turn does to its conversation, once its retries are used up.
type Failure string

// Failures.
const (
	EndConversation Failure = "end"     // the turns after it are abandoned
	GoOn            Failure = "dataset" // goes on with the dataset's answer in the history
)

// Options of a run. Zero values are the defaults that the comments name.
type Options struct {
	Clients int // requests in flight at most; 0 = 1
	Active  int // conversations in progress at most; 0 = Clients
	// MaxRequests ends the run after so many turns; 0 = no limit. Warm-up requests do not count.
	MaxRequests int
	// MaxTurns is how many messages of each conversation are played; 0 = all. An odd number plays the turn it cuts.
	MaxTurns int
	// LimitMin and LimitMax bound the answer's length in tokens; 0 = the dataset's answer's own length, negative =
	// no such bound is sent.
	LimitMin, LimitMax int
	// Exact asks for exactly the length, as far as limits do not say otherwise: least = most.
	Exact bool
	Order Order // "" = RoundRobin
	Seed  uint32
	// Rate is the reference's --request-rate: after each request its client rests for Exp(1/Rate) seconds. 0 = none.
	Rate float64
	// Retries of a failed turn, each after 2^attempt seconds, 10 % more or less.
	Retries int
	Timeout time.Duration // of a request; a fifth of a second a token asked for, if that is more; 0 = 120 s
	Warmup  bool          // play every conversation's first turn before the run, outside of its numbers
	History History       // "" = ServerAnswers
	// ReasoningField is the field of an answer's message in which its reasoning is sent back; "" = it is not.
	ReasoningField string
	Failure        Failure // "" = EndConversation
	Verify         bool    // compare answers with the dataset's

	Control Control // "" = NoControl
	Mix     Mix     // "" = ByBatch
	Salts   Salts   // of NoReuse and AA, which need it
	// Reset empties the server's cache; Cold needs it.
	Reset func(context.Context) error
	// Marker, unless empty, is put before the text of every conversation's first user message, where no salt is.
	Marker string

	// Counter counts what the server does not; nil leaves counts at 0 and asks for no length that has to be counted.
	Counter Counter
	// Start is the origin of all clocks: the sender's too.
	Start time.Time
	// OnMeasured, unless nil, is called before the first turn that is measured, after a warm-up.
	OnMeasured func()
	// OnExchange is called for each finished request, from one goroutine, in order of their ends.
	OnExchange func(*Exchange) error
	// OnConversation is called with each finished conversation, the answers as they came, from the same goroutine.
	OnConversation func(*chat.Conversation) error
}

// Defaults that flags show.
const (
	DefaultTimeout = 120 * time.Second
)

// withDefaults fills zero values in.
func (o Options) withDefaults() Options {
	o.Clients = max(o.Clients, 1)
	if o.Active == 0 {
		o.Active = o.Clients
	}
	if o.Order == "" {
		o.Order = RoundRobin
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

// Validate returns all that is wrong with the options, in terms of the command's flags.
func (o Options) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if o.Clients < 0 {
		bad("--num-clients is %d; it must be at least 1", o.Clients)
	}
	if o.Active != 0 && o.Active < max(o.Clients, 1) {
		bad("--max-active-conversations is %d, less than --num-clients %d: no more requests than conversations can be in flight", o.Active, max(o.Clients, 1))
	}
	if o.MaxRequests < 0 {
		bad("--max-num-requests is %d; it must be at least 1", o.MaxRequests)
	}
	if o.MaxRequests > 0 && o.Control.Arms() > 1 {
		bad("--control %s plays every conversation twice, and --max-num-requests would cut one arm off: give fewer conversations, or --max-turns", o.Control)
	}
	if o.MaxTurns < 0 {
		bad("--max-turns is %d; it must be at least 1", o.MaxTurns)
	}
	if o.LimitMin > 0 || o.LimitMax > 0 {
		if o.LimitMin < 1 || o.LimitMax < 1 || o.LimitMin > o.LimitMax {
			bad("--limit-min-tokens %d and --limit-max-tokens %d: where one is above 0, both must be at least 1, and min not above max", o.LimitMin, o.LimitMax)
		}
	}
	if o.Rate < 0 {
		bad("--request-rate is %g; it must not be negative", o.Rate)
	}
	if o.Retries < 0 {
		bad("--max-retries is %d; it must not be negative", o.Retries)
	}
	if o.Timeout < 0 {
		bad("--request-timeout-sec is %v; it must be above 0", o.Timeout)
	}
	switch o.Order {
	case "", RoundRobin, Random:
	default:
		bad("--conversation-sampling is %q; it must be %s or %s", o.Order, RoundRobin, Random)
	}
	switch o.History {
	case "", ServerAnswers, DatasetAnswers:
	default:
		bad("--history is %q; it must be %s or %s", o.History, ServerAnswers, DatasetAnswers)
	}
	switch o.Failure {
	case "", EndConversation, GoOn:
	default:
		bad("--on-failure is %q; it must be %s or %s", o.Failure, EndConversation, GoOn)
	}
	errs = append(errs, o.validateControl())
	return errors.Join(errs...)
}
