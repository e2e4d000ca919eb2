package cli

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"multiturn/internal/httpclient"
	"multiturn/internal/human"
)

// value is a Value over a variable of type T.
type value[T any] struct {
	p       *T
	meta    string
	parse   func(string) (T, error)
	show    func(T) string
	get     func(T) any // nil: the value itself
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
func (v *value[T]) Bound() any        { return v.p }

func (v *value[T]) Get() any {
	if v.get != nil {
		return v.get(*v.p)
	}
	return *v.p
}

// Parsed is a value of any type. parse reads it, show writes it, and meta stands
// for it in --help. The error of parse goes on from the quoted text: "is not a
// rate".
func Parsed[T any](p *T, meta string, parse func(string) (T, error), show func(T) string) Value {
	get := func(x T) any { return show(x) }
	return &value[T]{p: p, meta: meta, parse: parse, show: show, get: get}
}

// ParsedURL is Parsed of a value that may be an address: errors quote what they
// may show of it.
func ParsedURL[T any](
	p *T, meta string, parse func(string) (T, error), show func(T) string,
) Value {
	return &addressed[T]{*Parsed(p, meta, parse, show).(*value[T])}
}

type addressed[T any] struct{ value[T] }

func (v *addressed[T]) Quote(text string) string { return httpclient.Quotable(text) }

// Optional is a value that may be absent, which a nil pointer stands for.
func Optional[T any](p **T, meta string, parse func(string) (T, error), show func(T) string) Value {
	one := func(s string) (*T, error) {
		x, err := parse(s)
		return &x, err
	}
	return Parsed(p, meta, one, func(x *T) string {
		if x == nil {
			return ""
		}
		return show(*x)
	})
}

// String is any text.
func String(p *string) Value { return text(p, "TEXT") }

// File is the name of a file. The file is looked at when it is opened.
func File(p *string) Value { return text(p, "FILE") }

func text(p *string, meta string) Value {
	parse := func(s string) (string, error) { return s, nil }
	show := func(s string) string { return s }
	return &value[string]{p: p, meta: meta, parse: parse, show: show}
}

// Bool is a switch: --name, --name=true, --name=false. An environment variable
// or a config file may also say yes, no, on, off, 1 and 0.
func Bool(p *bool) Value { return boolValue{p} }

type boolValue struct{ p *bool }

func (v boolValue) IsBoolFlag() bool { return true }
func (v boolValue) Get() any         { return *v.p }
func (v boolValue) Bound() any       { return v.p }
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

// manyChoices stands for choices that are too long to be shown in the term.
const manyChoices = "NAME"

// Enum is one of the choices. The choice "" can be given, but is not shown.
func Enum[T ~string](p *T, choices ...T) Value {
	var names []string
	for _, c := range choices {
		if c != "" {
			names = append(names, string(c))
		}
	}
	parse := func(s string) (T, error) {
		if !slices.Contains(choices, T(s)) {
			return "", notOneOf(s, names)
		}
		return T(s), nil
	}
	meta := strings.Join(names, "|")
	if len(meta) > 24 { // so that help keeps its columns
		meta = manyChoices
	}
	show := func(x T) string { return string(x) }
	return &value[T]{p: p, meta: meta, parse: parse, show: show, choices: names}
}

// AutoEnum is one of the choices, or auto, which stands for the zero value.
func AutoEnum[T ~string](p *T, choices ...T) Value {
	const auto = "auto"
	v := Enum(p, append([]T{auto}, choices...)...).(*value[T])
	parse, zero := v.parse, T("")
	v.parse = func(s string) (T, error) {
		x, err := parse(s)
		if x == auto {
			x = zero
		}
		return x, err
	}
	v.show = func(x T) string {
		if x == zero {
			return auto
		}
		return string(x)
	}
	v.get = func(x T) any { return v.show(x) }
	return v
}

// orList writes the words as "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// didYouMean names the known word nearest to the given one, after a prefix
// (dashes). It returns "" if none is near.
func didYouMean(word string, known []string, prefix string) string {
	if best := human.Nearest(word, known); best != "" {
		return "; did you mean " + prefix + best + "?"
	}
	return ""
}
