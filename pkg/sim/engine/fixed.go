package engine

import (
	"errors"
	"time"
)

// FixedOptions are the speeds of Fixed.
type FixedOptions struct {
	// Base is the time to the first token of an empty prompt; PerToken is added for each prompt token that was not cached.
	Base, PerToken time.Duration
	// Interval is the time between two tokens; 0 = all at once.
	Interval time.Duration
}

// Validate returns all that is wrong.
func (o *FixedOptions) Validate() error {
	var errs []error
	if o.Base < 0 {
		errs = append(errs, errors.New("time to first token: must not be negative"))
	}
	if o.PerToken < 0 {
		errs = append(errs, errors.New("time per prompt token: must not be negative"))
	}
	if o.Interval < 0 {
		errs = append(errs, errors.New("time between tokens: must not be negative"))
	}
	return errors.Join(errs...)
}

// burst is how many tokens an engine without an interval makes before it turns to the next sequence.
const burst = 64

// Fixed gives every sequence its own schedule: no queue, no batch, no influence of one on another. What a client
// should measure is then known beforehand.
type Fixed struct {
	o     FixedOptions
	due   schedule
	order uint64
}

var _ Engine = (*Fixed)(nil)

// NewFixed returns an engine with the speeds of o, which must be valid.
func NewFixed(o FixedOptions) *Fixed { return &Fixed{o: o} }

// Submit schedules the first token.
func (f *Fixed) Submit(at time.Duration, s *Sequence) {
	s.Arrived, s.Scheduled = at, at
	s.Computed = s.PromptTokens - s.Cached
	f.push(at+f.o.Base+time.Duration(s.Computed)*f.o.PerToken, s)
}

// Abort takes the sequence out.
func (f *Fixed) Abort(_ time.Duration, s *Sequence) {
	if s.Done() {
		return
	}
	s.Aborted = true
	f.due.remove(s)
}

// Next is when the next token is due.
func (f *Fixed) Next() (time.Duration, bool) {
	if len(f.due) == 0 {
		return 0, false
	}
	return f.due[0].at, true
}

// Advance makes the tokens that are due.
func (f *Fixed) Advance(now time.Duration, emit Emit) {
	for len(f.due) > 0 && f.due[0].at <= now {
		at, s := f.due[0].at, f.due[0].s
		n, next := burst, now+1 // after the others' turn, and after the caller had a look at new arrivals
		if i := f.o.Interval; i > 0 {
			// Whoever is late sends what has come due together, or would never catch up.
			n = 1 + int((now-at)/i)
			next = at + time.Duration(n)*i
		}
		n = min(n, s.OutputTokens-s.Generated)
		if s.Generated == 0 {
			s.First = at
		}
		s.Last = at + time.Duration(n-1)*f.o.Interval
		s.Generated += n
		if s.Done() {
			f.due.remove(s)
		} else {
			f.order++
			f.due.move(s, next, f.order)
		}
		emit(s, at, n)
	}
}

func (f *Fixed) push(at time.Duration, s *Sequence) {
	f.order++
	f.due.push(due{at, f.order, s})
}
