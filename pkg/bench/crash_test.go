package bench

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"multiturn/internal/crash"
	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// fragile counts words, and panics at one of them.
type fragile struct{ words }

func (f fragile) Count(s string) int {
	if strings.Contains(s, "glass") {
		panic("broken")
	}
	return f.words.Count(s)
}

// TestCrash checks that a panic in a turn's handling ends its conversation, and one
// in the counting of its tokens only that; the other conversations go on.
func TestCrash(t *testing.T) {
	t.Parallel()
	var crashes atomic.Int64
	o := of(load.Options{Clients: 2, Active: 2})
	o.OnCrash = func(*crash.Error) { crashes.Add(1) }
	o.Counter = fragile{}
	f := &fake{reply: func(_ int, r *Request, rep *Reply) {
		switch first := len(r.Messages) == 1; {
		case first && r.Conversation == "c1":
			panic("of the sender")
		case first && r.Conversation == "c2":
			rep.Text = "of glass"
		}
	}}
	var turns []record.Turn
	o.OnFinished = func(e *Finished) error {
		turns = append(turns, *e.Turn)
		return nil
	}
	end, err := Run(t.Context(), o, f, conversations(4, 6), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := record.Tally{Planned: 12, Started: 10, Finished: 9, Failed: 1, Abandoned: 2}
	if end.Turns != want || end.Why != record.WhyDone || crashes.Load() != 2 {
		t.Errorf("turns %+v, %s, %d crashes; want %+v", end.Turns, end.Why, crashes.Load(), want)
	}
	for _, turn := range turns {
		crashed, counted := turn.Conversation == "c1", turn.Counted != record.Counted{}
		if (turn.Outcome == record.Internal) != crashed ||
			strings.Contains(turn.Error, "a fault of this program at pkg/bench/crash_test.go:") != crashed {
			t.Errorf("%s turn %d: %s (%s)", turn.Conversation, turn.Turn, turn.Outcome, turn.Error)
		}
		if !crashed && counted == (turn.Conversation == "c2") {
			t.Errorf("%s turn %d: counted %+v", turn.Conversation, turn.Turn, turn.Counted)
		}
	}
}

// slow counts a long text once it is closed.
type slow chan struct{}

func (s slow) Count(text string) int {
	if len(text) > 1<<20 {
		<-s
	}
	return 1
}

// TestCancelledDuringCount checks that the end of a run that is cancelled does not
// wait for a long text that is being counted.
func TestCancelledDuringCount(t *testing.T) {
	t.Parallel()
	counter := make(slow)
	defer close(counter)
	ctx, cancel := context.WithCancel(t.Context())
	o := of(load.Options{Clients: 1, Active: 1})
	o.LimitMin, o.LimitMax = -1, -1
	o.Counter = counter
	o.OnEnded = func(*record.Turn) { time.AfterFunc(10*time.Millisecond, cancel) }
	cs := conversations(1, 2)
	cs[0].Messages[0].Text = strings.Repeat("a ", 1<<20)
	end, err := Run(ctx, o, &fake{}, cs, nil)
	if err != nil || end.Turns.Finished != 1 {
		t.Errorf("error %v, turns %+v", err, end.Turns)
	}
}

// TestCancelledIsNotCounted checks that the texts of a run that was cancelled are
// not counted, which may take longer than its end may, and that its records are
// still handed on.
func TestCancelledIsNotCounted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	o := of(load.Options{Clients: 1, Active: 1})
	o.Counter = fragile{}
	o.OnCrash = func(c *crash.Error) { t.Errorf("a text was counted: %v", c) }
	f := &fake{reply: func(_ int, _ *Request, rep *Reply) {
		rep.Text = "of glass"
		cancel()
	}}
	var turns []record.Turn
	o.OnFinished = func(e *Finished) error {
		turns = append(turns, *e.Turn)
		return nil
	}
	end, err := Run(ctx, o, f, conversations(1, 2), nil)
	if err != nil {
		t.Fatal(err)
	}
	if end.Turns.Started != 1 || len(turns) != 1 || turns[0].Counted != (record.Counted{}) {
		t.Errorf("turns %+v, records %+v; want one without counts", end.Turns, turns)
	}
}
