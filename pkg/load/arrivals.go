package load

import (
	"math/rand/v2"
	"time"
)

// Arrivals decides when conversations begin. It is a setting and has no state:
// several runs can share one.
type Arrivals interface {
	// Begin returns the arrivals of one run. What is random in them is drawn from
	// random, a stream of their own that the run's seed decides.
	Begin(random *rand.Rand) Arrive
}

// Arrive returns when conversation n of the run begins, counted from 0, if now
// is the time and active others are in progress. It returns false if that
// depends on the end of one of these. Times are since the start of the measured
// turns. It is called again for the same n until the time has come, and never
// for an earlier n.
type Arrive func(n, active int, now time.Duration) (at time.Duration, ok bool)

// closed is the closed loop: a conversation begins when fewer than that many
// are in progress.
type closed int

func (c closed) Begin(*rand.Rand) Arrive {
	return func(_, active int, now time.Duration) (time.Duration, bool) {
		return now, active < int(c)
	}
}
