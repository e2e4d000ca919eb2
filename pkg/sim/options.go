package sim

import (
	"errors"
	"fmt"
	"io"
	"time"

	"multiturn/pkg/chat/template"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/sim/engine"
)

// Defaults of Options, for flags and documentation.
const (
	DefaultListen       = "127.0.0.1:8000"
	DefaultModel        = "sim"
	DefaultMaxModelLen  = 131072
	DefaultAnswerTokens = 128
	DefaultBlockSize    = 16
	DefaultTTFTBase     = 20 * time.Millisecond
	DefaultTTFTPerToken = 50 * time.Microsecond
	DefaultITL          = 10 * time.Millisecond
	// DefaultGPUBlocks is more than any real machine has: 16 million tokens in blocks of 16. It
	// bounds the server's memory.
	DefaultGPUBlocks = 1 << 20
)

// Options configure a server. The zero value is a server without delays, with a
// large cache, that accepts every model's name.
type Options struct {
	// Model is the name that requests must use; "" accepts any name and lists DefaultModel.
	Model string
	// MaxModelLen is the maximum length of prompt and answer together, in tokens; 0 =
	// DefaultMaxModelLen, or what the GPU tier holds if that is less.
	MaxModelLen int
	// AnswerTokens is the length of an answer if the request sets no limit; 0 =
	// DefaultAnswerTokens.
	AnswerTokens int
	// MaxQueued is how many requests may wait in a Batch; further ones are rejected with
	// 503. 0 = no limit.
	MaxQueued int
	// APIKey is the bearer key that requests under /v1 must have; "" = no key needed.
	APIKey string
	// Seed decides everything random: texts, ids, and which requests have a fault.
	Seed int64
	// Version is the answer of /version.
	Version string

	// Tokenizer counts tokens; nil = Quad.
	Tokenizer Tokenizer
	// Template makes prompts of messages; nil = template.ChatML.
	Template *template.Template
	// Cache is the shape of the KV cache. The zero value is one GPU tier of DefaultGPUBlocks blocks
	// of DefaultBlockSize.
	Cache kvcache.Config
	// BytesPerToken is the size of a token's KV, for counters of bytes; 0 = unknown.
	BytesPerToken int64

	// Batch selects continuous batching and its speeds. If it is nil, streams do not influence each
	// other and have the speeds of Fixed.
	Batch *engine.BatchOptions
	Fixed engine.FixedOptions

	// Faults apply to a share of the requests. A request's own faults (header X-Sim-Fault) take
	// precedence.
	Faults Faults

	// Truth receives a line for each request, unless it is nil. See the package comment.
	Truth io.Writer
	// TruthGaps adds the times between the writes of a stream.
	TruthGaps bool
	// Metrics are the dialects of /metrics; empty = VLLM.
	Metrics []Dialect
}

// Validate returns every mistake in o, joined.
func (o *Options) Validate() error {
	d := o.withDefaults()
	var errs []error
	for _, n := range []struct {
		name string
		n    int
	}{{"max model len", o.MaxModelLen}, {"answer tokens", o.AnswerTokens}, {"max queued", o.MaxQueued}} {
		if n.n < 0 {
			errs = append(errs, fmt.Errorf("%s %d: must not be negative", n.name, n.n))
		}
	}
	if err := d.Cache.Validate(); err != nil {
		errs = append(errs, err)
	} else if room := d.room(); o.MaxModelLen > room {
		errs = append(errs, fmt.Errorf(
			"max model len %d: the GPU tier holds only %d tokens: want a smaller length or "+
				"more blocks",
			o.MaxModelLen, room))
	}
	if o.Batch != nil {
		errs = append(errs, o.Batch.Validate())
	} else {
		errs = append(errs, o.Fixed.Validate())
	}
	for _, m := range o.Metrics {
		errs = append(errs, m.validate())
	}
	return errors.Join(errs...)
}

// room returns how many tokens the GPU tier holds.
func (o *Options) room() int {
	blocks := o.Cache.Tiers[kvcache.GPU].Blocks
	if blocks == kvcache.Unlimited {
		blocks = 1 << 40
	}
	return blocks * o.Cache.BlockSize
}

// withDefaults replaces zero values by defaults.
func (o Options) withDefaults() Options {
	if o.Cache.BlockSize == 0 && o.Cache.Tiers == [kvcache.NumTiers]kvcache.TierConfig{} {
		o.Cache.BlockSize = DefaultBlockSize
		o.Cache.Tiers[kvcache.GPU].Blocks = DefaultGPUBlocks
	}
	if o.MaxModelLen == 0 {
		o.MaxModelLen = min(DefaultMaxModelLen, max(1, o.room()))
	}
	if o.AnswerTokens == 0 {
		o.AnswerTokens = DefaultAnswerTokens
	}
	if o.Version == "" {
		o.Version = "devel"
	}
	if o.Tokenizer == nil {
		o.Tokenizer = Quad{}
	}
	if o.Template == nil {
		o.Template = template.ChatML
	}
	if len(o.Metrics) == 0 {
		o.Metrics = []Dialect{VLLM}
	}
	return o
}
