// Package cli is what the commands of this module share: how a command is
// declared, how its flags are read, how it opens and writes files, shows
// progress, is interrupted and ends. It is a layer over urfave/cli v2, which no
// other package imports.
//
// A command declares itself and binds its flags to variables; main is one line:
//
//	func main() { os.Exit(cli.Main(command(), cli.OS())) }
//
//	func command() *cli.Command {
//		o := options{clients: 1}
//		return &cli.Command{
//			Name:  "mtbench",
//			Usage: "measure a server with conversations",
//			Groups: []cli.Group{{Title: "Load", Flags: []cli.Flag{
//				{Name: "num-clients", Short: "p", Value: cli.Int(&o.clients, 1),
//					Usage: "requests in flight"},
//			}}},
//			Run: func(ctx context.Context, c *cli.Call) error { return run(ctx, c, o) },
//		}
//	}
//
// The value of a variable when it is bound is the flag's default. A Command can
// be used for one call of Main.
//
// # Values
//
// A flag's value comes from the first of: the command line (the last value
// wins, lists grow), the environment, the file given with --config, the
// default. The environment variable of a flag is named after the command and
// the flag: MTBENCH_NUM_CLIENTS is --num-clients of mtbench. That holds for a
// command without subcommands, for the default subcommand, and for the flags
// that every command has (MTBENCH_CONFIG, MTBENCH_LOG_LEVEL, MTBENCH_QUIET).
// The variables of other subcommands have the subcommand's name too, so that
// one variable never means two things: MTBENCH_SIM_MODEL is --model of mtbench
// sim. An empty variable counts as unset. A list is given as lines. A config
// file is a JSON object whose keys are flag names without dashes. In a command
// with subcommands an object under a subcommand's name is for that subcommand
// only, and wins over the keys beside it:
//
//	{"seed": 99, "run": {"url": "http://localhost:8000", "header": ["X-Team: a"]}}
//
// # Arguments
//
// Flags may stand before, between and after positional arguments. The forms are
// --name VALUE, --name=VALUE, -n VALUE, -nVALUE, -n=VALUE and joined switches
// (-vq). The word after a flag that takes a value is its value, even a negative
// number, but never another flag of the command. A lone - is positional, and so
// is every word after --.
//
// # Options of libraries
//
// Flags bind straight to the fields of a library's options. The library reports
// what is wrong with a field as a field.Error, by the field's name. A command
// lists those structs in Options; Main then shows the flags in place of the
// fields, and exits as for any usage error.
//
// # Exit codes
//
// An error ends the command with one line on stderr for each line of its text,
// and with the exit code that it carries (Exit, UsageErrorf): 0 done, 1 failed,
// 2 wrong usage, 3 finished but something was missed, 130 interrupted. Data
// goes to stdout, everything else to stderr.
//
// # What urfave/cli does
//
// urfave/cli reads the sorted arguments, sets the flags and calls the command.
// Its other parts lack something that is needed here. It takes the environment
// from the process, so a test cannot pass one, and its errors quote values that
// may be secrets. It sorts categories and the flags in them by name. Its
// completion knows flags, but no values, arguments or files. It stops at the
// first argument, and prints usage errors, with the whole help, to stdout.
package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
)

// Command is a command or a subcommand.
type Command struct {
	Name string
	// Usage is what the command does, in a few words. Description adds
	// paragraphs for --help.
	Usage, Description string
	// Args names the positional arguments as --help shows them: "IN OUT",
	// "[CONFIG]", "FILE...", "[FILE...]". Brackets mean optional, dots mean any
	// number. The number of arguments is checked; with "" there are none.
	Args string
	// Groups are the flags by purpose, in the order of --help.
	Groups   []Group
	Examples []Example
	// Options points to the structs whose fields flags are bound to.
	Options []any
	// Commands are the subcommands, one level deep. Default names the one that
	// runs if none is named; its flags are then the command's own.
	Commands []*Command
	Default  string
	// Stray says where a file belongs that was given as an argument to a Default
	// that takes none: "conversations are given with -i FILE".
	Stray string
	// Drain: the first interrupt ends only Call.Drain, the second also the
	// context of Run. Without it the first ends both.
	Drain bool
	// Run does the work. Its context ends with an interrupt. Run is nil in a
	// command with subcommands.
	Run func(ctx context.Context, c *Call) error
}

// Group is the flags of one purpose.
type Group struct {
	Title string
	Flags []Flag
}

// Example is a command line worth showing, with a few words about it.
type Example struct {
	About, Line string
}

// command returns the subcommand of that name, or nil.
func (c *Command) command(name string) *Command {
	for _, s := range c.Commands {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// fallback returns the default subcommand, or the command itself.
func (c *Command) fallback() *Command {
	if d := c.command(c.Default); d != nil {
		return d
	}
	return c
}

func (c *Command) commandNames() []string {
	var names []string
	for _, s := range c.Commands {
		names = append(names, s.Name)
	}
	return names
}

// Process is what surrounds a command: its arguments, the environment (in the
// form of os.Environ) and the streams.
type Process struct {
	Args           []string
	Env            []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Signals delivers interrupts. It may be nil.
	Signals <-chan os.Signal
}

// OS returns the running process, subscribed to interrupts.
func OS() Process {
	return Process{
		Args: os.Args, Env: os.Environ(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Signals: interrupts(),
	}
}

// Main runs the command and returns the exit code. It prints the error, if any,
// to stderr.
func Main(root *Command, p Process) int {
	call := &Call{
		Stdin: p.Stdin, Stdout: p.Stdout, Stderr: &console{raw: p.Stderr},
		Log: slog.New(slog.DiscardHandler), env: environ(p.Env),
	}
	err := call.run(root, p)
	code := CodeOf(err)
	if err == nil && call.interrupted() && call.leaf.Drain {
		code = Interrupted
	}
	switch {
	case errors.Is(err, context.Canceled) && call.interrupted():
		code, err = Interrupted, errors.New("interrupted")
	case errors.Is(err, errNoReader):
		return int(code)
	}
	call.last(func() {
		if err != nil {
			printError(call.Stderr, root.Name, call.leaf.flagged(err))
		}
	})
	return int(code)
}
