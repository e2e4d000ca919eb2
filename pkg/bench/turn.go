package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"multiturn/internal/crash"
	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// play sends a turn, adds it to the ledger, and returns when its answer ended
// and whether its conversation goes on.
func (r *run) play(ctx context.Context, d load.Dispatch, scheduled record.Clock,
	jitter *rand.Rand) (end record.Clock, ok bool) {
	p, added := r.plays[d.Play], false
	defer func() {
		if c := crash.Caught(recover()); c != nil {
			end, ok = r.crashed(c, d, scheduled, added), false
		}
	}()
	r.prepare(p)
	t := p.ask(d.Turn)
	req := r.request(p, t)
	req.Replica = d.Replica
	a := r.send(ctx, d, req, scheduled, jitter)
	rec := r.record(d, req, &a)

	asked := p.fresh[len(p.fresh)-(t.To-t.From):]
	e := entry{play: d.Play, marked: t.marked, turn: rec, reply: a.reply, asked: asked}
	before := len(p.fresh)
	switch {
	case rec.Outcome.OK(), rec.Outcome == record.Empty:
		rec.History, ok = r.keep(p, d.Turn, a.reply), true
	case r.opt.Failure == GoOn && t.Answer >= 0 && ctx.Err() == nil:
		rec.History, ok = r.keep(p, d.Turn, nil), true
	}
	if ok {
		e.history = p.fresh[before:]
	}
	last := !ok || d.Turn+1 == len(p.turns)
	if last && ok && r.opt.OnConversation != nil && p.Arm.First {
		e.finished = p.played()
	}
	r.ledger.add(e)
	added = true
	if last {
		p.release()
	}
	return max(rec.End, a.issued), ok
}

// crashed ends a turn that panicked, and with it its conversation, and returns when
// that was. added reports whether the ledger has the turn.
func (r *run) crashed(c *crash.Error, d load.Dispatch, scheduled record.Clock,
	added bool) record.Clock {
	r.opt.noteCrash(c)
	reply := &Reply{Exchange: record.Exchange{
		Outcome: record.Internal, Error: c.Error(), End: r.now(),
	}}
	if !added {
		a := &attempts{reply: reply, number: 1, scheduled: scheduled, issued: scheduled}
		r.ledger.add(entry{play: d.Play, turn: r.record(d, &Request{}, a), reply: reply})
	}
	r.plays[d.Play].release()
	return reply.End
}

func (o *Options) noteCrash(c *crash.Error) {
	if o.OnCrash != nil {
		o.OnCrash(c)
	}
}

// request returns the request of a turn whose messages are in the history.
func (r *run) request(p *play, t *turn) *Request {
	req := &Request{Conversation: p.session, Messages: p.pieces, Fields: p.conv.Fields}
	req.MinTokens, req.MaxTokens = r.opt.lengths(t)
	// As the reference: a long answer may take a fifth of a second a token.
	req.Timeout = max(r.opt.Timeout, time.Duration(req.MaxTokens/5)*time.Second)
	return req
}

// How often emptying the cache is tried, and the pause after the first failure,
// doubled after each: servers refuse while they clean up after a request.
const (
	resets     = 5
	resetPause = 200 * time.Millisecond
)

// empty empties the server's cache, or ends the run.
func (r *run) empty(ctx context.Context) {
	var err error
	for i := range resets {
		if i > 0 && !sleep(resetPause<<(i-1), ctx.Done()) {
			return
		}
		if err = r.opt.Reset(ctx); err == nil || ctx.Err() != nil {
			return
		}
	}
	r.broken = fmt.Errorf("the server's cache could not be emptied: %w", err)
	r.fail(r.broken)
}

// record returns the record of a turn, but for the counts that the ledger adds.
func (r *run) record(d load.Dispatch, req *Request, a *attempts) *record.Turn {
	p := r.plays[d.Play]
	rec := &record.Turn{
		Type: record.TypeTurn, Conversation: p.conv.ID, Client: d.Client, Turn: d.Turn,
		Messages: p.sent, Arm: p.Arm.Name, Batch: p.Batch, Warmup: d.Warmup, Attempts: a.number,
		Scheduled: a.scheduled, Issued: a.issued, Exchange: a.reply.Exchange,
		FirstIssued: a.first, PausedMS: float64(a.paused) / 1e6,
		MaxTokens: req.MaxTokens, MinTokens: req.MinTokens,
	}
	if r.opt.Replicas > 1 {
		rec.Replica = d.Replica + 1
	}
	if answer := p.turns[d.Turn].Answer; r.opt.Verify && rec.Outcome.OK() && answer >= 0 {
		rec.Verify = record.VerifyMatch
		if a.reply.Text != p.conv.Messages[answer].Text {
			rec.Verify = record.VerifyMismatch
		}
	}
	return rec
}
