package cli

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// common are the values of the flags that every command has.
type common struct {
	config  string
	level   slog.Level
	quiet   bool
	version bool
	// help is --help, helpAll --help-all.
	help, helpAll bool
}

func commonGroup(o *common) Group {
	o.level = slog.LevelInfo
	shells := Enum(new(string), "bash", "zsh", "fish")
	return Group{"Common", []Flag{
		{Name: "config", Value: File(&o.config),
			Usage: "JSON file with values for flags: keys are flag names"},
		{Name: "log-level", Value: logLevel{&o.level},
			Usage: "how much to log to stderr: debug, info, warn or error"},
		{Name: "quiet", Short: "q", Value: Bool(&o.quiet),
			Usage: "no progress and no remarks"},
		{Name: "completion", Value: shells, Meta: "SHELL",
			Usage: "print the completion script for a shell: bash, zsh or fish"},
		{Name: "help", Short: "h", Value: Bool(&o.help), Essential: true,
			Usage: "show the essential flags"},
		{Name: "help-all", Value: Bool(&o.helpAll), Essential: true, Usage: "show all flags"},
		{Name: "version", Value: Bool(&o.version), Essential: true, Usage: "show the version"},
	}}
}

// isCommon reports whether every command has the flag.
func isCommon(name string) bool {
	return slices.ContainsFunc(commonGroup(new(common)).Flags,
		func(f Flag) bool { return f.Name == name })
}

// stops reports whether the flag ends the reading of arguments, because it asks
// for something in place of the command's work. Such flags have no environment
// variable and no place in a config file.
func stops(name string) bool {
	switch name {
	case "help", "help-all", "version", "completion":
		return true
	}
	return false
}

type logLevel struct{ p *slog.Level }

func (v logLevel) String() string    { return strings.ToLower(v.p.String()) }
func (v logLevel) Meta() string      { return "LEVEL" }
func (v logLevel) Choices() []string { return []string{"debug", "info", "warn", "error"} }

func (v logLevel) Set(s string) error {
	if slices.Contains(v.Choices(), s) {
		return v.p.UnmarshalText([]byte(s))
	}
	return notOneOf(s, v.Choices())
}

// notOneOf is the error of a text that is not one of the choices.
func notOneOf(s string, choices []string) error {
	return fmt.Errorf("is not %s%s", orList(choices), didYouMean(s, choices, ""))
}
