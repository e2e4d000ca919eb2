package server

// routers pass requests on to other servers. What they report of cached tokens is
// what these report.
var routers = []Server{
	{
		Name:   "litellm",
		Title:  "LiteLLM",
		Router: true,
		Source: "1.110.2's source",

		Shares:  []string{"openai"},
		Headers: []Header{{"x-litellm-*", ""}},
		Signs:   []Sign{{Path: "/health/readiness", All: []string{"litellm_version"}}},
		Version: []Field{{"/health/readiness", "litellm_version"}},

		BlockSize:   AssumedBlock,
		Cached:      []string{cachedDetails},
		ResetAdvice: "LiteLLM has none for the servers behind it",

		Advice: Advice{
			Report: "have the server behind LiteLLM report them",
			Cache:  "switch on prefix caching of the server behind LiteLLM",
			Metrics: "give the addresses of the servers behind LiteLLM with --metrics-url: its own " +
				"metrics say nothing of a KV cache",
		},
	},
	{
		Name:   "dynamo",
		Title:  "NVIDIA Dynamo",
		Router: true,
		Source: "source and documentation of 1.6",

		Shares: []string{"nvidia"},
		Signs:  []Sign{{Path: "/health", All: []string{"endpoints", "instances"}}},

		ExactFields: exactFields,
		BlockSize:   AssumedBlock,
		Cached:      []string{cachedDetails},

		Resets: []Reset{{
			Path:  "/clear_kv_blocks",
			Keeps: "what KVBM holds below the workers' GPUs",
			Fails: []string{"failed_workers.0", "message"},
		}},
		ResetAdvice: "Dynamo always has one",
		Metrics:     "/metrics",

		Advice: Advice{
			Cache: "start the workers behind Dynamo with prefix caching",
			Metrics: "give the addresses of the workers (DYN_SYSTEM_PORT=8081) and of KVBM " +
				"(DYN_KVBM_METRICS=true, port 6880) with --metrics-url, too",
		},
	},
	{
		Name:   "llm-d",
		Title:  "llm-d's gateway",
		Router: true,
		Source: "source of the gateway API's inference extension",

		Shares: []string{"vllm", "sglang"},
		// Its endpoint picker marks every answer that it has seen.
		Headers: []Header{{"x-went-into-resp-headers", ""}},

		ExactFields: exactFields,
		BlockSize:   AssumedBlock,
		NullBlock:   true,
		Cached:      []string{cachedDetails},
		OmitsZero:   true,
		ResetAdvice: "llm-d has none for the servers behind it",

		Advice: Advice{
			Report: "start the vLLM servers behind llm-d with --enable-prompt-tokens-details",
			Cache:  "start the vLLM servers behind llm-d with prefix caching",
			Metrics: "give the addresses of the servers behind llm-d with --metrics-url: the " +
				"prefixes that its scheduler counts are a prediction",
		},
	},
	{
		Name:   "production-stack",
		Title:  "vLLM's production-stack router",
		Router: true,
		Source: "source of August 2026",

		Shares:  []string{"vllm", "sglang"},
		Signs:   []Sign{{Path: "/engines", All: []string{"0.engine_id", "0.serving_models"}}},
		Version: []Field{{"/version", "version"}},

		Tokenize:    tokenizePrompt,
		ExactFields: exactFields,
		Tokenizes:   true,
		BlockSize:   AssumedBlock,
		NullBlock:   true,
		Cached:      []string{cachedDetails},
		OmitsZero:   true,
		ResetAdvice: "the production-stack router has none for the servers behind it",
		Metrics:     "/metrics",

		Advice: Advice{
			Report: "start the vLLM servers behind the router with --enable-prompt-tokens-details",
			Cache:  "start the vLLM servers behind the router with prefix caching",
			Metrics: "give the addresses of the servers behind the router with --metrics-url, in " +
				"place of its own",
		},
	},
}
