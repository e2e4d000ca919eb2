// Package engine is the simulated inference engine: when each token of each
// request is made, and which part of its prompt the KV cache had. It is a
// deterministic state machine in virtual time. It has no clock, sockets or
// goroutines; the caller sets the time, so a test runs it at full speed and a
// server ties it to the real clock.
//
// There are two engines. Fixed gives every sequence its own schedule,
// independent of the others. Batch is continuous batching as in vLLM V1. Both
// use the same cache (package kvcache) and its rules.
package engine

import (
	"errors"
	"fmt"
	"time"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/sim/internal/splitmix"
)

// Sequence is a request in an engine. The caller fills the first group of
// fields, the engine writes the others. They may be read while the sequence is
// emitted and after it is done.
type Sequence struct {
	// Chain names the blocks of the prompt. The engine adds the answer's tokens to it.
	Chain *kvcache.Chain
	// PromptTokens is the length of the prompt, OutputTokens the number of tokens to generate, at
	// least 1.
	PromptTokens, OutputTokens int
	// Owner supplies the tokens of the answer.
	Owner Owner

	// Arrived is the time passed to Submit, Scheduled when work on the sequence began (a
	// load from a lower tier is work), First and Last when the engine made its first and
	// its newest token.
	Arrived, Scheduled, First, Last time.Duration
	// Generated is the number of tokens made so far.
	Generated int
	// Cached is the number of prompt tokens hit in each tier when work first began. The others were
	// computed.
	Cached [kvcache.NumTiers]int
	// Loading is the duration of loads from lower tiers, including the wait for their turn.
	Loading time.Duration
	// Queries and Hits count the offloaded blocks that were looked up in each tier below the GPU,
	// and those that it had; Read are the tokens loaded from it, and Reading is the duration of
	// these loads. All include the starts after preemptions.
	Queries, Hits, Read [kvcache.NumTiers]int
	Reading             [kvcache.NumTiers]time.Duration
	// Preemptions counts how often the sequence gave up its blocks, Recomputed the tokens computed
	// again because of that.
	Preemptions, Recomputed int
	// Evicted and Stored count the blocks that left and entered each tier because of the sequence.
	Evicted, Stored [kvcache.NumTiers]int
	// Beside means that the sequence ran without the cache, since too few blocks were free: it hit
	// nothing and left nothing (Fixed).
	Beside bool
	// Aborted is set by Abort.
	Aborted bool

	pinned    *kvcache.Sequence
	scheduled bool
	computed  int           // the most of its tokens ever computed, for Recomputed
	unpaid    int           // tokens that are computed for the cache, but not yet by a step
	ready     time.Duration // when its load ends
	step      int           // tokens in the running step
	index     int           // position in the schedule; -1 = none
	chance    splitmix.Rand // for its jitter
}

// Owner supplies the tokens of an answer.
type Owner interface {
	// Token returns the id of token i of the answer, from 0. It is called in order, and again after
	// a preemption.
	Token(i int) int32
}

// Done reports whether the sequence makes no further token.
func (s *Sequence) Done() bool { return s.Aborted || s.Generated >= s.OutputTokens }

// CachedTokens returns the number of prompt tokens hit in any tier.
func (s *Sequence) CachedTokens() int {
	return s.Cached[kvcache.GPU] + s.Cached[kvcache.CPU] + s.Cached[kvcache.Disk]
}

// Computed returns the number of prompt tokens that had to be computed.
func (s *Sequence) Computed() int { return s.PromptTokens - s.CachedTokens() }

// found records the hits of the first start.
func (s *Sequence) found(blockSize int) {
	for t, n := range s.pinned.Hits() {
		s.Cached[t] = n * blockSize
	}
}

// looked adds what a start looked up and loads. It returns how long the loads from
// each tier take.
func (s *Sequence) looked(blockSize int, load LoadTimes) (reading [kvcache.NumTiers]time.Duration) {
	hits, lookups := s.pinned.Hits(), s.pinned.Lookups()
	for t := kvcache.CPU; t < kvcache.NumTiers; t++ {
		s.Queries[t] += lookups.Queries[t]
		s.Hits[t] += lookups.Hits[t]
		s.Read[t] += hits[t] * blockSize
		reading[t] = time.Duration(hits[t]*blockSize) * load[t]
		s.Reading[t] += reading[t]
	}
	return reading
}

// release ends the sequence in the cache by calling end, and adds up its
// counts.
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

// Emit is called when the engine has made the next n tokens of s, at time at.
type Emit func(s *Sequence, at time.Duration, n int)

// Engine is what a server drives. Times are since some start and never go back
// from one call to the next.
type Engine interface {
	// Submit adds a request that arrived at the given time, which may be before the last Advance.
	Submit(at time.Duration, s *Sequence)
	// Abort ends a request whose client has left. It is not emitted again.
	Abort(now time.Duration, s *Sequence)
	// Next returns the time of the next event; false if there is none before the next Submit.
	Next() (time.Duration, bool)
	// Advance performs everything that is due by now, in order of time.
	Advance(now time.Duration, emit Emit)
	// Load returns how many sequences run and how many wait.
	Load() Load
	// Cache returns the engine's cache.
	Cache() *kvcache.Cache
}

// Load is the number of sequences in each state.
type Load struct {
	Running int
	Waiting int // in the queue
	Loading int // for blocks from a lower tier
}

// LoadTimes is how long it takes to load the KV of one token from each tier to
// the GPU.
type LoadTimes [kvcache.NumTiers]time.Duration

func (l LoadTimes) validate() error {
	var errs []error
	for t, d := range l {
		if d < 0 {
			errs = append(errs,
				fmt.Errorf("load time of the %v tier: must not be negative", kvcache.Tier(t)))
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
