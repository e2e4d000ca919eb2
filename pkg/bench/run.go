package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"multiturn/internal/pyrand"
	"multiturn/pkg/chat"
	"multiturn/pkg/record"
)

// Run plays the conversations and returns how it ended. Closing drain lets requests in flight finish and starts no
// more; cancelling ctx ends those too. The error is of a sink (OnExchange, OnConversation) or of the options; requests
// that failed are in the records.
func Run(ctx context.Context, o Options, s Sender, conversations []chat.Conversation, drain <-chan struct{}) (*record.End, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	r := &run{opt: o, sender: s, halt: make(chan struct{})}
	r.wake = sync.NewCond(&r.mu)
	var err error
	if r.plays, err = o.deal(conversations); err != nil {
		return nil, err
	}
	if len(r.plays) == 0 {
		return nil, errors.New("no conversation has a turn to play: there is no user message")
	}

	// The ledger stops the run when a sink is broken: measuring what cannot be kept is waste.
	r.fail = func(err error) { r.stop(record.WhyFailed); cancel(err) }
	r.ledger = newLedger(&r.opt, len(r.plays), r.fail)
	self := watch()
	stopDrain := context.AfterFunc(ctx, func() { r.stop(record.WhyCancelled) })
	defer stopDrain()
	done := make(chan struct{})
	var side sync.WaitGroup
	side.Go(func() {
		select {
		case <-drain:
			r.stop(record.WhyInterrupted)
		case <-done:
		}
	})
	// Those that start at once are prepared before the clocks matter; the others while these are played.
	atOnce := min(r.opt.Active, len(r.plays))
	r.prepareAll(r.plays[:atOnce])
	side.Go(func() {
		for _, p := range r.plays[atOnce:] {
			select {
			case <-done:
				return
			default:
				r.prepare(p)
			}
		}
	})

	if o.Warmup {
		from := r.now()
		r.phase(ctx, true)
		r.warmupMS = r.now().MS() - from.MS()
	}
	if !r.stopped() {
		if o.OnMeasured != nil {
			o.OnMeasured()
		}
		r.phase(ctx, false)
	}
	close(done)
	side.Wait()
	err = errors.Join(r.broken, r.ledger.close())
	end := r.end()
	end.Certificate = self.certificate()
	return end, err
}

// run is the state that clients share.
type run struct {
	opt    Options
	sender Sender
	plays  []*play
	ledger *ledger
	fail   func(error) // ends the run
	broken error       // the cache could not be emptied; of the one client that there is then

	halt chan struct{} // closed when nothing more is to be started, but for the limit

	mu      sync.Mutex
	wake    *sync.Cond
	over    chan struct{} // closed when this phase has no more turn to hand out
	ready   []*play       // turns that may be sent, in the order in which they became ready
	dealt   int           // plays[:dealt] were started in this phase
	active  int           // conversations in progress
	group   int           // of the plays in progress
	opening bool          // that group has sent nothing yet; Cold's one client reads it without the lock
	issued  int           // turns handed to clients in the measured phase
	warming bool
	why     string // set when nothing more is to be started
	choose  *rand.Rand

	warmupMS float64
}

func (r *run) now() record.Clock { return record.At(r.opt.Start, time.Now()) }

// stop starts nothing more. The first reason stays, but that the limit was reached does not hide an interrupt.
func (r *run) stop(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped() {
		return
	}
	close(r.halt)
	r.finish(why)
}

func (r *run) stopped() bool {
	select {
	case <-r.halt:
		return true
	default:
		return false
	}
}

// finish ends the phase: clients that wait or rest stop doing so. The lock is held.
func (r *run) finish(why string) {
	r.why = why
	select {
	case <-r.over:
	default:
		close(r.over)
	}
	r.wake.Broadcast()
}

// prepareAll prepares plays on all processors.
func (r *run) prepareAll(plays []*play) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range plays {
		g.Go(func() error {
			r.prepare(p)
			return nil
		})
	}
	_ = g.Wait() // preparing cannot fail
}

func (r *run) prepare(p *play) { p.prepare(r.opt.Counter, r.opt.needsLengths()) }

// needsLengths says whether any answer's length is taken from the dataset.
func (o *Options) needsLengths() bool { return o.LimitMax == 0 || o.LimitMin == 0 }

// phase plays all conversations with all clients: their first turn only when warming up.
func (r *run) phase(ctx context.Context, warming bool) {
	r.mu.Lock()
	r.warming, r.dealt, r.active, r.ready = warming, 0, 0, nil
	r.over = make(chan struct{})
	if r.stopped() {
		close(r.over)
	}
	// Each phase draws from a stream of its own, so that a warm-up moves nothing in the run.
	r.choose = rand.New(rand.NewPCG(uint64(r.opt.Seed), map[bool]uint64{false: 1, true: 2}[warming]))
	r.mu.Unlock()
	var g errgroup.Group
	for i := range min(r.opt.Clients, len(r.plays)) {
		g.Go(func() error {
			r.client(ctx, i)
			return nil
		})
	}
	_ = g.Wait() // clients return no error
}

// client sends ready turns, one at a time, until there are none.
func (r *run) client(ctx context.Context, id int) {
	var rest *pyrand.Numpy
	if r.opt.Rate > 0 && !r.warming {
		// The reference's stream: numpy's, seeded with seed + client + 1.
		rest = pyrand.NewNumpy(r.opt.Seed + uint32(id) + 1)
	}
	jitter := rand.New(rand.NewPCG(uint64(r.opt.Seed), uint64(id)+1<<32))
	free := r.now()
	for {
		p, ready := r.take()
		if p == nil {
			return
		}
		r.play(ctx, id, p, max(ready, free), jitter)
		free = r.now()
		if rest != nil {
			pause := time.Duration(rest.Exponential(1/r.opt.Rate) * float64(time.Second))
			sleep(pause, r.over)
			free += record.Clock(pause)
		}
	}
}

// take waits for a turn to send, and says since when it could have been sent. Nil: there is none and will be none.
func (r *run) take() (*play, record.Clock) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if r.stopped() {
			return nil, 0
		}
		if !r.warming && r.opt.MaxRequests > 0 && r.issued >= r.opt.MaxRequests {
			r.finish(record.WhyLimit)
			return nil, 0
		}
		for r.active < r.opt.Active && r.dealt < len(r.plays) {
			p := r.plays[r.dealt]
			if p.group != r.group {
				if r.active > 0 {
					break
				}
				r.group, r.opening = p.group, true
				r.wake.Broadcast() // clients that had nothing to do before its end
			}
			r.dealt++
			if !r.playable(p) {
				continue
			}
			r.active++
			p.ended = r.now()
			r.enqueue(p)
		}
		if len(r.ready) > 0 {
			i := 0
			if r.opt.Order == Random {
				i = r.choose.IntN(len(r.ready))
			}
			p := r.ready[i]
			r.ready = append(r.ready[:i], r.ready[i+1:]...)
			if !r.warming {
				r.issued++
				if r.issued == r.opt.MaxRequests {
					r.finish(r.why) // nobody need rest for another turn
				}
			}
			return p, p.ended
		}
		if r.active == 0 {
			r.finish(r.why)
			return nil, 0
		}
		r.wake.Wait()
	}
}

// playable says whether a conversation has a turn in this phase.
func (r *run) playable(p *play) bool {
	return !p.failed && p.next < len(p.turns) && (!r.warming || p.next == 0)
}

// enqueue makes p's next turn ready, now or after its think time. The lock is held.
func (r *run) enqueue(p *play) {
	delay := p.turns[p.next].Think
	if r.warming || delay <= 0 {
		r.ready = append(r.ready, p)
		return
	}
	p.ended += record.Clock(delay)
	time.AfterFunc(time.Duration(p.ended-r.now()), func() {
		r.mu.Lock()
		r.ready = append(r.ready, p)
		r.mu.Unlock()
		r.wake.Signal()
	})
}

// giveBack hands a conversation back after a turn: it goes on, or it has ended.
func (r *run) giveBack(p *play) {
	r.mu.Lock()
	if r.playable(p) {
		r.enqueue(p)
	} else {
		r.active--
		if r.active == 0 && r.dealt == len(r.plays) {
			r.finish(r.why)
		}
	}
	r.mu.Unlock()
	r.wake.Signal()
}

// play sends one turn of p, again if it fails and may be tried again.
func (r *run) play(ctx context.Context, client int, p *play, scheduled record.Clock, jitter *rand.Rand) {
	r.prepare(p)
	number := p.next
	t := p.ask()
	req := &Request{Conversation: p.session, Messages: p.pieces}
	req.MinTokens, req.MaxTokens = r.opt.lengths(t)
	// As the reference: a long answer may take a fifth of a second a token.
	req.Timeout = max(r.opt.Timeout, time.Duration(req.MaxTokens/5)*time.Second)

	var reply *Reply
	var issued record.Clock
	attempts := 0
	for {
		attempts++
		if p.arm.unique {
			req.Messages = p.salted(r.opt.Salts.Next())
		}
		if p.arm.cold || r.opt.Control == Cold && r.opening {
			r.opening = false
			if err := r.empty(ctx); err != nil && ctx.Err() == nil {
				r.broken = fmt.Errorf("the server's cache could not be emptied: %w", err)
				r.fail(r.broken)
			}
			scheduled = max(scheduled, r.now()) // the emptying is ours, not the turn's
		}
		issued = r.now()
		reply = r.sender.Send(ctx, req)
		if reply.Outcome.OK() || attempts > r.opt.Retries || ctx.Err() != nil || r.stopped() {
			break
		}
		pause := time.Duration(float64(time.Second) * float64(int64(1)<<min(attempts-1, 20)) * (0.9 + 0.2*jitter.Float64()))
		if !sleep(pause, r.halt) {
			break
		}
		scheduled = r.now()
	}

	rec := &record.Turn{
		Type: record.TypeTurn, Conversation: p.conv.ID, Client: client, Turn: number, Messages: p.sent,
		Arm: p.arm.name, Batch: (p.group + 1) / 2, Warmup: r.warming, Attempts: attempts,
		Scheduled: scheduled, Issued: issued, Exchange: reply.Exchange,
		MaxTokens: req.MaxTokens, MinTokens: req.MinTokens,
	}
	if r.opt.Verify && rec.Outcome.OK() && t.Answer >= 0 {
		rec.Verify = record.VerifyMatch
		if reply.Text != p.conv.Messages[t.Answer].Text {
			rec.Verify = record.VerifyMismatch
		}
	}

	asked := p.fresh[len(p.fresh)-(t.To-t.From):]
	e := entry{play: p.index, marked: t.marked, turn: rec, reply: reply, asked: asked}
	switch {
	case rec.Outcome.OK():
		m := r.history(p, t, reply)
		e.history = &m
		p.answer(m)
	case r.opt.Failure == GoOn && t.Answer >= 0 && ctx.Err() == nil:
		p.answer(p.conv.Messages[t.Answer])
	default:
		p.failed = true
	}
	p.ended = max(rec.End, issued)
	last := p.failed || p.next >= len(p.turns)
	if last && !p.failed && r.opt.OnConversation != nil && p.arm.first {
		e.finished = p.played()
	}
	r.ledger.add(e)
	if last {
		p.release()
	}
	r.giveBack(p)
}

// history is the answer as the next turn will be asked with it.
func (r *run) history(p *play, t *turn, reply *Reply) chat.Message {
	if r.opt.History == DatasetAnswers && t.Answer >= 0 {
		return p.conv.Messages[t.Answer]
	}
	m := chat.Message{Role: chat.Assistant, Text: reply.Text}
	reasoning := r.opt.ReasoningField != "" && reply.Reasoning != ""
	if reply.ToolCalls == nil && !reasoning {
		return m
	}
	raw := chat.AppendString([]byte(`{"role":"assistant","content":`), reply.Text)
	if reasoning {
		raw = chat.AppendString(append(chat.AppendString(append(raw, ','), r.opt.ReasoningField), ':'), reply.Reasoning)
	}
	if reply.ToolCalls != nil {
		raw = append(append(raw, `,"tool_calls":`...), reply.ToolCalls...)
	}
	m.Raw = append(raw, '}')
	return m
}

// lengths are the least and most tokens to ask for, 0 = none.
func (o *Options) lengths(t *turn) (least, most int) {
	bound := func(limit int) int {
		switch {
		case limit < 0:
			return 0
		case limit > 0:
			return limit
		}
		return t.length
	}
	least, most = bound(o.LimitMin), bound(o.LimitMax)
	if !o.Exact {
		least = 0
	}
	return least, most
}

// sleep waits for d, or until quit is closed; it says whether it slept to the end.
func sleep(d time.Duration, quit <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-quit:
		return false
	}
}

// end adds up what was planned and what came of it.
func (r *run) end() *record.End {
	e := &record.End{Type: record.TypeEnd, At: r.now(), Why: r.why, WarmupMS: r.warmupMS}
	if e.Why == "" {
		e.Why = record.WhyDone
	}
	l := r.ledger
	e.Turns = record.Tally{Started: l.turns, Finished: l.turnsOK, Failed: l.turns - l.turnsOK}
	for _, p := range r.plays {
		e.Conversations.Planned++
		planned := len(p.turns)
		if r.opt.Warmup {
			planned-- // played before the run
		}
		e.Turns.Planned += planned
		switch {
		case p.failed:
			e.Conversations.Started++
			e.Conversations.Failed++
		case p.next == len(p.turns):
			e.Conversations.Started++
			e.Conversations.Finished++
		case p.next > 0 && e.Why == record.WhyLimit:
			e.Conversations.Started++
			e.Conversations.Cut++
		case p.next > 0:
			e.Conversations.Started++
			e.Conversations.Abandoned++
		}
	}
	if r.opt.MaxRequests > 0 {
		e.Turns.Planned = min(e.Turns.Planned, r.opt.MaxRequests)
	}
	e.Turns.Abandoned = e.Turns.Planned - e.Turns.Started
	return e
}
