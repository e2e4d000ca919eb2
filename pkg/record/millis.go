package record

import (
	"math"
	"strconv"
)

// appendMillis writes ns nanoseconds as milliseconds with as many decimals as it takes, and no rounding: what is read
// back is what was measured.
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

func round(f float64) int64 { return int64(math.Round(f)) }
