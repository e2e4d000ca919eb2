// Package kvcache models the KV cache of an inference server: what a server of a stated shape would have kept, and what
// any server could have. It holds block counts, never tensors, and knows nothing of time, text or HTTP.
//
// # What is here
//
//	Chain      token ids to chained block hashes, as conversations grow
//	Cache      a block-accurate cache of up to three tiers under running requests: what the simulator runs on
//	Reuse      one pass over requests to the hits of an LRU cache of every capacity at once: a Curve
//	Sessions   the same from token counts alone, for conversations that only grow
//	Bound      the most a turn can hit, from the token counts of the turn before it
//	Model      KV bytes per token from a model's config.json: blocks to tokens to bytes
//	Trace      the reader of Mooncake traces
//
// # The rules modelled
//
// They are those of vLLM V1 (its documents design/prefix_caching and features/kv_offloading_usage, its block pool and its
// offloading connector):
//
//   - The unit is a full block of B tokens. A block is named by the hash of its tokens and of the block before it, so equal
//     names mean equal prefixes. A partial block is never shared.
//   - A request hits the leading run of its prompt's blocks that are cached. At least one prompt token is computed: a
//     prompt of p tokens hits at most (p-1)/B blocks.
//   - Running requests pin their blocks by reference counts. A block nobody pins stays cached and waits in one queue,
//     least recently used first. A request that ends gives its blocks back last block first, so that the ends of
//     conversations are evicted before their beginnings. Its partial block holds nothing of use and is free at once.
//   - Blocks are taken as tokens are scheduled, and named as soon as they are full. If too few are free the cache
//     refuses; whether the request waits or another is preempted is the caller's business.
//   - The KV of the last generated token is never computed: a request of p prompt tokens and n generated ones fills p+n-1.
//   - Equal blocks computed by two requests at once are two blocks (vLLM never merges them); lookup finds the older.
//   - A lower tier (CPU, disk) is inclusive by default, as in vLLM's native offloading: every block is copied as soon as it
//     is full, and a request first marks all its blocks there as used. What is copied is the prompt's blocks, or the
//     answer's too (Store). An exclusive tier gets what the tier above evicts, and gives it back when it is loaded.
//   - Blocks are looked for in the fastest tier first; after the run on the GPU has ended, each further block comes from the
//     fastest lower tier that has it.
//
// # What is not modelled
//
// Time: a load from a lower tier is done at once and never fails (the simulator adds its duration). Sliding-window and
// linear-attention layers, whose blocks vLLM frees or keeps apart: a Model counts their bytes, the Cache treats every
// layer as full attention. Speculative slots, several cache groups, adapters and images in block names (use a salt).
// vLLM's null block: give one block less. Offloading in larger blocks than the GPU's, only from the second use on, or by
// ARC in place of LRU, which vLLM can be told. vLLM marks a running request's blocks in lower tiers as used at every block it
// fills, the model only when a request starts and ends. A tier smaller than one request keeps the request's beginning,
// where vLLM's keeps what fits the moment. SGLang's radix tree (token-accurate) and llama.cpp's slots are other machines:
// block size 1 comes near the first.
package kvcache

// Hash names a full block: its tokens and all before it. Any 64-bit value will do as long as equal means equal; Chain
// makes them from token ids, a trace brings its own.
//
// Hashes of Chain behave like random numbers: among n different blocks, two share a name with a probability below
// n²/2⁶⁵. That is one in 250,000 for twelve million blocks.
type Hash uint64

// Tier is a level of the cache, fastest first.
type Tier int

// The tiers.
const (
	GPU Tier = iota
	CPU
	Disk

	NumTiers = 3
)

// String is the tier's name in flags, records and tables: gpu, cpu, disk.
func (t Tier) String() string {
	switch t {
	case GPU:
		return "gpu"
	case CPU:
		return "cpu"
	case Disk:
		return "disk"
	}
	return "unknown"
}

// Hits is what a request found: the leading run of its blocks, counted by the tier each was found in.
type Hits [NumTiers]int

// Blocks is the length of the run.
func (h Hits) Blocks() int { return h[GPU] + h[CPU] + h[Disk] }

// Loaded is the number of blocks that come from below the GPU.
func (h Hits) Loaded() int { return h[CPU] + h[Disk] }
