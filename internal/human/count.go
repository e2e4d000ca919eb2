package human

import (
	"fmt"
	"strconv"
)

// Count returns "1 turn", "2 turns": the number and the noun, with an s unless
// the number is 1.
func Count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// Thousands writes a number with commas: 1,234,567.
func Thousands[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Bytes returns n bytes in a unit that suits the number, such as "64 MiB".
func Bytes[T int | int64](n T) string {
	for _, unit := range []struct {
		name string
		size T
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= unit.size {
			return fmt.Sprintf("%.3g %s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
