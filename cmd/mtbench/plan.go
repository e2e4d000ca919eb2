package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"multiturn/pkg/bench"
	"multiturn/pkg/cli"
	"multiturn/pkg/load"
	"multiturn/pkg/plan"
	"multiturn/pkg/render"
)

// planFlags are the flags of `mtbench plan`.
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

// templateBuiltIn is --template-overhead when it is not given.
const templateBuiltIn = -1

// planCommand is `mtbench plan`.
func planCommand() *cli.Command {
	f := &planFlags{
		cacheFlags: newCacheFlags(), overhead: templateBuiltIn, history: bench.ServerAnswers,
		format: render.Text, output: "-",
	}
	f.load.Clients, f.load.Order, f.load.AnswerTokens = 1, load.RoundRobin, plan.DefaultAnswerTokens
	return &cli.Command{
		Name:  "plan",
		Usage: "what a KV cache could do for conversations, a run or a trace, and how large it must be",
		Description: "Reads conversations (dealt as a run would), the records of a run (as they were sent and ended) or a trace of Mooncake, and says " +
			"what an unlimited cache would hit, what an LRU cache of every size would, and, for a stated size, what each tier would hit turn by turn. " +
			"It needs no server.",
		Args:    "[FILE...]",
		Options: []any{&f.load},
		Groups: []cli.Group{
			{Title: "Cache", Flags: append(f.cacheFlags.flags("what the records say, 512 for a trace, else 16"),
				cli.Flag{Name: "capacities", Value: cli.Parsed(&f.capacities, "N,...", parseInts, showInts), DefaultText: "round ones", Usage: "capacities in blocks to print of the curve"},
			)},
			{Title: "Tokens", Flags: []cli.Flag{
				cli.TokenizerFlag(&f.tokenizer),
				{Name: "model", Short: "m", Value: cli.String(&f.model), Usage: "model; names the tokenizer and, if it is built in, the sizes in GiB"},
				{Name: "template-overhead", Value: cli.Int(&f.overhead, 0), Meta: "N", DefaultText: "a built-in template", Usage: "tokens that the chat template puts around each message"},
				{Name: "conversations", Value: cli.File(&f.conversations), Usage: "with records: the conversations that were sent, so that equal beginnings share blocks"},
				{Name: "no-tokenizer", Value: cli.Bool(&f.noTokenizer), Usage: "with records: token counts alone, as without --conversations"},
			}},
			{Title: "Load, of conversations", Flags: []cli.Flag{
				{Name: "num-clients", Short: "p", Value: cli.Int(&f.load.Clients, 1), Usage: "requests in flight at most"},
				{Name: "max-active-conversations", Short: "k", Value: cli.Int(&f.load.Active, 1), DefaultText: "--num-clients", Usage: "conversations in progress at most: how far apart the turns of one are"},
				{Name: "max-num-requests", Short: "n", Value: cli.Int(&f.load.MaxRequests, 1), DefaultText: "no limit", Usage: "end after so many requests, warm-up not counted"},
				{Name: "conversation-sampling", Aliases: []string{"order"}, Value: cli.Enum(&f.load.Order, load.RoundRobin, load.Random), Usage: "which of the turns that are ready goes next"},
				{Name: "max-turns", Value: cli.Int(&f.load.MaxTurns, 1), DefaultText: "all", Usage: "messages of each conversation to play"},
				{Name: "history", Value: cli.Enum(&f.history, bench.ServerAnswers, bench.DatasetAnswers), Usage: "what the next turn is asked with: the server's answers (taken to be as the dataset's) or the dataset's (what is generated is lost)"},
				{Name: "limit-min-tokens", Value: cli.Int(&f.load.LimitMin), DefaultText: "0: the dataset's", Usage: "least tokens of every answer"},
				{Name: "limit-max-tokens", Value: cli.Int(&f.load.LimitMax), DefaultText: "0: the dataset's", Usage: "most tokens of every answer"},
				{Name: "answer-tokens", Value: cli.Int(&f.load.AnswerTokens, 1), Usage: "length of answers that the dataset does not have"},
				{Name: "request-rate", Value: cli.Float(&f.load.Rate, 0), DefaultText: "0: no rest", Usage: "each client rests for a random time after each request, 1/N s on average"},
				{Name: "warmup-step", Value: cli.Bool(&f.load.Warmup), Usage: "the first turn of every conversation comes before, and is not counted"},
				{Name: "seed", Value: cli.Int(&f.load.Seed), Usage: "seed of the generator, of the random order and of rests"},
				{Name: "ttft-base", Value: cli.Duration(&f.load.Speed.Base), DefaultText: "order only", Usage: "time to the first token of an empty prompt"},
				{Name: "ttft-per-token", Value: cli.Duration(&f.load.Speed.PerToken), Usage: "time added for each prompt token that does not repeat the turn before"},
				{Name: "itl", Value: cli.Duration(&f.load.Speed.Interval), Usage: "time between two tokens of an answer"},
			}},
			{Title: "Output", Flags: []cli.Flag{
				{Name: "format", Value: cli.Enum(&f.format, render.Formats()...), Usage: "form of the plan"},
				{Name: "output-file", Short: "o", Value: cli.File(&f.output), DefaultText: "stdout", Usage: "write the plan there"},
				{Name: "svg", Value: cli.File(&f.svg), Usage: "write a picture of the curve and the working set"},
			}},
		},
		Examples: []cli.Example{
			{About: "is the cache large enough for 16 conversations at once?", Line: "mtbench plan conversations.json -p 4 -k 16 --kv-model Llama-3.1-8B --gpu-gib 20"},
			{About: "what the server's cache should have hit in a run, with 40 GiB of offloading", Line: "mtbench plan run.jsonl --kv-model Llama-3.1-8B --gpu-blocks 7999 --cpu-gib 40"},
			{About: "a trace of Mooncake", Line: "mtbench plan conversation_trace.jsonl.gz --kv-model Llama-3.3-70B --tp 8"},
		},
		Run: func(ctx context.Context, c *cli.Call) error { return runPlan(ctx, c, f) },
	}
}

func runPlan(ctx context.Context, c *cli.Call, f *planFlags) error {
	if f.kvModel == listModels {
		return writeModels(c)
	}
	names := c.Args
	if len(names) == 0 {
		names = []string{"-"}
	}
	if f.noTokenizer && f.conversations != "" {
		return cli.UsageErrorf("--no-tokenizer and --conversations: texts cannot be told apart without a tokenizer; give one of the two")
	}
	if err := f.check(); err != nil {
		return err
	}
	p := &planner{planFlags: f, call: c}
	p.load.DatasetHistory = f.history == bench.DatasetAnswers
	p.load.Template = p.template()
	if err := p.load.Validate(); err != nil {
		return cli.Exit(cli.Usage, err)
	}
	var err error
	if p.size, err = f.sizes(c, f.model); err != nil {
		return err
	}
	if f.svg != "" && len(names) > 1 {
		return cli.UsageErrorf("--svg draws one plan, and %d files are given", len(names))
	}
	var plans []*plan.Summary
	for _, name := range names {
		more, err := p.read(ctx, name)
		if err != nil {
			return err
		}
		plans = append(plans, more...)
	}
	if f.svg != "" {
		if len(plans) != 1 {
			return cli.UsageErrorf("--svg draws one plan, and the file holds %d runs", len(plans))
		}
		if err := writeFile(c, f.svg, func(w io.Writer) error { return plan.SVG(w, plans[0]) }); err != nil {
			return err
		}
	}
	var docs []render.Document
	for _, p := range plans {
		docs = append(docs, p.Document())
	}
	return writeSummary(c, f.output, f.format, docs)
}

func parseInts(s string) ([]int, error) {
	var out []int
	for _, item := range strings.Split(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(item))
		if err != nil || n < 0 {
			return nil, errors.New("is not a list of whole numbers")
		}
		out = append(out, n)
	}
	slices.Sort(out)
	return out, nil
}

func showInts(list []int) string {
	var items []string
	for _, n := range list {
		items = append(items, strconv.Itoa(n))
	}
	return strings.Join(items, ",")
}
