// Package engine is the simulated inference engine: which token of which request comes when, as a deterministic state
// machine in virtual time. It knows no clock, no sockets and no goroutines: whoever drives it says what time it is, so
// a test runs it as fast as it computes and a server ties it to the real clock.
package engine

import "time"

// Sequence is one request inside an engine. The caller fills the first group; the engine writes the rest, and the
// caller may read them once the sequence has been emitted or between two calls of Advance.
type Sequence struct {
	// PromptTokens and OutputTokens are the lengths; OutputTokens is at least 1 and is how many will be generated.
	PromptTokens int
	OutputTokens int
	// Owner is the caller's own.
	Owner any

	// Arrived is the time of Submit, Scheduled when work on it began, First and Last when the engine made its first
	// and its newest token.
	Arrived, Scheduled, First, Last time.Duration
	// Generated counts the tokens made so far.
	Generated int
	// Computed counts the prompt tokens whose keys and values were computed, Cached those found in a cache.
	Computed, Cached int
	// Aborted is set by Abort.
	Aborted bool

	index int // place in a queue, -1 = in none
}

// Done says whether nothing more will come.
func (s *Sequence) Done() bool { return s.Aborted || s.Generated >= s.OutputTokens }

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
}
