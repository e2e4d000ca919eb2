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

// Timeline yields the starts and ends of plays in order of time, as the index
// of the play and whether it is an end. At equal times ends come first, because
// a client sends its next turn when it has the answer.
func Timeline(plays []Play) iter.Seq2[int, bool] {
	type moment struct {
		at   time.Duration
		rank int // ends (0) before starts (1); a play of no length ends among the starts
		play int
		end  bool
	}
	moments := make([]moment, 0, 2*len(plays))
	for i, p := range plays {
		rank := 0
		if p.End <= p.Start {
			rank = 1
		}
		moments = append(moments, moment{p.Start, 1, i, false},
			moment{max(p.Start, p.End), rank, i, true})
	}
	slices.SortStableFunc(moments, func(a, b moment) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.rank, b.rank),
			cmp.Compare(a.play, b.play))
	})
	return func(yield func(int, bool) bool) {
		for _, m := range moments {
			if !yield(m.play, m.end) {
				return
			}
		}
	}
}
