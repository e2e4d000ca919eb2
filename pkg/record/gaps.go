package record

import (
	"bytes"
	"encoding/json"
)

// Gaps are times between chunks in microseconds. They are read from JSON without
// reflection, because they are most of the bytes of a stream.
type Gaps []int64

// UnmarshalJSON reads an array of numbers.
func (g *Gaps) UnmarshalJSON(b []byte) error {
	out := make(Gaps, 0, bytes.Count(b, []byte{','})+1)
	// Anything but a plain array of integers (null, 1e3, an error) is left to
	// encoding/json.
	plain := func() error { return json.Unmarshal(b, (*[]int64)(g)) }
	if len(b) < 2 || b[0] != '[' {
		return plain()
	}
	var (
		v        int64
		digits   int
		negative bool
	)
	for _, c := range b[1:] {
		switch {
		case c >= '0' && c <= '9':
			if digits == 18 {
				return plain()
			}
			v = v*10 + int64(c-'0')
			digits++
		case c == '-' && digits == 0 && !negative:
			negative = true
		case c == ',' || c == ']':
			if digits == 0 {
				return plain()
			}
			if negative {
				v = -v
			}
			out = append(out, v)
			v, digits, negative = 0, 0, false
		default:
			return plain()
		}
	}
	*g = out
	return nil
}
