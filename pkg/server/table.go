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

// servers are the known servers. Their order matters where a server is not
// known and everything is tried: for Signs, Resets and Cached.
var servers = []Server{
	{
		Name:  "vllm",
		Title: "vLLM",

		Owners:  []string{"vllm"},
		Signs:   []Sign{{Path: "/version", All: []string{"version"}, Unowned: true}},
		Version: []Field{{"/version", "version"}},

		Tokenize:    tokenizePrompt,
		ExactLength: true,
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

		Advice: Advice{
			Report: "start vLLM with --enable-prompt-tokens-details",
			Cache: "start vLLM without --no-enable-prefix-caching (or with " +
				"--enable-prefix-caching)",
			Metrics: "start vLLM without --disable-log-stats",
		},
	},
	{
		Name:  "sglang",
		Title: "SGLang",

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
		ExactLength: true,
		BlockSize:   1, // its radix tree keeps tokens, unless --page-size is set
		Cached:      []string{cachedDetails},
		OmitsZero:   true,

		Resets: []Reset{
			{Path: "/flush_cache", Keeps: "what a storage backend holds below host memory"},
		},
		ResetAdvice: "SGLang always has one",

		Advice: Advice{
			Report:  "start SGLang with --enable-cache-report",
			Cache:   "start SGLang without --disable-radix-cache",
			Metrics: "start SGLang with --enable-metrics",
		},
	},
	{
		Name:  "llamacpp",
		Title: "llama.cpp",

		Owners: []string{"llamacpp"},
		Header: "Server", HeaderPrefix: "llama.cpp",
		Signs:   []Sign{{Path: "/props", All: []string{"default_generation_settings"}}},
		Version: []Field{{"/props", "build_info"}},
		// The context of a slot, which is what one request can use.
		MaxModelLen: Field{"/props", "default_generation_settings.n_ctx"},

		Tokenize:    tokenizeContent,
		ExactLength: true,
		BlockSize:   1, // a slot keeps tokens
		Cached:      []string{cachedDetails, "timings.cache_n"},
		ResetAdvice: "llama.cpp has none",

		Advice: Advice{
			Report: "update llama.cpp, or look for a proxy that changes its answers " +
				"(it reports them whenever usage is asked for)",
			Cache:   "start llama.cpp without --no-cache-prompt, and send no cache_prompt false",
			Metrics: "start llama.cpp with --metrics",
		},
	},
	{
		Name:  "sim",
		Title: "mtbench sim",

		Owners: []string{"mtbench-sim"},
		Header: "Server", HeaderPrefix: "mtbench-sim",
		Version: []Field{{"/version", "version"}},

		ExactLength: true,
		Tokenizes:   true,
		BlockSize:   AssumedBlock,
		Cached:      []string{cachedDetails},
		Resets:      []Reset{{Path: "/reset_prefix_cache"}},
	},
	{
		Name:   "deepseek",
		Title:  "DeepSeek's API",
		Owners: []string{"deepseek"},

		BlockSize: AssumedBlock,
		Cached:    []string{"usage.prompt_cache_hit_tokens"},
	},
	{
		Name:   "anthropic",
		Title:  "Anthropic's API",
		Owners: []string{"anthropic"},

		BlockSize: AssumedBlock,
		Cached:    []string{"usage.cache_read_input_tokens"},
	},
}

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
