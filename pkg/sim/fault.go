package sim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"multiturn/internal/human"
)

// Faults are deviations from a plain, complete stream: the habits of real
// servers, and failures. The package comment has the grammar.
type Faults []Fault

// Fault is one deviation.
type Fault struct {
	Name string
	// N, Wait and Word are the count, the time and the choice of the fault, if it takes them.
	N    int
	Wait time.Duration
	Word string
	// Share is the share of requests that have the fault, above 0 and at most 1.
	Share float64
}

// FaultNames returns the names of all faults, sorted.
func FaultNames() []string {
	names := make([]string, 0, len(grammar))
	for name := range grammar {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// FaultUsage returns what a fault does; "" if there is no such fault.
func FaultUsage(name string) string { return grammar[name].about }

// FaultForm returns how a fault is written, such as stall=N/TIME.
func FaultForm(name string) string {
	arg := grammar[name]
	sep := "="
	if arg.count {
		name += "=N"
		sep = "/"
	}
	switch {
	case arg.wait && arg.pause > 0, arg.words != nil && arg.count:
		name += "[" + sep
		if arg.wait {
			name += "TIME"
		} else {
			name += arg.word()
		}
		name += "]"
	case arg.wait:
		name += sep + "TIME"
	case arg.words != nil:
		name += sep + arg.word()
	}
	return name
}

// ParseFaults parses a list of faults. The error joins those of all faults.
func ParseFaults(s string) (Faults, error) {
	var list Faults
	var errs []error
	separator := func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }
	for item := range strings.FieldsFuncSeq(s, separator) {
		f, err := parseFault(item)
		if err != nil {
			errs = append(errs, fmt.Errorf("fault %q: %w", item, err))
			continue
		}
		list = append(list, f)
	}
	return list, errors.Join(errs...)
}

func parseFault(item string) (Fault, error) {
	f := Fault{Share: 1}
	rest, share, shared := strings.Cut(item, "@")
	if shared {
		x, err := strconv.ParseFloat(share, 64)
		if err != nil || !(x > 0 && x <= 1) {
			return f, errors.New("the share after @ must be above 0 and at most 1")
		}
		f.Share = x
	}
	name, value, valued := strings.Cut(rest, "=")
	f.Name = name
	arg, ok := grammar[name]
	if !ok {
		if near := human.Nearest(name, FaultNames()); near != "" {
			return f, fmt.Errorf("there is no such fault; did you mean %s?", near)
		}
		return f, fmt.Errorf("there is no such fault; there are: %s",
			strings.Join(FaultNames(), ", "))
	}
	switch {
	case valued && !arg.value():
		return f, errors.New("it takes no value")
	case !valued && arg.value():
		return f, fmt.Errorf("a value is missing: want %s (%s)", FaultForm(name), arg.about)
	case !valued:
		return f, nil
	}
	return f, f.parseValue(arg, value)
}

// parseValue parses the text after the equals sign.
func (f *Fault) parseValue(arg fault, value string) error {
	first, second, both := strings.Cut(value, "/")
	switch {
	case !arg.count && both:
		return errors.New("it takes only one value")
	case !arg.count:
		return f.parseChoice(arg, first)
	}
	n, err := strconv.ParseInt(first, 10, 32)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a number", first)
	case int(n) < arg.least:
		return fmt.Errorf("%d is too small: want at least %d", n, arg.least)
	case arg.most > 0 && int(n) > arg.most:
		return fmt.Errorf("%d is too large: want at most %d", n, arg.most)
	}
	f.N = int(n)
	switch {
	case both && !arg.wait && arg.words == nil:
		return fmt.Errorf("it takes no second value after %d", f.N)
	case both:
		return f.parseChoice(arg, second)
	case arg.wait && arg.pause == 0:
		return errors.New("a time is missing: want N/TIME, such as 5/250ms")
	}
	f.Wait = arg.pause
	if arg.words != nil {
		f.Word = arg.words[0]
	}
	return nil
}

// maxWait is the longest time of a fault: longer than any run.
const maxWait = 24 * time.Hour

// parseChoice parses a time or a word.
func (f *Fault) parseChoice(arg fault, s string) error {
	if !arg.wait {
		if !slices.Contains(arg.words, s) {
			return arg.unknown(s)
		}
		f.Word = s
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > maxWait {
		return fmt.Errorf("%q is not a time: want one such as 250ms", s)
	}
	f.Wait = d
	return nil
}

// manyWords is the number of words that are too many for an error to list.
const manyWords = 20

// unknown returns the error of a word that the fault does not take.
func (a fault) unknown(word string) error {
	if len(a.words) < manyWords {
		return fmt.Errorf("unknown value %q: want one of %s", word, strings.Join(a.words, ", "))
	}
	if near := human.Nearest(word, a.words); near != "" {
		return fmt.Errorf("unknown value %q; did you mean %s?", word, near)
	}
	return fmt.Errorf("unknown value %q; --list-faults has all", word)
}

// String returns the fault as ParseFaults reads it.
func (f Fault) String() string {
	arg := grammar[f.Name]
	var b strings.Builder
	b.WriteString(f.Name)
	sep := byte('=')
	if arg.count {
		fmt.Fprintf(&b, "=%d", f.N)
		sep = '/'
	}
	switch {
	case arg.wait:
		b.WriteByte(sep)
		b.WriteString(f.Wait.String())
	case arg.words != nil:
		b.WriteByte(sep)
		b.WriteString(f.Word)
	}
	if f.Share != 1 && f.Share != 0 {
		b.WriteByte('@')
		b.WriteString(strconv.FormatFloat(f.Share, 'g', -1, 64))
	}
	return b.String()
}

// String returns the list as ParseFaults reads it.
func (l Faults) String() string {
	var b strings.Builder
	for i, f := range l {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(f.String())
	}
	return b.String()
}

// share returns the share of requests that have the fault; 0 if it is not in
// the list.
func (l Faults) share(name string) float64 {
	for _, f := range l {
		if f.Name == name {
			return f.Share
		}
	}
	return 0
}
