package main

import (
	"net/http"
	"time"

	"multiturn/internal/httpclient"
	"multiturn/pkg/bench"
	"multiturn/pkg/cli"
	"multiturn/pkg/load"
	"multiturn/pkg/openai"
	"multiturn/pkg/record"
	"multiturn/pkg/report"
)

// runFlags are the flags of `mtbench run`: the reference's newest runner's, same names, short forms and defaults, and
// ours.
type runFlags struct {
	input         string
	output        string
	outputFormat  string
	records       string
	statsJSON     string
	excel         bool
	excelFile     string
	cleanUpSpaces bool
	label         string
	model         string
	servedModel   string
	tokenizer     string
	url           string
	http          httpclient.Config
	bodyFields    []openai.Field
	sendID        bool
	noStream      bool
	noUsage       bool
	maxTokensName string
	temperature   *float64
	requestSeed   *int64
	http2         bool
	transport     openai.Transport
	clocks        record.ClockSource
	preconnect    bool
	identify      bool

	bench       bench.Options
	noEarlyStop bool

	length      lengthMode
	idleTimeout time.Duration

	metrics         mode
	metricsURLs     []string
	metricsInterval time.Duration
	preflight       mode
	cacheSalt       cacheSalt
	checkPrefix     bool
	prefixSample    int
	shape           cacheFlags

	verbose           bool
	printContent      bool
	warmupPercentages []float64
	tokens            report.Tokens
	goodput           report.Limits
	trustRemoteCode   bool
}

// What auto is called where the library takes nothing for it.
const (
	autoTransport openai.Transport   = "auto"
	autoClocks    record.ClockSource = "auto"
)

// lengthMode is how answers' lengths are asked for.
type lengthMode string

const (
	lengthAuto  lengthMode = "auto"
	lengthExact lengthMode = record.LengthExact
	lengthCap   lengthMode = record.LengthCap
)

func newRunFlags() *runFlags {
	return &runFlags{
		url: "http://localhost:8000", http: httpclient.Config{Header: http.Header{}}, length: lengthAuto,
		bench: bench.Options{
			Options: load.Options{
				Clients: 1, Order: load.RoundRobin, Control: load.NoControl, Mix: load.ByBatch,
			},
			History: bench.ServerAnswers, Failure: bench.EndConversation, Timeout: bench.DefaultTimeout,
		},
		preconnect: true, identify: true, warmupPercentages: []float64{0}, tokens: report.Usage,
		transport: autoTransport, clocks: autoClocks, metrics: auto, metricsInterval: time.Second,
		preflight: auto, cacheSalt: saltNone, prefixSample: 16, shape: newCacheFlags(),
	}
}

func (f *runFlags) groups() []cli.Group {
	return []cli.Group{
		{Title: "Conversations", Flags: []cli.Flag{
			{Name: "input-file", Short: "i", Value: cli.File(&f.input), Required: true, Usage: "conversations (JSON array, JSONL, several of them, .gz) or a generator's config; - is stdin"},
			{Name: "max-turns", Value: cli.Int(&f.bench.MaxTurns, 1), DefaultText: "all", Usage: "messages of each conversation to play; an odd number plays the turn it cuts"},
			{Name: "clean-up-spaces", Value: cli.Bool(&f.cleanUpSpaces), Usage: "of a generator's config: remove spaces before punctuation, as transformers 4 did for Llama 3"},
			{Name: "seed", Value: cli.Int(&f.bench.Seed), Usage: "seed of the generator, of the random order and of rests"},
		}},
		{Title: "Server", Flags: []cli.Flag{
			{Name: "url", Short: "u", Value: cli.URL(&f.url), Usage: "base address; /v1/chat/completions is appended"},
			{Name: "model", Short: "m", Value: cli.String(&f.model), Required: true, Usage: "model to ask for; also names the tokenizer"},
			{Name: "served-model-name", Value: cli.String(&f.servedModel), DefaultText: "--model", Usage: "the model's name in requests, where the server calls it otherwise"},
			{Name: "api-key", Value: cli.String(&f.http.APIKey), Secret: true, Usage: "bearer key; wins over an Authorization header"},
			{Name: "header", Value: cli.Headers(&f.http.Header), Usage: "header of every request, 'K: v' or 'K=v'; {session} is the conversation's id"},
			{Name: "body-field", Value: fields(&f.bodyFields), Usage: "extra field of every request's body, such as prompt_cache_key={session}; JSON or text"},
			{Name: "send-conversation-id", Value: cli.Bool(&f.sendID), Usage: "send the body field conversation_id and the header X-Session-ID"},
			{Name: "no-stream", Value: cli.Bool(&f.noStream), Usage: "ask for whole answers; the time to the first token is then the whole latency"},
			{Name: "no-usage", Value: cli.Bool(&f.noUsage), Usage: "do not ask for usage, for servers that refuse stream_options"},
			{Name: "max-tokens-field", Value: cli.String(&f.maxTokensName), DefaultText: "max_tokens", Usage: "the body's name for the answer's length, such as max_completion_tokens"},
			{Name: "temperature", Value: optional(&f.temperature, parseFloat), DefaultText: "not sent", Usage: "sampling temperature"},
			{Name: "request-seed", Value: optional(&f.requestSeed, parseInt), DefaultText: "not sent", Usage: "sampling seed"},
			{Name: "insecure", Value: cli.Bool(&f.http.Insecure), Usage: "do not verify the server's certificate"},
			{Name: "http2", Value: cli.Bool(&f.http2), Usage: "allow HTTP/2, where streams share one connection"},
			{Name: "proxy", Value: cli.ParsedURL(&f.http.Proxy), Usage: "HTTP proxy"},
			{Name: "transport", Value: cli.Enum(&f.transport, autoTransport, openai.Reactor, openai.NetHTTP), Usage: "code that moves the bytes; auto is the best there is"},
			{Name: "clocks", Value: cli.Enum(&f.clocks, autoClocks, record.ClockPackets, record.ClockKernel), Usage: "where arrivals are stamped; auto is the best there is: packets, exact however late the client reads (Linux, plain http, and the right to capture packets: root, or setcap cap_net_raw=ep on the binary); or kernel"},
			{Name: "preconnect", Value: cli.Bool(&f.preconnect), Usage: "open the connections before the run; --preconnect=false leaves it to the first turns"},
			{Name: "identify", Value: cli.Bool(&f.identify), Usage: "ask the server what it is first; --identify=false for servers that mind"},
		}},
		{Title: "Load", Flags: []cli.Flag{
			{Name: "num-clients", Short: "p", Value: cli.Int(&f.bench.Clients, 1), Usage: "requests in flight at most"},
			{Name: "max-active-conversations", Short: "k", Value: cli.Int(&f.bench.Active, 1), DefaultText: "--num-clients", Usage: "conversations in progress at most: how far apart the turns of one are"},
			{Name: "max-num-requests", Short: "n", Value: cli.Int(&f.bench.MaxRequests, 1), DefaultText: "no limit", Usage: "end the run after so many requests, warm-up not counted"},
			{Name: "conversation-sampling", Value: cli.Enum(&f.bench.Order, load.RoundRobin, load.Random), Usage: "which of the turns that are ready goes next"},
			{Name: "request-rate", Value: cli.Float(&f.bench.Rate, 0), DefaultText: "0: no rest", Usage: "each client rests for a random time after each request, 1/N s on average (a closed loop's think time)"},
			{Name: "warmup-step", Value: cli.Bool(&f.bench.Warmup), Usage: "play the first turn of every conversation before the run, outside of its numbers"},
			{Name: "no-early-stop", Value: cli.Bool(&f.noEarlyStop), Usage: "accepted for the reference's sake: everything started is always finished"},
			{Name: "max-retries", Value: cli.Int(&f.bench.Retries, 0), Env: []string{"MULTITURN_BENCH_MAX_RETRIES"}, Usage: "try a failed turn again so often, after 1 s, 2 s, 4 s, ..."},
			{Name: "on-failure", Value: cli.Enum(&f.bench.Failure, bench.EndConversation, bench.GoOn), Usage: "after a turn that failed: end its conversation, or go on with the dataset's answer"},
			{Name: "request-timeout-sec", Value: cli.Duration(&f.bench.Timeout, time.Millisecond), Usage: "of a whole request; 0.2 s a token asked for if that is more"},
			{Name: "idle-timeout", Value: cli.Duration(&f.idleTimeout), DefaultText: "none", Usage: "longest silence in a stream once it has begun"},
		}},
		{Title: "Answers", Flags: []cli.Flag{
			{Name: "output-length", Value: cli.Enum(&f.length, lengthAuto, lengthExact, lengthCap), Usage: "exact: least = most and ignore_eos; cap: only the most; auto: exact where the server is known to take it"},
			{Name: "limit-min-tokens", Value: cli.Int(&f.bench.LimitMin), DefaultText: "0: the dataset's", Usage: "least tokens of every answer; negative = do not ask"},
			{Name: "limit-max-tokens", Value: cli.Int(&f.bench.LimitMax), DefaultText: "0: the dataset's", Usage: "most tokens of every answer; negative = do not ask"},
			{Name: "history", Value: cli.Enum(&f.bench.History, bench.ServerAnswers, bench.DatasetAnswers), Usage: "what the next turn is asked with: the server's answers or the dataset's"},
			{Name: "reasoning-field", Value: cli.String(&f.bench.ReasoningField), DefaultText: "reasoning is not sent back", Usage: "field of an answer's message in which its reasoning is sent back with the next turn: reasoning, reasoning_content"},
			{Name: "verify-output", Value: cli.Bool(&f.bench.Verify), Usage: "compare answers with the dataset's and count those that differ"},
			cli.TokenizerFlag(&f.tokenizer),
			{Name: "trust-remote-code", Value: cli.Bool(&f.trustRemoteCode), Usage: "accepted for the reference's sake: no code is ever loaded"},
		}},
		{Title: "Cache", Flags: []cli.Flag{
			{Name: "metrics", Value: cli.Enum(&f.metrics, auto, on, off), Usage: "read the server's /metrics before, during and after the run; auto: if it has any; on: it must"},
			{Name: "metrics-url", Value: cli.URLs(&f.metricsURLs), DefaultText: "/metrics of --url", Usage: "where metrics are, if elsewhere; repeatable (replicas, a cache of its own); each must answer"},
			{Name: "metrics-interval", Value: cli.Duration(&f.metricsInterval), Usage: "time between readings during the run; 0 is none"},
			{Name: "preflight", Value: cli.Enum(&f.preflight, auto, on, off), Usage: "first send one long prompt twice and say what the server tells of its cache; auto: with --control, --cache-salt, --metrics on, --metrics-url or a size of the cache"},
			{Name: "control", Value: cli.Enum(&f.bench.Control, load.NoControl, load.NoReuse, load.Cold, load.AA), Usage: "play every conversation twice, with the cache and without: no-reuse: a new salt starts every prompt; cold: the server's whole cache is emptied before every turn; aa: no-reuse twice, to test the comparison"},
			{Name: "control-mix", Value: cli.Enum(&f.bench.Mix, load.ByBatch, load.ByConversation), Usage: "how the two share the run: batch: some conversations one way, then the same the other way, each under its own load; conversation: side by side, where each slows the other down"},
			{Name: "cache-salt", Value: cli.Enum(&f.cacheSalt, saltNone, saltField, saltText), Usage: "keep what earlier runs left in the cache out of this one: field: body field cache_salt (vLLM); text: a marker before the first user message"},
			{Name: "check-prefix", Value: cli.Bool(&f.checkPrefix), Usage: "after the run, have the server tokenize (/tokenize) and say where a turn's prompt does not begin with the turn before"},
			{Name: "prefix-sample", Value: cli.Int(&f.prefixSample, 1), Usage: "conversations that --check-prefix looks at"},
		}},
		{Title: "Size of the cache, for what is predicted", Flags: f.shape.flags("what the server says, else 16")},
		{Title: "Output", Flags: []cli.Flag{
			{Name: "records", Value: cli.File(&f.records), Usage: "write every turn as a line of JSON; - is stdout (the table then goes to stderr)"},
			{Name: "output-file", Short: "o", Value: cli.File(&f.output), Usage: "write the finished conversations, with the server's answers"},
			{Name: "format", Value: cli.String(&f.outputFormat), DefaultText: "by the file's name", Usage: "of --output-file: json or jsonl"},
			{Name: "stats-json-output", Value: cli.File(&f.statsJSON), Usage: "write the reference's array of per-request numbers"},
			{Name: "excel-output", Short: "e", Value: cli.Bool(&f.excel), Usage: "write an Excel file named by the number of clients and the time"},
			{Name: "excel-file", Value: cli.File(&f.excelFile), Usage: "write an Excel file of this name"},
			{Name: "verbose", Short: "v", Value: cli.Bool(&f.verbose), Usage: "one more row: the time between starts of consecutive turns"},
			{Name: "print-content", Value: cli.Bool(&f.printContent), Usage: "print questions and answers to stderr as they end"},
			{Name: "warmup-percentages", Value: cli.Percents(&f.warmupPercentages), Usage: "a summary for each, of the turns left without so much of the start; not with --warmup-step"},
			{Name: "tokens", Value: cli.Enum(&f.tokens, report.Usage, report.Tokenizer), Usage: "whose counts the table shows where both are known"},
			{Name: "goodput", Value: cli.Parsed(&f.goodput, "LIMITS", report.ParseLimits, report.Limits.String), DefaultText: "none", Usage: "what a turn must meet to count as good, in ms: 'ttft:200 tpot:50 latency:5000'"},
			{Name: "label", Value: cli.String(&f.label), Usage: "a name for the run in its records"},
		}},
	}
}

func (f *runFlags) openai(start time.Time) (openai.Options, error) {
	o := openai.Options{
		URL: f.url, Model: f.model, Config: f.http, Fields: f.bodyFields, SendSession: f.sendID,
		NoStream: f.noStream, NoUsage: f.noUsage, MaxTokensField: f.maxTokensName, Temperature: f.temperature,
		Seed: f.requestSeed, Start: start, IdleTimeout: f.idleTimeout, Transport: f.transport, Clocks: f.clocks,
		HTTP2: f.http2,
	}
	if f.transport == autoTransport {
		o.Transport = openai.Auto
	}
	if f.clocks == autoClocks {
		o.Clocks = ""
	}
	if f.servedModel != "" {
		o.Model = f.servedModel
	}
	return o, o.Validate()
}
