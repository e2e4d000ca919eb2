package kvcache

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// Play is a request of a run that took place or was planned: its blocks, and
// when it ran.
type Play struct {
	// Hashes names the full blocks of prompt and answer. The turns of a conversation can share
	// one slice: each has a prefix of the last turn's.
	Hashes []Hash
	Turn
	// Start, First and End are when the request was sent and when the first and the last token
	// of its answer were generated, on any clock. The tokens between are taken to follow evenly.
	// First is at or before Start if it is unknown, and End must not be before Start.
	Start, First, End time.Duration
}

// generated returns when token n of the answer was generated, from 0.
func (p *Play) generated(n int) time.Duration {
	first := min(max(p.First, p.Start), p.End)
	share := float64(n) / float64(max(1, p.Output-1))
	return first + time.Duration(share*float64(p.End-first))
}

// Plays is a list of plays, which may be part of something else.
type Plays interface {
	Len() int
	Play(i int) *Play
}

// PlayList is plays that are in memory.
type PlayList []Play

// Len returns the number of plays.
func (l PlayList) Len() int { return len(l) }

// Play returns play i.
func (l PlayList) Play(i int) *Play { return &l[i] }

// Timeline yields the starts and ends of plays in order of time, as the index
// of the play and whether it is an end. At equal times ends come first, because
// a client sends its next turn when it has the answer. A play of no length ends
// right after its start.
func Timeline(plays Plays) iter.Seq2[int, bool] {
	starts := make([]int32, plays.Len())
	ends := make([]int32, 0, len(starts)) // of plays that have a length
	for i := range starts {
		starts[i] = int32(i)
		if p := plays.Play(i); p.End > p.Start {
			ends = append(ends, int32(i))
		}
	}
	start := func(i int32) time.Duration { return plays.Play(int(i)).Start }
	end := func(i int32) time.Duration { return plays.Play(int(i)).End }
	sortBy(starts, start)
	sortBy(ends, end)
	return func(yield func(int, bool) bool) {
		ends := ends
		for _, i := range starts {
			at := start(i)
			for len(ends) > 0 && end(ends[0]) <= at {
				if !yield(int(ends[0]), true) {
					return
				}
				ends = ends[1:]
			}
			if !yield(int(i), false) || end(i) <= at && !yield(int(i), true) {
				return
			}
		}
		for _, i := range ends {
			if !yield(int(i), true) {
				return
			}
		}
	}
}

// sortBy sorts plays by a time, those of one time by their index.
func sortBy(plays []int32, at func(i int32) time.Duration) {
	slices.SortFunc(plays, func(a, b int32) int {
		return cmp.Or(cmp.Compare(at(a), at(b)), cmp.Compare(a, b))
	})
}
