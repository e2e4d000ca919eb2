package report

import (
	"math"
	"strconv"

	"multiturn/pkg/render"
)

// Number is a float64 whose JSON is null when it does not exist (NaN) or is
// infinite.
type Number float64

// unknown is a number that does not exist.
var unknown = Number(math.NaN())

// MarshalJSON writes the shortest number that reads back as n, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.OK() {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', -1, 64), nil
}

// OK reports whether the number exists.
func (n Number) OK() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

func fixed(n Number, decimals int) string { return render.Fixed(float64(n), decimals) }
func significant(n Number) string         { return render.Significant(float64(n)) }
func integer(n int) string                { return strconv.Itoa(n) }
