// Package engine is the simulated inference engine: which token of which request comes when, and what the KV cache had of
// it, as a deterministic state machine in virtual time. It knows no clock, no sockets and no goroutines: whoever drives it
// says what time it is, so a test runs it as fast as it computes and a server ties it to the real clock.
//
// There are two engines. Fixed gives every sequence its own schedule, whatever the others do. Batch is continuous batching
// as vLLM V1 does it. Both run on the same cache (package kvcache), whose rules they share.
package engine

import (
	"errors"
	"fmt"
	"time"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/sim/internal/splitmix"
)

// Sequence is one request inside an engine. The caller fills the first group; the engine writes the rest. Others than the
// engine may read it while it is being emitted, and once it is done.
type Sequence struct {
	// Chain names the blocks of the prompt. The engine adds the answer's tokens to it.
	Chain *kvcache.Chain
	// PromptTokens and OutputTokens are the lengths. OutputTokens, at least 1, is how many will be generated.
	PromptTokens, OutputTokens int
	// Owner is whose answer it is.
	Owner Owner

	// Arrived is the time of Submit, Scheduled when work on it began (a load from a lower tier is work), First and Last
	// when the engine made its first and its newest token.
	Arrived, Scheduled, First, Last time.Duration
	// Generated counts the tokens made so far.
	Generated int
	// Cached counts the prompt tokens that were found, by tier, when work began first; the prompt's others were computed.
	Cached [kvcache.NumTiers]int
	// Loading is the time that loads from lower tiers took, waiting for their turn included.
	Loading time.Duration
	// Preemptions counts how often it had to give up its blocks; Recomputed the tokens computed once more because of that.
	Preemptions, Recomputed int
	// Evicted and Stored count blocks that left and that entered each tier on its behalf.
	Evicted, Stored [kvcache.NumTiers]int
	// Beside says that it ran beside the cache: too few blocks were free, so nothing was found and nothing kept (Fixed).
	Beside bool
	// Aborted is set by Abort.
	Aborted bool

	pinned    *kvcache.Sequence
	scheduled bool
	computed  int           // highest number of its tokens ever computed, for Recomputed
	unpaid    int           // tokens that the cache counts as computed and no step has computed yet
	ready     time.Duration // when its load ends
	step      int           // tokens in the running step
	index     int           // place in the schedule, -1 = in none
	chance    splitmix.Rand // of its jitter
}

// Owner knows the text of an answer.
type Owner interface {
	// Token is the id of the answer's token i, from 0. It is asked for in order, and again after a preemption.
	Token(i int) int32
}

// Done says whether nothing more will come.
func (s *Sequence) Done() bool { return s.Aborted || s.Generated >= s.OutputTokens }

// CachedTokens is the number of prompt tokens found in any tier.
func (s *Sequence) CachedTokens() int {
	return s.Cached[kvcache.GPU] + s.Cached[kvcache.CPU] + s.Cached[kvcache.Disk]
}

// Computed is the number of prompt tokens that had to be computed.
func (s *Sequence) Computed() int { return s.PromptTokens - s.CachedTokens() }

// found notes what the cache had, the first time.
func (s *Sequence) found(blockSize int) {
	for t, n := range s.pinned.Hits() {
		s.Cached[t] = n * blockSize
	}
}

// release ends the sequence in the cache, with what it is to be told.
func (s *Sequence) release(end func(*kvcache.Sequence)) {
	if s.pinned == nil {
		return
	}
	evicted, stored := s.pinned.Evicted(), s.pinned.Stored()
	for t := range evicted {
		s.Evicted[t] += evicted[t]
		s.Stored[t] += stored[t]
	}
	end(s.pinned)
	s.pinned = nil
}

// Emit is told that at time at the engine made the next n tokens of s.
type Emit func(s *Sequence, at time.Duration, n int)

// Engine is what a server drives. Times are since some start and never go back from call to call.
type Engine interface {
	// Submit hands over a request that arrived at the time given, which may lie before the last Advance.
	Submit(at time.Duration, s *Sequence)
	// Abort ends a request that nobody waits for any longer. It is not emitted again.
	Abort(now time.Duration, s *Sequence)
	// Next is the time of the next thing to happen, false = none until something is submitted.
	Next() (time.Duration, bool)
	// Advance lets everything happen that is due by now, in order of time.
	Advance(now time.Duration, emit Emit)
	// Load is how many sequences run and how many wait to.
	Load() Load
	// Cache is the cache under the engine.
	Cache() *kvcache.Cache
}

// Load is the state of an engine at a moment.
type Load struct {
	Running int
	Waiting int // for room or for their turn
	Loading int // for blocks from a lower tier
}

// LoadTimes is how long it takes to load one token's keys and values from each tier to the GPU.
type LoadTimes [kvcache.NumTiers]time.Duration

func (l LoadTimes) validate() error {
	var errs []error
	for t, d := range l {
		if d < 0 {
			errs = append(errs, fmt.Errorf("load time of the %v tier: must not be negative", kvcache.Tier(t)))
		}
	}
	return errors.Join(errs...)
}

func validJitter(share float64) error {
	if !(share >= 0 && share < 1) {
		return fmt.Errorf("jitter %v: must be at least 0 and below 1", share)
	}
	return nil
}

func nonNegative(name string, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("%s %v: must not be negative", name, d)
	}
	return nil
}
