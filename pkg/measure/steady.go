package measure

import (
	"cmp"
	"math"
	"slices"
)

// Span is one piece of work of a group: a turn of a conversation, from its
// sending to the end of its answer. Times are in any unit.
type Span struct {
	Group      string
	Start, End float64
}

// Steady returns the part of a run, from <= time < to, in which its load was as it
// was meant to be. The result ok is false if there is none. Spans may be in any
// order.
//
// It begins when every group of the start has ended its first span: the groups
// that began before any group ended its last one. With a fixed number of
// conversations at a time these are the ones that send their first turns at once.
// It ends when work runs short: the last time at which as many spans were open as
// over half of the run.
func Steady(spans []Span) (from, to float64, ok bool) {
	type group struct{ start, first, last float64 }
	groups := make(map[string]*group)
	for _, s := range spans {
		g := groups[s.Group]
		if g == nil {
			groups[s.Group] = &group{s.Start, s.End, s.End}
			continue
		}
		if s.Start < g.start {
			g.start, g.first = s.Start, s.End
		}
		g.last = max(g.last, s.End)
	}
	if len(groups) == 0 {
		return 0, 0, false
	}
	finished := math.Inf(1) // the first group that did
	for _, g := range groups {
		finished = min(finished, g.last)
	}
	from = math.Inf(-1)
	for _, g := range groups {
		if g.start < finished {
			from = max(from, g.first)
		}
	}
	to = fullUntil(spans)
	return from, to, from < to
}

// fullUntil returns the last time at which at least as many spans were open as at
// the median of the time.
func fullUntil(spans []Span) float64 {
	type change struct {
		at   float64
		step int
	}
	changes := make([]change, 0, 2*len(spans))
	for _, s := range spans {
		changes = append(changes, change{s.Start, 1}, change{s.End, -1})
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.at, b.at), a.step-b.step) })
	spent := make([]float64, len(spans)+1) // by how many were open
	open := 0
	for i, c := range changes {
		if i > 0 {
			spent[open] += c.at - changes[i-1].at
		}
		open += c.step
	}
	half := (changes[len(changes)-1].at - changes[0].at) / 2
	median := 0
	for n, t := range spent {
		if half -= t; half <= 0 {
			median = n
			break
		}
	}
	for i := len(changes) - 1; i > 0; i-- {
		if open -= changes[i].step; open >= median {
			return changes[i].at
		}
	}
	return changes[0].at
}
