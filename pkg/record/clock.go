package record

import (
	"math"
	"strconv"
	"time"
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

// UnmarshalJSON reads milliseconds.
func (c *Clock) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		if string(b) == "null" {
			return nil
		}
		return err
	}
	*c = Clock(math.Round(f * 1e6))
	return nil
}

// appendMillis appends ns nanoseconds as milliseconds, with as many decimals as
// are needed to read the same number back.
func appendMillis(dst []byte, ns int64) []byte {
	if ns < 0 {
		dst = append(dst, '-')
		ns = -ns
	}
	dst = strconv.AppendInt(dst, ns/1e6, 10)
	frac := ns % 1e6
	if frac == 0 {
		return dst
	}
	dst = append(dst, '.')
	for digit := int64(1e5); frac > 0; digit /= 10 {
		dst = append(dst, byte('0'+frac/digit))
		frac %= digit
	}
	return dst
}
