package sim

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/sim/engine"
)

// Dialect is the server whose names /metrics uses.
type Dialect string

// Dialects. VLLM has the names of vLLM 0.33, and VLLMOld those that it has renamed
// where there is an older one.
const (
	VLLM     Dialect = "vllm"
	VLLMOld  Dialect = "vllm-old"
	SGLang   Dialect = "sglang"
	LlamaCPP Dialect = "llamacpp"
)

// Dialects lists all dialects.
var Dialects = []Dialect{VLLM, VLLMOld, SGLang, LlamaCPP}

func (d Dialect) validate() error {
	if slices.Contains(Dialects, d) {
		return nil
	}
	return fmt.Errorf("unknown metrics %q: want %s, %s, %s or %s", d, VLLM, VLLMOld, SGLang, LlamaCPP)
}

// tally has the server's counters. Requests are counted when they end, tokens
// when they are made.
type tally struct {
	prompt, computed, generated, preempted, recomputed, rejected atomic.Uint64

	cached  [kvcache.NumTiers]atomic.Uint64 // tokens
	stored  [kvcache.NumTiers]atomic.Uint64 // blocks
	queries [kvcache.NumTiers]atomic.Uint64 // offloaded blocks
	hits    [kvcache.NumTiers]atomic.Uint64 // offloaded blocks
	read    [kvcache.NumTiers]atomic.Uint64 // tokens
	reading [kvcache.NumTiers]atomic.Int64  // ns

	started, ended atomic.Uint64
	finished       map[string]*atomic.Uint64 // by reason; the keys never change

	running, waiting, loading, pinned atomic.Int64
	blocks, onCPU                     atomic.Int64 // cached on the GPU, and in the CPU's tier

	promptNS, decodeNS, loadNS atomic.Int64
}

func newTally() *tally {
	t := &tally{finished: map[string]*atomic.Uint64{}}
	for _, reason := range []string{"stop", "length", "abort", "error"} {
		t.finished[reason] = new(atomic.Uint64)
	}
	return t
}

// seen records the state of the engine, after each round of the loop.
func (t *tally) seen(e engine.Engine) {
	l, c := e.Load(), e.Cache()
	t.running.Store(int64(l.Running))
	t.waiting.Store(int64(l.Waiting))
	t.loading.Store(int64(l.Loading))
	t.pinned.Store(int64(c.Running()))
	t.blocks.Store(int64(c.Cached(kvcache.GPU)))
	t.onCPU.Store(int64(c.Cached(kvcache.CPU)))
}

// histograms are observed by the loop, and when requests end.
type histograms struct {
	ttft, itl, tpot, e2e, queue, prefill, decode, inference prometheus.Histogram
	prompt, generation, computed                            prometheus.Histogram
}

// Bounds of vLLM's histograms.
var (
	ttftBounds = []float64{
		0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75,
		1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
	}
	itlBounds = []float64{
		0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75,
		1, 2.5, 5, 7.5, 10, 20, 40, 80,
	}
	requestBounds = []float64{
		0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60,
		120, 240, 480, 960, 1920, 7680,
	}
	tokenBounds = []float64{
		1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000,
	}
)

// metrics is the server's registry.
type metrics struct {
	*tally
	registry *prometheus.Registry
	h        *histograms
}

func newMetrics(s *Server) *metrics {
	m := &metrics{tally: newTally(), registry: prometheus.NewRegistry(), h: &histograms{}}
	for _, d := range s.o.Metrics {
		switch d {
		case VLLM, VLLMOld: // which share most
		case SGLang:
			m.sglang(s)
		case LlamaCPP:
			m.llamacpp()
		}
	}
	m.vllm(s)
	m.own(s)
	return m
}

// family registers the metrics of a dialect, which share a prefix and labels.
type family struct {
	m      *metrics
	prefix string
	labels prometheus.Labels
}

func (f family) with(labels ...string) prometheus.Labels {
	l := prometheus.Labels{}
	for k, v := range f.labels {
		l[k] = v
	}
	for i := 0; i+1 < len(labels); i += 2 {
		l[labels[i]] = labels[i+1]
	}
	return l
}

func (f family) counter(name, help string, value func() float64, labels ...string) {
	f.m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: f.prefix + name, Help: help, ConstLabels: f.with(labels...),
	}, value))
}

func (f family) gauge(name, help string, value func() float64, labels ...string) {
	f.m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: f.prefix + name, Help: help, ConstLabels: f.with(labels...),
	}, value))
}

func (f family) histogram(name, help string, bounds []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: f.prefix + name, Help: help, Buckets: bounds, ConstLabels: f.labels,
	})
	f.m.registry.MustRegister(h)
	return h
}

func count(v *atomic.Uint64) func() float64 { return func() float64 { return float64(v.Load()) } }
func level(v *atomic.Int64) func() float64  { return func() float64 { return float64(v.Load()) } }

// queued returns how many requests wait, including those that wait for loads.
func (m *metrics) queued() float64 { return float64(m.waiting.Load() + m.loading.Load()) }

// allCached returns the cached tokens of all tiers.
func (m *metrics) allCached() func() float64 {
	return sum(&m.cached[kvcache.GPU], &m.cached[kvcache.CPU], &m.cached[kvcache.Disk])
}

// sum returns the sum of several counters.
func sum(vs ...*atomic.Uint64) func() float64 {
	return func() float64 {
		n := uint64(0)
		for _, v := range vs {
			n += v.Load()
		}
		return float64(n)
	}
}

func seconds(v *atomic.Int64) func() float64 {
	return func() float64 { return time.Duration(v.Load()).Seconds() }
}

// vllm registers the names of vLLM: the newest ones, the older ones, or both.
func (m *metrics) vllm(s *Server) {
	o := offloading{
		metrics: m, o: &s.o,
		f:   family{m, "vllm:", prometheus.Labels{"engine": "0", "model_name": s.modelName("")}},
		new: slices.Contains(s.o.Metrics, VLLM), old: slices.Contains(s.o.Metrics, VLLMOld),
	}
	if !o.new && !o.old {
		return
	}
	m.vllmState(o.f, s)
	m.vllmCounters(o.f)
	m.vllmPrefix(o)
	if o.has(kvcache.CPU) || o.has(kvcache.Disk) {
		o.register()
	}
	m.vllmHistograms(o.f)
}

// vllmState registers gauges.
func (m *metrics) vllmState(f family, s *Server) {
	f.gauge("num_requests_running", "Number of requests in model execution batches.",
		level(&m.running))
	f.gauge("num_requests_waiting", "Number of requests waiting to be processed.", m.queued)
	const byReason = "Number of waiting requests by reason."
	f.gauge("num_requests_waiting_by_reason", byReason, level(&m.waiting), "reason", "capacity")
	f.gauge("num_requests_waiting_by_reason", byReason, level(&m.loading), "reason", "deferred")
	f.gauge("kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.",
		func() float64 { return m.share(s, m.pinned.Load()) })
	blocks := s.o.Cache.Tiers[kvcache.GPU].Blocks
	f.gauge("cache_config_info", "Information of the LLMEngine CacheConfig.",
		func() float64 { return 1 },
		"block_size", strconv.Itoa(s.o.Cache.BlockSize), "num_gpu_blocks", strconv.Itoa(blocks),
		"num_cpu_blocks", strconv.Itoa(s.o.Cache.Tiers[kvcache.CPU].Blocks),
		"kv_cache_size_tokens", strconv.Itoa(s.o.room()), "enable_prefix_caching", "True")
}

// vllmCounters registers the counters of tokens and requests.
func (m *metrics) vllmCounters(f family) {
	gpu, cpu, disk := &m.cached[kvcache.GPU], &m.cached[kvcache.CPU], &m.cached[kvcache.Disk]
	f.counter("external_prefix_cache_queries_total",
		"External prefix cache queries from KV connector, in terms of number of queried tokens.",
		func() float64 { return float64(m.prompt.Load() - gpu.Load()) })
	f.counter("external_prefix_cache_hits_total",
		"External prefix cache hits from KV connector, in terms of number of cached tokens.",
		sum(cpu, disk))
	f.counter("prompt_tokens_total", "Number of prefill tokens processed.", count(&m.prompt))
	const bySource = "Number of prompt tokens by source."
	f.counter("prompt_tokens_by_source_total", bySource,
		count(&m.computed), "source", "local_compute")
	f.counter("prompt_tokens_by_source_total", bySource, count(gpu), "source", "local_cache_hit")
	f.counter("prompt_tokens_by_source_total", bySource,
		sum(cpu, disk), "source", "external_kv_transfer")
	f.counter("prompt_tokens_cached_total", "Number of cached prompt tokens.", sum(gpu, cpu, disk))
	const cachedBy = "Number of cached prompt tokens by where they were."
	for source, v := range map[string]*atomic.Uint64{
		"device": gpu, "host": cpu, "disk": disk,
		"p2p": new(atomic.Uint64), "external_unspecified": new(atomic.Uint64), // there are none
	} {
		f.counter("prompt_tokens_cached_by_source_total", cachedBy, count(v), "source", source)
	}
	f.counter("prompt_tokens_recomputed_total",
		"Number of tokens computed again after a preemption.",
		count(&m.recomputed))
	f.counter("generation_tokens_total", "Number of generation tokens processed.",
		count(&m.generated))
	f.counter("num_preemptions_total", "Cumulative number of preemptions from the engine.",
		count(&m.preempted))
	f.counter("admission_rejections_total", "Requests rejected.",
		count(&m.rejected), "reason", "max_num_queued_reqs")
	for reason, v := range m.finished {
		f.counter("request_success_total", "Count of successfully processed requests.",
			count(v), "finished_reason", reason)
	}
}

// vllmPrefix registers the prefix cache of the GPU.
func (m *metrics) vllmPrefix(o offloading) {
	for prefix, exposed := range map[string]bool{"": o.new, "gpu_": o.old} {
		if !exposed {
			continue
		}
		o.f.counter(prefix+"prefix_cache_queries_total",
			"Prefix cache queries, in terms of number of queried tokens.", count(&m.prompt))
		o.f.counter(prefix+"prefix_cache_hits_total",
			"Prefix cache hits, in terms of number of cached tokens.",
			count(&m.cached[kvcache.GPU]))
	}
}

// vllmHistograms registers the histograms of times and lengths.
func (m *metrics) vllmHistograms(f family) {
	m.h.ttft = f.histogram("time_to_first_token_seconds",
		"Histogram of time to first token in seconds.", ttftBounds)
	m.h.itl = f.histogram("inter_token_latency_seconds",
		"Histogram of inter-token latency in seconds.", itlBounds)
	m.h.tpot = f.histogram("request_time_per_output_token_seconds",
		"Histogram of time_per_output_token_seconds per request.",
		itlBounds)
	m.h.e2e = f.histogram("e2e_request_latency_seconds",
		"Histogram of e2e request latency in seconds.", requestBounds)
	m.h.queue = f.histogram("request_queue_time_seconds",
		"Histogram of time spent in WAITING phase for request.",
		requestBounds)
	m.h.prefill = f.histogram("request_prefill_time_seconds",
		"Histogram of time spent in PREFILL phase for request.",
		requestBounds)
	m.h.decode = f.histogram("request_decode_time_seconds",
		"Histogram of time spent in DECODE phase for request.",
		requestBounds)
	m.h.inference = f.histogram("request_inference_time_seconds",
		"Histogram of time spent in RUNNING phase for request.",
		requestBounds)
	m.h.prompt = f.histogram("request_prompt_tokens", "Number of prefill tokens processed.",
		tokenBounds)
	m.h.generation = f.histogram("request_generation_tokens",
		"Number of generation tokens processed.", tokenBounds)
	m.h.computed = f.histogram("request_prefill_kv_computed_tokens",
		"Histogram of new KV tokens computed during prefill (excluding cached tokens).",
		tokenBounds)
}

// share returns a number of blocks as a share of the GPU tier.
func (m *metrics) share(s *Server, blocks int64) float64 {
	if all := s.o.Cache.Tiers[kvcache.GPU].Blocks; all > 0 {
		return float64(blocks) / float64(all)
	}
	return 0
}

// llamacpp registers the names of llama.cpp's server, whose prompt counter
// leaves out cached tokens.
func (m *metrics) llamacpp() {
	f := family{m, "llamacpp:", nil}
	f.counter("prompt_tokens_total", "Number of prompt tokens processed.", count(&m.computed))
	f.counter("prompt_tokens_cached_total", "Number of prompt tokens reused from the cache.",
		m.allCached())
	f.counter("prompt_seconds_total", "Prompt process time", seconds(&m.promptNS))
	f.counter("tokens_predicted_total", "Number of generation tokens processed.",
		count(&m.generated))
	f.counter("tokens_predicted_seconds_total", "Predict process time", seconds(&m.decodeNS))
	f.gauge("requests_processing", "Number of requests processing.", level(&m.running))
	f.gauge("requests_deferred", "Number of requests deferred.", m.queued)
}

// own registers the simulator's own metrics: how late it is itself.
func (m *metrics) own(s *Server) {
	f := family{m, "mtbench_sim_", nil}
	f.counter("writes_total", "Writes of tokens directly to a socket.", count(&s.lateness.n))
	f.counter("panics_total", "Requests that ended in a fault of the simulator's own.",
		count(&s.panics))
	for q, p := range map[string]float64{"0.5": 0.5, "0.99": 0.99} {
		f.gauge("lateness_seconds", "How late tokens were written, in seconds.",
			func() float64 { return s.lateness.quantile(p).Seconds() }, "quantile", q)
	}
	f.gauge("lateness_max_seconds", "The latest write of tokens, in seconds.",
		func() float64 { return time.Duration(s.lateness.max.Load()).Seconds() })
}

// first counts a request's prompt, when its first token is made.
func (m *metrics) first(s *engine.Sequence) {
	m.started.Add(1)
	m.prompt.Add(uint64(s.PromptTokens))
	m.computed.Add(uint64(s.Computed()))
	for t, n := range s.Cached {
		m.cached[t].Add(uint64(n))
	}
	m.promptNS.Add(int64(s.First - s.Scheduled - s.Loading))
	m.loadNS.Add(int64(s.Loading))
	if h := m.h; h.ttft != nil {
		h.ttft.Observe((s.First - s.Arrived).Seconds())
		h.queue.Observe((s.Scheduled - s.Arrived).Seconds())
		h.prefill.Observe((s.First - s.Scheduled).Seconds())
		h.prompt.Observe(float64(s.PromptTokens))
		h.computed.Observe(float64(s.Computed()))
	}
}

// made counts tokens as the engine makes them.
func (m *metrics) made(s *engine.Sequence, at time.Duration, n int, st *stream) {
	m.generated.Add(uint64(n))
	if s.Generated == n {
		m.first(s)
	} else if m.h.itl != nil {
		m.h.itl.Observe((at - st.madeAt).Seconds())
	}
	st.madeAt = s.Last
	if s.Done() {
		m.end(s, st.finishedReason())
	}
}

// end counts a request that has left the engine.
func (m *metrics) end(s *engine.Sequence, reason string) {
	m.ended.Add(1)
	m.finished[reason].Add(1)
	m.preempted.Add(uint64(s.Preemptions))
	m.recomputed.Add(uint64(s.Recomputed))
	for t := range m.stored {
		m.stored[t].Add(uint64(s.Stored[t]))
		m.queries[t].Add(uint64(s.Queries[t]))
		m.hits[t].Add(uint64(s.Hits[t]))
		m.read[t].Add(uint64(s.Read[t]))
		m.reading[t].Add(int64(s.Reading[t]))
	}
	if s.Generated == 0 {
		return
	}
	m.decodeNS.Add(int64(s.Last - s.First))
	h := m.h
	if h.ttft == nil {
		return
	}
	h.e2e.Observe((s.Last - s.Arrived).Seconds())
	h.decode.Observe((s.Last - s.First).Seconds())
	h.inference.Observe((s.Last - s.Scheduled).Seconds())
	h.generation.Observe(float64(s.Generated))
	if s.Generated > 1 {
		h.tpot.Observe((s.Last - s.First).Seconds() / float64(s.Generated-1))
	}
}

// internalError returns the answer for an error of the server itself.
func internalError(err error) *apiError {
	return &apiError{
		status: http.StatusInternalServerError, kind: "InternalServerError", message: err.Error(),
	}
}

func serveMetrics(c *conn, _ *http.Request, _ []byte, keepAlive bool) *apiError {
	// The gauges must include everything that clients have seen already, so they are set
	// now and not left as of the loop's last round.
	c.srv.loop.call(func() { c.srv.metrics.seen(c.srv.loop.engine) })
	list, err := c.srv.metrics.registry.Gather()
	if err != nil {
		return internalError(err)
	}
	var b bytes.Buffer
	for _, f := range list {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			return internalError(err)
		}
	}
	c.send(keepAlive, http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", b.Bytes())
	return nil
}
