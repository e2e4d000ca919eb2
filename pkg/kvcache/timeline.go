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

// moment is the start or the end of a play.
type moment struct {
	at time.Duration
	// code orders the moments of one time. Its bits are, from the highest: 0 for an
	// end, 1 for a start and for the end of a play of no length; the play; 1 for an end.
	code uint32
}

// maxPlays is how many plays a moment's code has bits for.
const maxPlays = 1 << 30

// Timeline yields the starts and ends of plays in order of time, as the index
// of the play and whether it is an end. At equal times ends come first, because
// a client sends its next turn when it has the answer.
func Timeline(plays Plays) iter.Seq2[int, bool] {
	n := plays.Len()
	if n > maxPlays {
		panic("kvcache: too many plays")
	}
	moments := make([]moment, 0, 2*n)
	for i := range n {
		p := plays.Play(i)
		const late = 1 << 31
		start, end := uint32(late|i<<1), uint32(i<<1|1)
		if p.End <= p.Start {
			end |= late
		}
		moments = append(moments, moment{p.Start, start}, moment{max(p.Start, p.End), end})
	}
	slices.SortFunc(moments, func(a, b moment) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.code, b.code))
	})
	return func(yield func(int, bool) bool) {
		for _, m := range moments {
			if !yield(int(m.code>>1)&(maxPlays-1), m.code&1 != 0) {
				return
			}
		}
	}
}
