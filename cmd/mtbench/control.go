package main

import (
	"fmt"

	"multiturn/internal/human"
	"multiturn/pkg/chat"
	"multiturn/pkg/load"
	"multiturn/pkg/measure"
)

// design returns what a run with control arms can find, in words; "" without
// control arms.
func design(o *load.Options, conversations []chat.Conversation) string {
	n := len(conversations)
	if o.Control.Arms() == 1 || n == 0 {
		return ""
	}
	groups, of := o.Pairs(n), "pairs of batches"
	if groups == 0 {
		groups, of = n, "pairs of conversations"
	}
	if groups < measure.MinPairs {
		return fmt.Sprintf("--control %s: %d %s, and an interval needs %d: %s", o.Control, groups, of,
			measure.MinPairs, morePairs(o, n))
	}
	// The effect is of later turns.
	pairs := float64(o.Turns(conversations)/o.Control.Arms()-n) / float64(groups)
	if pairs <= 0 {
		pairs = float64(n) / float64(groups)
	}
	return fmt.Sprintf("--control %s: %d %s, which find a change of %.0f %% of TTFT in 8 of 10 runs, "+
		"if TTFT varies by half from turn to turn", o.Control, groups, of,
		100*measure.Detectable(groups, pairs, measure.AssumedSpread))
}

// goodPairs is the number of pairs of batches that is recommended: Student's t of
// 8 is 2.4 standard errors, of 3 it is 4.3.
const goodPairs = 8

// morePairs says how a run of n conversations gets more pairs of batches.
func morePairs(o *load.Options, n int) string {
	less := *o
	less.Active = max(o.Clients, n/goodPairs, 1)
	more := human.Count(goodPairs*max(o.Active, o.Clients, 1), "conversation")
	if less.Pairs(n) < measure.MinPairs {
		return "use " + more
	}
	return fmt.Sprintf("use a smaller -k (with -k %d there are %d), or %s", less.Active, less.Pairs(n),
		more)
}
