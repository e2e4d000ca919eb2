package record

import "encoding/json"

// StatedCache is the server's KV cache as the user stated it, for predictions.
type StatedCache struct {
	BlockSize int `json:"block_size,omitempty" limit:"block"` // tokens; 0 = not stated
	// OffloadBlockSize is the tokens that tiers below the GPU store and load at once;
	// 0 = as many as a block has.
	OffloadBlockSize int `json:"offload_block_size,omitempty" limit:"block"`
	// Tiers are from the GPU down. A tier whose size is not stated has its policy.
	Tiers []StatedTier `json:"tiers,omitempty"`
	// Exclusive reports whether a block is in one tier only.
	Exclusive bool `json:"exclusive,omitempty"`
	// Model names the model whose keys and values fill sizes in GiB; empty: the
	// run's. ModelConfig is its config.json, if it is not a built-in one.
	Model       string          `json:"model,omitempty"`
	ModelConfig json.RawMessage `json:"model_config,omitempty"`
	// KVDtype is the type of keys and values, as vLLM names it; auto is the model's.
	KVDtype string `json:"kv_dtype,omitempty"`
	TP      int    `json:"tp,omitempty"` // tensor-parallel GPUs
}

// StatedTier is one tier of a StatedCache. Its size is stated one way or the other.
type StatedTier struct {
	Tier   string  `json:"tier"`                            // gpu, cpu or disk
	Blocks int     `json:"blocks,omitempty" limit:"signed"` // 0 = not stated so
	GiB    float64 `json:"gib,omitempty"`                   // on each GPU; of all together in other tiers
	// Store is what the tier keeps: prompt, prompt+output or nothing.
	Store string `json:"store,omitempty"`
}
