package load

import "time"

// Simulate plays the run in virtual time, warm-up included, and returns when it
// ended. Send is called for every turn when it is sent, and returns how long it
// takes and whether its conversation goes on.
func (s *Scheduler) Simulate(
	send func(d Dispatch, now time.Duration) (took time.Duration, ok bool),
) time.Duration {
	now := time.Duration(0)
	if s.opt.Warmup {
		now = s.simulate(now, true, send)
	}
	return s.simulate(now, false, send)
}

func (s *Scheduler) simulate(
	now time.Duration, warmup bool, send func(Dispatch, time.Duration) (time.Duration, bool),
) time.Duration {
	type flight struct {
		Dispatch
		ok bool
	}
	var flights agenda[flight] // by their ends
	s.Begin(now, warmup)
	for {
		for d, more := s.Next(now); more; d, more = s.Next(now) {
			took, ok := send(d, now)
			flights.add(now+took, flight{d, ok})
		}
		due, waits := s.Due()
		end, flying := flights.next()
		switch {
		case flying && (!waits || end <= due):
			now = end
			f := flights.pop()
			s.Ended(f.Dispatch, now, now, f.ok)
		case waits:
			now = due
		default:
			return now
		}
	}
}
