package main

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"multiturn/cmd/internal/texts"
	"multiturn/internal/limits"
	"multiturn/pkg/cli"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
)

// cacheFlags state a server's KV cache, in run, plan and report.
type cacheFlags struct {
	state       record.StatedCache
	store       storePolicies
	kvModel     string
	modelConfig string
}

func newCacheFlags() cacheFlags {
	f := cacheFlags{state: record.StatedCache{KVDtype: "auto", TP: 1}, store: plan.DefaultStores}
	for _, name := range tierNames() {
		f.state.Tiers = append(f.state.Tiers, record.StatedTier{Tier: name})
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

// flags returns the flags. blockSize is what a size of blocks that is not given
// is, in words.
func (f *cacheFlags) flags(blockSize string) []cli.Flag {
	tiers := f.state.Tiers
	gpu, cpu, disk := &tiers[kvcache.GPU], &tiers[kvcache.CPU], &tiers[kvcache.Disk]
	return []cli.Flag{
		{Name: "gpu-blocks", Essential: true, Value: cli.Int(&gpu.Blocks, 1, limits.Count),
			DefaultText: "what the server says", Usage: "usable blocks of the GPU; vLLM's num_gpu_blocks less 1"},
		{Name: "gpu-gib", Value: cli.Float(&gpu.GiB, 0), DefaultText: "none",
			Usage: "the same in GiB on each GPU"},
		{Name: "cpu-blocks", Essential: true, Value: cli.Int(&cpu.Blocks, 1, limits.Count), DefaultText: "no such tier",
			Usage: "blocks of a tier in main memory"},
		{Name: "cpu-gib", Value: cli.Float(&cpu.GiB, 0), DefaultText: "none",
			Usage: "the same in GiB, of all GPUs together"},
		{Name: "disk-blocks", Value: cli.Int(&disk.Blocks, 1, limits.Count), DefaultText: "no such tier",
			Usage: "blocks of a tier on disk"},
		{Name: "disk-gib", Value: cli.Float(&disk.GiB, 0), DefaultText: "none",
			Usage: "the same in GiB, of all GPUs together"},
		{Name: "store",
			Value: cli.Parsed(&f.store, "[TIER=]POLICY,...", parseStores, storePolicies.String),
			Usage: "what a tier (gpu, cpu, disk) keeps: prompt, prompt+output or nothing; " +
				"without a name it is the GPU's"},
		{Name: "exclusive", Value: cli.Bool(&f.state.Exclusive),
			Usage: "a block is in one tier only; otherwise lower tiers get a copy of " +
				"everything computed"},
		{Name: "block-size", Value: cli.Int(&f.state.BlockSize, 1, limits.Block), DefaultText: blockSize,
			Usage: "tokens in a block"},
		{Name: "offload-block-size", Value: cli.Int(&f.state.OffloadBlockSize, 1, limits.Block),
			DefaultText: "a block", Usage: "tokens that tiers below the GPU store and load at " +
				"once: the block_size of vLLM's offloading"},
		{Name: "kv-model", Value: cli.String(&f.kvModel), Meta: "NAME",
			DefaultText: "--model, or the run's", Names: kvcache.ModelNames,
			Usage: "built-in model to take sizes in GiB from; 'list' prints their names"},
		{Name: "model-config", Value: cli.File(&f.modelConfig),
			Usage: "the model's config.json, to take sizes in GiB from"},
		{Name: "kv-dtype", Aliases: []string{"kv-cache-dtype"},
			Value: cli.String(&f.state.KVDtype), Meta: "TYPE",
			Usage: "the cache's type, as vLLM's --kv-cache-dtype: auto, bfloat16, fp8"},
		{Name: "tp", Aliases: []string{"tensor-parallel-size"},
			Value: cli.Int(&f.state.TP, 1, limits.Count), Usage: "tensor-parallel GPUs"},
	}
}

// stated checks the flags and returns what they state. A lower tier of which they
// state nothing is left out: there may be none.
func (f *cacheFlags) stated(c *cli.Call) (*record.StatedCache, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	s := f.state
	s.Tiers = slices.Clone(s.Tiers)
	for t := range s.Tiers {
		s.Tiers[t].Store = f.store[t].String()
	}
	s.Tiers = slices.DeleteFunc(s.Tiers, func(t record.StatedTier) bool {
		tier := kvcache.Tier(slices.Index(tierNames(), t.Tier))
		return tier != kvcache.GPU && t.Blocks == 0 && t.GiB == 0 &&
			f.store[tier] == plan.DefaultStores[tier]
	})
	s.Model = cmp.Or(f.kvModel, f.modelConfig)
	if f.modelConfig == "" {
		return &s, nil
	}
	config, err := texts.Read(c, f.modelConfig, limits.Settings)
	if err != nil {
		return nil, err
	}
	if _, err := kvcache.ParseModel(config); err != nil {
		return nil, cli.UsageErrorf("%s: %w", f.modelConfig, err)
	}
	s.ModelConfig = config
	return &s, nil
}

// check returns an error for flags that exclude each other or have no meaning.
func (f *cacheFlags) check() error {
	for _, t := range f.state.Tiers {
		if t.Blocks > 0 && t.GiB > 0 {
			return cli.UsageErrorf("--%[1]s-blocks and --%[1]s-gib: give one of the two", t.Tier)
		}
	}
	if f.kvModel != "" && f.modelConfig != "" {
		return cli.UsageErrorf("--kv-model and --model-config: give one of the two")
	}
	if _, err := kvcache.ParseKVBits(f.state.KVDtype); err != nil {
		return cli.UsageErrorf("--kv-dtype: %w", err)
	}
	if f.kvModel == "" {
		return nil
	}
	if _, ok := kvcache.ModelByName(f.kvModel); !ok {
		return cli.UsageErrorf("--kv-model %q is not built in; --kv-model list prints those that are,"+
			" --model-config takes any model's config.json", f.kvModel)
	}
	return nil
}

// given returns what the flags state, nil if none was given: then the header of a
// run states the cache.
func (f *cacheFlags) given(c *cli.Call) (*record.StatedCache, error) {
	s, err := f.stated(c)
	if slices.ContainsFunc(f.flags(""), func(f cli.Flag) bool { return c.IsSet(f.Name) }) {
		return s, err
	}
	return nil, err
}

// refused returns the error of a shape that the flags state.
func (f *cacheFlags) refused(err error) error {
	switch {
	case errors.Is(err, plan.ErrNoModel):
		sized := func(t record.StatedTier) bool { return t.GiB > 0 }
		t := f.state.Tiers[slices.IndexFunc(f.state.Tiers, sized)]
		return cli.UsageErrorf("--%s-gib: %w; name one with --kv-model or --model-config", t.Tier,
			err)
	case errors.Is(err, plan.ErrNoGPU):
		return cli.UsageErrorf("%w: add --gpu-blocks or --gpu-gib", err)
	}
	return cli.Exit(cli.Usage, err)
}

// storePolicies are what each tier keeps.
type storePolicies [kvcache.NumTiers]kvcache.Store

func parseStores(s string) (storePolicies, error) {
	out := storePolicies(plan.DefaultStores)
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
