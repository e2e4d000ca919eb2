package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"multiturn/pkg/bench"
	"multiturn/pkg/cli"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/plan"
)

// planFlags are the flags of `mtbench plan`.
type planFlags struct {
	conversations string
	model         string
	tokenizer     string
	noTokenizer   bool
	overhead      int
	blockSize     int

	load    plan.Load
	order   bench.Order
	history bench.History

	tiers       [kvcache.NumTiers]tierFlags
	store       storePolicies
	exclusive   bool
	modelConfig string
	kvModel     string
	kvDtype     string
	tp          int
	capacities  []int

	format planFormat
	output string
	svg    string
}

// tierFlags are the size of a tier, given one way or the other.
type tierFlags struct {
	blocks int
	gib    float64
}

type planFormat string

const (
	planText planFormat = "text"
	planJSON planFormat = "json"
)

// templateBuiltIn is --template-overhead when it is not given.
const templateBuiltIn = -1

// listModels is the name of --kv-model that asks for the names.
const listModels = "list"

// planCommand is `mtbench plan`.
func planCommand() *cli.Command {
	f := &planFlags{
		overhead: templateBuiltIn, kvDtype: "auto", tp: 1, order: bench.RoundRobin, history: bench.ServerAnswers,
		format: planText, output: "-", store: defaultStores(),
	}
	f.load.Clients, f.load.AnswerTokens = 1, plan.DefaultAnswerTokens
	return &cli.Command{
		Name:  "plan",
		Usage: "what a KV cache could do for conversations, a run or a trace, and how large it must be",
		Description: "Reads conversations (dealt as a run would), the records of a run (as they were sent and ended) or a trace of Mooncake, and says " +
			"what an unlimited cache would hit, what an LRU cache of every size would, and, for a stated size, what each tier would hit turn by turn. " +
			"It needs no server.",
		Args: "[FILE...]",
		Groups: []cli.Group{
			{Title: "Cache", Flags: []cli.Flag{
				{Name: "gpu-blocks", Value: cli.Int(&f.tiers[kvcache.GPU].blocks, 1), DefaultText: "what the records say", Usage: "usable blocks of the GPU: vLLM's num_gpu_blocks less 1"},
				{Name: "gpu-gib", Value: cli.Float(&f.tiers[kvcache.GPU].gib, 0), DefaultText: "none", Usage: "the same in GiB on each GPU"},
				{Name: "cpu-blocks", Value: cli.Int(&f.tiers[kvcache.CPU].blocks, 1), DefaultText: "no such tier", Usage: "blocks of a tier in main memory"},
				{Name: "cpu-gib", Value: cli.Float(&f.tiers[kvcache.CPU].gib, 0), DefaultText: "none", Usage: "the same in GiB, of all GPUs together"},
				{Name: "disk-blocks", Value: cli.Int(&f.tiers[kvcache.Disk].blocks, 1), DefaultText: "no such tier", Usage: "blocks of a tier on disk"},
				{Name: "disk-gib", Value: cli.Float(&f.tiers[kvcache.Disk].gib, 0), DefaultText: "none", Usage: "the same in GiB, of all GPUs together"},
				{Name: "store", Value: cli.Parsed(&f.store, "[TIER=]POLICY,...", parseStores, storePolicies.String), Usage: "what a tier (gpu, cpu, disk) keeps: prompt, prompt+output or nothing; without a name it is the GPU's"},
				{Name: "exclusive", Value: cli.Bool(&f.exclusive), Usage: "a block is in one tier only; otherwise lower tiers get a copy of all that is computed"},
				{Name: "block-size", Value: cli.Int(&f.blockSize, 1), DefaultText: "what the records say, 512 for a trace, else 16", Usage: "tokens in a block"},
				{Name: "kv-model", Value: cli.String(&f.kvModel), Meta: "NAME", DefaultText: "--model, or the run's", Usage: "built-in model to take sizes in GiB from; '" + listModels + "' prints their names"},
				{Name: "model-config", Value: cli.File(&f.modelConfig), Usage: "the model's config.json, to take sizes in GiB from"},
				{Name: "kv-dtype", Aliases: []string{"kv-cache-dtype"}, Value: cli.String(&f.kvDtype), Meta: "TYPE", Usage: "the cache's type, as vLLM's --kv-cache-dtype: auto, bfloat16, fp8"},
				{Name: "tp", Aliases: []string{"tensor-parallel-size"}, Value: cli.Int(&f.tp, 1), Usage: "tensor-parallel GPUs"},
				{Name: "capacities", Value: cli.Parsed(&f.capacities, "N,...", parseInts, showInts), DefaultText: "round ones", Usage: "capacities in blocks to print of the curve"},
			}},
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
				{Name: "conversation-sampling", Aliases: []string{"order"}, Value: cli.Enum(&f.order, bench.RoundRobin, bench.Random), Usage: "which of the turns that are ready goes next"},
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
				{Name: "format", Value: cli.Enum(&f.format, planText, planJSON), Usage: "form of the plan"},
				{Name: "output-file", Short: "o", Value: cli.File(&f.output), DefaultText: "stdout", Usage: "write the plan there"},
				{Name: "svg", Value: cli.File(&f.svg), Usage: "write a picture of the curve and the working set"},
			}},
		},
		Examples: []cli.Example{
			{About: "is the cache large enough for 16 conversations at once?", Line: "mtbench plan conversations.json -p 4 -k 16 --kv-model Llama-3.1-8B --gpu-gib 20"},
			{About: "what the server's cache should have hit in a run, with 40 GiB of offloading", Line: "mtbench plan run.jsonl --gpu-blocks 7999 --cpu-gib 40"},
			{About: "a trace of Mooncake", Line: "mtbench plan conversation_trace.jsonl.gz --kv-model Llama-3.3-70B --tp 8"},
		},
		Run: func(ctx context.Context, c *cli.Call) error { return runPlan(ctx, c, f) },
	}
}

func runPlan(ctx context.Context, c *cli.Call, f *planFlags) error {
	if f.kvModel == listModels {
		_, err := fmt.Fprintln(c.Stdout, strings.Join(kvcache.ModelNames(), "\n"))
		return err
	}
	names := c.Args
	if len(names) == 0 {
		names = []string{"-"}
	}
	if f.noTokenizer && f.conversations != "" {
		return cli.UsageErrorf("--no-tokenizer and --conversations: texts cannot be told apart without a tokenizer; give one of the two")
	}
	for t := range f.tiers {
		if f.tiers[t].blocks > 0 && f.tiers[t].gib > 0 {
			return cli.UsageErrorf("--%[1]v-blocks and --%[1]v-gib: give one of the two", kvcache.Tier(t))
		}
	}
	p := &planner{planFlags: f, call: c}
	p.load.Random = f.order == bench.Random
	p.load.DatasetHistory = f.history == bench.DatasetAnswers
	p.load.Template = p.template()
	if err := p.load.Validate(); err != nil {
		return cli.Exit(cli.Usage, err)
	}
	if err := p.sizes(); err != nil {
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
	if f.output == "-" && f.format == planText {
		return plansText(c.TextOut(), plans) // for people: it gives way when stdout carries data
	}
	return writeFile(c, f.output, func(w io.Writer) error {
		if f.format == planText {
			return plansText(w, plans)
		}
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(plans)
	})
}

func plansText(w io.Writer, plans []*plan.Summary) error {
	for i, s := range plans {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if err := plan.Text(w, s); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes an output as a whole or not at all.
func writeFile(c *cli.Call, name string, to func(io.Writer) error) (err error) {
	out, err := c.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := to(out); err != nil {
		return err
	}
	return out.Commit()
}

// storePolicies are what each tier keeps.
type storePolicies [kvcache.NumTiers]kvcache.Store

// defaultStores are vLLM's: offloading keeps prompts only.
func defaultStores() storePolicies {
	return storePolicies{kvcache.GPU: kvcache.PromptAndOutput, kvcache.CPU: kvcache.PromptOnly, kvcache.Disk: kvcache.PromptOnly}
}

func parseStores(s string) (storePolicies, error) {
	out := defaultStores()
	for _, item := range strings.Split(s, ",") {
		tier, policy, named := strings.Cut(item, "=")
		if !named {
			tier, policy = kvcache.GPU.String(), item
		}
		store, err := kvcache.ParseStore(strings.TrimSpace(policy))
		if err != nil {
			return out, errors.New("is not a list of prompt, prompt+output or nothing, or of gpu=, cpu= or disk= and one of them")
		}
		found := false
		for t := range out {
			if strings.TrimSpace(tier) == kvcache.Tier(t).String() {
				out[t], found = store, true
			}
		}
		if !found {
			return out, errors.New("names a tier that is none of gpu, cpu, disk")
		}
	}
	return out, nil
}

func (s storePolicies) String() string {
	var items []string
	for t, store := range s {
		items = append(items, kvcache.Tier(t).String()+"="+store.String())
	}
	return strings.Join(items, ",")
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
