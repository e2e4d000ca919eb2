package main

import (
	"context"
	"slices"

	"multiturn/pkg/bench"
	"multiturn/pkg/cli"
	"multiturn/pkg/load"
	"multiturn/pkg/plan"
	"multiturn/pkg/render"
)

// planFlags are what the flags of `mtbench plan` are bound to.
type planFlags struct {
	cacheFlags
	conversations string
	model         string
	tokenizer     string
	noTokenizer   bool
	overhead      int

	load    plan.Simulation
	history bench.History

	capacities []int

	format render.Format
	output string
	svg    string
}

// templateBuiltIn is --template-overhead if it is not given.
const templateBuiltIn = -1

// planCommand is `mtbench plan`.
func planCommand() *cli.Command {
	f := &planFlags{
		cacheFlags: newCacheFlags(), overhead: templateBuiltIn, history: bench.ServerAnswers,
		format: render.Text, output: "-",
	}
	f.load.Clients, f.load.Order = 1, load.RoundRobin
	f.load.Replicas, f.load.Balance = 1, load.BalanceSticky
	f.load.AnswerTokens = plan.DefaultAnswerTokens
	return &cli.Command{
		Name: "plan",
		Usage: "what a KV cache could do for conversations, a run or a trace, " +
			"and its size",
		Description: "Reads conversations (scheduled as in a run), the records of a run (as they " +
			"were sent and ended) or a trace of Mooncake. Shows what an unlimited cache would " +
			"hit, what an LRU cache of every size would, and, for a stated size, what each tier " +
			"would hit turn by turn. It needs no server.",
		Args:    "[FILE...]",
		Groups:  f.groups(),
		Options: []any{&f.load},
		Examples: []cli.Example{
			{About: "is the cache large enough for 16 conversations at once?",
				Line: "mtbench plan conversations.json -p 4 -k 16 --kv-model Llama-3.1-8B " +
					"--gpu-gib 20"},
			{About: "what the server's cache should have hit in a run, with 40 GiB of offloading",
				Line: "mtbench plan run.jsonl --kv-model Llama-3.1-8B --gpu-blocks 7999 " +
					"--cpu-gib 40"},
			{About: "a trace of Mooncake",
				Line: "mtbench plan conversation_trace.jsonl.gz --kv-model Llama-3.3-70B --tp 8"},
		},
		Run: func(ctx context.Context, c *cli.Call) error { return runPlan(ctx, c, f) },
	}
}

func (f *planFlags) groups() []cli.Group {
	return []cli.Group{
		{Title: "Cache", Flags: append(
			f.cacheFlags.flags("what the records say, 512 for a trace, else 16"),
			cli.Flag{Name: "capacities", Value: cli.Ints(&f.capacities), DefaultText: "round ones",
				Usage: "capacities in blocks at which to print the curve"},
		)},
		{Title: "Tokens", Flags: []cli.Flag{
			cli.TokenizerFlag(&f.tokenizer),
			{Name: "model", Short: "m", Essential: true, Value: cli.String(&f.model),
				Usage: "model, which names the tokenizer; and, if it is built in, the sizes in GiB"},
			{Name: "template-overhead", Value: cli.Int(&f.overhead, 0), Meta: "N",
				DefaultText: "a built-in template",
				Usage:       "tokens that the chat template puts around each message"},
			{Name: "conversations", Essential: true, Value: cli.File(&f.conversations),
				DefaultText: "the run's own file, if it is unchanged",
				Usage: "with records: the conversations that were sent; " +
					"equal beginnings then share blocks"},
			{Name: "no-tokenizer", Value: cli.Bool(&f.noTokenizer),
				Usage: "with records: use token counts alone, and no texts"},
		}},
		{Title: "Load, of conversations", Flags: loadFlags(&f.load.Options, f.answerFlags()...)},
		{Title: "Output", Flags: []cli.Flag{
			formatFlag(&f.format),
			{Name: "output-file", Short: "o", Essential: true, Value: cli.File(&f.output), DefaultText: "stdout",
				Usage: "write the plan to this file"},
			{Name: "svg", Value: cli.File(&f.svg),
				Usage: "write a picture of the curve and the working set"},
		}},
	}
}

// answerFlags stand for what a server would do.
func (f *planFlags) answerFlags() []cli.Flag {
	o := &f.load
	limits := limitFlags(&o.LimitMin, &o.LimitMax, "")
	return slices.Concat([]cli.Flag{
		{Name: "replicas", Value: cli.Int(&o.Replicas, 1),
			Usage: "servers that share the turns, each with a cache of the stated size"},
		balanceFlag(&o.Balance, "with several replicas"),
		historyFlag(&f.history, " (the server's have the dataset's length; "+
			"with the dataset's, what is generated is lost)"),
	}, limits, []cli.Flag{
		{Name: "answer-tokens", Value: cli.Int(&o.AnswerTokens, 1),
			Usage: "length of answers that the dataset lacks"},
		{Name: "ttft-base", Value: cli.Duration(&o.Speed.Base), DefaultText: "order only",
			Usage: "time to the first token of an empty prompt"},
		{Name: "ttft-per-token", Value: cli.Duration(&o.Speed.PerToken),
			Usage: "time added for each prompt token that does not repeat the turn before"},
		{Name: "itl", Value: cli.Duration(&o.Speed.Interval),
			Usage: "time between two tokens of an answer"},
	})
}
