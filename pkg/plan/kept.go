package plan

import (
	"cmp"

	"multiturn/internal/compact"
	"multiturn/pkg/record"
)

// Turns keeps what a plan needs of the turns of a run, in about 110 bytes each: a
// million turns with their gaps would take gigabytes. The zero value has none.
type Turns struct {
	rows []keptTurn
	// What turns share, once each.
	dialogues compact.Pool[Dialogue]
	endings   compact.Pool[keptEnding]
}

// keptTurn is one turn, as record.Turn has it.
type keptTurn struct {
	*Dialogue
	*keptEnding
	start, firstToken, end record.Clock

	turn, messages, chunks  int32
	prompt, completion      int32 // of usage
	counted, countedOut     int32
	usage, reasoned, warmup bool
}

// keptEnding is what few turns have of their own.
type keptEnding struct {
	outcome              record.Outcome
	history, implausible string
	replica              int
}

// Add takes a turn. It keeps no part of t.
func (k *Turns) Add(t *record.Turn) {
	r := keptTurn{
		Dialogue: k.dialogues.Share(Dialogue{t.Conversation, t.Arm}),
		keptEnding: k.endings.Share(keptEnding{
			t.Outcome, t.History, t.Implausible, t.Replica,
		}),
		start: cmp.Or(t.Sent, t.Issued), firstToken: t.FirstToken, end: cmp.Or(t.LastToken, t.End),
		turn: compact.Narrow(t.Turn), messages: compact.Narrow(t.Messages), chunks: compact.Narrow(t.Chunks),
		counted: compact.Narrow(t.Counted.Input), countedOut: compact.Narrow(t.Counted.Output),
		reasoned: reasoned(t), warmup: t.Warmup,
	}
	if u := t.Usage; u != nil {
		r.usage, r.prompt, r.completion = true, compact.Narrow(u.Prompt), compact.Narrow(u.Completion)
	}
	k.rows = append(k.rows, r)
}

// Len returns the number of turns.
func (k *Turns) Len() int { return len(k.rows) }

// At returns a function that returns as much of a turn as a plan needs, by its index.
// Each call overwrites what the one before returned.
func (k *Turns) At() func(i int) *record.Turn {
	var t record.Turn
	var usage record.Usage
	return func(i int) *record.Turn {
		r := &k.rows[i]
		t = record.Turn{
			Conversation: r.Conversation, Arm: r.Arm, Turn: int(r.turn), Messages: int(r.messages),
			Warmup: r.warmup, Replica: r.replica, History: r.history,
			Counted: record.Counted{Input: int(r.counted), Output: int(r.countedOut)},
		}
		t.Outcome, t.Implausible, t.Chunks = r.outcome, r.implausible, int(r.chunks)
		t.Sent, t.FirstToken, t.LastToken = r.start, r.firstToken, r.end
		if r.reasoned {
			t.ChunksReasoning = 1
		}
		if r.usage {
			usage = record.Usage{Prompt: int(r.prompt), Completion: int(r.completion)}
			t.Usage = &usage
		}
		return &t
	}
}
