package sim

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/sim/engine"
)

// Machine is the shape of an inference server in the usual units. Apply turns
// it into Options.
type Machine struct {
	// Name, About and Source describe a preset. Guess means that its numbers were not measured but
	// follow from data sheets and rules of thumb.
	Name   string `json:"name"`
	About  string `json:"about"`
	Source string `json:"source"`
	Guess  bool   `json:"guess"`

	// Engine is FixedEngine or BatchEngine.
	Engine EngineKind `json:"engine"`

	// Speeds of the fixed engine.
	TTFTBase     Milliseconds `json:"ttft_base_ms"`
	TTFTPerToken Milliseconds `json:"ttft_per_token_ms"`
	ITL          Milliseconds `json:"itl_ms"`

	// Limits and speeds of the batch engine; PrefillRate is tokens per second.
	MaxSequences    int          `json:"max_sequences"`
	MaxStepTokens   int          `json:"max_step_tokens"`
	Step            Milliseconds `json:"step_ms"`
	StepPerSequence Milliseconds `json:"step_per_sequence_ms"`
	// per 1,000 tokens of context in decode
	StepPerContext Milliseconds `json:"step_per_1k_context_ms"`
	PrefillRate    float64      `json:"prefill_tokens_per_s"`
	// pairs of tokens in prefill; 0 = no cost
	AttentionRate float64      `json:"attention_pairs_per_s"`
	Overhead      Milliseconds `json:"overhead_ms"`
	// Jitter is the share by which times vary, in either engine.
	Jitter float64 `json:"jitter"`

	// BlockSize is in tokens. Capacities are numbers of blocks, or sizes on each GPU, which
	// Model and TP turn into blocks.
	BlockSize int `json:"block_size"`
	// OffloadBlockSize is how many tokens the tiers below the GPU store and load at once; 0 = a
	// block. Their capacities are in the GPU's blocks all the same.
	OffloadBlockSize int      `json:"offload_block_size"`
	GPU              Capacity `json:"gpu_cache"`
	CPU              Capacity `json:"cpu_cache"`
	Disk             Capacity `json:"disk_cache"`
	// Bandwidths of loads are in bytes per second and GPU; 0 = loads take no time.
	CPUBandwidth  int64 `json:"cpu_bytes_per_s"`
	DiskBandwidth int64 `json:"disk_bytes_per_s"`
	// Model is a name for kvcache.ModelByName. KVBytes, if not 0, is the size of a token's
	// KV on each GPU and takes precedence.
	Model   string `json:"model"`
	KVBytes int64  `json:"kv_bytes_per_token"`
	KVType  string `json:"kv_cache_type"`
	TP      int    `json:"tensor_parallel"`
	// Store is what the GPU tier keeps, OffloadStore what the tiers below it keep: prompt+output,
	// prompt or nothing.
	Store        string `json:"store"`
	OffloadStore string `json:"offload_store"`
	Exclusive    bool   `json:"exclusive"`
}

// EngineKind names an engine.
type EngineKind string

// Engines.
const (
	FixedEngine EngineKind = "fixed" // each stream has its own schedule
	BatchEngine EngineKind = "batch" // continuous batching
)

// DefaultMachine returns the machine that flags start from: fixed speeds and a
// cache that never fills.
func DefaultMachine() Machine {
	return Machine{
		Engine:       FixedEngine,
		TTFTBase:     Milliseconds(DefaultTTFTBase),
		TTFTPerToken: Milliseconds(DefaultTTFTPerToken),
		ITL:          Milliseconds(DefaultITL),

		// vLLM's defaults for max-num-seqs and max-num-batched-tokens on a large GPU, and speeds of
		// the order of an 8B model on one.
		MaxSequences:    256,
		MaxStepTokens:   8192,
		Step:            Milliseconds(10 * time.Millisecond),
		StepPerSequence: Milliseconds(20 * time.Microsecond),
		PrefillRate:     20000,

		BlockSize:    DefaultBlockSize,
		GPU:          Capacity{Blocks: DefaultGPUBlocks},
		TP:           1,
		Store:        "prompt+output",
		OffloadStore: "prompt",
	}
}

//go:embed presets.json
var presetsJSON []byte

// Presets returns the built-in machines, with the source of their numbers. They
// have no faults and no limits on requests.
func Presets() []Machine {
	var raw []json.RawMessage
	if err := json.Unmarshal(presetsJSON, &raw); err != nil {
		panic("sim: presets.json: " + err.Error())
	}
	list := make([]Machine, len(raw))
	for i := range raw {
		list[i] = DefaultMachine()
		if err := json.Unmarshal(raw[i], &list[i]); err != nil {
			panic("sim: presets.json: " + err.Error())
		}
	}
	return list
}

// Preset returns the built-in machine with the given name.
func Preset(name string) (Machine, error) {
	list := Presets()
	i := slices.IndexFunc(list, func(m Machine) bool { return m.Name == name })
	if i < 0 {
		var names []string
		for _, m := range list {
			names = append(names, m.Name)
		}
		return Machine{}, fmt.Errorf("there is no preset %q; there are %s", name,
			strings.Join(names, ", "))
	}
	return list[i], nil
}

// Capacity is the size of a tier: bytes if Bytes is not 0, and otherwise
// blocks. The zero value means that there is no such tier.
type Capacity struct {
	Blocks int
	Bytes  int64
}

// ParseCapacity parses a number of blocks ("95"), a size ("40GiB", "500MB") or
// "unlimited".
func ParseCapacity(s string) (Capacity, error) {
	if s == "unlimited" {
		return Capacity{Blocks: kvcache.Unlimited}, nil
	}
	if n, err := strconv.ParseInt(s, 10, 32); err == nil && n >= 0 {
		return Capacity{Blocks: int(n)}, nil
	}
	cut := strings.LastIndexAny(s, "0123456789.") + 1
	x, err := strconv.ParseFloat(s[:cut], 64)
	unit := capacityUnits[strings.TrimSpace(s[cut:])]
	if err != nil || unit == 0 || !(x > 0) || x*float64(unit) >= math.MaxInt64 {
		return Capacity{}, errors.New("must be a number of blocks, a size such as 40GiB, or " +
			"unlimited")
	}
	return Capacity{Bytes: int64(x * float64(unit))}, nil
}

var capacityUnits = map[string]int64{
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
}

// String returns the capacity as ParseCapacity reads it.
func (c Capacity) String() string {
	switch {
	case c.Bytes > 0 && c.Bytes%(1<<30) == 0:
		return strconv.FormatInt(c.Bytes>>30, 10) + "GiB"
	case c.Bytes > 0:
		return strconv.FormatFloat(float64(c.Bytes)/(1<<20), 'f', -1, 64) + "MiB"
	case c.Blocks == kvcache.Unlimited:
		return "unlimited"
	}
	return strconv.Itoa(c.Blocks)
}

// UnmarshalJSON reads a string with ParseCapacity.
func (c *Capacity) UnmarshalJSON(b []byte) error {
	var s string
	err := json.Unmarshal(b, &s)
	if err == nil {
		*c, err = ParseCapacity(s)
	}
	return err
}

// Apply sets the fields of o that the machine decides. Its jitter uses o.Seed.
// A model that is not nil replaces the one that m names. The error joins every
// mistake.
func (m *Machine) Apply(o *Options, model *kvcache.Model) error {
	err := m.applyModel(o, model)
	cacheErr := m.applyCache(o)
	load, loadErr := m.loadTimes(o.BytesPerToken)
	return errors.Join(err, cacheErr, loadErr, m.applyEngine(o, load))
}

// applyModel sets the size of a token's KV.
func (m *Machine) applyModel(o *Options, model *kvcache.Model) error {
	bits, err := kvcache.ParseKVBits(m.KVType)
	if model == nil && m.Model != "" {
		var ok bool
		if model, ok = kvcache.ModelByName(m.Model); !ok {
			err = errors.Join(err, fmt.Errorf("model %q is not built in: want its config.json, "+
				"or one of %s", m.Model, strings.Join(kvcache.ModelNames(), ", ")))
		}
	}
	o.BytesPerToken = m.KVBytes
	if o.BytesPerToken == 0 && model != nil {
		o.BytesPerToken = model.BytesPerToken(kvcache.Serving{KVBits: bits, TP: m.TP})
	}
	return err
}

// applyCache sets the shape of the cache.
func (m *Machine) applyCache(o *Options) error {
	store, err := kvcache.ParseStore(m.Store)
	offload, offloadErr := kvcache.ParseStore(m.OffloadStore)
	errs := []error{err, offloadErr}
	o.Cache = kvcache.Config{BlockSize: m.BlockSize, OffloadBlockSize: m.OffloadBlockSize,
		Exclusive: m.Exclusive}
	for t, c := range [kvcache.NumTiers]Capacity{m.GPU, m.CPU, m.Disk} {
		blocks := c.Blocks
		if c.Bytes > 0 {
			if o.BytesPerToken == 0 || m.BlockSize < 1 {
				errs = append(errs, fmt.Errorf(
					"%v tier of %v: how many blocks that is depends on the model: want a model "+
						"or a number of blocks",
					kvcache.Tier(t), c))
				continue
			}
			blocks = int(min(c.Bytes/o.BytesPerToken/int64(m.BlockSize), math.MaxInt32-1))
		}
		keep := offload
		if kvcache.Tier(t) == kvcache.GPU {
			keep = store
		}
		o.Cache.Tiers[t] = kvcache.TierConfig{Blocks: blocks, Store: keep}
	}
	return errors.Join(errs...)
}

// loadTimes returns how long it takes to load a token's KV from each tier.
func (m *Machine) loadTimes(bytesPerToken int64) (engine.LoadTimes, error) {
	var load engine.LoadTimes
	var errs []error
	for t, rate := range [kvcache.NumTiers]int64{kvcache.CPU: m.CPUBandwidth, kvcache.Disk: m.DiskBandwidth} {
		switch tier := kvcache.Tier(t); {
		case rate < 0:
			errs = append(errs, fmt.Errorf("bandwidth of the %v tier: must not be negative", tier))
		case rate > 0 && bytesPerToken == 0:
			errs = append(errs, fmt.Errorf("bandwidth of the %v tier: the time of a load "+
				"depends on the model", tier))
		case rate > 0:
			load[t] = time.Duration(math.Round(float64(bytesPerToken) / float64(rate) * 1e9))
		}
	}
	return load, errors.Join(errs...)
}

// applyEngine sets the speeds of the engine.
func (m *Machine) applyEngine(o *Options, load engine.LoadTimes) error {
	switch m.Engine {
	case FixedEngine:
		o.Batch = nil
		o.Fixed = engine.FixedOptions{
			Base:     time.Duration(m.TTFTBase),
			PerToken: time.Duration(m.TTFTPerToken),
			Interval: time.Duration(m.ITL),
			Load:     load,
			Jitter:   m.Jitter,
			Seed:     o.Seed,
		}
	case BatchEngine:
		if m.PrefillRate <= 0 {
			return fmt.Errorf("prefill rate %v tokens/s: must be above 0", m.PrefillRate)
		}
		o.Batch = &engine.BatchOptions{
			MaxSequences:    m.MaxSequences,
			MaxStepTokens:   m.MaxStepTokens,
			Overhead:        time.Duration(m.Overhead),
			Load:            load,
			PairRate:        m.AttentionRate,
			Jitter:          m.Jitter,
			Seed:            o.Seed,
			Step:            time.Duration(m.Step),
			PerSequence:     time.Duration(m.StepPerSequence),
			PerPrefillToken: time.Duration(math.Round(1e9 / m.PrefillRate)),
			PerContextToken: time.Duration(math.Round(float64(m.StepPerContext) / 1000)),
		}
	default:
		return fmt.Errorf("unknown engine %q: want %s or %s", m.Engine, FixedEngine, BatchEngine)
	}
	return nil
}
