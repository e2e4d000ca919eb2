package load

import (
	"multiturn/pkg/chat"
	"multiturn/pkg/record"
)

// Why returns why the run ended, as one of package record's reasons, once the
// measured turns are over.
func (s *Scheduler) Why() string {
	switch {
	case s.stopped != "":
		return s.stopped
	case s.limited():
		return record.WhyLimit
	}
	return record.WhyDone
}

// Turns returns how many turns a run of the conversations sends if none fails,
// those of a warm-up included.
func (o Options) Turns(conversations []chat.Conversation) int {
	s, err := New(o, conversations)
	if err != nil {
		return 0
	}
	n := s.PlannedTurns()
	if o.Warmup {
		n += len(s.plays)
	}
	return n
}

// PlannedTurns returns the number of turns that were to be sent, without those
// of the warm-up.
func (s *Scheduler) PlannedTurns() int {
	n := 0
	for i := range s.plays {
		n += len(s.plays[i].Turns)
		if s.opt.Warmup {
			n--
		}
	}
	if s.opt.MaxRequests > 0 {
		n = min(n, s.opt.MaxRequests)
	}
	return n
}

// Conversations returns how the conversations of the run ended, by plays.
func (s *Scheduler) Conversations() record.Tally {
	t := record.Tally{Planned: len(s.plays)}
	for i, p := range s.went {
		switch {
		case p.failed:
			t.Failed++
		case p.next == len(s.plays[i].Turns):
			t.Finished++
		case p.next == 0:
		case s.Why() == record.WhyLimit:
			t.Cut++
		default:
			t.Abandoned++
		}
	}
	t.Started = t.Failed + t.Finished + t.Cut + t.Abandoned
	return t
}
