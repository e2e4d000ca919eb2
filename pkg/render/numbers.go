package render

import (
	"math"
	"strconv"
	"strings"

	"multiturn/internal/human"
)

// Unknown is what text shows for a number that does not exist or is not known.
const Unknown = "-"

func known(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// Fixed formats f with that many decimals.
func Fixed(f float64, decimals int) string {
	if !known(f) {
		return Unknown
	}
	return strconv.FormatFloat(f, 'f', decimals, 64)
}

// Short formats a measured time with as many decimals as say something, and a large
// one with commas.
func Short(f float64) string {
	switch size := math.Abs(f); {
	case size >= 1000 && known(f):
		return human.Thousands(int64(math.Round(f)))
	case size >= 100:
		return Fixed(f, 0)
	case size >= 1:
		return Fixed(f, 1)
	}
	return Fixed(f, 3)
}

// Significant formats f with three digits, and a large one whole, with commas.
func Significant(f float64) string {
	switch {
	case !known(f):
		return Unknown
	case math.Abs(f) >= 999.5:
		return human.Thousands(int64(math.Round(f)))
	}
	return strconv.FormatFloat(f, 'g', 3, 64)
}

// Percent formats a share with one decimal and a percent sign.
func Percent(share float64) string { return Fixed(100*share, 1) + " %" }

// barWidth is the width of a whole bar, in characters.
const barWidth = 30

// Bar returns a share as a bar of eighths of characters.
func Bar(share float64) string {
	eighths := int(math.Round(max(0, min(1, share)) * barWidth * 8))
	s := strings.Repeat("█", eighths/8)
	if part := eighths % 8; part > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[part-1])
	}
	return s
}

// Decimals is a column that shows a number with that many decimals.
func Decimals(head, cell string, decimals int) Column {
	return Column{Head: head, Text: func(r Row) string { return Fixed(r.Number(cell), decimals) }}
}

// Count is a column that shows a whole number.
func Count(head, cell string) Column { return Decimals(head, cell, 0) }

// Hundred is a column that shows a share in percent, with one decimal and
// without a sign.
func Hundred(head, cell string) Column {
	return Column{Head: head, Text: func(r Row) string { return Fixed(100*r.Number(cell), 1) }}
}

// Mean is a column that shows a sum divided by the number in another cell, with
// one decimal.
func Mean(head, sum, n string) Column {
	return Column{Head: head, Text: func(r Row) string {
		if of := r.Number(n); of > 0 {
			return Fixed(r.Number(sum)/of, 1)
		}
		return Unknown
	}}
}

// Interval is a column that shows two numbers as [low, high], or as a bound if
// only one of them is known.
func Interval(head, low, high string, decimals int) Column {
	return Column{Head: head, Text: func(r Row) string {
		from, to := Fixed(r.Number(low), decimals), Fixed(r.Number(high), decimals)
		switch {
		case from == Unknown && to == Unknown:
			return Unknown
		case to == Unknown:
			return ">= " + from
		case from == Unknown:
			return "<= " + to
		}
		return "[" + from + ", " + to + "]"
	}}
}
