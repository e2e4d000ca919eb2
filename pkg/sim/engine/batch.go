package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/sim/internal/splitmix"
)

// BatchOptions are the speeds and limits of Batch.
type BatchOptions struct {
	// MaxSequences is the maximum number of running sequences, MaxStepTokens the maximum number of
	// tokens that a step computes; longer prefills are cut into chunks (vLLM's max-num-seqs and
	// max-num-batched-tokens).
	MaxSequences, MaxStepTokens int
	// Step is the time of an empty step. PerSequence is added for each generated token,
	// PerPrefillToken (one over the prefill rate) for each prompt token, and
	// PerContextToken for each token of context of a sequence in decode, whose KV is read
	// from memory.
	Step, PerSequence, PerPrefillToken, PerContextToken time.Duration
	// PairRate is the number of pairs of tokens per second that attention computes in prefill. A
	// prompt token makes a pair with itself and with each token before it, which is what makes long
	// prompts slow. 0 = pairs cost nothing.
	PairRate float64
	// Jitter is the share by which steps vary, drawn from Seed: 0.1 is up to a tenth longer or
	// shorter.
	Jitter float64
	Seed   int64
	// Overhead is the time from a request's arrival until the scheduler sees it.
	Overhead time.Duration
	// Load is the time to load a token from a lower tier. Loads from one tier wait for each other;
	// steps go on meanwhile.
	Load LoadTimes
}

// Validate returns every mistake in o, joined.
func (o *BatchOptions) Validate() error {
	var errs []error
	if o.MaxSequences < 1 {
		errs = append(errs,
			fmt.Errorf("at most %d running sequences: want at least 1", o.MaxSequences))
	}
	if o.MaxStepTokens < 1 || o.MaxStepTokens < o.MaxSequences {
		errs = append(errs, fmt.Errorf("at most %d tokens a step: want at least one for each of "+
			"%d running sequences", o.MaxStepTokens, o.MaxSequences))
	}
	if o.Step <= 0 {
		errs = append(errs, fmt.Errorf("step of %v: must be longer than 0", o.Step))
	}
	if !(o.PairRate >= 0) {
		errs = append(errs,
			fmt.Errorf("%v pairs of tokens per second: must not be negative", o.PairRate))
	}
	return errors.Join(append(errs,
		validJitter(o.Jitter),
		nonNegative("time per sequence", o.PerSequence),
		nonNegative("time per prefill token", o.PerPrefillToken),
		nonNegative("time per token of context", o.PerContextToken),
		nonNegative("overhead", o.Overhead),
		o.Load.validate(),
	)...)
}

// Batch is continuous batching in discrete steps, after vLLM V1's scheduler:
//
//   - A step first serves the running sequences, oldest first. Sequences in
//     decode compute one token, those in prefill as many as the step has room
//     for. If blocks run out, the youngest is preempted: it gives up its
//     blocks, goes to the head of the queue, and later recomputes the part that
//     the cache has lost.
//   - If no sequence was preempted, waiting requests follow in order of arrival
//     while there is room for another sequence, for tokens in the step, and for
//     their blocks. A request whose prefix is in a lower tier is started, but
//     waits for its load.
//   - At the end of the step, every sequence whose known tokens are all
//     computed makes its next token.
//
// A step takes Step + PerPrefillToken × prompt tokens + PerSequence × sequences
// in decode + PerContextToken × their context + pairs of tokens ÷ PairRate,
// varied by Jitter. Tokens recomputed after a preemption, including generated
// ones, count as prompt tokens here.
type Batch struct {
	o     BatchOptions
	cache *kvcache.Cache

	now     time.Duration // everything before it has been performed
	waiting []*Sequence   // preempted ones first, then by arrival
	loading []*Sequence   // in order of start
	running []*Sequence   // in order of start
	step    []*Sequence   // sequences in the running step
	busy    bool          // a step runs
	end     time.Duration // end of the running step
	// link is when the loads from each tier end.
	link [kvcache.NumTiers]time.Duration

	chance splitmix.Rand // for the jitter
	stats  batchStats
}

// batchStats counts events since the start.
type batchStats struct {
	steps uint64
	busy  time.Duration // the sum of all steps
}

var _ Engine = (*Batch)(nil)

// NewBatch returns an engine with the speeds of o, which must be valid.
func NewBatch(o BatchOptions, cache *kvcache.Cache) *Batch {
	return &Batch{o: o, cache: cache, chance: splitmix.Rand(o.Seed)}
}

// Load returns the number of sequences in each state.
func (b *Batch) Load() Load { return Load{len(b.running), len(b.waiting), len(b.loading)} }

// Cache returns the cache.
func (b *Batch) Cache() *kvcache.Cache { return b.cache }

// Submit adds the request to the end of the queue.
func (b *Batch) Submit(at time.Duration, s *Sequence) {
	s.Arrived, s.index = at, -1
	b.waiting = append(b.waiting, s)
}

// Abort removes the sequence, whatever its state. A running step that serves it
// takes no less time because of that.
func (b *Batch) Abort(_ time.Duration, s *Sequence) {
	if s.Done() {
		return
	}
	s.Aborted = true
	for _, list := range []*[]*Sequence{&b.waiting, &b.loading, &b.running} {
		*list = slices.DeleteFunc(*list, func(x *Sequence) bool { return x == s })
	}
	s.release((*kvcache.Sequence).Finish)
}

// Next returns the end of the running step, or when the next step can start.
func (b *Batch) Next() (time.Duration, bool) {
	if b.busy {
		return b.end, true
	}
	return b.nextStart()
}

// nextStart returns when the next step can start, if none runs.
func (b *Batch) nextStart() (time.Duration, bool) {
	if len(b.running) > 0 {
		return b.now, true
	}
	at, ok := time.Duration(0), false
	earlier := func(t time.Duration) {
		if !ok || t < at {
			at, ok = t, true
		}
	}
	for _, s := range b.loading {
		earlier(s.ready)
	}
	if len(b.waiting) > 0 {
		s := b.waiting[0]
		// If only loads pin blocks, the head may have to wait for them. It is tried again
		// when a load ends.
		if len(b.loading) == 0 || b.canStart(s) {
			earlier(b.visible(s))
		}
	}
	return max(at, b.now), ok
}

// visible returns when the scheduler sees the request.
func (b *Batch) visible(s *Sequence) time.Duration {
	if s.scheduled {
		return 0 // preempted
	}
	return s.Arrived + b.o.Overhead
}

// canStart reports whether the request at the head of the queue could start.
func (b *Batch) canStart(s *Sequence) bool {
	return len(b.loading) < b.o.MaxSequences &&
		b.cache.Room(s.Chain.Hashes(), s.PromptTokens+s.Generated)
}

// Advance performs the steps that end by now.
func (b *Batch) Advance(now time.Duration, emit Emit) {
	for {
		if !b.busy {
			at, ok := b.nextStart()
			if !ok || at > now {
				return
			}
			b.now = at
			b.begin()
			if !b.busy {
				continue // only loads were started
			}
		}
		if b.end > now {
			return
		}
		b.finish(emit)
	}
}

// begin decides what the next step computes and how long it takes.
func (b *Batch) begin() {
	b.loading = slices.DeleteFunc(b.loading, func(s *Sequence) bool {
		if s.ready <= b.now {
			b.running = append(b.running, s)
			return true
		}
		return false
	})
	budget, preempted := b.serve()
	if !preempted {
		b.admit(budget)
	}
	if len(b.step) == 0 {
		return
	}
	d := b.chance.Jitter(b.duration(), b.o.Jitter)
	b.busy, b.end = true, b.now+d
	b.stats.steps++
	b.stats.busy += d
}

// serve begins a step with the running sequences. It returns how many tokens
// the step has left, and whether a sequence was preempted.
func (b *Batch) serve() (budget int, preempted bool) {
	budget = b.o.MaxStepTokens
	b.step = b.step[:0]
	for i := 0; i < len(b.running) && budget > 0; i++ {
		s := b.running[i]
		n := min(b.left(s), budget)
		for grow := n - s.unpaid; grow > 0 && !s.pinned.Grow(s.Chain.Hashes(), grow); {
			last := b.running[len(b.running)-1]
			b.preempt(last)
			preempted = true
			if last == s {
				break
			}
		}
		if s.pinned == nil {
			break // it was the youngest itself
		}
		s.unpaid = 0
		s.step = n
		budget -= n
		b.step = append(b.step, s)
	}
	return budget, preempted
}

// admit adds waiting requests to the step.
func (b *Batch) admit(budget int) {
	for len(b.waiting) > 0 && budget > 0 && len(b.running)+len(b.loading) < b.o.MaxSequences {
		s := b.waiting[0]
		if b.visible(s) > b.now || !b.start(s, budget) {
			break
		}
		b.waiting = slices.Delete(b.waiting, 0, 1)
		if s.ready > b.now {
			b.loading = append(b.loading, s)
			continue
		}
		b.running = append(b.running, s)
		s.unpaid = 0
		budget -= s.step
		b.step = append(b.step, s)
	}
}

// duration returns how long the step takes, without jitter.
func (b *Batch) duration() time.Duration {
	d := b.o.Step
	for _, s := range b.step {
		known := s.PromptTokens + s.Generated
		if s.Generated > 0 && s.step == 1 && s.pinned.Computed() == known {
			d += b.o.PerSequence + time.Duration(known)*b.o.PerContextToken
			continue
		}
		d += time.Duration(s.step) * b.o.PerPrefillToken
		if b.o.PairRate > 0 {
			n, before := float64(s.step), float64(s.pinned.Computed()-s.step)
			d += time.Duration((n*before + n*(n+1)/2) / b.o.PairRate * 1e9)
		}
	}
	return d
}

// left returns how many of its known tokens s has yet to compute.
func (b *Batch) left(s *Sequence) int {
	return s.PromptTokens + s.Generated - s.pinned.Computed() + s.unpaid
}

// start takes the blocks of a waiting request, for as many tokens as the budget
// allows. It reports whether there was room.
func (b *Batch) start(s *Sequence, budget int) bool {
	known := s.PromptTokens + s.Generated
	hits := b.cache.Lookup(s.Chain.Hashes(), known)
	r := kvcache.Request{Hashes: s.Chain.Hashes(), Tokens: known, Prompt: s.PromptTokens,
		Compute: budget}
	if hits.Loaded() > 0 {
		r.Compute = 1 // the other blocks are taken after the load
	}
	pinned, ok := b.cache.Start(r)
	if !ok {
		return false
	}
	s.pinned = pinned
	size := b.cache.Config().BlockSize
	cached := pinned.CachedTokens()
	if !s.scheduled {
		s.scheduled = true
		s.Scheduled = b.now
		s.found(size)
	} else {
		s.Recomputed += max(0, s.computed-cached)
	}
	s.step = pinned.Computed() - cached
	s.unpaid = s.step
	s.ready = b.now
	for t, d := range s.looked(size, b.o.Load) {
		if d == 0 {
			continue
		}
		b.link[t] = max(b.link[t], b.now) + d
		s.ready = max(s.ready, b.link[t])
	}
	s.Loading += s.ready - b.now
	return true
}

// preempt takes the blocks of the youngest running sequence away.
func (b *Batch) preempt(s *Sequence) {
	s.computed = max(s.computed, s.pinned.Computed()-s.unpaid)
	s.unpaid = 0
	s.Preemptions++
	s.release((*kvcache.Sequence).Preempt)
	b.running = b.running[:len(b.running)-1]
	b.waiting = slices.Insert(b.waiting, 0, s)
}

// finish ends the running step: sequences with all tokens computed make their
// next one.
func (b *Batch) finish(emit Emit) {
	b.busy, b.now = false, b.end
	for _, s := range b.step {
		if s.Aborted || s.pinned == nil || s.pinned.Computed() < s.PromptTokens+s.Generated {
			continue
		}
		if s.Generated == 0 {
			s.First = b.now
		}
		s.Last = b.now
		s.Chain.Append(s.Owner.Token(s.Generated))
		s.Generated++
		if s.Done() {
			b.running = slices.DeleteFunc(b.running, func(x *Sequence) bool { return x == s })
			s.release((*kvcache.Sequence).Finish)
		}
		emit(s, b.now, 1)
	}
	clear(b.step)
}
