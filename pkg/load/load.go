// Package load decides which turn of which conversation may be sent when.
//
// It is a state machine without a clock: its callers pass the time and the turns
// that have ended, and a Scheduler returns what may be sent now and when to ask
// again. Package bench drives it by a real clock in front of a server, package
// plan in virtual time, so a plan and a run of the same options send the same
// turns in the same order.
//
//	s.Begin(now, false)
//	for !s.Over() || inFlight > 0 {
//		for d, ok := s.Next(now); ok; d, ok = s.Next(now) {
//			send(d)
//		}
//		// wait for s.Due() or the end of a turn, whichever is first
//		s.Ended(d, end, now, true)
//	}
//
// # Turns
//
// The unit is a turn, which becomes ready when the turn before it has ended and
// its think time has passed. Ready turns are sent first-in first-out or at
// random, each by one of the idle clients. Clients bounds the turns in flight.
//
// # Conversations
//
// Conversations begin in the order given, at the times of the Arrivals: by
// default one begins when another ends, so that Active are in progress. A turn
// that fails ends its conversation, not the run. Everything that has begun is
// finished, unless the limit of requests is reached or the run is stopped.
//
// A warm-up is a phase of its own that sends the first turn of every
// conversation, without think times or rests.
//
// # Control arms
//
// The benefit of a cache is the difference between turns that could use it and
// turns that could not, all else being equal. With a Control every conversation
// is played twice in the run, once in each of two arms, and the effect is the
// difference within pairs. Which arm of a pair goes first is balanced (each in
// half of the pairs) and drawn from the seed. See Control and Mix.
//
// # Replicas
//
// A server may have several replicas. Which of them gets a turn is decided when
// the turn is sent; see Balance. Nothing is drawn for that: the same turns with
// the same times go to the same replicas. A turn that is sent again after a
// failure stays on its replica. Turns of an arm that may hit nothing go where the
// Balance sends them, as all others.
//
// # Random numbers
//
// The seed decides everything that is drawn. The order of turns, that of a
// warm-up, the order of arms, the arrivals, and the rests of each client come
// from streams of their own, so one more draw in one place changes nothing elsewhere.
package load

import (
	"errors"

	"multiturn/internal/field"
)

// Order is the order in which ready turns are sent.
type Order string

// Orders, by the reference's names.
const (
	RoundRobin Order = "round_robin" // first-in first-out
	Random     Order = "random"
)

// Options decide which turn may be sent when. The zero value is one client that
// sends one conversation after the other.
type Options struct {
	Clients int // turns in flight at most; 0 = 1
	Active  int // conversations in progress at most; 0 = Clients
	// MaxRequests ends the run after that many turns; 0 = no limit. Turns of a
	// warm-up do not count.
	MaxRequests int
	// MaxMessages is the number of messages of each conversation that are played;
	// 0 = all. A turn that the limit cuts is played.
	MaxMessages int
	Order       Order // "" = RoundRobin
	Seed        uint32
	// Rate is the reference's --request-rate: after each turn its client rests for
	// Exp(1/Rate) seconds; 0 = no rest.
	Rate   float64
	Warmup bool // begin with a warm-up

	Control Control // "" = NoControl
	Mix     Mix     // "" = ByBatch

	// Replicas is how many replicas of the server share the turns; 0 = 1. Balance is
	// how they do; "" = BalanceSticky.
	Replicas int
	Balance  Balance

	// Arrivals decides when conversations begin, except those of a warm-up; nil =
	// as soon as fewer than Active are in progress.
	Arrivals Arrivals
}

// errNothing is the error of conversations without a turn.
var errNothing = errors.New("no conversation has a turn to play: there is no user message")

func (o Options) withDefaults() Options {
	o.Clients = max(o.Clients, 1)
	if o.Active == 0 {
		o.Active = o.Clients
	}
	o.Replicas = max(o.Replicas, 1)
	if o.Order == "" {
		o.Order = RoundRobin
	}
	if o.Arrivals == nil {
		o.Arrivals = closed(o.Active)
	}
	return o
}

// Validate returns everything that is wrong with the options.
func (o Options) Validate() error {
	var errs field.Errors
	if o.Clients < 0 {
		errs.Addf("Clients", "is %d; it must be at least 1", o.Clients)
	}
	if clients := max(o.Clients, 1); o.Active != 0 && o.Active < clients {
		errs.Addf("Active", "is %d, less than Clients %d: "+
			"raise it, for no more requests than conversations can be in flight", o.Active, clients)
	}
	if o.MaxRequests < 0 {
		errs.Addf("MaxRequests", "is %d; it must be at least 1", o.MaxRequests)
	}
	if o.MaxMessages < 0 {
		errs.Addf("MaxMessages", "is %d; it must be at least 1", o.MaxMessages)
	}
	if !(o.Rate >= 0) {
		errs.Addf("Rate", "is %g; it must not be negative", o.Rate)
	}
	switch o.Order {
	case "", RoundRobin, Random:
	default:
		errs.Addf("Order", "is %q; it must be %s or %s", o.Order, RoundRobin, Random)
	}
	o.validateControl(&errs)
	o.validateReplicas(&errs)
	return errs.Err()
}
