//go:build !linux

package sim

// newSleeper returns the most exact sleeper there is.
func newSleeper() sleeper { return newTimerSleeper() }
