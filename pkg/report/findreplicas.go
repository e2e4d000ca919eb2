package report

import (
	"fmt"

	"multiturn/internal/human"
	"multiturn/pkg/record"
)

// Thresholds of findings about replicas.
const (
	// minMoved is the least number of turns that moved for a finding on their hits.
	minMoved = 8
	// slowRatio is how many times the mean TTFT of the others a replica has to have:
	// replicas on different hosts differ by some percent.
	slowRatio = 1.25
	// unevenRatio is how many times its equal part of the turns in flight a replica
	// has to have: a few long conversations make a third.
	unevenRatio = 1.5
)

// replicas reports how replicas differed.
func (f *finder) replicas() {
	if f.d.Replicas == nil {
		return
	}
	f.slowReplica(f.d.Replicas)
	f.unevenReplicas(f.d.Replicas)
}

// movedTurns reports hits that were lost to moving.
func (f *finder) movedTurns() {
	r := f.d.Replicas
	if r == nil || r.Moved < minMoved || !r.MovedShare.OK() || record.SharesNothing(f.c.arm) {
		return
	}
	lead := fmt.Sprintf("%d of %s went to another replica than the turn before, and hit %s of their "+
		"tokens where ", r.Moved, human.Count(r.Later, "later turn"), percent(r.MovedShare))
	advice := ": keep conversations on one replica (balance sticky)."
	evidence := "%s of the prompt tokens of turns that moved were in the turn before; " +
		"turns that stayed hit %s"
	if r.Later-r.Moved >= minMoved && r.StayedShare.OK() {
		if r.lost(r.StayedShare) {
			f.add(movedTurns, lead+fmt.Sprintf("those that stayed hit %s", percent(r.StayedShare))+advice,
				evidence, percent(r.MovedBefore), percent(r.StayedShare))
		}
		return
	}
	if r.MovedBefore.OK() && r.lost(r.MovedBefore) {
		f.add(movedTurns, lead+fmt.Sprintf("%s were in the turn before", percent(r.MovedBefore))+advice,
			evidence, percent(r.MovedBefore), percent(r.StayedShare))
	}
}

// lost reports whether turns that moved hit far less than a share of their tokens.
func (r *Replicas) lost(of Number) bool {
	return r.MovedShare < farShare*of && of-r.MovedShare > farPrompt
}

// slowReplica reports a replica that is slower than the others by more than chance.
func (f *finder) slowReplica(r *Replicas) {
	worst, others, mean := f.c.slowest(r)
	if worst == nil || float64(worst.TTFT) < slowRatio*mean {
		return
	}
	f.add(slowReplica, fmt.Sprintf("One replica is slower: %s has a mean TTFT of %s ms, the %s %s ms.",
		worst.name(), significant(worst.TTFT), otherText(len(r.Each)), significant(Number(mean))),
		"95 %% intervals by conversation: [%s, %s] and [%s, %s] ms; %s and %s of their prompt tokens "+
			"hit", fixed(worst.TTFTLow, 2), fixed(worst.TTFTHigh, 2), fixed(Number(others.Low), 2),
		fixed(Number(others.High), 2), percent(worst.CachedShare),
		percent(r.sharedBut(worst.Number)))
}

// otherText is "other has" or "others have".
func otherText(replicas int) string {
	if replicas == 2 {
		return "other has"
	}
	return "others have"
}

// sharedBut returns the share of hits of all replicas but one.
func (r *Replicas) sharedBut(number int) Number {
	var cached, input Number
	for i := range r.Each {
		if one := &r.Each[i]; one.Number != number && one.Cached.OK() && one.Input.OK() {
			cached += one.Cached
			input += one.Input
		}
	}
	return share(cached, int64(input))
}

// unevenReplicas reports a replica that had far more turns in flight than its part,
// in a run that had a turn for each.
func (f *finder) unevenReplicas(r *Replicas) {
	var sum Number
	most := &r.Each[0]
	for i := range r.Each {
		one := &r.Each[i]
		if !one.InFlight.OK() {
			return
		}
		sum += one.InFlight
		if one.InFlight > most.InFlight {
			most = one
		}
	}
	part := Number(1) / Number(len(r.Each))
	if f.d.Throughput.MaxInFlight < len(r.Each) || !(most.InFlight/sum >= unevenRatio*part) {
		return
	}
	f.add(unevenReplicas, fmt.Sprintf("The load was uneven: %s had %s of the turns in flight, where an "+
		"equal part of %s is %s.", most.name(), percent(most.InFlight/sum),
		human.Count(len(r.Each), "replica"), percent(part)),
		"%s of %s turns in flight on average, %d of %d turns", fixed(most.InFlight, 2), fixed(sum, 2),
		most.Turns, f.turnsOf(r))
}

// turnsOf returns the measured turns of all replicas.
func (f *finder) turnsOf(r *Replicas) (n int) {
	for i := range r.Each {
		n += r.Each[i].Turns
	}
	return n
}
