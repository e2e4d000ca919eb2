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

// Machine is the shape of an inference server in the units that people know it by. Options are made of it.
type Machine struct {
	// Name, About and Source are a preset's. Guess says that the numbers follow from data sheets and rules of thumb, and
	// were not measured.
	Name   string `json:"name"`
	About  string `json:"about"`
	Source string `json:"source"`
	Guess  bool   `json:"guess"`

	// Engine is Fixed or Batch.
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
	StepPerContext  Milliseconds `json:"step_per_1k_context_ms"` // for 1,000 tokens of context of a sequence that generates
	PrefillRate     float64      `json:"prefill_tokens_per_s"`
	AttentionRate   float64      `json:"attention_pairs_per_s"` // pairs of tokens that prefill's attention computes; 0 = it costs nothing
	Overhead        Milliseconds `json:"overhead_ms"`
	// Jitter is the share by which times vary, in either engine.
	Jitter float64 `json:"jitter"`

	// BlockSize is tokens. Capacities are numbers of blocks, or sizes on each GPU that Model and TP turn into blocks.
	BlockSize int      `json:"block_size"`
	GPU       Capacity `json:"gpu_cache"`
	CPU       Capacity `json:"cpu_cache"`
	Disk      Capacity `json:"disk_cache"`
	// Bandwidths of loads are bytes per second and GPU; 0 = at once.
	CPUBandwidth  int64 `json:"cpu_bytes_per_s"`
	DiskBandwidth int64 `json:"disk_bytes_per_s"`
	// Model is a name that package kvcache knows. KVBytes, if not 0, is the size of a token's keys and values on each GPU,
	// and goes before it.
	Model   string `json:"model"`
	KVBytes int64  `json:"kv_bytes_per_token"`
	KVType  string `json:"kv_cache_type"`
	TP      int    `json:"tensor_parallel"`
	// Store is what the GPU tier keeps, OffloadStore what the tiers below keep: prompt+output, prompt or nothing.
	Store        string `json:"store"`
	OffloadStore string `json:"offload_store"`
	Exclusive    bool   `json:"exclusive"`
}

// EngineKind names an engine.
type EngineKind string

// Engines.
const (
	FixedEngine EngineKind = "fixed" // each stream on a schedule of its own
	BatchEngine EngineKind = "batch" // continuous batching
)

// Milliseconds is a duration that JSON has as a number of milliseconds.
type Milliseconds time.Duration

// UnmarshalJSON reads milliseconds.
func (m *Milliseconds) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	*m = Milliseconds(math.Round(f * 1e6))
	return err
}

// DefaultMachine is what the flags start from: fixed speeds and a cache that never fills.
func DefaultMachine() Machine {
	return Machine{
		Engine: FixedEngine, TTFTBase: Milliseconds(DefaultTTFTBase), TTFTPerToken: Milliseconds(DefaultTTFTPerToken), ITL: Milliseconds(DefaultITL),
		MaxSequences: 256, MaxStepTokens: 8192, Step: Milliseconds(10 * time.Millisecond), StepPerSequence: Milliseconds(20 * time.Microsecond), PrefillRate: 20000,
		BlockSize: DefaultBlockSize, GPU: Capacity{Blocks: DefaultGPUBlocks}, TP: 1, Store: "prompt+output", OffloadStore: "prompt",
	}
}

//go:embed presets.json
var presetsJSON []byte

// Presets are the built-in machines, each with where its numbers come from. They say nothing of faults and limits of
// requests.
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

// Preset returns a built-in machine by its name.
func Preset(name string) (Machine, error) {
	list := Presets()
	i := slices.IndexFunc(list, func(m Machine) bool { return m.Name == name })
	if i < 0 {
		var names []string
		for _, m := range list {
			names = append(names, m.Name)
		}
		return Machine{}, fmt.Errorf("there is no preset %q; there are %s", name, strings.Join(names, ", "))
	}
	return list[i], nil
}

// Capacity is the size of a tier: blocks, or bytes if Bytes is not 0. The zero value is no tier.
type Capacity struct {
	Blocks int
	Bytes  int64
}

// ParseCapacity reads a number of blocks ("95"), a size ("40GiB", "500MB") or "unlimited".
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
		return Capacity{}, errors.New("is neither a number of blocks nor a size like 40GiB, nor unlimited")
	}
	return Capacity{Bytes: int64(x * float64(unit))}, nil
}

var capacityUnits = map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}

// String is the capacity as ParseCapacity reads it.
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

// UnmarshalJSON reads a string as ParseCapacity does.
func (c *Capacity) UnmarshalJSON(b []byte) error {
	var s string
	err := json.Unmarshal(b, &s)
	if err == nil {
		*c, err = ParseCapacity(s)
	}
	return err
}

// Apply sets what the machine decides in o, whose seed decides the jitter. All that is wrong is reported. model, if not nil, takes the place of Model.
func (m *Machine) Apply(o *Options, model *kvcache.Model) error {
	var errs []error
	bad := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	bits, err := kvcache.ParseKVBits(m.KVType)
	bad(err)
	if model == nil && m.Model != "" {
		var ok bool
		if model, ok = kvcache.ModelByName(m.Model); !ok {
			bad(fmt.Errorf("the model %q is not built in: give its config.json; built in are %s", m.Model, strings.Join(kvcache.ModelNames(), ", ")))
		}
	}
	o.BytesPerToken = m.KVBytes
	if o.BytesPerToken == 0 && model != nil {
		o.BytesPerToken = model.BytesPerToken(kvcache.Serving{KVBits: bits, TP: m.TP})
	}
	store, err := kvcache.ParseStore(m.Store)
	bad(err)
	offload, err := kvcache.ParseStore(m.OffloadStore)
	bad(err)
	o.Cache = kvcache.Config{BlockSize: m.BlockSize, Exclusive: m.Exclusive}
	for t, c := range [kvcache.NumTiers]Capacity{m.GPU, m.CPU, m.Disk} {
		blocks := c.Blocks
		if c.Bytes > 0 {
			if o.BytesPerToken == 0 || m.BlockSize < 1 {
				bad(fmt.Errorf("a %v tier of %v: how many blocks that is depends on the model (or give a number of blocks)", kvcache.Tier(t), c))
				continue
			}
			blocks = int(min(c.Bytes/o.BytesPerToken/int64(m.BlockSize), math.MaxInt32-1))
		}
		s := offload
		if kvcache.Tier(t) == kvcache.GPU {
			s = store
		}
		o.Cache.Tiers[t] = kvcache.TierConfig{Blocks: blocks, Store: s}
	}
	var load engine.LoadTimes
	for t, rate := range map[kvcache.Tier]int64{kvcache.CPU: m.CPUBandwidth, kvcache.Disk: m.DiskBandwidth} {
		switch {
		case rate < 0:
			bad(fmt.Errorf("bandwidth of the %v tier: must not be negative", t))
		case rate > 0 && o.BytesPerToken == 0:
			bad(fmt.Errorf("bandwidth of the %v tier: how long a load takes depends on the model", t))
		case rate > 0:
			load[t] = time.Duration(math.Round(float64(o.BytesPerToken) / float64(rate) * 1e9))
		}
	}
	switch m.Engine {
	case FixedEngine:
		o.Batch = nil
		o.Fixed = engine.FixedOptions{Base: time.Duration(m.TTFTBase), PerToken: time.Duration(m.TTFTPerToken), Interval: time.Duration(m.ITL), Load: load, Jitter: m.Jitter, Seed: o.Seed}
	case BatchEngine:
		if m.PrefillRate <= 0 {
			bad(fmt.Errorf("prefill rate %v tokens/s: must be above 0", m.PrefillRate))
			break
		}
		o.Batch = &engine.BatchOptions{
			MaxSequences: m.MaxSequences, MaxStepTokens: m.MaxStepTokens, Overhead: time.Duration(m.Overhead), Load: load,
			PairRate: m.AttentionRate, Jitter: m.Jitter, Seed: o.Seed,
			Step: time.Duration(m.Step), PerSequence: time.Duration(m.StepPerSequence),
			PerPrefillToken: time.Duration(math.Round(1e9 / m.PrefillRate)),
			PerContextToken: time.Duration(math.Round(float64(m.StepPerContext) / 1000)),
		}
	default:
		bad(fmt.Errorf("engine %q is none of %s, %s", m.Engine, FixedEngine, BatchEngine))
	}
	return errors.Join(errs...)
}
