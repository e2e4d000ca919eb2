package cli

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"

	"multiturn/internal/httpclient"
	"multiturn/pkg/tokenizer"

	urfave "github.com/urfave/cli/v2"
)

// Call is one run of a command: its arguments and what surrounds it.
type Call struct {
	// Name is the command's name with its subcommand: "mtbench report".
	Name string
	// Args are the positional arguments. Their number has been checked.
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Log writes to stderr what --log-level lets through.
	Log *slog.Logger
	// HTTP is how Tokenizer reaches the hub. Without a proxy in it the environment
	// names one.
	HTTP httpclient.Config

	root, leaf *Command
	groups     []Group
	common     common
	env        map[string]string
	source     map[string]source
	bad        error // of the first value on the command line that was refused
	files      files
	interrupt  *interrupt
	tokenizers []*tokenizer.Tokenizer // that were opened
}

// Getenv returns an environment variable that is not a flag's (HF_HOME), or "".
func (c *Call) Getenv(name string) string { return c.env[name] }

// Quiet reports whether --quiet was given: no progress and no remarks.
func (c *Call) Quiet() bool { return c.common.quiet }

// IsSet reports whether the flag was given on the command line, in the
// environment or in the config file.
func (c *Call) IsSet(name string) bool { return c.source[name] != fromDefault }

// Remarkf prints a line on stderr, after the command's name, unless --quiet was
// given.
func (c *Call) Remarkf(format string, args ...any) {
	if !c.common.quiet {
		fmt.Fprintf(c.Stderr, "%s: %s\n", c.root.Name, fmt.Sprintf(format, args...))
	}
}

// Options returns the values in force of the command's own flags, by name, for
// the header of a record. Secret flags are left out; the values of HTTP headers
// and passwords in addresses are masked.
func (c *Call) Options() map[string]any {
	m := map[string]any{}
	for f := range all(c.leaf.Groups) {
		if !f.Secret {
			m[f.Name] = f.get()
		}
	}
	return m
}

// run reads the arguments and runs the command, or what they ask for instead.
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
	case "help", "help-all":
		return writeHelp(p.Stdout, root, line.leaf, line.named, line.stop == "help-all")
	case namesWord:
		_, err := fmt.Fprintln(p.Stdout, line.stopValue)
		return err
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
	c.groups, c.source = c.leaf.allGroups(&c.common), map[string]source{}

	ctx, stop := c.watch(p.Signals)
	defer stop()
	return c.app().RunContext(ctx, line.sorted(root))
}

// app returns the urfave application that reads the sorted arguments. All that
// it would print, or exit with, is turned off.
func (c *Call) app() *urfave.App {
	refused := func(_ *urfave.Context, err error, _ bool) error {
		if c.bad != nil {
			return c.bad
		}
		return UsageErrorf("%w", err)
	}
	action := func(u *urfave.Context) error { return c.act(u.Context, u.Args().Slice()) }
	a := &urfave.App{
		Name: c.root.Name, Reader: c.Stdin, Writer: io.Discard, ErrWriter: io.Discard,
		HideHelp: true, HideVersion: true, DisableSliceFlagSeparator: true,
		ExitErrHandler: func(*urfave.Context, error) {},
		OnUsageError:   refused,
	}
	if c.leaf == c.root {
		a.Flags, a.Action = c.urfaveFlags(), action
		return a
	}
	a.Commands = []*urfave.Command{{
		Name: c.leaf.Name, Flags: c.urfaveFlags(), Action: action, OnUsageError: refused,
		HideHelp: true,
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
	// What net/http would print of its own, such as of a server that sends more than
	// it was asked for.
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug).Writer())
	return c.wait(ctx)
}
