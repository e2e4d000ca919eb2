package bench

import (
	"context"
	"math/rand/v2"
	"time"

	"multiturn/pkg/load"
	"multiturn/pkg/record"
)

// maxPause is the longest pause before a retry. A back-off grows up to it. A server
// that asks for a longer one is not asked again in a run: its turn fails.
const maxPause = 5 * time.Minute

// attempts is what came of a request and its retries.
type attempts struct {
	reply             *Reply // of the last one
	number            int
	scheduled, issued record.Clock
	first             record.Clock  // when the first one was issued; 0 if it is the only one
	paused            time.Duration // all pauses that a retry ended
}

// send sends a request, and again after a pause if it fails so that another try may
// succeed. The end of the run ends a pause.
func (r *run) send(ctx context.Context, d load.Dispatch, req *Request,
	scheduled record.Clock, jitter *rand.Rand) attempts {
	p := r.plays[d.Play]
	a := attempts{scheduled: scheduled}
	for empty := d.Empty; ; empty = p.Arm.Cold {
		a.number++
		if p.Arm.Salt == load.SaltRequest {
			req.Messages = p.salted(r.opt.Salts.Next())
		}
		if empty {
			r.empty(ctx)
			a.scheduled = max(a.scheduled, r.now()) // emptying it is not the turn's time
		}
		a.issued = r.now()
		a.reply = r.sender.Send(ctx, req)
		if r.notReady(ctx, a.reply) {
			a.number--
			a.scheduled = r.now()
			continue
		}
		if !a.reply.MayRetry() || a.number > r.opt.Retries || ctx.Err() != nil || r.stopped() {
			return a
		}
		pause, ok := pauseAfter(a.number, a.reply.RetryAfter, jitter)
		from := r.now()
		if !ok || !sleep(pause, r.halt) {
			return a
		}
		if a.number == 1 {
			a.first = a.issued
		}
		a.scheduled = r.now()
		a.paused += time.Duration(a.scheduled - from)
	}
}

// notReady reports whether the server was not ready for a request, and has been
// waited for.
func (r *run) notReady(ctx context.Context, reply *Reply) bool {
	return r.opt.NotReady != nil && !reply.Outcome.OK() && ctx.Err() == nil && !r.stopped() &&
		r.opt.NotReady(ctx, &reply.Exchange)
}

// pauseAfter returns the pause after a failed attempt, counted from 1: the back-off,
// but no less than what the server asked for. It is up to a tenth longer than that,
// so that not all clients come back at once. ok is false if the server asked for
// more than maxPause.
func pauseAfter(attempt int, asked time.Duration, jitter *rand.Rand) (pause time.Duration, ok bool) {
	vary := jitter.Float64()
	seconds := float64(int64(1) << min(attempt-1, 10))
	pause = time.Duration(float64(time.Second) * seconds * (0.9 + 0.2*vary))
	least := time.Duration(float64(asked) * (1 + 0.1*vary))
	return max(min(pause, maxPause), least), asked <= maxPause
}
