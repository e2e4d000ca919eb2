// Package plan computes what a KV cache could have done for a run, or would do for
// conversations that nobody has sent yet. It knows how conversations become
// requests that overlap, which neither the model of a cache (package kvcache) nor
// a measurement (package record) does.
//
// # From input to requests
//
// A Workload is requests in the order in which they start, each with the names of
// its blocks and its times. It is made from
//
//	conversations   Simulate: sent as package bench would, at a given speed or in order only
//	turns of a run  FromTurns: as they were sent and ended, with the server's token counts
//	a trace         FromTrace: Mooncake's format, whose requests name their blocks
//
// Detect finds out by its content which of the three a file holds.
//
// # From requests to numbers
//
// Analyse replays a workload in an unlimited cache, in an LRU cache of every
// capacity at once (both in one pass, see kvcache.Reuse), and, if a shape is
// stated, in a cache of that shape with running requests pinned (kvcache.Replay).
// Replicas have caches of their own: each hits only what was sent to it.
// Summarise turns the result into a form that can be printed, drawn and written as
// JSON.
//
// # Cost
//
// Memory is about 250 bytes per request, 8 per block used (turns of a conversation
// share theirs unless answers are thrown away), and about 60 per block of a stated
// cache. A trace takes about 100 per different block instead.
//
// # Limits
//
// The texts of answers are not in records, nor in a dataset before a server has
// spoken. An answer is a row of tokens that no other conversation has, or the
// dataset's text if that stands in for it. Chat templates differ: see package
// template.
package plan

import (
	"cmp"
	"fmt"
	"slices"

	"multiturn/pkg/kvcache"
)

// Dialogue is a conversation in one arm of a run with control arms.
type Dialogue struct{ Conversation, Arm string }

// Request is one request of a workload. There may be millions.
type Request struct {
	// Dialogue is nil if it is unknown, as in a trace.
	*Dialogue
	// Index counts the conversation's requests from 0; -1 = unknown, as in a trace.
	Index int32
	// New is the prompt's tokens less those of the previous turn: its prompt and, if
	// the prompt continues it, its answer. No server can have New tokens from this
	// conversation.
	New int32
	// Replica is the number of the replica that had the request, from 1; 0 if there was
	// one server. Each has caches of its own.
	Replica int32
	// Source is the index of the request's turn among those given to FromTurns.
	Source int32
	// Warmup requests fill caches and are not counted.
	Warmup bool
	// Play has the blocks, the token counts and the times.
	kvcache.Play
}

// Workload is the requests of a run, real or not.
type Workload struct {
	BlockSize int // tokens
	// Step is how many of the server's blocks are followed as one of these; 0 = 1.
	Step int
	// Requests in the order in which they start.
	Requests []Request
	// Timed reports whether starts and ends are times. Otherwise they are only an
	// order.
	Timed bool
	// PartialBlocks reports whether requests name their last block even if it is not
	// full, as traces do.
	PartialBlocks bool
	// How describes in a few words where the order comes from.
	How string
	// Notes are the assumptions, and what was left out.
	Notes []string
}

// replicasNote is the note on numbers of a workload whose replicas have caches of
// their own; nil if there is one.
func replicasNote(n int) []string {
	if n < 2 {
		return nil
	}
	return []string{fmt.Sprintf("%d replicas, each with a cache of its own: sizes are of each, hits of "+
		"all together", n)}
}

// sort sorts requests by start. Requests of the same time keep their order.
func (w *Workload) sort() {
	slices.SortStableFunc(w.Requests, func(a, b Request) int {
		return cmp.Compare(a.Start, b.Start)
	})
}

// own returns the number of a part of a conversation whose tokens are known only by
// their places: an answer, or other unknown text. See kvcache.Chain.AppendOwn.
func own(conversation, part int) uint64 {
	return uint64(conversation)*0x9e3779b97f4a7c15 ^ uint64(part)<<32
}
