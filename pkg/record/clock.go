package record

import (
	"math"
	"strconv"
	"time"

	"multiturn/internal/limits"
)

// Clock is nanoseconds since the start of the run; 0 means that the clock was
// not set. In JSON it is milliseconds with up to six decimals.
type Clock int64

// At returns the clock of t in a run that began at start, or 0 if t is zero.
func At(start, t time.Time) Clock {
	if t.IsZero() {
		return 0
	}
	return max(1, Clock(t.Sub(start)))
}

// OK reports whether the clock was set.
func (c Clock) OK() bool { return c != 0 }

// IsZero reports whether the clock was not set, for omitzero of encoding/json.
func (c Clock) IsZero() bool { return c == 0 }

// MS returns the clock in milliseconds.
func (c Clock) MS() float64 { return float64(c) / 1e6 }

// Microseconds returns the clock in microseconds, rounded down.
func (c Clock) Microseconds() int64 { return int64(c) / 1e3 }

// Since returns the time from b to c. The result ok reports whether both were set.
func (c Clock) Since(b Clock) (d time.Duration, ok bool) {
	return time.Duration(c - b), c != 0 && b != 0
}

// MarshalJSON writes the clock in milliseconds without rounding.
func (c Clock) MarshalJSON() ([]byte, error) { return appendMillis(nil, int64(c)), nil }

// UnmarshalJSON reads milliseconds: those that MarshalJSON wrote exactly, others
// to the nearest nanosecond.
func (c *Clock) UnmarshalJSON(b []byte) error {
	if ns, ok := parseMillis(b); ok {
		*c = Clock(ns)
		return nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		if string(b) == "null" {
			return nil
		}
		return err
	}
	// What no int64 holds is a time beyond all limits.
	switch ns := math.Round(f * 1e6); {
	case ns >= math.MaxInt64:
		*c = math.MaxInt64
	case ns <= math.MinInt64:
		*c = math.MinInt64
	default:
		*c = Clock(ns)
	}
	return nil
}

// parseMillis parses milliseconds with at most six decimals and no exponent, up to
// limits.Clock.
func parseMillis(b []byte) (ns int64, ok bool) {
	decimals := -1 // digits behind the point; -1 before it
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9' && decimals < 6 && ns <= limits.Clock:
			ns = ns*10 + int64(c-'0')
			if decimals >= 0 {
				decimals++
			}
		case c == '.' && decimals < 0 && i > 0:
			decimals = 0
		default:
			return 0, false
		}
	}
	for range 6 - max(0, decimals) {
		if ns > limits.Clock {
			return 0, false
		}
		ns *= 10
	}
	return ns, len(b) > 0
}

// appendMillis appends ns nanoseconds as milliseconds, with as many decimals as
// are needed to read the same number back.
func appendMillis(dst []byte, ns int64) []byte {
	n := uint64(ns)
	if ns < 0 {
		dst = append(dst, '-')
		n = -n // that of the least int64, too
	}
	dst = strconv.AppendUint(dst, n/1e6, 10)
	frac := n % 1e6
	if frac == 0 {
		return dst
	}
	dst = append(dst, '.')
	for digit := uint64(1e5); frac > 0; digit /= 10 {
		dst = append(dst, byte('0'+frac/digit))
		frac %= digit
	}
	return dst
}
