// Package cli is the shared ground of the commands: what a command is, how its flags are read, how it opens and writes
// files, shows progress, is interrupted and ends. It is a layer over urfave/cli v2, which no other package imports.
//
// A command declares what it is and binds its flags to variables; main is one line:
//
//	func main() { os.Exit(cli.Main(command(), cli.OS())) }
//
//	func command() *cli.Command {
//		o := options{clients: 1}
//		return &cli.Command{
//			Name:   "mtbench",
//			Usage:  "measure a server with conversations",
//			Groups: []cli.Group{{Title: "Load", Flags: []cli.Flag{
//				{Name: "num-clients", Short: "p", Value: cli.Int(&o.clients, 1), Usage: "requests in flight"},
//			}}},
//			Run: func(ctx context.Context, c *cli.Call) error { return run(ctx, c, o) },
//		}
//	}
//
// What a variable holds when it is bound is the flag's default. A Command is used for one call of Main.
//
// # Values
//
// A flag's value is the first of: the command line (the last one wins, lists grow), the environment, the file named by
// --config, the default. The environment twin of a flag is named for the command and the flag: of --num-clients of
// mtbench MTBENCH_NUM_CLIENTS. That is so of a command without subcommands, of the default subcommand, and of the flags
// that every command has (MTBENCH_CONFIG, MTBENCH_LOG_LEVEL, MTBENCH_QUIET); the twin of any other subcommand's flag
// has the subcommand's name in it, so that one variable never means two things: of mtbench sim --model it is
// MTBENCH_SIM_MODEL. An empty variable counts as unset, and a list is given as lines. A config file is a JSON object
// whose keys are flag names without dashes; in a command with subcommands an object under a subcommand's name holds for
// it alone and wins over the keys beside it:
//
//	{"seed": 99, "run": {"url": "http://localhost:8000", "header": ["X-Team: a"], "no-stream": true}}
//
// # Arguments
//
// Flags stand before, between and behind positional arguments. --name VALUE, --name=VALUE, -n VALUE, -nVALUE, -n=VALUE
// and joined switches (-vq) are all read; the word behind a flag that takes a value is its value, a negative number
// too, but never another flag of the command. A lone - is positional, and so is every word after --.
//
// # Endings
//
// An error ends the command with one line on stderr for each line of its text, and with the exit code that it carries
// (Exit, UsageErrorf): 0 done, 1 failed, 2 usage, 3 finished but something missed its mark, 130 interrupted; --help
// ends with them. Data goes to stdout, talk to stderr.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"strings"
	"syscall"

	urfave "github.com/urfave/cli/v2"
)

// Command is a command or a subcommand.
type Command struct {
	Name string
	// Usage says in a few words what the command does. Description, optional, is paragraphs for --help.
	Usage, Description string
	// Args names the positional arguments as --help shows them: "IN OUT", "[CONFIG]", "FILE...", "[FILE...]"; brackets
	// mean optional, dots mean any number. Their number is checked. Empty: none are taken.
	Args string
	// Groups are the flags by purpose, in the order of --help.
	Groups   []Group
	Examples []Example
	// Commands are the subcommands (one level). Default is the name of the one that is meant when none is named; its
	// flags then stand in for the command's own.
	Commands []*Command
	Default  string
	// Stray, optional, says in a command with a Default where a file belongs that is given as a word, which Default does
	// not take: "conversations are given with -i FILE".
	Stray string
	// Drain: a first interrupt cancels only Call.Drain, a second the context of Run. Otherwise the first cancels both.
	Drain bool
	// Run does the work. Its context ends with an interrupt. It is nil in a command with subcommands.
	Run func(ctx context.Context, c *Call) error
}

// Group is the flags of one purpose.
type Group struct {
	Title string
	Flags []Flag
}

// Example is a command line worth showing, with the words to put before it.
type Example struct {
	About, Line string
}

// Process is what surrounds a command: the words, the environment (as os.Environ gives it) and the streams.
type Process struct {
	Args           []string
	Env            []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Signals brings interrupts; nil for none.
	Signals <-chan os.Signal
}

// OS is the running process, its interrupts (SIGINT, SIGTERM) subscribed to.
func OS() Process {
	c := make(chan os.Signal, 4)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	return Process{Args: os.Args, Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Signals: c}
}

// Main runs the command and returns the exit code. It prints the error, if any, to stderr.
func Main(root *Command, p Process) int {
	call := &Call{Stdin: p.Stdin, Stdout: p.Stdout, Stderr: &console{raw: p.Stderr}, Log: slog.New(slog.DiscardHandler), env: environ(p.Env)}
	err := call.run(root, p)
	code := CodeOf(err)
	if err == nil && call.interrupted() && call.leaf.Drain {
		code = Interrupted
	}
	if err != nil {
		if errors.Is(err, context.Canceled) && call.interrupted() {
			code, err = Interrupted, errors.New("interrupted")
		}
		printError(p.Stderr, root.Name, err)
	}
	return int(code)
}

// Call is one run of a command: its arguments and what surrounds it.
type Call struct {
	// Name is the command's name with its subcommand: "mtbench report".
	Name string
	// Args are the positional arguments, their number already checked.
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Log writes to stderr what --log-level lets through.
	Log *slog.Logger

	root, leaf *Command
	groups     []Group
	common     common
	env        map[string]string
	source     map[string]source
	bad        error
	files      files
	interrupt  *interrupt
}

// Getenv is a variable of the environment, for what is not a flag (HF_HOME); "" when unset.
func (c *Call) Getenv(name string) string { return c.env[name] }

// Quiet says whether --quiet was given: no progress, no remarks.
func (c *Call) Quiet() bool { return c.common.quiet }

// IsSet says whether the flag was given on the command line, in the environment or in the config file.
func (c *Call) IsSet(name string) bool { return c.source[name] != fromDefault }

// Remarkf prints a line on stderr, after the command's name, unless --quiet was given.
func (c *Call) Remarkf(format string, args ...any) {
	if !c.common.quiet {
		fmt.Fprintf(c.Stderr, "%s: %s\n", c.root.Name, fmt.Sprintf(format, args...))
	}
}

// Options are the values in force of the command's own flags, by name, for the header of a record. Secret flags are
// left out; header values and passwords in addresses are masked.
func (c *Call) Options() map[string]any {
	m := map[string]any{}
	for _, g := range c.leaf.Groups {
		for i := range g.Flags {
			if f := &g.Flags[i]; !f.Secret {
				m[f.Name] = f.get()
			}
		}
	}
	return m
}

func (c *Call) run(root *Command, p Process) error {
	c.root, c.leaf = root, root
	if len(p.Args) == 0 {
		p.Args = []string{root.Name}
	}
	words := p.Args[1:]
	if len(words) > 0 && words[0] == completeWord {
		return complete(p.Stdout, root, words[1:])
	}
	line, err := sortArgs(root, words)
	if line.leaf != nil {
		c.leaf = line.leaf
	}
	if err != nil {
		return err
	}
	switch line.stop {
	case "help":
		return writeHelp(p.Stdout, root, line.leaf, line.named)
	case "version":
		_, err := fmt.Fprintf(p.Stdout, "%s %s\n", root.Name, VersionLine())
		return err
	case "completion":
		return writeCompletion(p.Stdout, root.Name, line.stopValue)
	}
	c.Name = root.Name
	if c.leaf != root {
		c.Name += " " + c.leaf.Name
	}
	c.groups = append(append([]Group(nil), c.leaf.Groups...), commonGroup(&c.common))
	c.source = map[string]source{}

	ctx, stop := c.watch(p.Signals)
	defer stop()
	return c.app(root).RunContext(ctx, line.sorted(root))
}

// app builds the urfave application that reads the sorted arguments. Everything it would print or exit with by itself
// is off: help, versions and errors are Main's.
func (c *Call) app(root *Command) *urfave.App {
	usage := func(_ *urfave.Context, err error, _ bool) error {
		if c.bad != nil {
			return c.bad
		}
		return UsageErrorf("%w", err)
	}
	action := func(u *urfave.Context) error { return c.act(u.Context, u.Args().Slice()) }
	a := &urfave.App{
		Name: root.Name, HelpName: root.Name, Usage: root.Usage,
		Reader: c.Stdin, Writer: io.Discard, ErrWriter: io.Discard,
		HideHelp: true, HideVersion: true, DisableSliceFlagSeparator: true,
		ExitErrHandler: func(*urfave.Context, error) {},
		OnUsageError:   usage,
	}
	if c.leaf == root {
		a.Flags, a.Action = c.flags(), action
		return a
	}
	a.Commands = []*urfave.Command{{
		Name: c.leaf.Name, Usage: c.leaf.Usage, Flags: c.flags(), Action: action, OnUsageError: usage, HideHelp: true,
	}}
	return a
}

// act settles the values that the command line left open and runs the command.
func (c *Call) act(ctx context.Context, args []string) error {
	if err := c.settle(); err != nil {
		return err
	}
	if err := checkArgs(c.Name, c.leaf.Args, args); err != nil {
		return err
	}
	c.Args = args
	level := c.common.level
	if c.common.quiet && c.source["log-level"] == fromDefault {
		level = slog.LevelError
	}
	c.Log = slog.New(slog.NewTextHandler(c.Stderr, &slog.HandlerOptions{Level: level}))
	return c.wait(ctx)
}

// checkArgs compares the positional arguments with what the command takes.
func checkArgs(name, spec string, args []string) error {
	names := strings.Fields(spec)
	most, least := len(names), 0
	for i, n := range names {
		if !strings.HasPrefix(n, "[") {
			least = i + 1
		}
		if strings.Contains(n, "...") {
			most = math.MaxInt
		}
	}
	switch {
	case len(args) < least:
		return UsageErrorf("%s is missing (usage: %s [flags] %s)", strings.TrimSuffix(names[len(args)], "..."), name, spec)
	case len(args) > most && most == 0:
		return UsageErrorf("unexpected argument %q (%s takes flags only; see %s --help)", args[0], name, name)
	case len(args) > most:
		return UsageErrorf("unexpected argument %q (usage: %s [flags] %s)", args[most], name, spec)
	}
	return nil
}

func environ(list []string) map[string]string {
	m := make(map[string]string, len(list))
	for _, kv := range list {
		if k, v, ok := strings.Cut(kv, "="); ok {
			m[k] = v
		}
	}
	return m
}
