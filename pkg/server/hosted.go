package server

// hosted are the APIs of companies. They have no metrics, and nobody can empty
// their caches.
var hosted = []Server{
	{
		// Many servers have openai as their owner: this name is another one.
		Name:   "openai-api",
		Title:  "OpenAI's API",
		Source: "documentation (prompt caching, debugging requests)",

		Hosts:   []string{"api.openai.com"},
		Headers: []Header{{"openai-version", ""}, {"openai-organization", ""}},

		BlockSize: 128, // hits grow by this much, from 1,024 tokens on
		Cached:    []string{cachedDetails},

		Advice: Advice{Cache: "use prompts of more than 1,024 tokens"},
	},
	{
		Name:   "azure-openai",
		Title:  "Azure OpenAI",
		Source: "documentation (prompt caching)",

		Hosts: []string{
			".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com",
		},
		Headers: []Header{{"apim-request-id", ""}},

		BlockSize: 128,
		Cached:    []string{cachedDetails},

		Advice: Advice{Cache: "use prompts of more than 1,024 tokens"},
	},
	{
		Name:   "deepseek",
		Title:  "DeepSeek's API",
		Source: "documentation (context caching)",

		Hosts:  []string{"api.deepseek.com"},
		Owners: []string{"deepseek"},

		BlockSize: AssumedBlock,
		Cached:    []string{"usage.prompt_cache_hit_tokens"},
	},
	{
		Name:   "anthropic",
		Title:  "Anthropic's API",
		Source: "documentation (prompt caching)",

		Hosts:  []string{"api.anthropic.com"},
		Owners: []string{"anthropic"},

		BlockSize: AssumedBlock,
		Cached:    []string{"usage.cache_read_input_tokens"},
	},
}
