package sim

import (
	"errors"
	"fmt"
	"time"

	"multiturn/pkg/sim/engine"
)

// Defaults of Options, for flags and documentation alike.
const (
	DefaultListen       = "127.0.0.1:8000"
	DefaultModel        = "sim"
	DefaultMaxModelLen  = 131072
	DefaultAnswerTokens = 128
	DefaultTTFTBase     = 20 * time.Millisecond
	DefaultTTFTPerToken = 50 * time.Microsecond
	DefaultITL          = 10 * time.Millisecond
)

// maxBody is the largest request body that is read.
const maxBody = 256 << 20

// Options shape a server. The zero value is a server without any delay that takes every model's name.
type Options struct {
	// Model is the name that requests must use; "" takes any name, and lists DefaultModel.
	Model string
	// MaxModelLen is the longest prompt plus answer in tokens; 0 = DefaultMaxModelLen.
	MaxModelLen int
	// AnswerTokens is the length of an answer whose request sets no limit; 0 = DefaultAnswerTokens.
	AnswerTokens int
	// APIKey is the bearer key that requests under /v1 must bring; "" asks for none.
	APIKey string
	// Seed decides everything that is random: texts and ids.
	Seed int64
	// Version is what /version answers.
	Version string

	// Fixed are the speeds of the simple mode.
	Fixed engine.FixedOptions
}

// Validate returns all that is wrong with o.
func (o *Options) Validate() error {
	var errs []error
	if o.MaxModelLen < 0 {
		errs = append(errs, fmt.Errorf("max model len %d: must not be negative", o.MaxModelLen))
	}
	if o.AnswerTokens < 0 {
		errs = append(errs, fmt.Errorf("answer tokens %d: must not be negative", o.AnswerTokens))
	}
	errs = append(errs, o.Fixed.Validate())
	return errors.Join(errs...)
}

// withDefaults fills what was left at zero.
func (o Options) withDefaults() Options {
	if o.MaxModelLen == 0 {
		o.MaxModelLen = DefaultMaxModelLen
	}
	if o.AnswerTokens == 0 {
		o.AnswerTokens = DefaultAnswerTokens
	}
	if o.Version == "" {
		o.Version = "devel"
	}
	return o
}
