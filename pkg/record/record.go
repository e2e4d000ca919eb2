// Package record is the stream that a run leaves behind: what was asked for, what happened to every request, what the
// server said of itself, and how it ended. Reports, comparisons and plans read nothing else.
//
// # The format
//
// JSONL. Each line is an object whose "type" says what it is:
//
//	run      the header, first line: format and version, effective options (no secrets), dataset, tokenizer, host, server
//	turn     one request: when, what, how it went
//	scrape   one reading of the server's metrics
//	prefix   whether a turn's prompt began with all of the turn before (only where that was checked)
//	end      last line: why the run ended, planned/started/finished/abandoned, the client's certificate
//
// Times are milliseconds since the run's start on the monotonic clock, with six decimals (nanoseconds); the header has
// the wall clock of that start. A clock that never ticked (no first token in a failed turn) is left out, never 0.
//
// Unknown fields and unknown types are ignored; a newer major version is refused; a missing last newline is fine; a
// broken line is named by its number, counted, and skipped. Several runs may follow each other in one stream.
//
// # Control arms
//
// A run with a control (Run.Control) plays every conversation twice, once in each arm, both under the dataset's name: a
// conversation and an arm together are one dialogue, a conversation's two arms are a pair, and the effect is the difference
// within pairs. Turn.Arm is measured and no-reuse, measured and cold, or no-reuse-1 and no-reuse-2 of an A/A run, where
// there is nothing to be found. In arms that begin with no-reuse every turn's prompt has a salt of its own at its start, so
// nothing in it was sent before; in the measured arm beside it the salt is as long and the same throughout. The salts'
// tokens are in Counted. In the cold arm the server's cache was emptied before every turn. Runs without a control leave
// the arm out.
package record

import (
	"encoding/json"
	"strconv"
	"time"
)

// Format and Version name the stream in its header. Within a major version fields are only added.
const (
	Format  = "multiturn-records"
	Version = "1.0"
)

// Types of a line.
const (
	TypeRun    = "run"
	TypeTurn   = "turn"
	TypeScrape = "scrape"
	TypePrefix = "prefix"
	TypeEnd    = "end"
)

// Clock is nanoseconds since the run's start; 0 = it never ticked. In JSON: milliseconds with up to six decimals.
type Clock int64

// At is the clock of an instant of a run that began at start; the zero instant gives the zero clock.
func At(start, t time.Time) Clock {
	if t.IsZero() {
		return 0
	}
	return max(1, Clock(t.Sub(start)))
}

// OK says whether the clock ticked.
func (c Clock) OK() bool { return c != 0 }

// IsZero makes encoding/json's omitzero leave out a clock that never ticked.
func (c Clock) IsZero() bool { return c == 0 }

// MS is the clock in milliseconds.
func (c Clock) MS() float64 { return float64(c) / 1e6 }

// Microseconds is the clock in whole microseconds.
func (c Clock) Microseconds() int64 { return int64(c) / 1e3 }

// Since is the time from b to c, and whether both ticked.
func (c Clock) Since(b Clock) (time.Duration, bool) { return time.Duration(c - b), c != 0 && b != 0 }

// MarshalJSON writes milliseconds, exactly.
func (c Clock) MarshalJSON() ([]byte, error) { return appendMillis(nil, int64(c)), nil }

// UnmarshalJSON reads milliseconds.
func (c *Clock) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		if string(b) == "null" {
			return nil
		}
		return err
	}
	*c = Clock(round(f * 1e6))
	return nil
}

// Run is the header.
type Run struct {
	Type    string `json:"type"`
	Format  string `json:"format"`
	Version string `json:"version"`
	// ID is unique to the run: turns of merged streams are told apart by the header they follow.
	ID      string          `json:"id"`
	Start   time.Time       `json:"start"`
	Program string          `json:"program"`
	Label   string          `json:"label,omitempty"`
	Options json.RawMessage `json:"options,omitempty"` // flag name to effective value, secrets as "***"
	Model   string          `json:"model,omitempty"`
	URL     string          `json:"url,omitempty"` // without user, password and query
	Seed    int64           `json:"seed"`
	Clients int             `json:"clients"`
	// ActiveConversations is k, how many conversations are in progress at once.
	ActiveConversations int `json:"active_conversations"`
	// OutputLength is how answers' lengths are asked for: exact or cap.
	OutputLength string    `json:"output_length,omitempty"`
	Dataset      Dataset   `json:"dataset"`
	Tokenizer    Tokenizer `json:"tokenizer"`
	Clocks       string    `json:"clocks,omitempty"` // where arrivals were stamped: packets, kernel or user
	Host         Host      `json:"host"`
	Server       Server    `json:"server"`
	// Control is no-reuse, cold or aa in a run with control arms.
	Control string `json:"control,omitempty"`
	// CacheSalt says how this run was set apart in the cache from all others: field, the request's own (cache_salt); text, a
	// marker at the start of the first user turn; empty, not at all. In a run of no-reuse or aa, whose prompts all begin with a
	// salt, text adds nothing. Salt is what was sent.
	CacheSalt string `json:"cache_salt,omitempty"`
	Salt      string `json:"salt,omitempty"`
	// Preflight is what a few requests before the run told of the server's cache; nil: none were sent.
	Preflight *Preflight `json:"preflight,omitempty"`
}

// Preflight is what was learnt by sending one long prompt twice, and beginnings of it. No conversation shares it.
type Preflight struct {
	// Reported says whether usage has the number of cached tokens, CachedField in which field. ZeroOmitted: the field is absent
	// where nothing was cached, so absent means 0 in this run.
	Reported    bool   `json:"reported"`
	CachedField string `json:"cached_field,omitempty"`
	ZeroOmitted bool   `json:"zero_omitted,omitempty"`
	// Caching is on, off or unknown, by Evidence: usage, counters (/metrics) or time (of the first token, which is a guess).
	Caching  string `json:"caching"`
	Evidence string `json:"evidence,omitempty"`
	// BlockSize is a guess in tokens from what was cached: 1 = the cache is exact to the token, 0 = not known.
	BlockSize int `json:"block_size,omitempty"`
	// Advice says which option of the server would tell more, or turn the cache on.
	Advice   string  `json:"advice,omitempty"`
	Requests []Probe `json:"requests,omitempty"`
	Error    string  `json:"error,omitempty"` // a request failed: the rest is what was known until then
}

// Values of Preflight.Caching.
const (
	CachingOn      = "on"
	CachingOff     = "off"
	CachingUnknown = "unknown"
)

// Probe is one request of a preflight.
type Probe struct {
	Prompt int     `json:"prompt"`           // tokens, by usage
	Cached *int    `json:"cached,omitempty"` // nil: not said
	TTFTMS float64 `json:"ttft_ms"`
}

// Dataset says which conversations were sent.
type Dataset struct {
	Name          string `json:"name,omitempty"`
	SHA256        string `json:"sha256,omitempty"` // of the conversations in order, each as its JSON line
	Conversations int    `json:"conversations"`
	Turns         int    `json:"turns"` // answers to ask for
	// Generator is the generator's config when the data was generated on the fly.
	Generator json.RawMessage `json:"generator,omitempty"`
}

// Tokenizer says who counted.
type Tokenizer struct {
	Name   string `json:"name,omitempty"`
	Source string `json:"source,omitempty"` // file, cache, hub or embedded
	SHA256 string `json:"sha256,omitempty"`
}

// Host is the machine of the client.
type Host struct {
	Name string `json:"name,omitempty"`
	OS   string `json:"os"`
	Arch string `json:"arch"`
	CPUs int    `json:"cpus"`
	Go   string `json:"go"`
}

// Server is what the server told of itself at start-up.
type Server struct {
	Kind        string   `json:"kind,omitempty"` // vllm, sglang, llamacpp, sim, ... as far as it can be told
	Version     string   `json:"version,omitempty"`
	Models      []string `json:"models,omitempty"`
	MaxModelLen int      `json:"max_model_len,omitempty"` // tokens
	// BlockSize and GPUBlocks are what its metrics say of the GPU's KV cache, in tokens and, of all servers together, blocks.
	BlockSize int `json:"block_size,omitempty"`
	GPUBlocks int `json:"gpu_blocks,omitempty"`
}

// Values of Scrape.When.
const (
	Before = "before"
	During = "during"
	After  = "after"
)

// Scrape is one reading of a server's metrics.
type Scrape struct {
	Type string `json:"type"`
	At   Clock  `json:"at_ms"`
	URL  string `json:"url"`
	// When is before, during or after the measured turns.
	When  string `json:"when"`
	Error string `json:"error,omitempty"`
	// Values are by quantity of the catalogue in package scrape; Names says, in the first reading of a URL and wherever
	// they change, which exposed metrics they were read from. What is not exposed is in neither.
	Values map[string]float64 `json:"values,omitempty"`
	Names  map[string]string  `json:"names,omitempty"`
}

// Prefix says whether a turn's prompt, made of messages by the server's chat template and tokenized by the server, began
// with all that the turn before had put into the cache: its prompt and what was generated. Where it did not, no cache can
// give more than Shared.
type Prefix struct {
	Type         string `json:"type"`
	Conversation string `json:"conversation"`
	Arm          string `json:"arm,omitempty"`
	Turn         int    `json:"turn"`   // whose prompt this is
	Prompt       int    `json:"prompt"` // its tokens
	// Before is the prompt of the turn before plus its answer, in tokens; Shared is how many leading tokens both have: the
	// place of the break, or Before without one. With Char -1 the break is somewhere behind it.
	Before int `json:"before"`
	Shared int `json:"shared"`
	// Broken is one of the Broken constants; empty: the prefix holds.
	Broken string `json:"broken,omitempty"`
	// Char is the place of the break in the prompt's text, in characters from 0; -1 = not known. Message is the index of the
	// message there, Role its role, Field what of it: content, reasoning, tool_calls, or opening, the marks that begin an answer.
	Char    int    `json:"char,omitempty"`
	Message int    `json:"message,omitempty"`
	Role    string `json:"role,omitempty"`
	Field   string `json:"field,omitempty"`
	// Was and Is are the texts from the break on, cut short: of the turn before, and of this prompt.
	Was string `json:"was,omitempty"`
	Is  string `json:"is,omitempty"`
}

// Values of Prefix.Broken.
const (
	// BrokenReasoning: what was generated began with reasoning that is not in the prompt any more.
	BrokenReasoning = "reasoning"
	// BrokenTemplate: the template writes an earlier message, or what begins an answer, another way than before.
	BrokenTemplate = "template"
	// BrokenTokens: the text is the same, but has other tokens than those that were generated.
	BrokenTokens = "tokens"
	// BrokenHistory: the client sent another text than the answer (--history dataset).
	BrokenHistory = "history"
)

// End is the last line. A stream without it is of a run that was killed.
type End struct {
	Type string `json:"type"`
	At   Clock  `json:"at_ms"`
	// Why is one of the Why constants.
	Why           string      `json:"why"`
	Error         string      `json:"error,omitempty"`
	Conversations Tally       `json:"conversations"`
	Turns         Tally       `json:"turns"`
	WarmupMS      float64     `json:"warmup_ms,omitzero"`
	Certificate   Certificate `json:"certificate"`
}

// Values of End.Why.
const (
	WhyDone        = "done"
	WhyLimit       = "limit"       // of requests
	WhyInterrupted = "interrupted" // answers in flight were waited for
	WhyCancelled   = "cancelled"   // they were not
	WhyFailed      = "failed"      // by an error, which is in End.Error
)

// Tally accounts for what was to be done. Started = Finished + Failed + Cut + Abandoned for conversations;
// Planned = Finished + Failed + Abandoned for turns, of which -n leaves only as many planned as it allows.
type Tally struct {
	Planned  int `json:"planned"`
	Started  int `json:"started"`
	Finished int `json:"finished"`
	// Failed conversations had a turn that failed, after its retries.
	Failed int `json:"failed"`
	// Cut conversations were in progress when the limit of requests was reached.
	Cut int `json:"cut,omitempty"`
	// Abandoned were given up: conversations in progress at an interrupt, turns that can no longer be reached.
	Abandoned int `json:"abandoned"`
}

// Certificate is what the client knows about itself.
type Certificate struct {
	// Verdict is ok, or warn with Reasons: which numbers not to trust and why.
	Verdict string   `json:"verdict"`
	Reasons []string `json:"reasons,omitempty"`
	// Clocks says where arrivals were stamped: packets (each by the kernel), kernel (each read by the kernel) or user.
	Clocks string `json:"clocks,omitempty"`
	// Lag is sent minus scheduled, Wake the lateness of a probe's timer, ReadLate the time between arrival and read.
	Lag      Quantiles `json:"lag_ms"`
	Wake     Quantiles `json:"wake_ms"`
	ReadLate Quantiles `json:"read_late_ms"`

	CPUSeconds    float64 `json:"cpu_s"`
	CPUShare      float64 `json:"cpu_share"` // of all the machine's processors, 0 to 1
	GCs           int     `json:"gcs"`
	GCPauseMaxMS  float64 `json:"gc_pause_max_ms"`
	PeakMemoryMB  float64 `json:"peak_memory_mb"` // 10^6 bytes
	Chunks        int64   `json:"chunks"`
	Reads         int64   `json:"reads"`
	Merged        int64   `json:"merged"`
	Opened        int     `json:"connections_opened"`
	Reconnects    int     `json:"reconnects"` // pooled connections that the server had closed
	MaxInFlight   int     `json:"max_in_flight"`
	DroppedWrites int64   `json:"dropped_writes"` // times a record had to wait for the writer
}

// Quantiles of a sample, in the unit of the field's name.
type Quantiles struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}
