package plan

import (
	"cmp"
	"fmt"
	"slices"

	"multiturn/pkg/chat"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// Executed is how the turns of a run are read.
type Executed struct {
	BlockSize int // tokens; 0 = server.AssumedBlock
	// Template stands in for the server's where a turn has no usage: its tokens
	// are added to the client's count of texts. Nil means template.Plain.
	Template *template.Template
	// DatasetHistory is set if turns were asked with the dataset's answers and not
	// the server's.
	DatasetHistory bool
	// Texts, optional, are the conversations that were sent, by id. With them,
	// conversations that begin alike share blocks, as far as their texts go: token
	// counts stay the server's, and what it counted beyond the texts comes behind
	// them. Tokenizer is needed then, and MaxMessages as in load.Options.
	Texts       map[string]*chat.Conversation
	Tokenizer   template.Tokenizer
	MaxMessages int
}

// Of returns how the turns of the run of a header are read: with the
// history and the limit on messages of the header, if o has none. The header may
// be nil.
func (o Executed) Of(h *record.Run) Executed {
	if h != nil && h.Load != nil {
		o.DatasetHistory = o.DatasetHistory || h.Load.History == record.HistoryDataset
		o.MaxMessages = max(o.MaxMessages, h.Load.MaxMessages)
	}
	return o
}

// FromTurns returns the workload of the turns of one run, as they were sent and
// ended. Turns may come in any order.
//
// Token counts are the server's usage; where there is none, the client's counts
// and Template. The blocks of a conversation are its own, named by their places,
// since the next turn's prompt is the turn before, its answer and what is new.
// Where the answer had reasoning (which a client does not send back), or a
// prompt is too short to hold it, the turn shares the prompt before it but not
// the answer; where it is shorter than that prompt, nothing. Notes count such
// turns.
//
// A turn that failed counts if the server had begun to answer: its prompt was
// computed then. A turn whose tokens are unknown is left out, and so is one that
// no server saw.
//
// In a run with control arms a conversation's arms are conversations of their
// own. Where prompts had salts of their own, or the cache was emptied before
// every turn, no turn shares anything.
func FromTurns(turns []*record.Turn, o Executed) *Workload {
	o.BlockSize = cmp.Or(o.BlockSize, server.AssumedBlock)
	o.Template = cmp.Or(o.Template, template.Plain)
	w := &Workload{
		BlockSize: o.BlockSize, Timed: true, How: "executed: as the turns were sent and ended",
	}
	x := executed{Executed: &o, turns: turns, byDialogue: map[dialogue][]int{}}
	for i, t := range turns {
		x.sort(i, t)
	}
	for n, d := range x.dialogues {
		w.Requests = append(w.Requests, x.requests(n, d)...)
	}
	slices.SortStableFunc(w.Requests, func(a, b Request) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Source, b.Source))
	})
	w.Notes = x.notes()
	return w
}

// dialogue is a conversation in one arm.
type dialogue struct{ conversation, arm string }

// executed is the turns of a run while they are read.
type executed struct {
	*Executed
	turns      []*record.Turn
	dialogues  []dialogue         // in the order in which they were seen
	byDialogue map[dialogue][]int // indices of turns

	unseen, unknown, estimated int // turns
	textless                   int // dialogues
	broken                     breaks
}

// sort puts turn i into its dialogue, or leaves it out.
func (x *executed) sort(i int, t *record.Turn) {
	prompt, _, usage := x.tokens(t)
	switch {
	case !t.Outcome.OK() && !t.FirstToken.OK():
		x.unseen++
		return
	case prompt <= 0:
		x.unknown++
		return
	case !usage:
		x.estimated++
	}
	d := dialogue{t.Conversation, t.Arm}
	if x.byDialogue[d] == nil {
		x.dialogues = append(x.dialogues, d)
	}
	x.byDialogue[d] = append(x.byDialogue[d], i)
}

// requests returns the requests of dialogue n.
func (x *executed) requests(n int, d dialogue) []Request {
	list := x.byDialogue[d]
	slices.SortStableFunc(list, func(a, b int) int {
		return cmp.Compare(x.turns[a].Turn, x.turns[b].Turn)
	})
	r := newRetelling(x.Executed, n, record.SharesNothing(d.arm))
	if x.Texts != nil && !r.alone {
		if r.text = x.Texts[d.conversation]; r.text == nil {
			x.textless++
		} else {
			r.parts = r.text.Cut(x.MaxMessages)
		}
	}
	var requests []Request
	for _, i := range list {
		q := r.add(x.turns[i])
		q.Source = i
		requests = append(requests, q)
	}
	x.broken.add(r.broken)
	return requests
}

// notes says what was left out or had to be assumed.
func (x *executed) notes() []string {
	var notes []string
	for _, n := range []struct {
		count int
		text  string
	}{
		{x.unseen, "%d turns that failed before any token are left out"},
		{x.unknown, "%d turns are left out: neither the server nor the client counted their tokens"},
		{x.estimated, "%d turns have no usage: their tokens are the client's counts and an estimate " +
			"of the chat template"},
		{x.broken.reasoning, "%d prompts follow an answer with reasoning, which the history they are " +
			"asked with leaves out: they share the prompt before them only"},
		{x.broken.shorter, "%d prompts are too short to hold the turn before them and its answer " +
			"(is reasoning dropped from the history?): they share its prompt only"},
		{x.broken.cut, "%d prompts are shorter than the one before them (was history cut?): " +
			"they share nothing with it"},
		{x.textless, "%d conversations are not among the texts: they share nothing with others"},
	} {
		if n.count > 0 {
			notes = append(notes, fmt.Sprintf(n.text, n.count))
		}
	}
	return notes
}

// tokens returns the tokens of a turn's prompt and answer, and whether the
// server counted them.
func (o *Executed) tokens(t *record.Turn) (prompt, output int, usage bool) {
	if u := t.Usage; u != nil && u.Prompt > 0 {
		return u.Prompt, u.Completion, true
	}
	if t.Counted.Input > 0 {
		return t.Counted.Input + o.Template.Overhead(t.Messages), t.Counted.Output, false
	}
	return 0, 0, false
}

// SampleTurn returns the turn of a measurement as the reference writes it: its
// times, its messages and the reference's own counts of tokens.
func SampleTurn(s *record.Sample) *record.Turn {
	clock := func(ms float64) record.Clock {
		if !(ms > 0 && ms < 1e15) { // NaN too
			return 0
		}
		return record.Clock(ms * 1e6)
	}
	t := &record.Turn{
		Type: record.TypeTurn, Conversation: s.Conversation, Client: s.Client,
		Messages: s.InputTurns, Turn: max(0, s.InputTurns-1) / 2,
		Exchange: record.Exchange{
			Outcome: record.OK, Sent: clock(s.StartMS),
			FirstToken: clock(s.StartMS + s.TTFTMS), End: clock(s.StartMS + s.LatencyMS),
		},
	}
	t.Counted = record.Counted{
		Input: s.InputTokens, Output: s.OutputTokens, FirstChunk: s.FirstChunkTokens,
	}
	return t
}
