package server

// cachedDetails is where OpenAI's API has the number of cached tokens.
const cachedDetails = "usage.prompt_tokens_details.cached_tokens"

// AssumedBlock is the block, in tokens, of a server that does not report its own:
// vLLM's on GPUs, which others have copied.
const AssumedBlock = 16

// The two forms of /tokenize for texts: vLLM's, which others have copied, and
// llama.cpp's.
var (
	tokenizePrompt  = Tokenize{Text: "prompt", Special: "add_special_tokens"}
	tokenizeContent = Tokenize{Text: "content", Special: "add_special"}
)

// exactFields are vLLM's fields for the length of an answer.
var exactFields = []string{"min_tokens", "ignore_eos"}

// unknown is what is assumed of any other server.
var unknown = Server{
	Title:     "the server",
	BlockSize: AssumedBlock,
	Cached: []string{
		cachedDetails, "usage.input_tokens_details.cached_tokens", "usage.cached_tokens",
	},
	Advice: Advice{
		Report: "vLLM has --enable-prompt-tokens-details for it, SGLang --enable-cache-report",
	},
}

// engines are servers that compute the answers themselves.
var engines = []Server{
	{
		Name:   "vllm",
		Title:  "vLLM",
		Source: "0.33.0's source", Seen: "0.32.0",

		Owners:  []string{"vllm"},
		Signs:   []Sign{{Path: "/version", All: []string{"version"}, Unowned: true}},
		Version: []Field{{"/version", "version"}},

		Tokenize:    tokenizePrompt,
		ExactFields: exactFields,
		Tokenizes:   true,
		BlockSize:   AssumedBlock,
		NullBlock:   true,
		Cached:      []string{cachedDetails},
		OmitsZero:   true,

		Resets: []Reset{
			// This form empties a connector's cache, too, and fails where there is no
			// connector; the second form then empties the GPU's.
			{Path: "/reset_prefix_cache?reset_external=true"},
			{
				Path:  "/reset_prefix_cache",
				Keeps: "what a KV connector holds below the GPU's cache",
			},
		},
		ResetAdvice: "vLLM has one with VLLM_SERVER_DEV_MODE=1",
		Metrics:     "/metrics",

		Advice: Advice{
			Report: "start vLLM with --enable-prompt-tokens-details",
			Cache: "start vLLM without --no-enable-prefix-caching (or with " +
				"--enable-prefix-caching)",
			Metrics: "start vLLM without --disable-log-stats",
		},
	},
	{
		Name:   "sglang",
		Title:  "SGLang",
		Source: "0.5.23's source",

		Owners: []string{"sglang"},
		Signs: []Sign{
			{
				Path: "/server_info",
				All:  []string{"version"}, Any: []string{"model_path", "internal_states"},
			},
			{
				Path: "/get_server_info",
				All:  []string{"version"}, Any: []string{"model_path", "internal_states"},
			},
		},
		Version: []Field{{"/server_info", "version"}, {"/get_server_info", "version"}},

		Tokenize:    tokenizePrompt,
		ExactFields: exactFields,
		BlockSize:   1, // its radix tree keeps tokens, unless --page-size is set
		Cached:      []string{cachedDetails},
		OmitsZero:   true,

		Resets: []Reset{{
			Path: "/flush_cache",
			Keeps: "what a storage backend of HiCache holds below host memory " +
				"(POST /hicache/storage-backend/clear empties that)",
		}},
		ResetAdvice: "SGLang always has one",
		Metrics:     "/metrics",

		Advice: Advice{
			Report:  "start SGLang with --enable-cache-report",
			Cache:   "start SGLang without --disable-radix-cache",
			Metrics: "start SGLang with --enable-metrics",
		},
	},
	{
		Name:   "llamacpp",
		Title:  "llama.cpp",
		Source: "its source", Seen: "build 11434",

		Owners:  []string{"llamacpp"},
		Headers: []Header{{"Server", "llama.cpp"}},
		Signs:   []Sign{{Path: "/props", All: []string{"default_generation_settings"}}},
		Version: []Field{{"/props", "build_info"}},
		// The context of a slot, which is what one request can use.
		MaxModelLen: Field{"/props", "default_generation_settings.n_ctx"},

		Tokenize:    tokenizeContent,
		ExactFields: []string{"ignore_eos"},
		BlockSize:   1, // a slot keeps tokens
		Cached:      []string{cachedDetails, "timings.cache_n"},
		ResetAdvice: "llama.cpp has none",
		Metrics:     "/metrics",

		Advice: Advice{
			Report: "update llama.cpp, or look for a proxy that changes its answers " +
				"(it reports them whenever usage is asked for)",
			Cache:   "start llama.cpp without --no-cache-prompt, and send no cache_prompt false",
			Metrics: "start llama.cpp with --metrics",
		},
	},
	{
		Name:   "trtllm",
		Title:  "TensorRT-LLM",
		Source: "source of 2026 (trtllm-serve)",

		Owners:  []string{"tensorrt_llm"},
		Version: []Field{{"/version", "version"}},

		ExactFields: exactFields,
		BlockSize:   32, // kv_cache_config.tokens_per_block
		Cached:      []string{cachedDetails},
		ResetAdvice: "TensorRT-LLM has none",
		// /metrics has JSON of the last iterations.
		Metrics: "/prometheus/metrics",

		Advice: Advice{
			Cache: "start trtllm-serve without kv_cache_config.enable_block_reuse: false",
			Metrics: "give trtllm-serve return_perf_metrics: true, and for those of its cache " +
				"enable_iter_perf_stats: true",
		},
	},
	{
		Name:   "ollama",
		Title:  "Ollama",
		Source: "source of August 2026",

		// Models of others than its own library have their namespace.
		Owners:  []string{"library", "ollama"},
		Signs:   []Sign{{Path: "/api/version", All: []string{"version"}}},
		Version: []Field{{"/api/version", "version"}},

		BlockSize:   1, // its runner is llama.cpp's
		ResetAdvice: "Ollama empties it when the model is unloaded (ollama stop)",
	},
	{
		Name:   "lmdeploy",
		Title:  "LMDeploy",
		Source: "0.16.0's source",

		Owners: []string{"lmdeploy"},

		ExactFields: []string{"ignore_eos"},
		BlockSize:   64, // --cache-block-seq-len
		Cached:      []string{cachedDetails},
		ResetAdvice: "LMDeploy has none",
		Metrics:     "/metrics",

		Advice: Advice{Cache: "start LMDeploy with --enable-prefix-caching"},
	},
	{
		Name:   "tgi",
		Title:  "TGI",
		Source: "documentation of 3.x",

		Signs:       []Sign{{Path: "/info", All: []string{"model_id", "max_total_tokens"}}},
		Version:     []Field{{"/info", "version"}},
		MaxModelLen: Field{"/info", "max_total_tokens"},

		BlockSize:   AssumedBlock,
		ResetAdvice: "TGI has none",
		Metrics:     "/metrics",
	},
	{
		Name:   "sim",
		Title:  "mtbench sim",
		Source: "this module", Seen: "this release",

		Owners:  []string{"mtbench-sim"},
		Headers: []Header{{"Server", "mtbench-sim"}},
		Version: []Field{{"/version", "version"}},

		ExactFields: exactFields,
		Tokenizes:   true,
		BlockSize:   AssumedBlock,
		Cached:      []string{cachedDetails},
		Resets:      []Reset{{Path: "/reset_prefix_cache"}},
		Metrics:     "/metrics",
	},
	{
		Name:   "llmdsim",
		Title:  "llm-d-inference-sim",
		Source: "0.10.2's source", Seen: "0.10.2",

		// It plays vLLM, but for this header and this page, which newer ones have.
		Shares:  []string{"vllm"},
		Headers: []Header{{"x-inference-pod", ""}},
		Signs:   []Sign{{Path: "/admin/config", All: []string{"max-model-len"}}},

		ExactFields: exactFields,
		BlockSize:   AssumedBlock,
		Cached:      []string{cachedDetails},
		ResetAdvice: "llm-d-inference-sim has none",
		Metrics:     "/metrics",

		Advice: Advice{Cache: "start llm-d-inference-sim with --enable-kvcache"},
	},
}
