package main

import (
	"cmp"
	"slices"

	"multiturn/pkg/sim"
)

// pair is a request as both sides saw it.
type pair struct {
	truth *sim.Truth
	turn  *turn
}

// match pairs every turn with its truth: the n-th turn of a conversation is the
// n-th request of its session. If client and server have different numbers of
// requests for a conversation, its requests cannot be identified and it is left
// out; alone counts its requests, on the side that has more.
func match(requests []sim.Truth, turns []turn) (pairs []pair, alone int) {
	sessions := map[string][]*sim.Truth{}
	for i := range requests {
		r := &requests[i]
		sessions[r.Session] = append(sessions[r.Session], r)
	}
	conversations := map[string][]*turn{}
	for i := range turns {
		t := &turns[i]
		conversations[t.conversation] = append(conversations[t.conversation], t)
	}
	for id, own := range conversations {
		theirs := sessions[id]
		delete(sessions, id)
		slices.SortFunc(own, func(a, b *turn) int { return cmp.Compare(a.number, b.number) })
		slices.SortFunc(theirs, func(a, b *sim.Truth) int {
			return cmp.Compare(a.Arrived, b.Arrived)
		})
		if len(own) != len(theirs) || !consecutive(own) {
			alone += max(len(own), len(theirs))
			continue
		}
		for i := range own {
			pairs = append(pairs, pair{theirs[i], own[i]})
		}
	}
	for _, theirs := range sessions {
		alone += len(theirs)
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Compare(a.truth.Arrived, b.truth.Arrived)
	})
	return pairs, alone
}

// consecutive reports whether the turns are numbered without gaps and
// repetitions.
func consecutive(turns []*turn) bool {
	for i, t := range turns {
		if t.number != turns[0].number+i {
			return false
		}
	}
	return true
}
