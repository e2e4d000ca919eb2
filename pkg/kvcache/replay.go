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
	Start, End time.Duration // on any clock; End must not be before Start
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

// Prediction is what a cache would have done for a play.
type Prediction struct {
	Hits Hits
	// Waited is true if the request found no room when it came and was admitted later.
	Waited bool
	// TooLarge is true if the request could not run on this cache at all.
	TooLarge bool
}

// Replay runs plays through a cache in the order in which they ran and returns
// what each would have hit. A request takes the blocks of its prompt when it
// starts and those of its answer when it ends. If there is no room it waits, in
// order of arrival, until others end. If it should already have ended by then,
// it ends as soon as it has started.
func Replay(c *Cache, plays []Play) []Prediction {
	out := make([]Prediction, len(plays))
	running := make([]*Sequence, len(plays))
	ended := make([]bool, len(plays))
	var waiting []int

	end := func(i int) {
		p, s := plays[i], running[i]
		if n := p.kept(PromptAndOutput) - s.Computed(); n > 0 {
			// Without room the answer is not kept, as if the request had been preempted.
			s.Grow(p.Hashes, n)
		}
		s.Finish()
		running[i] = nil
	}
	start := func(i int) bool {
		p := plays[i]
		s, ok := c.Start(Request{Hashes: p.Hashes, Tokens: max(1, p.Prompt)})
		if !ok {
			return false
		}
		out[i].Hits = s.Hits()
		running[i] = s
		if ended[i] {
			end(i)
		}
		return true
	}
	for i, atEnd := range Timeline(plays) {
		switch {
		case !atEnd && !c.fits(plays[i].Prompt):
			out[i].TooLarge = true
		case !atEnd:
			if len(waiting) > 0 || !start(i) {
				out[i].Waited = true
				waiting = append(waiting, i)
			}
		case out[i].TooLarge:
		case running[i] != nil:
			end(i)
			for len(waiting) > 0 && start(waiting[0]) {
				waiting = waiting[1:]
			}
		default:
			ended[i] = true
		}
	}
	return out
}
