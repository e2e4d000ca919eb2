package cli

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Integer is a type that Int takes.
type Integer interface {
	~int | ~int64 | ~int32 | ~uint | ~uint64 | ~uint32
}

// Int is a whole number. limits are the least value and, optionally, the
// greatest.
func Int[T Integer](p *T, limits ...T) Value {
	parse := func(s string) (T, error) {
		x, err := parseInt[T](strings.TrimSpace(s))
		if err != nil {
			return 0, err
		}
		return x, within(x, limits)
	}
	show := func(x T) string { return fmt.Sprint(x) }
	return &value[T]{p: p, meta: "N", parse: parse, show: show}
}

func parseInt[T Integer](s string) (x T, err error) {
	i, ierr := strconv.ParseInt(s, 10, 64)
	if ^T(0) > 0 { // T has no sign
		if ierr == nil && i < 0 {
			return 0, errors.New("is less than 0")
		}
		var u uint64
		u, err = strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, 64)
		if x = T(u); err == nil && uint64(x) != u {
			err = strconv.ErrRange
		}
	} else if x, err = T(i), ierr; err == nil && int64(x) != i {
		err = strconv.ErrRange
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, errors.New("is too large a number")
	case err != nil:
		return 0, errors.New("is not a whole number")
	}
	return x, nil
}

// OptionalInt is a whole number that may be absent. limits are those of Int.
func OptionalInt[T Integer](p **T, limits ...T) Value {
	parse := func(s string) (x T, err error) { return x, Int(&x, limits...).Set(s) }
	return Optional(p, "N", parse, func(x T) string { return fmt.Sprint(x) })
}

// Float is a finite number. limits are the least value and, optionally, the
// greatest.
func Float(p *float64, limits ...float64) Value {
	return &value[float64]{p: p, meta: "X", parse: number(limits), show: shortFloat}
}

// OptionalFloat is a finite number that may be absent. limits are those of
// Float.
func OptionalFloat(p **float64, limits ...float64) Value {
	return Optional(p, "X", number(limits), shortFloat)
}

// Percent is a percentage, with or without the sign: 50% and 50 are both 50.
// limits are those of Float; the default is 0 to 100.
func Percent(p *float64, limits ...float64) Value {
	show := func(x float64) string { return shortFloat(x) + "%" }
	return &value[float64]{p: p, meta: "P%", parse: percent(limits), show: show}
}

// Percents is percentages with commas between them: 0%,25%,50%.
func Percents(p *[]float64) Value {
	one := percent(nil)
	parse := func(s string) (list []float64, err error) {
		for part := range strings.SplitSeq(s, ",") {
			x, err := one(strings.TrimSpace(part))
			if err != nil {
				return nil, fmt.Errorf("is not percentages like 0%%,25%%,50%%: %q %w", part, err)
			}
			list = append(list, x)
		}
		return list, nil
	}
	show := func(x float64) string { return shortFloat(x) + "%" }
	return commaList(p, "P%,...", parse, show)
}

// Ints is whole numbers from 0 with commas between them: 100,1000.
func Ints(p *[]int) Value {
	parse := func(s string) (list []int, err error) {
		for part := range strings.SplitSeq(s, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(part))
			if err != nil || n < 0 {
				return nil, errors.New("is not a list of whole numbers")
			}
			list = append(list, n)
		}
		return list, nil
	}
	return commaList(p, "N,...", parse, strconv.Itoa)
}

// Duration is a time. A number is seconds (30, 0.5); 30s, 250ms and 1h30m are
// read as Go does. limits are those of Int; the default is not negative.
func Duration[T ~int64](p *T, limits ...time.Duration) Value {
	if len(limits) == 0 {
		limits = []time.Duration{0}
	}
	parse := func(s string) (T, error) {
		d, err := parseDuration(strings.TrimSpace(s))
		if err != nil {
			return 0, err
		}
		return T(d), within(d, limits)
	}
	show := func(d T) string { return time.Duration(d).String() }
	get := func(d T) any { return show(d) }
	return &value[T]{p: p, meta: "TIME", parse: parse, show: show, get: get}
}

func parseDuration(s string) (time.Duration, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return d, nil
	}
	x, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || math.IsNaN(x):
		return 0, errors.New("is not a time: write 30 (seconds), 30s, 250ms or 1h30m")
	case math.Abs(x) >= math.MaxInt64/1e9:
		return 0, errors.New("is too long a time")
	}
	return time.Duration(math.Round(x * 1e9)), nil
}

// sizeUnits are the units of Size, in lower case.
var sizeUnits = map[string]float64{
	"": 1, "b": 1,
	"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
}

// Size is a number of bytes: 4096, 64KiB, 1.5GiB (powers of 1024), 10MB (powers
// of 1000). k, M, G and T alone are powers of 1024. limits are those of Int; the
// default is not negative.
func Size(p *int64, limits ...int64) Value {
	if len(limits) == 0 {
		limits = []int64{0}
	}
	parse := func(s string) (int64, error) {
		n, err := parseSize(strings.TrimSpace(s))
		if err != nil {
			return 0, err
		}
		return n, within(n, limits)
	}
	return &value[int64]{p: p, meta: "SIZE", parse: parse, show: showSize}
}

// AutoSize is a Size above 0, or auto, which 0 stands for.
func AutoSize(p *int64) Value {
	const auto = "auto"
	parse := func(s string) (int64, error) {
		if s = strings.TrimSpace(s); s == auto {
			return 0, nil
		}
		n, err := parseSize(s)
		if err != nil {
			return 0, err
		}
		return n, within(n, []int64{1})
	}
	show := func(n int64) string {
		if n == 0 {
			return auto
		}
		return showSize(n)
	}
	return &value[int64]{p: p, meta: "SIZE", parse: parse, show: show,
		get: func(n int64) any { return show(n) }}
}

func parseSize(s string) (int64, error) {
	cut := strings.LastIndexAny(s, "0123456789.") + 1
	x, err := strconv.ParseFloat(s[:cut], 64)
	unit := sizeUnits[strings.ToLower(strings.TrimSpace(s[cut:]))]
	switch x *= unit; {
	case err != nil || unit == 0:
		return 0, errors.New("is not a size: write 4096, 64KiB, 10MB or 1.5GiB")
	case math.Abs(x) >= math.MaxInt64:
		return 0, errors.New("is too large a size")
	case x != math.Trunc(x):
		return 0, errors.New("is not a whole number of bytes")
	}
	return int64(x), nil
}

// showSize writes the size in the largest unit that leaves a whole number.
func showSize(n int64) string {
	for _, unit := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if size := int64(sizeUnits[strings.ToLower(unit)]); n != 0 && n%size == 0 {
			return strconv.FormatInt(n/size, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10)
}

func number(limits []float64) func(string) (float64, error) {
	return func(s string) (float64, error) {
		x, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return 0, errors.New("is not a number")
		}
		return x, within(x, limits)
	}
}

func percent(limits []float64) func(string) (float64, error) {
	if len(limits) == 0 {
		limits = []float64{0, 100}
	}
	one := number(limits)
	return func(s string) (float64, error) {
		return one(strings.TrimSuffix(strings.TrimSpace(s), "%"))
	}
}

func within[T Integer | ~float64](x T, limits []T) error {
	switch {
	case len(limits) > 1 && (x < limits[0] || x > limits[1]):
		return fmt.Errorf("is not between %v and %v", limits[0], limits[1])
	case len(limits) == 1 && x < limits[0]:
		return fmt.Errorf("is less than %v", limits[0])
	}
	return nil
}

func shortFloat(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
