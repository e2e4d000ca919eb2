// Package kvcache models the KV cache of an inference server: which prompt
// tokens a cache of a given size and kind would have hit, and how many any
// cache could have hit. It counts and names blocks, holds no tensors, and knows
// nothing of time, text or HTTP.
//
// # What is here
//
//	Chain    token ids to chained block hashes, as a conversation grows
//	Cache    a block-accurate cache of up to three tiers under running requests
//	Replay   a Cache under the requests of a run, in the order they ran and grew
//	Reuse    reuse distances in one pass: the hits at every capacity (a Curve);
//	         ChainReuse is the same for hashes of a Chain, in less memory and time
//	Bound    the most a turn can hit, from token counts alone
//	Model    KV bytes per token from a model's config.json: bytes to blocks
//	Trace    a reader of Mooncake traces
//
// # The rules modelled
//
// They are those of vLLM V1, taken from its documentation
// (design/prefix_caching, features/kv_offloading_usage), its block pool and its
// offloading connector:
//
//   - The unit is a full block of B tokens. A block is named by the hash of its
//     tokens and of the block before it, so equal names mean equal prefixes. A
//     partial block is never shared.
//   - A request hits the leading cached blocks of its prompt, up to the first
//     miss. At least one prompt token is always computed: a prompt of p tokens
//     hits at most (p-1)/B blocks.
//   - Running requests pin their blocks by reference counts. Blocks without
//     references stay cached in a free queue and are evicted in order of last
//     use. A request that ends frees its last block first, so the ends of
//     conversations are evicted before their beginnings. Its partial block can
//     never be hit and is empty at once.
//   - Blocks are taken as tokens are scheduled, and get their names when they
//     are full. If too few blocks are free the cache refuses; whether the
//     request waits or another is preempted is up to the caller.
//   - The KV of the last generated token is never computed: a request of p
//     prompt tokens and n generated tokens fills p+n-1.
//   - If two requests compute the same block at the same time, both copies stay
//     (vLLM does not merge them). A lookup finds the older copy.
//   - A lower tier (CPU, disk) is inclusive by default, as in vLLM's native
//     offloading: every block is copied as soon as it is full, and a request
//     that starts marks all its blocks there as used. Store selects whether
//     only prompt blocks or answer blocks too are copied. An exclusive tier
//     receives the blocks that the tier above evicts, and gives them up when
//     they are loaded.
//   - Tiers below the GPU may have larger blocks. They store such a block once all
//     of it is full, and load it as a whole, from the one in which the hits on the
//     GPU end; less than one is not loaded.
//   - A lookup tries the fastest tier first. After the leading blocks on the
//     GPU, each further block comes from the fastest lower tier that has it.
//
// # What is not modelled
//
// Time: loads from lower tiers finish at once and never fail (the simulator
// adds their duration). Sliding-window and linear-attention layers, whose
// blocks vLLM frees early or keeps in other groups: a Model counts their bytes,
// but the Cache treats every layer as full attention. Speculative slots,
// several cache groups, and adapters and images in block names (use a salt).
// vLLM's null block: give one block less. Options of vLLM's offloading: storing
// only from the second use on, and ARC in place of LRU.
//
// vLLM marks a running request's blocks in lower tiers as used with every block
// that it fills; the model does so only when a request starts and ends. A tier
// smaller than one request keeps the request's beginning, where vLLM keeps
// whatever fits at the moment. SGLang's radix tree (token-accurate) and
// llama.cpp's slots work differently; block size 1 comes close to the former.
package kvcache

// Hash names a full block: its tokens and all tokens before it. Any 64-bit
// values will do as long as equal values mean equal prefixes. Chain makes
// hashes from token ids; a trace brings its own.
//
// Hashes of a Chain behave like random numbers: among n different blocks, the
// probability that two share a name is below n²/2⁶⁵, which is one in 250,000
// for twelve million blocks.
type Hash uint64

// Tier is a level of the cache. Lower values are faster.
type Tier int

// The tiers, fastest first, and their number.
const (
	GPU Tier = iota
	CPU
	Disk

	NumTiers = 3
)

// String returns the tier's name in flags, records and tables: gpu, cpu or
// disk.
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

// Hits counts the blocks that a request hit, by the tier each was found in.
type Hits [NumTiers]int

// Blocks returns the number of blocks hit in all tiers.
func (h Hits) Blocks() int { return h[GPU] + h[CPU] + h[Disk] }

// Lookups counts the offloaded blocks that were looked up in each tier below the
// GPU, and those that it had. A tier is asked for the blocks that the tiers
// above do not have, up to the first block that none has.
type Lookups struct {
	Queries, Hits [NumTiers]int
}

// Loaded returns the number of blocks hit below the GPU, which have to be
// loaded.
func (h Hits) Loaded() int { return h[CPU] + h[Disk] }
