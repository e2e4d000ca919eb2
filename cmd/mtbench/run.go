package main

import (
	"context"
	"errors"

	"multiturn/pkg/cli"
)

func runCommand() *cli.Command {
	f := newRunFlags()
	return &cli.Command{
		Name:    "run",
		Usage:   "replay conversations and measure every turn",
		Groups:  f.groups(),
		Options: []any{&f.bench, &f.openai, &f.report},
		Drain:   true,
		Examples: []cli.Example{
			{About: "24 conversations, 6 in progress, 2 requests in flight",
				Line: "mtbench -i generate_multi_turn.json -m MODEL -u http://localhost:8000 " +
					"-p 2 -k 6"},
			{About: "ShareGPT conversations, at most 200 requests, records kept",
				Line: "mtbench -i sharegpt.json -m MODEL -n 200 --records run.jsonl"},
			{About: "two replicas of one server; conversations stay where they began",
				Line: "mtbench -i sharegpt.json -m MODEL --url A:8000 --url B:8000 --balance sticky"},
			{About: "what the cache is worth: each conversation with and without it",
				Line: "mtbench -i generate_multi_turn.json -m MODEL -p 2 -k 4 " +
					"--control no-reuse --records run.jsonl"},
			{About: "everything in one pipe",
				Line: "genconv | mtbench -i - -m MODEL --records - | mtbench report -"},
		},
		Run: func(ctx context.Context, c *cli.Call) error { return run(ctx, c, f) },
	}
}

// run is the run command. Each phase is in the file of its name.
func run(ctx context.Context, c *cli.Call, f *runFlags) error {
	s, err := prepare(c, f)
	if err != nil {
		return err
	}
	defer s.close()
	// There is nothing to drain yet: the first interrupt ends it.
	k, err := s.learn(c.Drain())
	switch {
	case err != nil && c.Drain().Err() != nil:
		return cli.Exit(cli.Interrupted, errors.New("interrupted before the run began"))
	case err != nil:
		return err
	}
	p, err := s.play(ctx, k)
	if err != nil {
		return err
	}
	return s.conclude(p)
}
