package sim

import (
	"math"
	"strconv"
	"time"
)

// Milliseconds is a duration, or a time since the server's start, that is a
// number of milliseconds in JSON.
type Milliseconds time.Duration

// MarshalJSON writes milliseconds with six decimals, which are nanoseconds.
func (m Milliseconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(m)/1e6, 'f', 6, 64), nil
}

// UnmarshalJSON reads milliseconds.
func (m *Milliseconds) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	*m = Milliseconds(math.Round(f * 1e6))
	return err
}
