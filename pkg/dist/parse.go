package dist

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"multiturn/internal/field"
	"multiturn/internal/human"
)

// Bounds of what can be drawn.
const (
	largest   = 1 << 53 // whole numbers are exact up to here
	minZipf   = 1.000001
	maxZipf   = 1025                  // at which 2^(alpha-1) overflows
	maxLambda = 9.223372006484771e+18 // numpy's
)

// kind is a named distribution.
type kind struct {
	name  string
	keys  []string
	parse func(p parser) Distribution
}

var kinds = []kind{
	{"constant", []string{"value"}, parser.constant},
	{"uniform", []string{"min", "max"}, parser.uniform},
	{"zipf", []string{"alpha", "max"}, parser.zipf},
	{"poisson", []string{"alpha", "max"}, parser.poisson},
	{"lognormal", []string{"average", "median_ratio", "mean", "sigma", "max"}, parser.lognormal},
	{"exponential", []string{"mean", "max"}, parser.exponential},
}

// Parse reads a distribution from its object in a config. If something is wrong
// it records an error in the object and returns nil.
func Parse(o *field.Object) Distribution {
	name, ok := o.Text("distribution")
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if !ok || i < 0 {
		var names []string
		for _, k := range kinds {
			names = append(names, k.name)
		}
		allowed := "one of " + strings.Join(names, ", ")
		if near := human.Nearest(name, names); near != "" {
			allowed = fmt.Sprintf("%s (did you mean %s?)", allowed, near)
		}
		o.Refuse("distribution", allowed)
		return nil
	}
	before := o.Problems()
	o.Only(append([]string{"distribution"}, kinds[i].keys...)...)
	d := kinds[i].parse(parser{o})
	if o.Problems() > before {
		return nil
	}
	return d
}

// parser reads the fields of one distribution.
type parser struct{ *field.Object }

// number reads a required number. It records an error if good refuses it.
func (p parser) number(key, allowed string, good func(float64) bool) field.Number {
	n, ok := p.Number(key)
	if !ok || !good(n.Value) {
		p.Refuse(key, allowed)
	}
	return n
}

// max reads the cap, which may be absent or null.
func (p parser) max() Cap {
	if !p.Has("max") || p.Null("max") {
		return Cap{}
	}
	n := p.number("max", "a number, or 0 for no cap", func(float64) bool { return true })
	return Cap{n.Value, n.Real}
}

func (p parser) constant() Distribution {
	n, text := p.Number("value")
	if s, ok := p.Text("value"); ok {
		n.Value, text = textInt(s)
		if !text {
			p.Refuse("value", "a number, or a whole number as text")
		}
		return Constant{Value: n.Value, Text: true}
	}
	if !text || math.Abs(n.Value) > largest {
		p.Refuse("value", "a number, up to 2^53")
	}
	return Constant{Value: n.Value, Real: n.Real}
}

func (p parser) uniform() Distribution {
	lo := p.number("min", "a number above 0, up to 2^53",
		func(f float64) bool { return f > 0 && f <= largest })
	hi := p.number("max", "a number not below min, up to 2^53",
		func(f float64) bool { return f >= lo.Value && f <= largest })
	return Uniform{lo.Value, hi.Value, lo.Real || hi.Real}
}

func (p parser) zipf() Distribution {
	a := p.number("alpha", "a number from 1.000001 to below 1025",
		func(f float64) bool { return f >= minZipf && f < maxZipf })
	return Zipf{a.Value, p.max()}
}

func (p parser) poisson() Distribution {
	a := p.number("alpha", "a number from 0 to about 9.2e18",
		func(f float64) bool { return f >= 0 && f <= maxLambda })
	return Poisson{a.Value, p.max()}
}

func (p parser) lognormal() Distribution {
	positive := func(f float64) bool { return f > 0 }
	if !p.Has("average") && (p.Has("mean") || p.Has("sigma") || !p.Has("median_ratio")) {
		if !p.Has("mean") && !p.Has("sigma") {
			p.Notef("average", "is missing, want a number of 1 or more; or give mean and sigma")
			return nil
		}
		mu := p.number("mean", "a number above 0 (of the logarithms)", positive)
		sigma := p.number("sigma", "a number of 0 or more (of the logarithms)",
			func(f float64) bool { return f >= 0 })
		if p.Has("median_ratio") {
			p.Notef("median_ratio", "goes with average, not with mean and sigma")
		}
		return Lognormal{mu.Value, sigma.Value, p.max()}
	}
	average := p.number("average", "a number of 1 or more, up to 2^53",
		func(f float64) bool { return f >= 1 && f <= largest })
	ratio := DefaultMedianRatio
	if p.Has("median_ratio") && !p.Null("median_ratio") {
		ratio = p.number("median_ratio", "a number between 0 and 1",
			func(f float64) bool { return f > 0 && f < 1 }).Value
	}
	return LognormalAverage{average.Value, ratio, p.max()}
}

func (p parser) exponential() Distribution {
	mean := p.number("mean", "a number above 0", func(f float64) bool { return f > 0 })
	return Exponential{mean.Value, p.max()}
}

// textInt reads a whole number as Python's int() does: white space around it, a
// sign, single underscores within.
func textInt(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" || len(digits) > 15 {
		return 0, false
	}
	value, before := 0.0, '_'
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			value = value*10 + float64(c-'0')
		case c != '_' || before == '_':
			return 0, false
		}
		before = c
	}
	if s[0] == '-' {
		value = -value
	}
	return value, before != '_'
}
