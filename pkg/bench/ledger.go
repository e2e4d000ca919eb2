package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"multiturn/internal/crash"
	"multiturn/pkg/chat"
	"multiturn/pkg/record"
)

// ledger counts answers, completes records and hands them on. It does so on a
// goroutine of its own, so that a client goes from one turn to the next without
// waiting for a tokenizer, a file or a terminal. If the counter is a Fetcher,
// everything but the count of turns waits for the end of the run.
type ledger struct {
	opt    *Options
	fail   func(error)
	giveUp func() // sends no more requests
	// over is done once the run was cancelled: nothing is counted any more.
	over context.Context
	cut  bool // a count was not waited for

	mu      sync.Mutex
	more    sync.Cond
	queue   []entry
	closing bool
	stopped chan struct{}

	// The rest belongs to the goroutine until it has stopped.
	err                        error   // the first of a sink
	turnsErr, conversationsErr error   // of OnFinished and OnConversation
	held                       []entry // of a Fetcher: they wait to be counted
	input                      []int   // by play: tokens of all its messages so far; -1 = unknown
	uncounted                  int     // entries whose tokens are unknown
	turns, turnsOK             int     // without warm-up
	early                      early
}

// early is what came of the turns at the start of a run.
type early struct {
	n      int // turns that failed before any succeeded
	ok     bool
	failed error // an AllFailedError, or nil
}

// AllFailedError is the error of a run that was given up because all its
// turns failed.
type AllFailedError struct {
	N    int // turns
	Last record.Exchange
}

func (e *AllFailedError) Error() string {
	return fmt.Sprintf("the first %d turns all failed, the last one so: %s", e.N,
		cmp.Or(e.Last.Error, string(e.Last.Outcome)))
}

// entry is one finished request, not yet counted.
type entry struct {
	play     int
	marked   int // tokens of the mark in front of the new messages
	turn     *record.Turn
	reply    *Reply
	asked    []chat.Message
	history  []chat.Message     // what stands for the answer in the history
	finished *chat.Conversation // after its last turn, if somebody wants it
}

func newLedger(ctx context.Context, o *Options, plays int, fail func(error)) *ledger {
	l := &ledger{
		opt: o, fail: fail, over: ctx, input: make([]int, plays), stopped: make(chan struct{}),
	}
	l.more.L = &l.mu
	go l.run()
	return l
}

func (l *ledger) add(e entry) {
	l.mu.Lock()
	l.queue = append(l.queue, e)
	l.mu.Unlock()
	l.more.Signal()
}

// close waits until every entry is handed on, or held for count.
func (l *ledger) close() {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.more.Signal()
	<-l.stopped
}

func (l *ledger) run() {
	defer close(l.stopped)
	for {
		l.mu.Lock()
		for len(l.queue) == 0 && !l.closing {
			l.more.Wait()
		}
		batch := l.queue
		l.queue = nil
		l.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for i := range batch {
			l.note(batch[i].turn)
		}
		if _, ok := l.opt.Counter.(Fetcher); ok {
			l.held = append(l.held, batch...)
			continue
		}
		l.enterAll(batch)
	}
}

// count fetches the counts of the entries that wait for them, and hands these on.
// Those that cannot be counted are handed on all the same.
func (l *ledger) count(ctx context.Context) error {
	if len(l.held) == 0 {
		return l.err
	}
	cancelled := ctx.Err() != nil
	var texts []string
	for i := range l.held {
		texts = l.held[i].appendTexts(texts)
	}
	err := l.opt.Counter.(Fetcher).Fetch(ctx, texts)
	l.enterAll(l.held)
	switch {
	case cancelled:
		err = nil // the end of the run says so
	case err != nil:
		err = fmt.Errorf("the texts of %d of %d turns could not be counted, their records "+
			"have no counts: %w", l.uncounted, len(l.held), err)
	}
	return errors.Join(err, l.err)
}

// appendTexts appends the texts of an entry that are counted.
func (e *entry) appendTexts(texts []string) []string {
	for i := range e.asked {
		texts = append(texts, e.asked[i].AllText())
	}
	for i := range e.history {
		texts = append(texts, e.history[i].AllText())
	}
	return append(texts, e.reply.Text, e.reply.First)
}

// isKnown reports whether the counts of all texts of an entry were fetched.
func (e *entry) isKnown(f Fetcher) bool {
	return !slices.ContainsFunc(e.appendTexts(nil), func(s string) bool { return !f.Known(s) })
}

func (l *ledger) enterAll(entries []entry) {
	for i := range entries {
		if err := l.enter(&entries[i]); err != nil && l.err == nil {
			l.err = err
			l.fail(err)
		}
		entries[i] = entry{} // its texts may go
	}
}

// note takes a turn into the counts of turns.
func (l *ledger) note(t *record.Turn) {
	l.judge(t)
	if !t.Warmup {
		l.turns++
		if t.Outcome.OK() {
			l.turnsOK++
		}
	}
	if l.opt.OnEnded != nil {
		l.opt.OnEnded(t)
	}
}

func (l *ledger) enter(e *entry) error {
	t := e.turn
	f, fetched := l.opt.Counter.(Fetcher)
	if fetched && !e.isKnown(f) || !fetched && l.over.Err() != nil {
		l.input[e.play] = -1 // and for the turns after it
	}
	if l.input[e.play] < 0 || !l.tokens(e) {
		l.uncounted++
	}
	// What one sink cannot keep is still handed to the other.
	if l.turnsErr == nil && l.opt.OnFinished != nil {
		l.turnsErr = l.opt.OnFinished(&Finished{
			Turn: t, Asked: e.asked, Answer: e.reply.Text, Reasoning: e.reply.Reasoning,
			History: e.history,
		})
	}
	if e.finished != nil && l.conversationsErr == nil && l.opt.OnConversation != nil {
		l.conversationsErr = l.opt.OnConversation(e.finished)
	}
	return cmp.Or(l.turnsErr, l.conversationsErr)
}

// tokens counts the texts of a turn. It returns false if the counter panics: then
// neither this turn's tokens are known nor those of the turns after it.
func (l *ledger) tokens(e *entry) (ok bool) {
	defer func() {
		if c := crash.Caught(recover()); c != nil {
			l.opt.noteCrash(c)
			e.turn.Counted, l.input[e.play] = record.Counted{}, -1
		}
	}()
	c := l.opt.Counter
	fresh := e.marked
	if c != nil {
		for i := range e.asked {
			fresh += l.size(e.asked[i].AllText())
		}
	}
	input := l.input[e.play] + fresh
	counted := record.Counted{Input: input, NewInput: fresh}
	if c != nil {
		counted.Output = l.size(e.reply.Text)
		counted.FirstChunk = counted.Output
		if len(e.reply.First) < len(e.reply.Text) {
			counted.FirstChunk = l.size(e.reply.First)
		}
	}
	e.turn.Counted = counted
	l.input[e.play] = input + l.kept(e)
	if l.cut {
		e.turn.Counted, l.input[e.play] = record.Counted{}, -1
		return false
	}
	return true
}

// kept returns the tokens that stand for the answer in the history.
func (l *ledger) kept(e *entry) (tokens int) {
	if l.opt.Counter == nil || e.history == nil {
		return e.turn.Counted.Output
	}
	for i := range e.history {
		if text := e.history[i].AllText(); text == e.reply.Text {
			tokens += e.turn.Counted.Output
		} else {
			tokens += l.size(text)
		}
	}
	return tokens
}

// size returns the tokens of a text. A long one may take longer than the end of a
// run that was cancelled: its count is not waited for then, and the result is 0.
func (l *ledger) size(text string) int {
	const long = 64 << 10
	if len(text) <= long {
		return l.opt.Counter.Count(text)
	}
	var n int
	var failed *crash.Error
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { failed = crash.Caught(recover()) }()
		n = l.opt.Counter.Count(text)
	}()
	select {
	case <-l.over.Done():
		l.cut = true
		return 0
	case <-done:
	}
	if failed != nil {
		panic(failed)
	}
	return n
}

// judge gives the run up if nothing has succeeded so far.
func (l *ledger) judge(t *record.Turn) {
	e := &l.early
	if e.ok = e.ok || t.Outcome.OK(); e.ok {
		return
	}
	if e.n++; e.n == l.opt.GiveUp {
		e.failed = &AllFailedError{N: e.n, Last: t.Exchange}
		l.giveUp()
	}
}
