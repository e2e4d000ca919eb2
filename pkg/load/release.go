package load

import (
	"slices"
	"time"
)

// advance goes through what was due until now.
func (s *Scheduler) advance(now time.Duration) {
	for {
		at, ok := s.agenda.next()
		if !ok || at > now {
			return
		}
		switch e := s.agenda.pop(); e.kind {
		case thinkEnds:
			s.ready = append(s.ready, waiting{e.turn, at})
		case restEnds:
			s.idle = slices.Insert(s.idle, 0, resting{e.client, at})
		case conversationArrives:
			s.booked = false
			s.admit(at)
		}
	}
}

// admit begins the conversations that may begin now, and books the arrival of
// the next one if its time is known.
func (s *Scheduler) admit(now time.Duration) {
	for s.more() && !s.booked {
		p := &s.plays[s.dealt]
		if p.half != s.half && s.active > 0 {
			return
		}
		at, ok := s.arrive(s.started, s.active, now-s.begun)
		if !ok {
			return
		}
		at += s.begun
		if at > now {
			s.agenda.add(at, event{kind: conversationArrives})
			s.booked = true
			return
		}
		if p.half != s.half {
			s.half, s.opening = p.half, true
		}
		s.release(turn{s.dealt, s.went[s.dealt].next}, at)
		s.dealt++
		s.started++
		s.active++
	}
}

// more reports whether a conversation is left to begin. Those that have no turn
// in this phase are passed over.
func (s *Scheduler) more() bool {
	for s.dealt < len(s.plays) && !s.playable(s.dealt) {
		s.dealt++
	}
	return s.dealt < len(s.plays)
}

// playable reports whether a play has a turn left in this phase.
func (s *Scheduler) playable(play int) bool {
	p := s.went[play]
	return !p.failed && p.next < len(s.plays[play].Turns) && (!s.warming || p.next == 0)
}

// release makes a turn ready, whose predecessor ended at since, after its think
// time.
func (s *Scheduler) release(t turn, since time.Duration) {
	if think := s.think(t); think > 0 {
		s.agenda.add(since+think, event{turn: t})
		return
	}
	s.ready = append(s.ready, waiting{t, since})
}

// think returns the time that passes before a turn is ready.
func (s *Scheduler) think(t turn) time.Duration {
	if s.warming {
		return 0
	}
	return s.plays[t.play].Turns[t.index].Think
}
