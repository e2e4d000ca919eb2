package sim

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"multiturn/pkg/kvcache"
)

// sglang registers the names of SGLang.
func (m *metrics) sglang(s *Server) {
	f := family{m, "sglang:", prometheus.Labels{"model_name": s.modelName("")}}
	size := float64(s.o.Cache.BlockSize)
	f.gauge("num_running_reqs", "The number of running requests.", level(&m.running))
	f.gauge("num_queue_reqs", "The number of requests in the waiting queue.", m.queued)
	f.gauge("num_used_tokens", "The number of used tokens.",
		func() float64 { return float64(m.pinned.Load()) * size })
	f.gauge("token_usage", "The token usage.",
		func() float64 { return m.share(s, m.pinned.Load()) })
	f.gauge("max_total_num_tokens", "The maximum total number of tokens.",
		func() float64 { return float64(s.o.room()) })
	f.gauge("page_size", "KV cache page size in tokens.", func() float64 { return size })
	f.gauge("num_pages", "Number of KV cache pages.",
		func() float64 { return float64(s.o.room()) / size })
	f.counter("prompt_tokens_total", "Number of prefill tokens processed.", count(&m.prompt))
	f.counter("generation_tokens_total", "Number of generation tokens processed.",
		count(&m.generated))
	const cached = "Number of cached prompt tokens."
	for source, tier := range map[string]kvcache.Tier{
		"device": kvcache.GPU, "host": kvcache.CPU, "storage_file": kvcache.Disk,
	} {
		f.counter("cached_tokens_total", cached, count(&m.cached[tier]), "cache_source", source)
	}
	f.counter("cached_tokens_total", cached,
		m.allCached(), "cache_source", "total")
	f.counter("num_requests_total", "Number of requests processed.", count(&m.ended))
	f.counter("num_aborted_requests_total", "Number of requests aborted.",
		count(m.finished["abort"]))
	f.counter("num_retracted_requests_total", "Number of retracted requests.", count(&m.preempted))
	m.hicache(f, s)
}

// hicache registers what SGLang's hierarchical cache exposes of its tiers: host
// memory in bytes, storage in tokens.
func (m *metrics) hicache(f family, s *Server) {
	size := float64(s.o.Cache.BlockSize)
	times := func(v *atomic.Uint64, by float64) func() float64 {
		return func() float64 { return float64(v.Load()) * by }
	}
	if n := s.o.Cache.Tiers[kvcache.CPU].Blocks; n != 0 {
		if n > 0 {
			f.gauge("hicache_host_total_tokens", "Total capacity of the host KV cache in tokens.",
				func() float64 { return float64(n) * size })
		}
		f.gauge("hicache_host_used_tokens", "Number of tokens in the host KV cache.",
			func() float64 { return float64(m.onCPU.Load()) * size })
		bytes := float64(s.o.BytesPerToken)
		f.counter("load_back_bytes_total", "Bytes loaded back from host memory.",
			times(&m.read[kvcache.CPU], bytes))
		f.counter("hicache_backup_bytes_total", "Bytes backed up to host memory.",
			times(&m.stored[kvcache.CPU], size*bytes))
		f.counter("load_back_duration_seconds_sum", "Duration of the loads.",
			seconds(&m.reading[kvcache.CPU]))
	}
	if s.o.Cache.Tiers[kvcache.Disk].Blocks != 0 {
		f.counter("prefetched_tokens_total", "Tokens read from storage.", count(&m.read[kvcache.Disk]))
		f.counter("backuped_tokens_total", "Tokens written to storage.",
			times(&m.stored[kvcache.Disk], size))
	}
}
