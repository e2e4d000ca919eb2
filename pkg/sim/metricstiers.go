package sim

import (
	"strconv"

	"multiturn/pkg/kvcache"
)

// offloading registers what vLLM exposes of tiers below the GPU, under its names
// of 0.33, under those that it has renamed, or under both.
type offloading struct {
	*metrics
	o        *Options
	f        family
	new, old bool
}

// has reports whether there is such a tier.
func (x offloading) has(t kvcache.Tier) bool { return x.o.Cache.Tiers[t].Blocks != 0 }

func (x offloading) register() {
	x.transfers()
	x.f.counter("kv_offload_allocation_failure_total", "Stores that found no room.", zero)
	x.f.counter("kv_offload_stores_skipped_total", "Stores left out.", zero)
	if n := x.o.Cache.Tiers[kvcache.CPU].Blocks; n > 0 {
		x.f.gauge("kv_offload_cpu_cache_usage_perc", "Use of the CPU tier.",
			func() float64 { return float64(x.onCPU.Load()) / float64(n) })
		if x.new {
			x.configInfo(n)
		}
	}
	if x.has(kvcache.Disk) {
		x.tiers()
	}
}

// zero is a counter of what never happens here: a failure, and a store that takes
// time.
func zero() float64 { return 0 }

// bytes returns the size of the KV of tokens.
func (x offloading) bytes(tokens float64) float64 { return tokens * float64(x.o.BytesPerToken) }

// transfers registers what moved between the GPU and the tiers below. Everything
// passes through the CPU's tier, if there is one.
func (x offloading) transfers() {
	load := func() float64 {
		return x.bytes(sum(&x.read[kvcache.CPU], &x.read[kvcache.Disk])())
	}
	below := kvcache.CPU
	if !x.has(below) {
		below = kvcache.Disk
	}
	store := func() float64 {
		return x.bytes(float64(x.stored[below].Load()) * float64(x.o.Cache.BlockSize))
	}
	if x.new {
		x.f.counter("kv_offload_load_bytes_total", "Bytes loaded to the GPU.", load)
		x.f.counter("kv_offload_store_bytes_total", "Bytes stored from the GPU.", store)
		x.f.counter("kv_offload_load_time_total", "Seconds that loads took.", seconds(&x.loadNS))
		x.f.counter("kv_offload_store_time_total", "Seconds that stores took.", zero)
	}
	if x.old {
		const name, up, down = "transfer_type", "CPU_to_GPU", "GPU_to_CPU"
		const bytes = "Number of bytes offloaded by KV connector"
		x.f.counter("kv_offload_total_bytes_total", bytes, load, name, up)
		x.f.counter("kv_offload_total_bytes_total", bytes, store, name, down)
		const time = "Total time measured by all KV offloading operations"
		x.f.counter("kv_offload_total_time_total", time, seconds(&x.loadNS), name, up)
		x.f.counter("kv_offload_total_time_total", time, zero, name, down)
	}
}

// configInfo registers the size of the CPU's tier.
func (x offloading) configInfo(blocks int) {
	factor := max(1, x.o.Cache.OffloadBlockSize/x.o.Cache.BlockSize)
	chunks := blocks / factor
	tokens := int64(chunks) * int64(factor) * int64(x.o.Cache.BlockSize)
	labels := []string{
		"cpu_num_chunks", strconv.Itoa(chunks), "cpu_blocks_per_chunk", strconv.Itoa(factor),
		"cpu_kv_cache_size_tokens", strconv.FormatInt(tokens, 10),
		"cpu_kv_cache_size_bytes", strconv.FormatInt(tokens*x.o.BytesPerToken, 10),
	}
	if x.has(kvcache.Disk) {
		labels = append(labels, "tier", tierLabel(kvcache.CPU))
	}
	x.f.gauge("kv_offload_config_info", "Information of the KV offloading.",
		func() float64 { return 1 }, labels...)
}

// tierLabel returns vLLM's name of a tier: its place below the GPU, and its type.
func tierLabel(t kvcache.Tier) string {
	if t == kvcache.CPU {
		return "0:primary"
	}
	return "1:fs"
}

// tiers registers the counters by tier, which vLLM has if there are several.
func (x offloading) tiers() {
	const prefix = "kv_offload_tiering_"
	for _, t := range []kvcache.Tier{kvcache.CPU, kvcache.Disk} {
		if !x.has(t) {
			continue
		}
		for unit, exposed := range map[string]bool{"chunk": x.new, "block": x.old} {
			if exposed {
				x.f.counter(prefix+unit+"_queries_total", "Lookups.", count(&x.queries[t]),
					"tier", tierLabel(t))
				x.f.counter(prefix+unit+"_hits_total", "Lookups that hit.", count(&x.hits[t]),
					"tier", tierLabel(t))
			}
		}
	}
	counter := func(name, help string, value func() float64) {
		x.f.counter(prefix+name, help, value, "tier", tierLabel(kvcache.Disk))
	}
	size := float64(x.o.Cache.BlockSize)
	counter("read_bytes_total", "Bytes read into the primary tier.", func() float64 {
		return x.bytes(float64(x.read[kvcache.Disk].Load()))
	})
	counter("read_time_total", "Seconds that reads took.", seconds(&x.reading[kvcache.Disk]))
	counter("write_bytes_total", "Bytes written from the primary tier.", func() float64 {
		return x.bytes(float64(x.stored[kvcache.Disk].Load()) * size)
	})
	counter("promotion_job_failures_total", "Failed promotions.", zero)
	counter("cascade_job_failures_total", "Failed cascades.", zero)
	x.f.counter(prefix+"promotion_allocation_failures_total", "Promotions without room.", zero)
}
