package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"multiturn/internal/human"
	"multiturn/internal/limits"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/cli"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/sim"
)

// simFlags are what the flags of `mtbench sim` are bound to.
type simFlags struct {
	listen    string
	tls       bool
	keepAlive time.Duration
	options   sim.Options
	machine   sim.Machine
	preset    string
	faults    string
	tokenizer string
	truth     string
	template  string
	metrics   []string

	listPresets, listFaults bool
}

// quadTokenizer is the name of the simulator's own tokenizer.
const quadTokenizer = "quad"

// simCommand is `mtbench sim`.
func simCommand() *cli.Command {
	f := &simFlags{
		listen: sim.DefaultListen, machine: sim.DefaultMachine(), tokenizer: quadTokenizer,
		template: template.ChatML.Name, metrics: []string{string(sim.VLLM)},
	}
	f.options.AnswerTokens = sim.DefaultAnswerTokens
	groups := append(f.serverGroups(), machineGroups(&f.machine, &f.preset)...)
	return &cli.Command{
		Name:  "sim",
		Usage: "a simulated inference server whose truth is known",
		Description: "Serves the OpenAI API with made-up answers, a KV cache that is " +
			"accurate to the block, and exact times. When it is ready it prints its base URL on " +
			"stdout, one line; an interrupt ends it. With --truth it writes what really " +
			"happened to every request. There are two engines: fixed (each stream on its own " +
			"schedule: --ttft-base, --ttft-per-token, --itl) and batch (continuous batching: " +
			"queue, chunked prefill, preemption). Faults come from --fault, or from a request's " +
			"header X-Sim-Fault. It takes heads of " + human.Bytes(limits.RequestHead) +
			" and bodies of " + human.Bytes(limits.RequestBody) + "; a client that takes a minute " +
			"to send a request, or takes none of its answer for a minute, is dropped.",
		Groups:  append(groups, f.outputGroup()),
		Options: []any{&f.options, &f.machine},
		Examples: []cli.Example{
			{About: "a server on a free port, twice as fast as by default",
				Line: "mtbench sim --listen 127.0.0.1:0 --ttft-base 10ms --itl 5ms"},
			{About: "an H100 with half the cache and a CPU tier",
				Line: "mtbench sim --preset h100-llama8b --gpu-cache 25GiB --cpu-cache 200GiB " +
					"--truth truth.jsonl"},
			{About: "one answer in ten breaks off after 20 chunks",
				Line: "mtbench sim --fault cut=20@0.1"},
		},
		Run: func(ctx context.Context, c *cli.Call) error { return runSim(ctx, c, f) },
	}
}

func (f *simFlags) serverGroups() []cli.Group {
	o := &f.options
	return []cli.Group{
		{Title: "Server", Flags: []cli.Flag{
			{Name: "listen", Essential: true, Value: cli.String(&f.listen), Meta: "HOST:PORT",
				Usage: "address to listen at; port 0 is any free one; a port alone is on 127.0.0.1"},
			{Name: "model", Short: "m", Essential: true, Value: cli.String(&o.Model),
				DefaultText: "any name is taken", Usage: "the model's name; requests for " +
					"another are refused"},
			{Name: "max-model-len", Value: cli.Int(&o.MaxModelLen, 1),
				DefaultText: fmt.Sprintf("%d, or what the GPU tier holds", sim.DefaultMaxModelLen),
				Usage:       "longest prompt plus answer, in tokens"},
			{Name: "max-num-queued-reqs", Value: cli.Int(&o.MaxQueued, 0),
				Usage: "requests that may wait before others get 503; 0 is no limit"},
			{Name: "api-key", Value: cli.String(&o.APIKey), Secret: true,
				Usage: "bearer key that requests must have"},
			{Name: "tls", Value: cli.Bool(&f.tls),
				Usage: "serve https, with a new certificate that clients must not verify"},
			{Name: "seed", Value: cli.Int(&o.Seed),
				Usage: "seed of texts, ids and of which requests have faults"},
			{Name: "keep-alive", Value: cli.Duration(&f.keepAlive),
				Usage: "close connections idle for this long after an answer (vLLM: 5s); 0 is never"},
		}},
		{Title: "Answers", Flags: []cli.Flag{
			{Name: "answer-tokens", Value: cli.Int(&o.AnswerTokens, 1),
				Usage: "length of answers to requests without max_tokens"},
			{Name: "tokenizer", Essential: true, Value: cli.String(&f.tokenizer), Meta: "NAME",
				Usage: "quad (four bytes are a token), or as for the other commands; " +
					"quad costs no time"},
			{Name: "template", Value: cli.Enum(&f.template, template.Names()...),
				Usage: "how messages become the text of a prompt"},
			{Name: "fault", Essential: true, Value: cli.String(&f.faults), Meta: "LIST",
				Usage: "faults and habits of real servers, with commas: NAME[=VALUE][@SHARE], " +
					"see --list-faults"},
		}},
	}
}

func (f *simFlags) outputGroup() cli.Group {
	return cli.Group{Title: "Output", Flags: []cli.Flag{
		{Name: "truth", Essential: true, Value: cli.File(&f.truth),
			Usage: "write what happened to every request, as JSONL"},
		{Name: "truth-gaps", Value: cli.Bool(&f.options.TruthGaps),
			Usage: "with the time between any two writes of a stream"},
		{Name: "metrics-names", Value: cli.Strings(&f.metrics), Meta: "NAME",
			Usage: "whose names /metrics uses: vllm (0.33), vllm-old (before they were renamed), " +
				"sglang, llamacpp; repeatable"},
		{Name: "list-presets", Essential: true, Value: cli.Bool(&f.listPresets),
			Usage: "list the presets with their sources"},
		{Name: "list-faults", Essential: true, Value: cli.Bool(&f.listFaults), Usage: "list the faults"},
	}}
}

// machineGroups are the flags that a preset sets too.
func machineGroups(m *sim.Machine, preset *string) []cli.Group {
	return []cli.Group{
		{Title: "Machine", Flags: []cli.Flag{
			{Name: "preset", Essential: true, Value: cli.String(preset), Meta: "NAME",
				Usage: "start from a known machine (see --list-presets); other flags change it"},
			{Name: "engine", Essential: true, Value: cli.Enum(&m.Engine, sim.FixedEngine, sim.BatchEngine),
				Usage: "each stream on its own schedule, or continuous batching"},
			{Name: "ttft-base", Essential: true, Value: cli.Duration(&m.TTFTBase),
				Usage: "fixed: time to the first token of an empty prompt"},
			{Name: "ttft-per-token", Essential: true, Value: cli.Duration(&m.TTFTPerToken),
				Usage: "fixed: time added for each prompt token that is not cached"},
			{Name: "itl", Essential: true, Value: cli.Duration(&m.ITL),
				Usage: "fixed: time between two tokens; 0 sends them all at once"},
			{Name: "max-num-seqs", Value: cli.Int(&m.MaxSequences, 1),
				Usage: "batch: most sequences that run at once"},
			{Name: "max-num-batched-tokens", Value: cli.Int(&m.MaxStepTokens, 1),
				Usage: "batch: most tokens that a step computes"},
			{Name: "step", Value: cli.Duration(&m.Step),
				Usage: "batch: time of an empty step"},
			{Name: "step-per-seq", Value: cli.Duration(&m.StepPerSequence),
				Usage: "batch: time added for each sequence that generates"},
			{Name: "step-per-1k-context", Value: cli.Duration(&m.StepPerContext),
				Usage: "batch: time added for 1,000 tokens of context of a sequence that generates"},
			{Name: "prefill-rate", Essential: true, Value: cli.Float(&m.PrefillRate, 1),
				Usage: "batch: prompt tokens computed per second"},
			{Name: "attention-rate", Value: cli.Float(&m.AttentionRate, 0),
				Usage: "batch: pairs of tokens that prefill's attention computes per second, " +
					"what makes long prompts slow; 0 leaves it out"},
			{Name: "overhead", Value: cli.Duration(&m.Overhead),
				Usage: "batch: time from arrival until the scheduler sees a request"},
			{Name: "jitter", Value: share(&m.Jitter),
				Usage: "how much times vary, up or down: 10% is up to a tenth"},
		}},
		{Title: "KV cache", Flags: []cli.Flag{
			{Name: "block-size", Value: cli.Int(&m.BlockSize, 1), Usage: "tokens in a block"},
			{Name: "gpu-cache", Essential: true, Value: capacity(&m.GPU),
				Usage: "GPU tier: blocks (95), a size on each GPU (40GiB), or unlimited"},
			{Name: "cpu-cache", Essential: true, Value: capacity(&m.CPU), Usage: "CPU tier, likewise; 0 is none"},
			{Name: "disk-cache", Value: capacity(&m.Disk), Usage: "disk tier, likewise; 0 is none"},
			{Name: "cpu-bandwidth", Value: cli.Size(&m.CPUBandwidth),
				Usage: "bytes per second and GPU loaded from the CPU tier; 0 is at once"},
			{Name: "disk-bandwidth", Value: cli.Size(&m.DiskBandwidth),
				Usage: "bytes per second and GPU loaded from the disk tier; 0 is at once"},
			{Name: "kv-model", Value: cli.String(&m.Model), Meta: "NAME",
				Names: kvcache.ModelNames,
				Usage: "whose keys and values fill the cache: a built-in model " +
					"('list' prints their names), or a config.json"},
			{Name: "kv-bytes", Value: cli.Size(&m.KVBytes),
				Usage: "bytes of a token's keys and values on each GPU, in place of the model's"},
			{Name: "kv-cache-dtype", Value: cli.String(&m.KVType), Meta: "TYPE",
				Usage: "auto, bfloat16, fp8, ..."},
			{Name: "tensor-parallel-size", Value: cli.Int(&m.TP, 1),
				Usage: "GPUs that share a model"},
			{Name: "store", Value: cli.Enum(&m.Store, "prompt+output", "prompt", "nothing"),
				Usage: "what the GPU tier keeps for later requests"},
			{Name: "offload-store",
				Value: cli.Enum(&m.OffloadStore, "prompt", "prompt+output", "nothing"),
				Usage: "what lower tiers keep"},
			{Name: "offload-block-size", Value: cli.Int(&m.OffloadBlockSize, 1),
				DefaultText: "a block", Usage: "tokens that lower tiers store and load at once"},
			{Name: "exclusive", Value: cli.Bool(&m.Exclusive),
				Usage: "a block is in one tier only: it moves down when evicted and up when loaded"},
		}},
	}
}

// share is a percentage over a variable that holds a share.
func share(p *float64) cli.Value {
	parse := func(s string) (x float64, err error) {
		err = cli.Percent(&x).Set(s)
		return x / 100, err
	}
	show := func(x float64) string { return strconv.FormatFloat(100*x, 'g', -1, 64) + "%" }
	return cli.Parsed(p, "P%", parse, show)
}

func capacity(p *sim.Capacity) cli.Value {
	return cli.Parsed(p, "N|SIZE", sim.ParseCapacity, sim.Capacity.String)
}
