package main

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"multiturn/internal/httpclient"
	"multiturn/internal/human"
	"multiturn/internal/limits"
	"multiturn/pkg/bench"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/cli"
	"multiturn/pkg/load"
	"multiturn/pkg/openai"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
	"multiturn/pkg/report"
)

// runFlags are what the flags of `mtbench run` are bound to. Those of the
// reference's newest runner have its names, short forms and defaults.
type runFlags struct {
	bench  bench.Options
	openai openai.ReplicaOptions // Model is empty unless the server's name differs
	report report.Options
	cache  cacheFlags

	input         string
	cleanUpSpaces bool
	model         string
	keyFile       string
	caFile        string
	clientCert    string
	clientKey     string
	proxyByEnv    bool
	keySource     string // as the header has it
	tokenizer     string
	promptFormat  promptFormat
	preconnect    bool
	identify      bool
	wait          time.Duration
	length        lengthMode
	keepGoing     bool

	metrics         mode
	metricsURLs     []string
	metricsInterval time.Duration
	preflight       mode
	cacheSalt       cacheSalt
	checkPrefix     bool
	prefixSample    int

	records      string
	force        bool
	output       string
	outputFormat string
	view         view
	files        tableFiles
	printContent bool
	label        string
}

// giveUpAfter is how many turns have to fail, from the first one on, for a run
// to end: a server that refuses everything shows at once, and twenty do not fail
// by chance.
const giveUpAfter = 20

// lengthMode is how the lengths of answers are asked for.
type lengthMode string

const (
	lengthAuto  lengthMode = "auto"
	lengthExact lengthMode = record.LengthExact
	lengthCap   lengthMode = record.LengthCap
)

// mode is whether something is done. With auto it depends on what else was asked
// for, or on the server.
type mode string

const (
	auto mode = "auto"
	off  mode = "off"
	on   mode = "on"
)

func newRunFlags() *runFlags {
	return &runFlags{
		bench: bench.Options{
			Options: load.Options{
				Clients: 1, Order: load.RoundRobin, Control: load.NoControl, Mix: load.ByBatch,
				Balance: load.BalanceSticky,
			},
			History: bench.ServerAnswers, Failure: bench.EndConversation,
			Timeout: bench.DefaultTimeout,
		},
		openai: openai.ReplicaOptions{
			URL: []string{"http://localhost:8000"},
			Options: openai.Options{
				Config: httpclient.Config{Header: http.Header{}}, Think: openai.ThinkOff,
			},
		},
		report: newReportOptions(), cache: newCacheFlags(), view: view{format: render.Text},
		preconnect: true, identify: true, wait: 30 * time.Second, length: lengthAuto,
		metrics: auto, metricsInterval: time.Second, preflight: auto,
		cacheSalt: saltNone, prefixSample: 16,
	}
}

func (f *runFlags) groups() []cli.Group {
	return []cli.Group{
		{Title: "Conversations", Flags: []cli.Flag{
			{Name: "input-file", Short: "i", Essential: true, Value: cli.File(&f.input), Required: true,
				Usage: "conversations or a generator's config, - is stdin; " +
					"JSON array, JSONL, several of them, .gz, .zst"},
			{Name: "clean-up-spaces", Value: cli.Bool(&f.cleanUpSpaces),
				Usage: "with a generator's config: remove spaces before punctuation, " +
					"as transformers 4 did for Llama 3"},
		}},
		{Title: "Server", Flags: f.serverFlags()},
		{Title: "Load", Flags: loadFlags(&f.bench.Options, f.failureFlags()...)},
		{Title: "Answers", Flags: f.answerFlags()},
		{Title: "Cache", Flags: f.cacheFlags()},
		{Title: "Size of the cache, for predictions",
			Flags: f.cache.flags("what the server says, else 16")},
		{Title: "Numbers", Flags: numberFlags(&f.report)},
		{Title: "Output", Flags: f.outputFlags()},
	}
}

func (f *runFlags) serverFlags() []cli.Flag {
	o := &f.openai
	return []cli.Flag{
		{Name: "url", Short: "u", Essential: true, Value: cli.URLs(&o.URL),
			Usage: "the server, also as HOST:PORT; /v1 is added unless it ends in a version, such as " +
				"/v4; an address that ends in the path of an endpoint is used as it stands; " +
				"repeatable: replicas of one server, which share the turns as --balance has it"},
		balanceFlag(&f.bench.Balance, "with several --url"),
		{Name: "api", Value: cli.AutoEnum(&o.API, openai.Chat, openai.Completions, openai.Responses),
			Usage: "endpoint to measure; auto: the one that --url ends in, else chat"},
		{Name: "prompt-format", Value: cli.AutoEnum(&f.promptFormat, promptFormats()...),
			Usage: "with --api completions: how messages become the text of a prompt; " +
				"auto: by the model's name, else chatml"},
		{Name: "model", Short: "m", Essential: true, Value: cli.String(&f.model), Required: true,
			Usage: "model to ask for, which also names the tokenizer"},
		{Name: "served-model-name", Value: cli.String(&o.Model), DefaultText: "--model",
			Usage: "the model's name in requests, if the server's differs"},
		{Name: "api-key", Essential: true, Value: keyValue(&o.APIKey), Secret: true,
			DefaultText: "OPENAI_API_KEY, if set",
			Usage:       "bearer key; wins over --api-key-file and over an Authorization header"},
		{Name: "api-key-file", Value: cli.File(&f.keyFile),
			Usage: "file with the key, in one line; wins over OPENAI_API_KEY"},
		{Name: "header", Value: cli.Headers(&o.Header),
			Usage: "header of every request, also as 'K=V'; {session} is the conversation's id"},
		{Name: "body-field",
			Value: cli.Unquoted(&o.Fields, "K=V", openai.ParseField, openai.Field.String),
			Usage: "extra field of every request's body, such as prompt_cache_key={session}; " +
				"JSON or text"},
		{Name: "send-conversation-id", Value: cli.Bool(&o.SendSession),
			Usage: "send the body field conversation_id and the header X-Session-ID"},
		{Name: "no-stream", Value: cli.Bool(&o.NoStream),
			Usage: "ask for whole answers; the time to the first token is then the whole latency"},
		{Name: "no-usage", Value: cli.Bool(&o.NoUsage),
			Usage: "do not ask for usage, for servers that refuse stream_options"},
		{Name: "max-tokens-field", Value: cli.String(&o.MaxTokensField), DefaultText: "that of --api",
			Usage: "the body's name for the answer's length, such as max_completion_tokens"},
		{Name: "temperature", Value: cli.OptionalFloat(&o.Temperature), DefaultText: "not sent",
			Usage: "sampling temperature"},
		{Name: "request-seed", Value: cli.OptionalInt(&o.Seed), DefaultText: "not sent",
			Usage: "sampling seed"},
		{Name: "insecure", Value: cli.Bool(&o.Insecure),
			Usage: "do not verify the server's certificate"},
		{Name: "http2", Value: cli.Bool(&o.HTTP2),
			Usage: "allow HTTP/2, where streams share one connection"},
		{Name: "ca", Value: f.caFlag(), DefaultText: "the system's",
			Usage: "PEM file of certificates to trust besides the system's"},
		{Name: "client-cert", Value: cli.File(&f.clientCert),
			Usage: "PEM file with the certificate to show to the server"},
		{Name: "client-key", Value: cli.File(&f.clientKey), DefaultText: "in --client-cert",
			Usage: "PEM file with the key of --client-cert"},
		{Name: "proxy", Value: f.proxyFlag(),
			Usage: "HTTP proxy; env: the one that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name, which " +
				"are not used unless asked for"},
		{Name: "transport", Value: cli.AutoEnum(&o.Transport, openai.Reactor, openai.NetHTTP),
			Usage: "code that moves the bytes; auto is the best available"},
		{Name: "clocks", Value: cli.AutoEnum(&o.Clocks, record.ClockPackets, record.ClockKernel),
			Usage: "where arrivals are stamped; auto is the best available: packets, exact however " +
				"late the client reads (Linux, plain http, and the right to capture packets: " +
				"root, or setcap cap_net_raw=ep on the binary); or kernel"},
		{Name: "preconnect", Value: cli.Bool(&f.preconnect),
			Usage: "open the connections before the run; with --preconnect=false " +
				"the first turns open them"},
		{Name: "wait", Value: cli.Duration(&f.wait),
			Usage: "longest wait for a server that answers that it is loading; " +
				"if given, also for one that does not listen yet, or whose gateway answers 502 to 504"},
		{Name: "identify", Value: cli.Bool(&f.identify),
			Usage: "first ask the server what it is; --identify=false for servers that mind"},
	}
}

func (f *runFlags) failureFlags() []cli.Flag {
	o := &f.bench
	return []cli.Flag{
		{Name: "no-early-stop", Value: cli.Bool(new(bool)),
			Usage: "accepted for the reference's sake: everything started is always finished"},
		{Name: "keep-going", Value: cli.Bool(&f.keepGoing),
			Usage: fmt.Sprintf("go on even if the first %d turns all failed", giveUpAfter)},
		{Name: "max-retries", Value: cli.Int(&o.Retries, 0),
			Env: []string{"MULTITURN_BENCH_MAX_RETRIES"},
			Usage: "retry a turn this often, after 1 s, 2 s, 4 s, ... or when the server says " +
				"(Retry-After, up to 5 min): status 408, 409, 425, 429 or 5xx, or no connection"},
		{Name: "on-failure", Value: cli.Enum(&o.Failure, bench.EndConversation, bench.GoOn),
			Usage: "after a turn that failed: end its conversation, " +
				"or go on with the dataset's answer"},
		{Name: "request-timeout-sec", Value: cli.Duration(&o.Timeout, time.Millisecond),
			Usage: "limit of a whole request, or 0.2 s a token asked for if that is more"},
		{Name: "idle-timeout", Value: cli.Duration(&f.openai.IdleTimeout), DefaultText: "none",
			Usage: "longest silence in a stream after its first token"},
	}
}

func (f *runFlags) answerFlags() []cli.Flag {
	o := &f.bench
	limits := limitFlags(&o.LimitMin, &o.LimitMax, "; negative: do not ask")
	return slices.Concat([]cli.Flag{
		{Name: "output-length", Value: cli.Enum(&f.length, lengthAuto, lengthExact, lengthCap),
			Usage: "exact: fewest = most, and ignore_eos; cap: only the most; " +
				"auto: exact if the server is known to support it"},
	}, limits, []cli.Flag{
		historyFlag(&o.History, ""),
		{Name: "reasoning-field", Value: cli.String(&o.ReasoningField),
			DefaultText: "reasoning is not sent back",
			Usage: "field of an answer's message in which its reasoning is sent back " +
				"with the next turn: reasoning, reasoning_content"},
		{Name: "think",
			Value: cli.Enum(&f.openai.Think, openai.ThinkOff, openai.ThinkTagged, openai.ThinkOpen),
			Usage: "reasoning in the text of answers, where a server has no field for it: tagged: in " +
				"<think>...</think>; open: as tagged, where the chat template has the opening tag"},
		{Name: "verify-output", Value: cli.Bool(&o.Verify),
			Usage: "compare answers with the dataset's and count those that differ"},
		cli.CountingFlag(&f.tokenizer),
		{Name: "max-answer-bytes", Value: cli.AutoSize(&f.openai.MaxAnswerBytes),
			Usage: "a longer answer ends with the outcome too_large; auto: " + autoAnswer()},
		{Name: "trust-remote-code", Value: cli.Bool(new(bool)),
			Usage: "accepted for the reference's sake: no code is ever loaded"},
	})
}

// autoAnswer says how the longest answer follows from what is asked for.
func autoAnswer() string {
	return fmt.Sprintf("%s, %s more for each token asked for (%s if none is) and %d bytes for "+
		"each of the request, %s at most; its text %s, and %d bytes for each token",
		human.Bytes(limits.Answer), human.Bytes(limits.AnswerToken),
		human.Thousands(limits.AnswerTokens), limits.AnswerEcho, human.Bytes(limits.AnswerMost),
		human.Bytes(limits.AnswerText), limits.AnswerTextToken)
}

func (f *runFlags) cacheFlags() []cli.Flag {
	o := &f.bench
	return []cli.Flag{
		{Name: "metrics", Value: cli.Enum(&f.metrics, auto, on, off),
			Usage: "read the server's /metrics before, during and after the run; " +
				"auto: if there are any; on: there must be"},
		{Name: "metrics-url", Value: cli.URLs(&f.metricsURLs), DefaultText: "/metrics of each --url",
			Usage: "address of metrics, if elsewhere; repeatable (a separate cache; replicas, one for " +
				"each --url in their order); each must answer"},
		{Name: "metrics-interval", Value: cli.Duration(&f.metricsInterval),
			Usage: "time between readings during the run; 0 is none"},
		{Name: "preflight", Value: cli.Enum(&f.preflight, auto, on, off),
			Usage: "first send one long prompt twice and show what the server reports of " +
				"its cache; auto: with --control, --cache-salt, --metrics on, --metrics-url or " +
				"a cache size"},
		{Name: "control", Essential: true,
			Value: cli.Enum(&o.Control, load.NoControl, load.NoReuse, load.Cold, load.AA),
			Usage: "play every conversation twice, with the cache and without; " +
				"no-reuse: a new salt starts every prompt; cold: the server's whole cache is " +
				"emptied before every turn; aa: no-reuse twice, to test the comparison"},
		{Name: "control-mix", Value: cli.Enum(&o.Mix, load.ByBatch, load.ByConversation),
			Usage: "how the two share the run: batch: some conversations one way, then the same " +
				"the other way, each under its own load; conversation: side by side, where each " +
				"slows the other down"},
		{Name: "cache-salt", Value: cli.Enum(&f.cacheSalt, saltNone, saltField, saltText),
			Usage: "keep the cache of earlier runs out of this one: field: body field cache_salt " +
				"(vLLM); text: a marker before the first user message"},
		{Name: "check-prefix", Value: cli.Bool(&f.checkPrefix),
			Usage: "after the run, have the server tokenize (/tokenize) and show where a turn's " +
				"prompt does not begin with the turn before"},
		{Name: "prefix-sample", Value: cli.Int(&f.prefixSample, 1),
			Usage: "conversations that --check-prefix looks at"},
	}
}

func (f *runFlags) outputFlags() []cli.Flag {
	return slices.Concat([]cli.Flag{
		{Name: "records", Essential: true, Value: cli.File(&f.records),
			Usage: "write every turn as a line of JSON; - is stdout " +
				"(work, trust and findings then go to stderr)"},
		{Name: "force", Essential: true, Value: cli.Bool(&f.force),
			Usage: "overwrite the records of an earlier run; its Excel file, too"},
		{Name: "output-file", Short: "o", Essential: true, Value: cli.File(&f.output),
			Usage: "write the finished conversations, with the server's answers"},
		{Name: "output-format", Value: cli.Enum(&f.outputFormat, "json", "jsonl"),
			DefaultText: "by the file's name", Usage: "form of --output-file"},
	}, f.view.flags(), f.files.flags(), []cli.Flag{
		{Name: "print-content", Value: cli.Bool(&f.printContent),
			Usage: "print questions and answers to stderr as they end"},
		{Name: "label", Value: cli.String(&f.label),
			Usage: "a name for the run in its records"},
	})
}

// promptFormat is the name of a template; "" = by the model's name.
type promptFormat string

func promptFormats() (all []promptFormat) {
	for _, name := range template.Names() {
		all = append(all, promptFormat(name))
	}
	return all
}

// clientOptions returns the options of the run's clients.
func (f *runFlags) clientOptions(start time.Time) (openai.ReplicaOptions, error) {
	o := f.openai
	o.Start = start
	if o.Model == "" {
		o.Model = f.model
	}
	o.Format = f.format()
	return o, o.Validate()
}

// format returns the format of prompts, for an API whose prompt is a text.
func (f *runFlags) format() *template.Template {
	return cmp.Or(template.Named(string(f.promptFormat)), template.OfModel(f.model),
		template.ChatML)
}
