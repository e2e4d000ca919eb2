// Package plan says what a KV cache could have done for a run, or would do for conversations that nobody has sent yet,
// because neither the model of a cache (package kvcache) nor a measurement (package record) knows how conversations become
// requests that overlap.
//
// # From input to requests
//
// A Workload is requests in the order in which they start, each with the names of its blocks and when it ran. It is made from
//
//	conversations   Simulate: sent as package bench would, at a given speed or in order only
//	turns of a run  FromTurns: as they were sent and ended, with the server's own token counts
//	a trace         FromTrace: Mooncake's format, whose requests name their blocks
//
// Detect tells the three apart by their content.
//
// # From requests to numbers
//
// Analyse takes a workload through an unlimited cache, an LRU cache of every capacity at once (both in one pass, see
// kvcache.Reuse), and, when a shape is stated, through a cache of that shape with running requests pinned (kvcache.Replay).
// Summarise puts the result into a form that can be printed, drawn and written as JSON. Compare is for the report of a run:
// the turns that were measured, and beside each what the two caches would have hit.
//
// # What it costs
//
// Memory is 8 bytes per block used (turns of a conversation share theirs unless answers are thrown away) and about 100 per
// different block; twelve million block accesses take a few seconds.
//
// # What it does not know
//
// Texts of answers are not in records, and not in a dataset before a server has spoken: an answer is a row of tokens that
// no other conversation has, or the dataset's text where that stands in for it. Chat templates differ: see package template.
package plan

import (
	"cmp"
	"slices"

	"multiturn/pkg/kvcache"
)

// Request is one request of a workload: whose it is, what it held, and when it ran.
type Request struct {
	Conversation string
	// Index counts the conversation's requests from 0; -1 where that is not known (a trace).
	Index int
	// Arm is the control arm, in a run with a control.
	Arm string
	// New is the prompt's tokens less those of the turn before it, its prompt and, where that goes on, its answer: what no
	// server could have had from this conversation.
	New int
	// Source is the index of the turn it was made from, of those given to FromTurns.
	Source int
	// Warmup requests fill caches and are not counted.
	Warmup bool
	// Play has the blocks, the token counts and the times.
	kvcache.Play
}

// Workload is the requests of a run, real or not.
type Workload struct {
	BlockSize int // tokens
	// Requests in the order in which they start.
	Requests []Request
	// Timed says that starts and ends are times. Otherwise they only tell what came before what.
	Timed bool
	// PartialBlocks says that a request names its last block too if it is not full, as traces do.
	PartialBlocks bool
	// How says in a few words where the order comes from.
	How string
	// Notes say what had to be assumed or left out.
	Notes []string
}

// sort puts requests in order of start; those of one time stay as they are.
func (w *Workload) sort() {
	slices.SortStableFunc(w.Requests, func(a, b Request) int { return cmp.Compare(a.Start, b.Start) })
}

// kept is the number of tokens of a request whose KV a later one may find.
func kept(t kvcache.Turn, store kvcache.Store) int {
	switch store {
	case kvcache.PromptAndOutput:
		return max(0, t.Prompt) + max(0, t.Output-1) // the last token's KV is never computed
	case kvcache.PromptOnly:
		return max(0, t.Prompt)
	}
	return 0
}

// invented is the id of a token of which only the place is known: token i of answer (or of what else is not known) turn of
// conversation c. It is above every vocabulary, and the same nowhere else in all likelihood.
func invented(c, turn, i int) int32 {
	x := uint64(c)*0x9e3779b97f4a7c15 ^ uint64(turn)<<32 ^ uint64(i)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return int32(1<<30 | (x^x>>31)&(1<<30-1))
}

func appendInvented(ids []int32, c, turn, n int) []int32 {
	ids = slices.Grow(ids, max(0, n))
	for i := range n {
		ids = append(ids, invented(c, turn, i))
	}
	return ids
}
