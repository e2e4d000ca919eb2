package main

import (
	"slices"

	"multiturn/pkg/bench"
	"multiturn/pkg/cli"
	"multiturn/pkg/load"
)

// loadFlags are the flags of a load, which run and plan share. more come after
// them in --help.
func loadFlags(o *load.Options, more ...cli.Flag) []cli.Flag {
	return slices.Concat([]cli.Flag{
		{Name: "num-clients", Short: "p", Essential: true, Value: cli.Int(&o.Clients, 1),
			Usage: "most requests in flight"},
		{Name: "max-active-conversations", Short: "k", Essential: true, Value: cli.Int(&o.Active, 1),
			DefaultText: "--num-clients",
			Usage:       "most conversations in progress; how far apart the turns of one are"},
		{Name: "max-num-requests", Short: "n", Essential: true, Value: cli.Int(&o.MaxRequests, 1),
			DefaultText: "no limit",
			Usage:       "end the run after this many requests; warm-up does not count"},
		{Name: "max-turns", Value: cli.Int(&o.MaxMessages, 1), DefaultText: "all",
			Usage: "messages of each conversation to play; an odd number plays the turn it cuts"},
		{Name: "conversation-sampling", Aliases: []string{"order"},
			Value: cli.Enum(&o.Order, load.RoundRobin, load.Random),
			Usage: "which of the ready turns goes next"},
		{Name: "request-rate", Essential: true, Value: cli.Float(&o.Rate, 0), DefaultText: "0: no rest",
			Usage: "think time after each request, 1/X s on average; a client rests for a " +
				"random time (a closed loop)"},
		{Name: "warmup-step", Value: cli.Bool(&o.Warmup),
			Usage: "play the first turn of every conversation before the run; it is not measured"},
		{Name: "seed", Value: cli.Int(&o.Seed),
			Usage: "seed of the generator, of the random order and of rests"},
	}, more)
}

// historyFlag is --history, which run and plan share. note adds to its usage.
func historyFlag(p *bench.History, note string) cli.Flag {
	return cli.Flag{
		Name: "history", Value: cli.Enum(p, bench.ServerAnswers, bench.DatasetAnswers),
		Usage: "what is sent back with the next turn: the server's answers or the dataset's" + note,
	}
}

// limitFlags bound the length of answers, in run and plan. note adds to the
// usage.
func limitFlags(least, most *int, note string) []cli.Flag {
	return []cli.Flag{
		{Name: "limit-min-tokens", Value: cli.Int(least), DefaultText: "0: the dataset's",
			Usage: "fewest tokens of every answer" + note},
		{Name: "limit-max-tokens", Value: cli.Int(most), DefaultText: "0: the dataset's",
			Usage: "most tokens of every answer" + note},
	}
}

// balanceFlag is --balance, which run and plan share. when adds to its usage.
func balanceFlag(p *load.Balance, when string) cli.Flag {
	return cli.Flag{
		Name: "balance", Value: cli.Enum(p, load.BalanceSticky, load.BalanceRoundRobin,
			load.BalanceLeast),
		Usage: when + ": where a turn goes: sticky: where its conversation's first turn went, " +
			"to the replica with the fewest conversations in progress; round-robin: to the next " +
			"in turn; least: to the one with the fewest turns in flight",
	}
}
