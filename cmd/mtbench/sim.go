package main

import (
	"context"
	"fmt"
	"net"

	"multiturn/pkg/cli"
	"multiturn/pkg/sim"
)

// simCommand is `mtbench sim`.
func simCommand() *cli.Command {
	listen := sim.DefaultListen
	o := sim.Options{MaxModelLen: sim.DefaultMaxModelLen, AnswerTokens: sim.DefaultAnswerTokens}
	o.Fixed.Base, o.Fixed.PerToken, o.Fixed.Interval = sim.DefaultTTFTBase, sim.DefaultTTFTPerToken, sim.DefaultITL
	return &cli.Command{
		Name:  "sim",
		Usage: "a simulated inference server whose truth is known",
		Description: "Serves the OpenAI API with made-up answers and real timing. When it is ready it prints its base URL on stdout, " +
			"one line; an interrupt ends it.",
		Groups: []cli.Group{
			{Title: "Server", Flags: []cli.Flag{
				{Name: "listen", Value: cli.String(&listen), Meta: "HOST:PORT", Usage: "address to listen at; port 0 is any free one"},
				{Name: "model", Short: "m", Value: cli.String(&o.Model), Usage: "the model's name; requests for another are refused", DefaultText: "any name is taken"},
				{Name: "max-model-len", Value: cli.Int(&o.MaxModelLen, 1), Usage: "longest prompt plus answer, in tokens"},
				{Name: "api-key", Value: cli.String(&o.APIKey), Usage: "bearer key that requests must bring", Secret: true},
				{Name: "seed", Value: cli.Int(&o.Seed), Usage: "decides the texts and ids of answers"},
			}},
			{Title: "Speed", Flags: []cli.Flag{
				{Name: "ttft-base", Value: cli.Duration(&o.Fixed.Base), Usage: "time to the first token of an empty prompt"},
				{Name: "ttft-per-token", Value: cli.Duration(&o.Fixed.PerToken), Usage: "time added for each prompt token that is not cached"},
				{Name: "itl", Value: cli.Duration(&o.Fixed.Interval), Usage: "time between two tokens; 0 sends them all at once"},
			}},
			{Title: "Answers", Flags: []cli.Flag{
				{Name: "answer-tokens", Value: cli.Int(&o.AnswerTokens, 1), Usage: "length of answers to requests without max_tokens"},
			}},
		},
		Examples: []cli.Example{
			{About: "a server on a free port, twice as fast as by default", Line: "mtbench sim --listen 127.0.0.1:0 --ttft-base 10ms --itl 5ms"},
		},
		Run: func(ctx context.Context, c *cli.Call) error { return runSim(ctx, c, listen, o) },
	}
}

func runSim(ctx context.Context, c *cli.Call, listen string, o sim.Options) error {
	o.Version = cli.Version()
	s, err := sim.New(o)
	if err != nil {
		return cli.UsageErrorf("%w", err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("cannot listen at %s: %w", listen, err)
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	fmt.Fprintf(c.Stdout, "http://%s\n", l.Addr())
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	if late := s.Lateness(); late.Writes > 0 {
		c.Remarkf("%d writes, late by p50 %v, p99 %v, max %v", late.Writes, late.P50, late.P99, late.Max)
	}
	return err
}
