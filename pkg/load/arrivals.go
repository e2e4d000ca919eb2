package load

import "time"

// Arrivals decides when conversations begin.
type Arrivals interface {
	// Next returns when conversation n of the run begins, counted from 0, if now is
	// the time and active others are in progress. It returns false if that depends
	// on the end of one of these. Times are since the start of the measured turns.
	// Next is called again for the same n until the time has come.
	Next(n, active int, now time.Duration) (at time.Duration, ok bool)
}

// closed is the closed loop: a conversation begins when fewer than that many
// are in progress.
type closed int

func (c closed) Next(_, active int, now time.Duration) (time.Duration, bool) {
	return now, active < int(c)
}
