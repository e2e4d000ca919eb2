package cli

import (
	"flag"
	"iter"
	"slices"
	"strconv"

	urfave "github.com/urfave/cli/v2"
)

// Flag is one flag, bound to a variable by its Value.
type Flag struct {
	// Name is the long name without dashes, Short one letter or "". Aliases are
	// more long names, which help does not show.
	Name, Short string
	Aliases     []string
	// Value sets the variable: Int, String, Bool, ... or any flag.Value.
	Value Value
	// Usage is a sentence for --help-all. --help and completion show it up to its
	// first semicolon. Meta stands for the value there; if it is
	// empty, the Value's own word does (N, FILE, TIME).
	Usage, Meta string
	// DefaultText is shown by both in place of the default.
	DefaultText string
	// Env are more variables, read after the flag's own.
	Env []string
	// Required flags must get a value from somewhere.
	Required bool
	// Secret values are never shown, in errors or in Call.Options.
	Secret bool
	// Essential flags are in --help, the others only in --help-all.
	Essential bool
	// Hidden flags work but are in neither.
	Hidden bool
	// Names, unless nil, returns the names that the flag takes. The value "list"
	// prints them in place of the command's work.
	Names func() []string
}

// Value is flag.Value: Set takes the text of a value, and String returns the
// value in force. The error of Set goes on from the quoted text: "is not a
// whole number".
//
// A Value may have more methods:
//
//	IsBoolFlag() bool    the flag is a switch and needs no value
//	Meta() string        the word for the value in --help
//	Choices() []string   the values there are, for completion
//	Get() any            the value for Call.Options; else String
//	Quote(string) string what errors may show of a text that was refused
//	Reset()              the value is a list: it is emptied before the first
//	                     value is added, so that values replace the default
//	Bound() any          the pointer to the variable, for Command.Options
type Value = flag.Value

// source is where a value came from.
type source int

const (
	fromDefault source = iota
	fromLine
	fromEnv
	fromConfig
)

func (f *Flag) isSwitch() bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

func (f *Flag) isList() bool {
	_, ok := f.Value.(interface{ Reset() })
	return ok
}

// quote returns what begins an error about a text that was refused: the text, as
// far as it may be shown, or nothing.
func (f *Flag) quote(text string) string {
	if f.Secret {
		return ""
	}
	if q, ok := f.Value.(interface{ Quote(string) string }); ok {
		if text = q.Quote(text); text == "" {
			return ""
		}
	}
	return strconv.Quote(text) + " "
}

func (f *Flag) meta() string {
	if f.Meta != "" || f.isSwitch() {
		return f.Meta
	}
	if m, ok := f.Value.(interface{ Meta() string }); ok {
		return m.Meta()
	}
	return "VALUE"
}

// namesWord is the value of a flag that prints its names.
const namesWord = "list"

func (f *Flag) choices() []string {
	if f.Names != nil {
		return f.Names()
	}
	if m, ok := f.Value.(interface{ Choices() []string }); ok {
		return m.Choices()
	}
	return nil
}

func (f *Flag) get() any {
	if g, ok := f.Value.(interface{ Get() any }); ok {
		return g.Get()
	}
	return f.Value.String()
}

// all yields the flags of groups.
func all(groups []Group) iter.Seq[*Flag] {
	return func(yield func(*Flag) bool) {
		for _, g := range groups {
			for i := range g.Flags {
				if !yield(&g.Flags[i]) {
					return
				}
			}
		}
	}
}

// allGroups returns the command's groups and the common one, bound to o.
func (c *Command) allGroups(o *common) []Group {
	return append(slices.Clone(c.Groups), commonGroup(o))
}

// flags yields the command's flags and the common ones, bound to o.
func (c *Command) flags(o *common) iter.Seq[*Flag] { return all(c.allGroups(o)) }

// set sets the flag to a value. Where names its source for errors.
func (c *Call) set(f *Flag, text string, from source, where string) error {
	if f.isList() && c.source[f.Name] == fromDefault {
		f.Value.(interface{ Reset() }).Reset()
	}
	c.source[f.Name] = from
	if err := f.Value.Set(text); err != nil {
		return UsageErrorf("%s: %s%w", where, f.quote(text), err)
	}
	return nil
}

// urfaveFlags returns the command's flags as urfave takes them, with their full
// names only. sortArgs has put those in place of short names and aliases,
// because urfave sets a value once more for each further name, which doubles
// lists, and refuses two names of one flag on a line.
func (c *Call) urfaveFlags() []urfave.Flag {
	var list []urfave.Flag
	for f := range all(c.groups) {
		list = append(list, &bound{c, f})
	}
	return list
}

// bound is a Flag of a Call as an urfave.Flag and a flag.Value.
type bound struct {
	c *Call
	f *Flag
}

func (b *bound) Apply(s *flag.FlagSet) error { s.Var(b, b.f.Name, b.f.Usage); return nil }
func (b *bound) Names() []string             { return []string{b.f.Name} }
func (b *bound) IsSet() bool                 { return b.c.IsSet(b.f.Name) }
func (b *bound) IsBoolFlag() bool            { return b.f.isSwitch() }
func (b *bound) String() string              { return "" }

// Set keeps the first error in the words of this package: urfave's would quote
// the value, which may be a secret.
func (b *bound) Set(text string) error {
	err := b.c.set(b.f, text, fromLine, "flag --"+b.f.Name)
	if err != nil && b.c.bad == nil {
		b.c.bad = err
	}
	return err
}
