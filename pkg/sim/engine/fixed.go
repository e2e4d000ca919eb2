package engine

import (
	"errors"
	"time"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/sim/internal/splitmix"
)

// FixedOptions are the speeds of Fixed.
type FixedOptions struct {
	// Base is the time to the first token of an empty prompt. PerToken is added for each computed
	// prompt token.
	Base, PerToken time.Duration
	// Load is added for each prompt token hit in a lower tier.
	Load LoadTimes
	// Interval is the time between two tokens; 0 = all at once.
	Interval time.Duration
	// Jitter is the share by which the time to the first token and every interval vary, drawn from
	// Seed and the order of requests: 0.1 is up to a tenth longer or shorter.
	Jitter float64
	Seed   int64
}

// Validate returns every mistake in o, joined.
func (o *FixedOptions) Validate() error {
	return errors.Join(
		nonNegative("time to first token", o.Base),
		nonNegative("time per prompt token", o.PerToken),
		nonNegative("time between tokens", o.Interval),
		o.Load.validate(),
		validJitter(o.Jitter),
	)
}

// burst is how many tokens an engine without an interval makes before it turns
// to the next sequence: few enough that others do not wait long, enough to
// share the cost of a turn.
const burst = 64

// Fixed gives every sequence its own schedule. There is no queue and no batch,
// and sequences influence each other only through the cache. What a client
// should measure is known in advance:
//
//	first token   arrival + Base + PerToken × computed + Σ Load[tier] × cached[tier]
//	each further  Interval later
//
// each time longer or shorter by Jitter.
//
// A sequence that finds too few free blocks, at its start or later, runs on
// without the cache.
type Fixed struct {
	o     FixedOptions
	cache *kvcache.Cache
	due   schedule
	order uint64
	count uint64 // sequences so far
}

var _ Engine = (*Fixed)(nil)

// NewFixed returns an engine with the speeds of o, which must be valid.
func NewFixed(o FixedOptions, cache *kvcache.Cache) *Fixed { return &Fixed{o: o, cache: cache} }

// Submit looks the prompt up, takes its blocks and schedules the first token.
func (f *Fixed) Submit(at time.Duration, s *Sequence) {
	s.Arrived, s.Scheduled = at, at
	var ok bool
	if s.pinned, ok = f.cache.Start(kvcache.Request{Hashes: s.Chain.Hashes(), Tokens: s.PromptTokens}); ok {
		size := f.cache.Config().BlockSize
		s.found(size)
		for _, d := range s.looked(size, f.o.Load) {
			s.Loading += d
		}
	} else {
		s.Beside = true
	}
	first := at + f.o.Base + time.Duration(s.Computed())*f.o.PerToken
	f.order++
	f.count++
	s.chance = splitmix.Rand(uint64(f.o.Seed) ^ f.count<<20)
	first = at + s.chance.Jitter(first+s.Loading-at, f.o.Jitter)
	f.due.push(due{first, f.order, s})
}

// Abort removes the sequence.
func (f *Fixed) Abort(_ time.Duration, s *Sequence) {
	if s.Done() {
		return
	}
	s.Aborted = true
	f.due.remove(s)
	s.release((*kvcache.Sequence).Finish)
}

// Next returns when the next token is due.
func (f *Fixed) Next() (time.Duration, bool) {
	if len(f.due) == 0 {
		return 0, false
	}
	return f.due[0].at, true
}

// Load returns the number of sequences. All of them run.
func (f *Fixed) Load() Load { return Load{Running: len(f.due)} }

// Cache returns the cache.
func (f *Fixed) Cache() *kvcache.Cache { return f.cache }

// Advance makes the tokens that are due.
func (f *Fixed) Advance(now time.Duration, emit Emit) {
	for len(f.due) > 0 && f.due[0].at <= now {
		at, s := f.due[0].at, f.due[0].s
		// after the others, and after the caller has looked for new arrivals
		n, next := burst, now+1
		left := s.OutputTokens - s.Generated
		last := at
		if i := f.o.Interval; i > 0 {
			// If the caller is late, all tokens due by now are made together, or it would
			// never catch up.
			next = at + s.chance.Jitter(i, f.o.Jitter)
			for n = 1; next <= now && n < left; n++ {
				last = next
				next += s.chance.Jitter(i, f.o.Jitter)
			}
		}
		n = min(n, left)
		if s.Generated == 0 {
			s.First = at
		}
		s.Last = last
		f.grow(s, n)
		s.Generated += n
		if s.Done() {
			f.due.remove(s)
			s.release((*kvcache.Sequence).Finish)
		} else {
			f.order++
			f.due.move(s, next, f.order)
		}
		emit(s, at, n)
	}
}

// grow puts the next n generated tokens into the cache, except for the last
// one: its KV is computed with the token after it.
func (f *Fixed) grow(s *Sequence, n int) {
	if s.pinned == nil {
		return
	}
	for i := range n {
		s.Chain.Append(s.Owner.Token(s.Generated + i))
	}
	if s.Generated == 0 {
		n--
	}
	if n > 0 && !s.pinned.Grow(s.Chain.Hashes(), n) {
		s.Beside = true
		s.release((*kvcache.Sequence).Finish)
	}
}
