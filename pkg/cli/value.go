package cli

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is a Value over a variable of type T.
type value[T any] struct {
	p       *T
	meta    string
	parse   func(string) (T, error)
	show    func(T) string
	get     func(T) any
	choices []string
}

func (v *value[T]) String() string {
	if v == nil || v.p == nil {
		return ""
	}
	return v.show(*v.p)
}

func (v *value[T]) Set(s string) error {
	x, err := v.parse(s)
	if err == nil {
		*v.p = x
	}
	return err
}

func (v *value[T]) Meta() string      { return v.meta }
func (v *value[T]) Choices() []string { return v.choices }

func (v *value[T]) Get() any {
	if v.get != nil {
		return v.get(*v.p)
	}
	return *v.p
}

// Parsed is a value of any type: parse reads it, show writes it, meta stands for it in --help. The error of parse
// follows the quoted text: "is not a rate".
func Parsed[T any](p *T, meta string, parse func(string) (T, error), show func(T) string) Value {
	return &value[T]{p: p, meta: meta, parse: parse, show: show, get: func(x T) any { return show(x) }}
}

// String is any text.
func String(p *string) Value { return text(p, "TEXT") }

// File is the name of a file; what it names is looked at when it is opened.
func File(p *string) Value { return text(p, "FILE") }

func text(p *string, meta string) Value {
	return &value[string]{p: p, meta: meta, parse: func(s string) (string, error) { return s, nil }, show: func(s string) string { return s }}
}

// Bool is a switch: --name, --name=true, --name=false. An environment variable or a config file may also say yes, no,
// on, off, 1 and 0.
func Bool(p *bool) Value { return boolValue{p} }

type boolValue struct{ p *bool }

func (v boolValue) IsBoolFlag() bool { return true }
func (v boolValue) Get() any         { return *v.p }
func (v boolValue) String() string   { return strconv.FormatBool(*v.p) }

func (v boolValue) Set(s string) error {
	switch strings.ToLower(s) {
	case "true", "1", "yes", "on":
		*v.p = true
	case "false", "0", "no", "off":
		*v.p = false
	default:
		return errors.New("is not true or false")
	}
	return nil
}

// Integer is a type that Int takes.
type Integer interface {
	~int | ~int64 | ~int32 | ~uint | ~uint64 | ~uint32
}

// Int is a whole number; limits are the least and, second, the greatest that is allowed.
func Int[T Integer](p *T, limits ...T) Value {
	parse := func(s string) (x T, err error) {
		t := strings.TrimSpace(s)
		if ^T(0) > 0 {
			var u uint64
			u, err = strconv.ParseUint(strings.TrimPrefix(t, "+"), 10, 64)
			if x = T(u); err == nil && uint64(x) != u {
				err = strconv.ErrRange
			}
			if i, ierr := strconv.ParseInt(t, 10, 64); ierr == nil && i < 0 {
				return 0, errors.New("is less than 0")
			}
		} else {
			var i int64
			i, err = strconv.ParseInt(t, 10, 64)
			if x = T(i); err == nil && int64(x) != i {
				err = strconv.ErrRange
			}
		}
		switch {
		case errors.Is(err, strconv.ErrRange):
			return 0, errors.New("is too large a number")
		case err != nil:
			return 0, errors.New("is not a whole number")
		}
		return x, within(x, limits)
	}
	return &value[T]{p: p, meta: "N", parse: parse, show: func(x T) string { return fmt.Sprint(x) }}
}

// Float is a finite number; limits are the least and, second, the greatest that is allowed.
func Float(p *float64, limits ...float64) Value {
	return &value[float64]{p: p, meta: "X", parse: number(limits), show: shortFloat}
}

// Percent is a percentage, with or without the sign: 50% and 50 are both 50. Limits as of Float; none: 0 to 100.
func Percent(p *float64, limits ...float64) Value {
	return &value[float64]{p: p, meta: "P%", parse: percent(limits), show: func(x float64) string { return shortFloat(x) + "%" }}
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
	show := func(list []float64) string {
		var b strings.Builder
		for i, x := range list {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(shortFloat(x) + "%")
		}
		return b.String()
	}
	return &value[[]float64]{p: p, meta: "P%,...", parse: parse, show: show, get: func(l []float64) any { return slices.Clone(l) }}
}

// Duration is a time: a number is seconds (30, 0.5), and 30s, 250ms, 1h30m are read as Go does. Limits as of Int;
// none: not negative.
func Duration(p *time.Duration, limits ...time.Duration) Value {
	if len(limits) == 0 {
		limits = []time.Duration{0}
	}
	parse := func(s string) (time.Duration, error) {
		t := strings.TrimSpace(s)
		d, err := time.ParseDuration(t)
		if err != nil {
			x, ferr := strconv.ParseFloat(t, 64)
			if ferr != nil || math.IsNaN(x) {
				return 0, errors.New("is not a time: write 30 (seconds), 30s, 250ms or 1h30m")
			}
			if math.Abs(x) >= math.MaxInt64/1e9 {
				return 0, errors.New("is too long a time")
			}
			d = time.Duration(math.Round(x * 1e9))
		}
		return d, within(d, limits)
	}
	get := func(d time.Duration) any { return d.String() }
	return &value[time.Duration]{p: p, meta: "TIME", parse: parse, show: time.Duration.String, get: get}
}

// Size is a number of bytes: 4096, 64KiB, 1.5GiB (powers of 1024), 10MB (powers of 1000); k, M, G and T alone are
// powers of 1024. Limits as of Int; none: not negative.
func Size(p *int64, limits ...int64) Value {
	if len(limits) == 0 {
		limits = []int64{0}
	}
	parse := func(s string) (int64, error) {
		t := strings.TrimSpace(s)
		cut := strings.LastIndexAny(t, "0123456789.") + 1
		x, err := strconv.ParseFloat(t[:cut], 64)
		unit := map[string]float64{
			"": 1, "b": 1, "k": 1 << 10, "kib": 1 << 10, "kb": 1e3, "m": 1 << 20, "mib": 1 << 20, "mb": 1e6,
			"g": 1 << 30, "gib": 1 << 30, "gb": 1e9, "t": 1 << 40, "tib": 1 << 40, "tb": 1e12,
		}[strings.ToLower(strings.TrimSpace(t[cut:]))]
		switch x *= unit; {
		case err != nil || unit == 0:
			return 0, errors.New("is not a size: write 4096, 64KiB, 10MB or 1.5GiB")
		case math.Abs(x) >= math.MaxInt64:
			return 0, errors.New("is too large a size")
		case x != math.Trunc(x):
			return 0, errors.New("is not a whole number of bytes")
		}
		return int64(x), within(int64(x), limits)
	}
	show := func(n int64) string {
		for _, u := range []struct {
			name string
			size int64
		}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
			if n != 0 && n%u.size == 0 {
				return strconv.FormatInt(n/u.size, 10) + u.name
			}
		}
		return strconv.FormatInt(n, 10)
	}
	return &value[int64]{p: p, meta: "SIZE", parse: parse, show: show}
}

// Enum is one of the choices. An empty one, which stands for no choice made, can be given but is shown nowhere.
func Enum[T ~string](p *T, choices ...T) Value {
	var names []string
	for _, c := range choices {
		if c != "" {
			names = append(names, string(c))
		}
	}
	parse := func(s string) (T, error) {
		if !slices.Contains(choices, T(s)) {
			return "", fmt.Errorf("is not %s%s", orList(names), didYouMean(s, names, ""))
		}
		return T(s), nil
	}
	meta := strings.Join(names, "|")
	if len(meta) > 24 {
		meta = "NAME"
	}
	return &value[T]{p: p, meta: meta, parse: parse, show: func(x T) string { return string(x) }, choices: names}
}

// Strings is a list that grows with every use of the flag. A comma is just a character of a value.
func Strings(p *[]string) Value { return &stringList{p, "TEXT"} }

// Files is a list of file names that grows with every use of the flag.
func Files(p *[]string) Value { return &stringList{p, "FILE"} }

type stringList struct {
	p    *[]string
	meta string
}

func (v *stringList) String() string     { return strings.Join(*v.p, " ") }
func (v *stringList) Set(s string) error { *v.p = append(*v.p, s); return nil }
func (v *stringList) Reset()             { *v.p = nil }
func (v *stringList) Meta() string       { return v.meta }
func (v *stringList) Get() any           { return slices.Clone(*v.p) }

// Headers is HTTP headers, "Name: value" or "Name=value", one for each use of the flag. A name given again replaces
// the earlier one. Their values count as secrets: they are shown nowhere.
func Headers(p *http.Header) Value { return headers{p} }

type headers struct{ p *http.Header }

func (v headers) String() string { return strings.Join(v.Get().([]string), ", ") }
func (v headers) Meta() string   { return "'K: V'" }
func (v headers) Reset()         { *v.p = http.Header{} }
func (v headers) Masked() bool   { return true }

func (v headers) Get() any {
	names := []string{}
	for name := range *v.p {
		names = append(names, name+": "+masked)
	}
	slices.Sort(names)
	return names
}

const masked = "***"

func (v headers) Set(s string) error {
	cut := strings.IndexAny(s, ":=")
	if cut < 0 {
		return errNoHeader
	}
	name, val := strings.TrimSpace(s[:cut]), strings.TrimSpace(s[cut+1:])
	if name == "" || strings.IndexFunc(name, notToken) >= 0 {
		return errNoHeader
	}
	if strings.IndexFunc(val, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) >= 0 {
		return errors.New("a control character in a header's value")
	}
	if *v.p == nil {
		*v.p = http.Header{}
	}
	v.p.Set(name, val)
	return nil
}

var errNoHeader = errors.New("this is not a header: write 'Name: value' or Name=value")

func notToken(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
}

// URL is an http or https address with a host. A password in it is shown nowhere.
func URL(p *string) Value {
	parse := func(s string) (string, error) {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return "", errors.New("is not an address like http://localhost:8000")
		}
		return strings.TrimSpace(s), nil
	}
	show := func(s string) string {
		if u, err := url.Parse(s); err == nil && u.User != nil {
			return u.Redacted()
		}
		return s
	}
	return &value[string]{p: p, meta: "URL", parse: parse, show: show, get: func(s string) any { return show(s) }}
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
	return func(s string) (float64, error) { return one(strings.TrimSuffix(strings.TrimSpace(s), "%")) }
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

// orList writes the words as "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
