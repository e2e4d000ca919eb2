//go:build !linux

package sim

// newSleeper returns the most exact sleeper available.
func newSleeper() sleeper { return newTimerSleeper() }
