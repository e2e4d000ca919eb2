package plan

import (
	"cmp"
	"fmt"
	"slices"

	"multiturn/internal/compact"
	"multiturn/internal/human"
	"multiturn/pkg/chat"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// Executed describes how to read the turns of a run.
type Executed struct {
	BlockSize int // tokens; 0 = server.AssumedBlock
	// Template stands in for the server's chat template if a turn has no usage: its
	// tokens are added to the client's count of texts. Nil is the run's format of
	// prompts, else template.ChatML.
	Template *template.Template
	// DatasetHistory is set if the history held the dataset's answers, not the
	// server's.
	DatasetHistory bool
	// Texts, optional, are the conversations that were sent, by id. With them,
	// conversations that begin alike share the blocks of their texts. Token counts
	// stay the server's: tokens that it counted beyond the texts are put after
	// them. Texts need a Tokenizer, and MaxMessages as in load.Options.
	Texts       map[string]*chat.Conversation
	Tokenizer   template.Tokenizer
	MaxMessages int
}

// Of returns o with the history, the limit on messages and the format of prompts of
// a run's header, where o has none. The header may be nil.
func (o Executed) Of(h *record.Run) Executed {
	if h != nil && h.Load != nil {
		o.DatasetHistory = o.DatasetHistory || h.Load.History == record.HistoryDataset
		o.MaxMessages = max(o.MaxMessages, h.Load.MaxMessages)
		if o.Template == nil {
			o.Template = template.Named(h.Load.PromptFormat)
		}
	}
	return o
}

// FromTurns returns the workload of the n turns of one run, as they were sent and
// ended. At returns turn i, in any order of time. It is made when it is needed, so
// that a large run is not in memory twice, and is used only until the next call.
//
// Token counts are the server's usage; without usage, the client's counts and
// Template. The blocks of a conversation are its own, named by their places,
// since a prompt is the previous turn, its answer and what is new. If that
// answer had reasoning (which a client does not send back), if something else
// stands for it in the history, or if the prompt is too short to hold it, the turn
// shares the previous prompt but not the answer. If the prompt is shorter than the
// previous one, the turn shares nothing. Notes count such turns.
//
// A failed turn counts if the server had begun to answer, or has answered with
// nothing, because its prompt was computed by then. Turns that no server saw, and
// turns whose tokens are unknown, are left out.
//
// A conversation that goes from replica to replica finds there only what it sent to
// that one before.
//
// In a run with control arms, each arm of a conversation is a conversation of its
// own. In arms whose prompts each have their own salt, or whose cache was emptied
// before every turn, no turn shares anything.
//
// If the turns use more blocks than can be followed, the workload's blocks are larger
// than those of o, by a power of two, and a note says so.
func FromTurns(n int, at func(i int) *record.Turn, o Executed) *Workload {
	o.BlockSize = cmp.Or(o.BlockSize, server.AssumedBlock)
	o.Template = cmp.Or(o.Template, template.ChatML)
	x := executed{
		Executed: &o, at: at, numbers: map[Dialogue]int32{}, replicas: map[int32]bool{},
	}
	for i := range n {
		x.visit(i, at(i))
	}
	w := &Workload{
		BlockSize: o.BlockSize, Timed: true, How: "executed: as the turns were sent and ended",
	}
	step, size := x.coarsen(), o.BlockSize
	o.BlockSize *= step // x has the same
	w.BlockSize = o.BlockSize
	w.Requests = make([]Request, 0, len(x.visits))
	for of := range x.eachDialogue {
		w.Requests = x.appendRequests(w.Requests, of)
	}
	slices.SortFunc(w.Requests, func(a, b Request) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Source, b.Source))
	})
	w.Notes = x.notes()
	if step > 1 {
		w.Notes = append(w.Notes, coarseNote(step, size))
	}
	return w
}

// coarsen sorts the turns by dialogue, and returns how many blocks to follow as one.
func (x *executed) coarsen() int {
	slices.SortFunc(x.visits, func(a, b visit) int {
		return cmp.Or(cmp.Compare(a.dialogue, b.dialogue), cmp.Compare(a.turn, b.turn),
			cmp.Compare(a.source, b.source))
	})
	var f followed
	for of := range x.eachDialogue {
		f.follow(x, of)
	}
	return f.stride(x.BlockSize)
}

// eachDialogue yields the turns of each dialogue.
func (x *executed) eachDialogue(yield func([]visit) bool) {
	for rest := x.visits; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].dialogue == rest[0].dialogue {
			n++
		}
		if !yield(rest[:n]) {
			return
		}
		rest = rest[n:]
	}
}

// visit is a turn of a dialogue: the dialogue's number, its own in it, and its index
// among all turns.
type visit struct{ dialogue, turn, source int32 }

// executed is the turns of a run while they are read.
type executed struct {
	*Executed
	at        func(i int) *record.Turn
	dialogues []*Dialogue // in the order in which they were seen
	numbers   map[Dialogue]int32
	visits    []visit
	replicas  map[int32]bool // by their numbers

	unseen, unknown, estimated int // turns
	textless                   int // dialogues
	broken                     breaks
	untrue                     int    // turns with numbers that cannot be true
	firstUntrue                string // the first of these numbers
}

// visit notes that turn i is of its dialogue, or leaves it out.
func (x *executed) visit(i int, t *record.Turn) {
	prompt, _, usage := x.tokens(t)
	if t.Implausible != "" {
		x.untrue++
		x.firstUntrue = cmp.Or(x.firstUntrue, t.Implausible)
	}
	switch {
	case !t.Outcome.OK() && t.Outcome != record.Empty && !t.FirstToken.OK():
		x.unseen++
		return
	case prompt <= 0:
		x.unknown++
		return
	case !usage:
		x.estimated++
	}
	d := Dialogue{t.Conversation, t.Arm}
	n, seen := x.numbers[d]
	if !seen {
		n = int32(len(x.dialogues))
		x.numbers[d] = n
		x.dialogues = append(x.dialogues, &d)
	}
	x.visits = append(x.visits, visit{n, compact.Narrow(t.Turn), int32(i)})
}

// appendRequests appends the requests of one dialogue.
func (x *executed) appendRequests(requests []Request, of []visit) []Request {
	n := of[0].dialogue
	d := x.dialogues[n]
	r := newRetelling(x.Executed, int(n), record.SharesNothing(d.Arm))
	if x.Texts != nil && !r.alone {
		if r.text = x.Texts[d.Conversation]; r.text == nil {
			x.textless++
		} else {
			r.parts = r.text.Cut(x.MaxMessages)
		}
	}
	from := len(requests)
	for _, v := range of {
		t := x.at(int(v.source))
		q := r.add(t)
		q.Dialogue, q.Source, q.Replica = d, v.source, compact.Narrow(t.Replica)
		x.replicas[q.Replica] = true
		requests = append(requests, q)
	}
	share(requests[from:])
	x.broken.add(r.broken)
	return requests
}

// share gives requests whose blocks are the first ones of a later request its
// memory: a chain that grew has left copies behind.
func share(requests []Request) {
	var last []kvcache.Hash
	for i := len(requests) - 1; i >= 0; i-- {
		h := &requests[i].Hashes
		n := len(*h)
		if n > 0 && (n > len(last) || (*h)[n-1] != last[n-1]) {
			last = slices.Clone(*h)
		}
		*h = last[:n:n]
	}
}

// notes returns what was left out or had to be assumed, a sentence for each.
func (x *executed) notes() []string {
	var notes []string
	for _, n := range []struct {
		count      int
		noun, text string
	}{
		{x.unseen, "turn", "left out: the request failed before any token arrived"},
		{x.unknown, "turn", "left out: neither the server nor the client counted the tokens"},
		{x.estimated, "turn", "without usage: the tokens are the client's counts and an " +
			"estimate of the chat template"},
		{x.broken.reasoning, "prompt",
			"after an answer with reasoning, which clients do not send " +
				"back: only the previous prompt is shared"},
		{x.broken.replaced, "prompt", "after an answer that something else stands for in the " +
			"history (see history of a turn): only the previous prompt is shared"},
		{x.broken.shorter, "prompt", "too short to hold the previous turn and its answer (is " +
			"reasoning dropped from the history, or a part not counted?): only the previous prompt is shared"},
		{x.broken.cut, "prompt", "shorter than the previous one (was history cut?): nothing " +
			"is shared"},
		{x.textless, "conversation", "missing from the texts: nothing is shared with others"},
	} {
		if n.count > 0 {
			notes = append(notes, human.Count(n.count, n.noun)+" "+n.text)
		}
	}
	if x.untrue > 0 {
		notes = append(notes, fmt.Sprintf("%s with numbers that cannot be true, which are taken as "+
			"unknown: the first is %s", human.Count(x.untrue, "turn"), x.firstUntrue))
	}
	return append(notes, replicasNote(len(x.replicas))...)
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
		return record.Clock(max(0, ms) * 1e6)
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
