package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"multiturn/cmd/internal/texts"
	"multiturn/pkg/cli"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
	"multiturn/pkg/report"
)

// cacheFlags state a server's KV cache, in run, plan and report.
type cacheFlags struct {
	blockSize   int
	tiers       [kvcache.NumTiers]tierFlags
	store       storePolicies
	exclusive   bool
	modelConfig string
	config      string // content of modelConfig, or of a run's header
	kvModel     string
	kvDtype     string
	tp          int
}

// tierFlags are the size of a tier, given one way or the other.
type tierFlags struct {
	blocks int
	gib    float64
}

// listModels is the name of --kv-model that asks for the names.
const listModels = "list"

// writeModels prints the names of the built-in models.
func writeModels(c *cli.Call) error {
	_, err := fmt.Fprintln(c.Stdout, strings.Join(kvcache.ModelNames(), "\n"))
	return err
}

func newCacheFlags() cacheFlags { return cacheFlags{kvDtype: "auto", tp: 1, store: defaultStores()} }

// flags returns the flags. blockSize is what a size of blocks that is not given
// is, in words.
func (f *cacheFlags) flags(blockSize string) []cli.Flag {
	gpu, cpu, disk := &f.tiers[kvcache.GPU], &f.tiers[kvcache.CPU], &f.tiers[kvcache.Disk]
	return []cli.Flag{
		{Name: "gpu-blocks", Value: cli.Int(&gpu.blocks, 1), DefaultText: "what the records say",
			Usage: "usable blocks of the GPU: vLLM's num_gpu_blocks less 1"},
		{Name: "gpu-gib", Value: cli.Float(&gpu.gib, 0), DefaultText: "none",
			Usage: "the same in GiB on each GPU"},
		{Name: "cpu-blocks", Value: cli.Int(&cpu.blocks, 1), DefaultText: "no such tier",
			Usage: "blocks of a tier in main memory"},
		{Name: "cpu-gib", Value: cli.Float(&cpu.gib, 0), DefaultText: "none",
			Usage: "the same in GiB, of all GPUs together"},
		{Name: "disk-blocks", Value: cli.Int(&disk.blocks, 1), DefaultText: "no such tier",
			Usage: "blocks of a tier on disk"},
		{Name: "disk-gib", Value: cli.Float(&disk.gib, 0), DefaultText: "none",
			Usage: "the same in GiB, of all GPUs together"},
		{Name: "store",
			Value: cli.Parsed(&f.store, "[TIER=]POLICY,...", parseStores, storePolicies.String),
			Usage: "what a tier (gpu, cpu, disk) keeps: prompt, prompt+output or nothing; " +
				"without a name it is the GPU's"},
		{Name: "exclusive", Value: cli.Bool(&f.exclusive),
			Usage: "a block is in one tier only; otherwise lower tiers get a copy of " +
				"everything computed"},
		{Name: "block-size", Value: cli.Int(&f.blockSize, 1), DefaultText: blockSize,
			Usage: "tokens in a block"},
		{Name: "kv-model", Value: cli.String(&f.kvModel), Meta: "NAME",
			DefaultText: "--model, or the run's",
			Usage: "built-in model to take sizes in GiB from; '" + listModels +
				"' prints their names"},
		{Name: "model-config", Value: cli.File(&f.modelConfig),
			Usage: "the model's config.json, to take sizes in GiB from"},
		{Name: "kv-dtype", Aliases: []string{"kv-cache-dtype"}, Value: cli.String(&f.kvDtype),
			Meta:  "TYPE",
			Usage: "the cache's type, as vLLM's --kv-cache-dtype: auto, bfloat16, fp8"},
		{Name: "tp", Aliases: []string{"tensor-parallel-size"}, Value: cli.Int(&f.tp, 1),
			Usage: "tensor-parallel GPUs"},
	}
}

// stated returns the flags as a run's header has them.
func (f *cacheFlags) stated() *record.StatedCache {
	s := &record.StatedCache{
		BlockSize: f.blockSize, Exclusive: f.exclusive, Model: cmp.Or(f.kvModel, f.modelConfig),
		ModelConfig: json.RawMessage(f.config), KVDtype: f.kvDtype, TP: f.tp,
	}
	for t, tier := range f.tiers {
		s.Tiers = append(s.Tiers, record.StatedTier{
			Tier: kvcache.Tier(t).String(), Blocks: tier.blocks, GiB: tier.gib, Store: f.store[t].String(),
		})
	}
	return s
}

// statedFlags returns the flags of a run by its header. What the header lacks is
// the default.
func statedFlags(s *record.StatedCache) cacheFlags {
	f := newCacheFlags()
	if s == nil {
		return f
	}
	f.blockSize, f.exclusive = s.BlockSize, s.Exclusive
	if f.kvModel = s.Model; s.ModelConfig != nil {
		f.kvModel, f.modelConfig, f.config = "", s.Model, string(s.ModelConfig)
	}
	f.kvDtype, f.tp = cmp.Or(s.KVDtype, f.kvDtype), cmp.Or(s.TP, f.tp)
	for _, tier := range s.Tiers {
		t := slices.Index(tierNames(), tier.Tier)
		if t < 0 {
			continue
		}
		f.tiers[t] = tierFlags{blocks: tier.Blocks, gib: tier.GiB}
		if store, err := kvcache.ParseStore(tier.Store); err == nil {
			f.store[t] = store
		}
	}
	return f
}

// tierNames returns the names of the tiers, from the GPU down.
func tierNames() []string {
	var names []string
	for t := range kvcache.NumTiers {
		names = append(names, kvcache.Tier(t).String())
	}
	return names
}

// check returns an error for flags that exclude each other.
func (f *cacheFlags) check() error {
	for t := range f.tiers {
		if f.tiers[t].blocks > 0 && f.tiers[t].gib > 0 {
			return cli.UsageErrorf("--%[1]v-blocks and --%[1]v-gib: give one of the two", kvcache.Tier(t))
		}
	}
	if f.kvModel != "" && f.modelConfig != "" {
		return cli.UsageErrorf("--kv-model and --model-config: give one of the two")
	}
	return nil
}

// sizes returns the model whose cache is counted in bytes: the one that the flags
// name, else the built-in one named otherwise, else none.
func (f *cacheFlags) sizes(c *cli.Call, otherwise string) (s plan.Sizes, err error) {
	bits, err := kvcache.ParseKVBits(f.kvDtype)
	if err != nil {
		return s, cli.UsageErrorf("--kv-dtype: %w", err)
	}
	s.Serving = kvcache.Serving{KVBits: bits, TP: f.tp}
	switch {
	case f.modelConfig != "":
		if f.config == "" {
			config, err := texts.Read(c, f.modelConfig)
			if err != nil {
				return s, err
			}
			f.config = string(config)
		}
		m, err := kvcache.ParseModel([]byte(f.config))
		if err != nil {
			return s, cli.UsageErrorf("%s: %w", f.modelConfig, err)
		}
		if m.Name == "" {
			m.Name = f.modelConfig
		}
		s.Model = m
	case f.kvModel != "":
		m, ok := kvcache.ModelByName(f.kvModel)
		if !ok {
			return s, cli.UsageErrorf("--kv-model %q is not built in; --kv-model %s lists those that are,"+
				" --model-config takes any model's config.json", f.kvModel, listModels)
		}
		s.Model = m
	default:
		s.Model, _ = kvcache.ModelByName(otherwise)
	}
	return s, nil
}

// noModel is the error of a size in bytes without a model.
func noModel(t kvcache.Tier) error {
	return cli.UsageErrorf("--%v-gib: GiB can be counted in blocks only for a model; "+
		"name one with --kv-model or --model-config", t)
}

// options returns the flags as a report takes them; otherwise is as for sizes.
func (f *cacheFlags) options(c *cli.Call, otherwise string) (o report.CacheOptions, err error) {
	if err := f.check(); err != nil {
		return o, err
	}
	size, err := f.sizes(c, otherwise)
	if err != nil {
		return o, err
	}
	o = report.CacheOptions{
		BlockSize: f.blockSize, Store: f.store, Exclusive: f.exclusive,
		Model: size.Model, Serving: size.Serving,
	}
	for t, tier := range f.tiers {
		if tier.gib > 0 && size.Model == nil {
			return o, noModel(kvcache.Tier(t))
		}
		o.Blocks[t], o.GiB[t] = tier.blocks, tier.gib
	}
	return o, nil
}

// storePolicies are what each tier keeps.
type storePolicies [kvcache.NumTiers]kvcache.Store

// defaultStores are vLLM's: offloading keeps prompts only.
func defaultStores() storePolicies {
	return storePolicies{
		kvcache.GPU: kvcache.PromptAndOutput, kvcache.CPU: kvcache.PromptOnly,
		kvcache.Disk: kvcache.PromptOnly,
	}
}

func parseStores(s string) (storePolicies, error) {
	out := defaultStores()
	for _, item := range strings.Split(s, ",") {
		tier, policy, named := strings.Cut(item, "=")
		if !named {
			tier, policy = kvcache.GPU.String(), item
		}
		store, err := kvcache.ParseStore(strings.TrimSpace(policy))
		if err != nil {
			return out, errors.New("is not a list of prompt, prompt+output or nothing, " +
				"or of gpu=, cpu= or disk= and one of them")
		}
		t := slices.Index(tierNames(), strings.TrimSpace(tier))
		if t < 0 {
			return out, errors.New("names a tier other than gpu, cpu and disk")
		}
		out[t] = store
	}
	return out, nil
}

func (s storePolicies) String() string {
	var items []string
	for t, store := range s {
		items = append(items, kvcache.Tier(t).String()+"="+store.String())
	}
	return strings.Join(items, ",")
}
