package cli

import (
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	urfave "github.com/urfave/cli/v2"
)

// Flag is one flag, bound to a variable by its Value.
type Flag struct {
	// Name is the long name without dashes; Short one letter or nothing; Aliases further long names, shown nowhere.
	Name, Short string
	Aliases     []string
	// Value is where the flag goes: Int, String, Bool, ... or any flag.Value.
	Value Value
	// Usage is a sentence for --help. Meta stands for the value there; empty: what the Value says (N, FILE, TIME).
	Usage, Meta string
	// DefaultText takes the place of the default in --help.
	DefaultText string
	// Env are further, older variables that are read after the flag's own.
	Env []string
	// Required: no value from anywhere is a usage error.
	Required bool
	// Secret: the value is never shown, not in an error and not in Call.Options.
	Secret bool
	// Hidden flags work but are not in --help.
	Hidden bool
}

// Value is flag.Value: Set takes the text of a value, String gives the one in force. The error of Set says what is
// wrong with the text in words that follow the quoted value: "is not a whole number".
//
// A Value may also have IsBoolFlag() bool (a switch, no value needed), Meta() string (what stands for it in --help),
// Choices() []string (for completion), Get() any (what Call.Options holds; otherwise String), Masked() bool (texts are
// not quoted in errors) and Reset() (a list is
// emptied before its first value, so that given values replace the default).
type Value = flag.Value

// source says where a value came from.
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

func (f *Flag) meta() string {
	if f.Meta != "" || f.isSwitch() {
		return f.Meta
	}
	if m, ok := f.Value.(interface{ Meta() string }); ok {
		return m.Meta()
	}
	return "VALUE"
}

func (f *Flag) choices() []string {
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

// set gives the flag a value that came from what is named by where.
func (c *Call) set(f *Flag, text string, from source, where string) error {
	if f.isList() && c.source[f.Name] == fromDefault {
		f.Value.(interface{ Reset() }).Reset()
	}
	c.source[f.Name] = from
	err := f.Value.Set(text)
	if err == nil {
		return nil
	}
	if m, ok := f.Value.(interface{ Masked() bool }); f.Secret || ok && m.Masked() {
		return UsageErrorf("%s: %w", where, err)
	}
	return UsageErrorf("%s: %q %w", where, text, err)
}

// flags are the command's flags as urfave takes them. Only full names are registered: sortArgs has already put them in
// place of short ones, since urfave sets a value once more for each further name, which doubles lists, and refuses two
// names of one flag on a line.
func (c *Call) flags() []urfave.Flag {
	var list []urfave.Flag
	for _, g := range c.groups {
		for i := range g.Flags {
			list = append(list, &bound{c, &g.Flags[i]})
		}
	}
	return list
}

// bound is a Flag within a Call, in the form of urfave's interface Flag and of flag.Value.
type bound struct {
	c *Call
	f *Flag
}

func (b *bound) Apply(s *flag.FlagSet) error { s.Var(b, b.f.Name, b.f.Usage); return nil }
func (b *bound) Names() []string             { return []string{b.f.Name} }
func (b *bound) IsSet() bool                 { return b.c.IsSet(b.f.Name) }
func (b *bound) IsBoolFlag() bool            { return b.f.isSwitch() }
func (b *bound) String() string              { return "" }

func (b *bound) Set(text string) error {
	err := b.c.set(b.f, text, fromLine, "flag --"+b.f.Name)
	if err != nil && b.c.bad == nil {
		b.c.bad = err
	}
	return err
}

// common are the flags that every command has.
type common struct {
	config        string
	level         slog.Level
	quiet         bool
	help, version bool
}

func commonGroup(o *common) Group {
	o.level = slog.LevelInfo
	shells := Enum(new(string), "bash", "zsh", "fish")
	return Group{"Common", []Flag{
		{Name: "config", Value: File(&o.config), Usage: "JSON file with values for flags: keys are flag names"},
		{Name: "log-level", Value: logLevel{&o.level}, Usage: "how much to log to stderr: debug, info, warn or error"},
		{Name: "quiet", Short: "q", Value: Bool(&o.quiet), Usage: "no progress and no remarks"},
		{Name: "completion", Value: shells, Meta: "SHELL", Usage: "print the completion script for a shell: bash, zsh or fish"},
		{Name: "help", Short: "h", Value: Bool(&o.help), Usage: "show this help"},
		{Name: "version", Value: Bool(&o.version), Usage: "show the version"},
	}}
}

// stops says which flags end the reading of arguments: what they ask for is all that happens. They have no
// environment twin and no place in a config file.
func stops(name string) bool { return name == "help" || name == "version" || name == "completion" }

// twin is the variable of a flag of the command leaf, which is the root or a subcommand of it.
func twin(root, leaf *Command, flag string) string {
	if leaf == root || leaf.Name == root.Default || isCommon(flag) {
		return envName(root.Name, flag)
	}
	return envName(root.Name+" "+leaf.Name, flag)
}

// isCommon says whether every command has the flag, under one variable.
func isCommon(name string) bool {
	return slices.ContainsFunc(commonGroup(new(common)).Flags, func(f Flag) bool { return f.Name == name })
}

// envName is the variable for the two names.
func envName(command, flag string) string {
	upper := func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		}
		return '_'
	}
	return strings.Map(upper, command) + "_" + strings.Map(upper, flag)
}

type logLevel struct{ p *slog.Level }

func (v logLevel) String() string    { return strings.ToLower(v.p.String()) }
func (v logLevel) Meta() string      { return "LEVEL" }
func (v logLevel) Choices() []string { return []string{"debug", "info", "warn", "error"} }

func (v logLevel) Set(s string) error {
	for _, c := range v.Choices() {
		if s == c {
			return v.p.UnmarshalText([]byte(s))
		}
	}
	return fmt.Errorf("is not %s%s", orList(v.Choices()), didYouMean(s, v.Choices(), ""))
}
