package cli_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"multiturn/pkg/cli"
)

// A whole command: flags bound to variables, an input, an output that appears
// only when all went well, progress.
func Example() {
	command := func() *cli.Command {
		var o struct {
			output string
			times  int
		}
		o.output, o.times = "-", 1
		return &cli.Command{
			Name:  "shout",
			Usage: "repeat a text in capitals",
			Args:  "[FILE]",
			Groups: []cli.Group{
				{Title: "Output", Flags: []cli.Flag{
					{Name: "output", Short: "o", Value: cli.File(&o.output),
						Usage: "where to write; - is stdout"},
					{Name: "times", Short: "n", Value: cli.Int(&o.times, 1),
						Usage: "how often to repeat each line"},
				}},
			},
			Examples: []cli.Example{{About: "from a pipe", Line: "echo hello | shout -n 2"}},
			Run: func(ctx context.Context, c *cli.Call) error {
				name := "-"
				if len(c.Args) > 0 {
					name = c.Args[0]
				}
				in, err := c.Open(name)
				if err != nil {
					return err
				}
				defer in.Close()
				out, err := c.Create(o.output)
				if err != nil {
					return err
				}
				defer out.Close()
				p := c.Progress("shouting", "lines", 0)
				defer p.Done()
				lines := bufio.NewScanner(in)
				for lines.Scan() {
					for range o.times {
						if _, err := io.WriteString(out, strings.ToUpper(lines.Text())+"\n"); err != nil {
							return err
						}
					}
					p.Add(1)
				}
				if err := lines.Err(); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				return out.Commit()
			},
		}
	}
	// A real main is one line: func main() { os.Exit(cli.Main(command(), cli.OS())) }
	run := func(env []string, words ...string) {
		code := cli.Main(command(), cli.Process{
			Args: append([]string{"shout"}, words...), Env: env,
			Stdin: strings.NewReader("hello\n"), Stdout: os.Stdout, Stderr: os.Stdout,
		})
		fmt.Println("exit", code)
	}
	run(nil, "-", "--times=2")
	run([]string{"SHOUT_TIMES=1"})
	run(nil, "--tines", "2")
	run(nil, "-n", "many")
	// Output:
	// HELLO
	// HELLO
	// exit 0
	// HELLO
	// exit 0
	// shout: unknown flag --tines; did you mean --times?
	// exit 2
	// shout: flag --times: "many" is not a whole number
	// exit 2
}
