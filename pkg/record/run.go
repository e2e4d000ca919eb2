package record

import (
	"encoding/json"
	"slices"
	"time"
)

// Run is the header of a run's records. Load and Cache came with version 1.1,
// Replicas with 1.3.
type Run struct {
	Type    string `json:"type"`    // TypeRun
	Format  string `json:"format"`  // Format
	Version string `json:"version"` // of the format
	// ID is unique to the run.
	ID      string    `json:"id"`
	Start   time.Time `json:"start"`           // by the wall clock
	Program string    `json:"program"`         // with its version
	Label   string    `json:"label,omitempty"` // the user's name for the run
	// Options are the program's own, by name, with "***" for secrets. They are for
	// people: what a program needs from them has a field of its own.
	Options json.RawMessage `json:"options,omitempty"`
	Model   string          `json:"model,omitempty"` // as requests have it
	// URL is the address of the server, with *** for a password and for the secrets
	// in its query.
	URL string `json:"url,omitempty"`
	// KeySource is where the API key came from, one of the Key constants; empty:
	// unknown. The key itself is in no record.
	KeySource string `json:"key_source,omitempty"`
	// Seed is that of the generator, of the random order and of rests.
	Seed    int64 `json:"seed" limit:"-"`
	Clients int   `json:"clients"` // requests in flight at most
	// ActiveConversations is how many conversations are in progress at most.
	ActiveConversations int `json:"active_conversations"`
	// OutputLength is LengthExact or LengthCap.
	OutputLength string    `json:"output_length,omitempty"`
	Dataset      Dataset   `json:"dataset"`
	Tokenizer    Tokenizer `json:"tokenizer"`
	// Clocks is where the times of arrival come from.
	Clocks ClockSource `json:"clocks,omitempty"`
	Host   Host        `json:"host"`
	Server Server      `json:"server"`
	// Replicas are the servers that shared the turns, if there was more than one. URL
	// and Server are then of the first, but for the sizes in Server, which are sums.
	Replicas []Replica `json:"replicas,omitempty"`
	// Control is one of the Control constants; empty in a run without control arms.
	Control string `json:"control,omitempty"`
	// CacheSalt is one of the Salt constants; empty if the run was not set apart
	// from others in the cache. Salt is the text that was sent.
	CacheSalt string `json:"cache_salt,omitempty"`
	Salt      string `json:"salt,omitempty"`
	// Preflight is what a few requests before the run showed of the server's cache;
	// nil: there were none.
	Preflight *Preflight `json:"preflight,omitempty"`
	// Load is the load that was asked for; nil: unknown.
	Load *Load `json:"load,omitempty"`
	// Cache is the server's KV cache as the user stated it; nil: unknown.
	Cache *StatedCache `json:"cache,omitempty"`
	// Implausible is as in turns.
	Implausible string `json:"implausible,omitempty"`
}

// Values of Run.KeySource.
const (
	KeyFlag        = "flag"
	KeyFile        = "file"
	KeyEnvironment = "OPENAI_API_KEY" // the variable of that name
	// KeyNone may be a run with a header or an address that has a secret.
	KeyNone = "none"
)

// Values of Run.OutputLength.
const (
	LengthExact = "exact" // the fewest tokens asked for are the most, and ignore_eos is set
	LengthCap   = "cap"   // only the most tokens are asked for
)

// Values of Load.API.
const (
	APIChat        = "chat"        // /v1/chat/completions
	APICompletions = "completions" // /v1/completions
	APIResponses   = "responses"   // /v1/responses
)

// Values of Run.Control. The package comment describes the arms of each.
const (
	ControlNoReuse = "no-reuse"
	ControlCold    = "cold"
	ControlAA      = "aa"
)

// Values of Run.CacheSalt.
const (
	// SaltField is the request's own field cache_salt.
	SaltField = "field"
	// SaltText is a marker at the start of the first user message. It adds nothing
	// in a run whose prompts all begin with a salt, as with ControlNoReuse.
	SaltText = "text"
)

// ClockSource is where the times of arrival come from.
type ClockSource string

// Sources of times of arrival, the best first.
const (
	ClockPackets ClockSource = "packets" // the kernel's time of each packet
	ClockKernel  ClockSource = "kernel"  // the kernel's time of each read
	ClockUser    ClockSource = "user"    // the client's time after each read
)

// WorseThan reports whether the source is worse than another. The empty source,
// which is unknown, is worse than none.
func (c ClockSource) WorseThan(o ClockSource) bool {
	rank := func(c ClockSource) int {
		all := []ClockSource{"", ClockPackets, ClockKernel, ClockUser}
		if i := slices.Index(all, c); i >= 0 {
			return i
		}
		return len(all)
	}
	return rank(c) > rank(o)
}

// Load is the load that was asked for, beside what the header's other fields say.
type Load struct {
	// API is APIChat, APICompletions or APIResponses; empty: unknown.
	API string `json:"api,omitempty"`
	// PromptFormat is how messages became the prompts of APICompletions: the name of
	// a template.
	PromptFormat string `json:"prompt_format,omitempty"`
	// MaxRequests ends the run; warm-up does not count. 0 = no limit.
	MaxRequests int `json:"max_requests,omitempty"`
	// MaxMessages is how many messages of each conversation were played; 0 = all.
	// An odd number plays the turn that it cuts.
	MaxMessages int `json:"max_messages,omitempty"`
	// MinAnswer and MaxAnswer bound the answer's length in tokens. 0 is the length
	// of the dataset's answer; a negative bound was not sent.
	MinAnswer int `json:"min_answer,omitempty" limit:"signed"`
	MaxAnswer int `json:"max_answer,omitempty" limit:"signed"`
	// Sampling is how ready turns are taken: round_robin or random.
	Sampling string `json:"sampling,omitempty"`
	// Rate is the mean of the clients' rest after each request, as its inverse: they
	// rest for an exponential time of mean 1/Rate seconds. 0 = no rest.
	Rate float64 `json:"rate,omitempty"`
	// ThinkMS is the mean think time of the turns that have one, in milliseconds.
	ThinkMS float64 `json:"think_ms,omitempty"`
	// Warmup reports whether the first turn of every conversation was played before
	// the run.
	Warmup bool `json:"warmup,omitempty"`
	// NoStream and NoUsage report whether whole answers were asked for, and whether
	// usage was not asked for.
	NoStream bool `json:"no_stream,omitempty"`
	NoUsage  bool `json:"no_usage,omitempty"`
	Retries  int  `json:"retries,omitempty"` // of a failed turn
	// OnFailure is what a failed turn does to its conversation: end, or dataset to
	// go on with the dataset's answer.
	OnFailure string `json:"on_failure,omitempty"`
	// History is HistoryServer or HistoryDataset.
	History string `json:"history,omitempty"`
	// ReasoningField is the field of an answer's message in which its reasoning was
	// sent back; empty: it was not.
	ReasoningField string `json:"reasoning_field,omitempty"`
	// Balance is how replicas share the turns, one of the Balance constants; empty
	// with one server.
	Balance string `json:"balance,omitempty"`
	// ControlMix is how control arms share the run: batch or conversation.
	ControlMix string `json:"control_mix,omitempty"`
}

// Values of Load.History: whose answers the next turn of a conversation is sent with.
const (
	HistoryServer  = "server"
	HistoryDataset = "dataset"
)

// Values of Load.Balance.
const (
	// BalanceSticky sends all turns of a conversation to one replica.
	BalanceSticky = "sticky"
	// BalanceRoundRobin sends each turn to the next replica in turn.
	BalanceRoundRobin = "round-robin"
	// BalanceLeast sends each turn to the replica with the fewest turns in flight.
	BalanceLeast = "least"
)

// Dataset is the conversations that were sent.
type Dataset struct {
	Name string `json:"name,omitempty"` // of the file, or -
	// File reports whether Name is a regular file, relative to where the program
	// ran. In records of version 1.0 it is false because it is unknown.
	File bool `json:"file,omitempty"`
	// SHA256 is of the conversations in order, each as a line of JSON.
	SHA256        string `json:"sha256,omitempty"`
	Conversations int    `json:"conversations"` // how many there are
	Turns         int    `json:"turns"`         // requests in all of them
	// ThinkMS is the mean think time before a turn that the conversations ask for;
	// nil: unknown.
	ThinkMS *float64 `json:"think_ms,omitempty"`
	// Generator is the generator's config, if the conversations were generated for
	// the run, from the run's seed. CleanUpSpaces is the generator's option of that
	// name.
	Generator     json.RawMessage `json:"generator,omitempty"`
	CleanUpSpaces bool            `json:"clean_up_spaces,omitempty"`
}

// Tokenizer is the client's.
type Tokenizer struct {
	Name   string `json:"name,omitempty"`   // its own
	Source string `json:"source,omitempty"` // file, cache, hub, embedded or server
	SHA256 string `json:"sha256,omitempty"` // of its data
	// Ref is what it was opened by: a path, relative to where the program ran, a
	// model of the hub, or the name of an embedded one.
	Ref string `json:"ref,omitempty"`
}

// Host is the client's machine.
type Host struct {
	Name string `json:"name,omitempty"` // as it calls itself
	OS   string `json:"os"`             // as Go calls it
	Arch string `json:"arch"`           // as Go calls it
	CPUs int    `json:"cpus"`           // that the client may use
	Go   string `json:"go"`             // version of Go
}

// Server is what the server reported before the run.
type Server struct {
	// Kind is vllm, sglang, llamacpp, litellm, sim or another server that is known, else
	// its own word for itself; empty if it has none.
	Kind        string   `json:"kind,omitempty"`
	Version     string   `json:"version,omitempty"`                      // by its own account
	Models      []string `json:"models,omitempty"`                       // that it lists
	MaxModelLen int      `json:"max_model_len,omitempty" limit:"tokens"` // tokens
	// BlockSize, in tokens, GPUBlocks, and CPUTokens, the size of the CPU's tier, are
	// from the server's metrics. The sizes are sums over all servers.
	// OffloadBlockSize is the tokens that tiers below the GPU store and load at once.
	BlockSize        int `json:"block_size,omitempty" limit:"block"`
	GPUBlocks        int `json:"gpu_blocks,omitempty"`
	CPUTokens        int `json:"cpu_tokens,omitempty"`
	OffloadBlockSize int `json:"offload_block_size,omitempty" limit:"block"`
}

// Replica is one of the servers that shared the turns of a run.
type Replica struct {
	URL string `json:"url,omitempty"` // as in Run
	Server
	// Preflight is as in Run, whose own is that of the first replica.
	Preflight *Preflight `json:"preflight,omitempty"`
}
