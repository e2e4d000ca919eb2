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

// Defaults of Options, for flags and documentation alike.
const (
	DefaultListen       = "127.0.0.1:8000"
	DefaultModel        = "sim"
	DefaultMaxModelLen  = 131072
	DefaultAnswerTokens = 128
	DefaultBlockSize    = 16
	DefaultTTFTBase     = 20 * time.Millisecond
	DefaultTTFTPerToken = 50 * time.Microsecond
	DefaultITL          = 10 * time.Millisecond
	// DefaultGPUBlocks is more than any real machine has: 16 million tokens in blocks of 16. It bounds the server's memory.
	DefaultGPUBlocks = 1 << 20
)

// maxBody is the largest request body that is read.
const maxBody = 256 << 20

// Options shape a server. The zero value is a server without any delay, with a large cache, that takes every model's name.
type Options struct {
	// Model is the name that requests must use; "" takes any name, and lists DefaultModel.
	Model string
	// MaxModelLen is the longest prompt plus answer in tokens; 0 = DefaultMaxModelLen, or less if the GPU tier is smaller.
	MaxModelLen int
	// AnswerTokens is the length of an answer whose request sets no limit; 0 = DefaultAnswerTokens.
	AnswerTokens int
	// MaxQueued is how many requests may wait in a Batch before others are turned away with 503; 0 = no limit.
	MaxQueued int
	// APIKey is the bearer key that requests under /v1 must bring; "" asks for none.
	APIKey string
	// Seed decides everything that is random: texts, ids and who is struck by faults.
	Seed int64
	// Version is what /version answers.
	Version string

	// Tokenizer counts; nil = Quad.
	Tokenizer Tokenizer
	// Template makes prompts of messages; nil = template.Plain.
	Template *template.Template
	// Cache is the shape of the KV cache; with BlockSize 0 it is one GPU tier of DefaultGPUBlocks blocks of DefaultBlockSize.
	Cache kvcache.Config
	// BytesPerToken is the size of a token's keys and values, for the counters that count bytes; 0 = unknown.
	BytesPerToken int64

	// Batch, if not nil, are the speeds of continuous batching; else Fixed are those of streams without influence on each
	// other.
	Batch *engine.BatchOptions
	Fixed engine.FixedOptions

	// Faults strike requests by their shares; a request's own (header X-Sim-Fault) win over them.
	Faults Faults

	// Truth receives a line for every request; nil = none. See the package comment.
	Truth io.Writer
	// TruthGaps adds the time between any two writes of a stream.
	TruthGaps bool
	// Metrics are the dialects of /metrics; none = VLLM.
	Metrics []Dialect
}

// Validate returns all that is wrong with o.
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
		errs = append(errs, fmt.Errorf("max model len %d: the GPU tier holds %d tokens only: ask for a shorter one or for more blocks", o.MaxModelLen, room))
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

// room is how many tokens the GPU tier holds.
func (o *Options) room() int {
	blocks := o.Cache.Tiers[kvcache.GPU].Blocks
	if blocks == kvcache.Unlimited {
		blocks = 1 << 40
	}
	return blocks * o.Cache.BlockSize
}

// withDefaults fills what was left at zero.
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
		o.Template = template.Plain
	}
	if len(o.Metrics) == 0 {
		o.Metrics = []Dialect{VLLM}
	}
	return o
}
