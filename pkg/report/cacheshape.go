package report

import (
	"fmt"
	"math"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// CacheOptions state the server's cache, for predictions, and what else they need. The zero value takes what the records
// say of it.
type CacheOptions struct {
	// BlockSize is in tokens; 0 = what the server says, else the preflight's guess, else what all counts of cached tokens are
	// multiples of, else what is usual for such a server.
	BlockSize int
	// Blocks and GiB are the size of each tier, given one way or the other; 0 = what the server says of its GPU, no such
	// tier below it. GiB are counted as `mtbench plan` does: of each GPU, and below them of all together.
	Blocks [kvcache.NumTiers]int
	GiB    [kvcache.NumTiers]float64
	// Store is what each tier keeps, Exclusive that a block is in one tier only.
	Store     [kvcache.NumTiers]kvcache.Store
	Exclusive bool
	// Model turns tokens into bytes; nil = the built-in one of the run's model name, if there is one.
	Model   *kvcache.Model
	Serving kvcache.Serving
	// Turns says how turns are read, with the conversations' texts if they are known. Its BlockSize is not used; history and
	// number of turns are the run's own where its header has them.
	Turns plan.Executed
}

// Where a number of a shape comes from.
const (
	FromOptions = "stated"  // by Options
	FromServer  = "server"  // its metrics
	FromProbe   = "probe"   // the preflight's guess
	FromUsage   = "usage"   // what all its counts of cached tokens are multiples of
	FromGuess   = "assumed" // the habit of such servers
)

// CacheShape is the cache that predictions are made for.
type CacheShape struct {
	BlockSize     int         `json:"block_size"`
	BlockSizeFrom string      `json:"block_size_from"`
	Tiers         []CacheTier `json:"tiers"` // none: the size is not known, and nothing is predicted
	Exclusive     bool        `json:"exclusive"`
	Model         string      `json:"model,omitempty"` // whose keys and values are counted in bytes
	BytesPerToken int64       `json:"bytes_per_token,omitempty"`
	config        *kvcache.Config
}

// CacheTier is one tier of a shape.
type CacheTier struct {
	Tier   string `json:"tier"`
	Blocks int    `json:"blocks"` // -1 = no limit
	Store  string `json:"store"`
	From   string `json:"from"`
}

// shape finds the cache to predict for. The notes say why there is none, or what was assumed.
func (c *Collector) shape() (s CacheShape, notes []string) {
	o := &c.o.Cache
	kind, name := "", ""
	if c.run != nil {
		kind, name = c.run.Server.Kind, c.run.Model
	}
	model := o.Model
	if model == nil {
		model, _ = kvcache.ModelByName(name)
	}
	if model != nil {
		s.Model, s.BytesPerToken = model.Name, model.BytesPerToken(o.Serving)
	}
	size, blocks, servers := c.exposedCache()
	switch {
	case o.BlockSize > 0:
		s.BlockSize, s.BlockSizeFrom = o.BlockSize, FromOptions
	case size > 0:
		s.BlockSize, s.BlockSizeFrom = size, FromServer
	case c.run != nil && c.run.Preflight != nil && c.run.Preflight.BlockSize > 0:
		s.BlockSize, s.BlockSizeFrom = c.run.Preflight.BlockSize, FromProbe
	case c.cachedUnit() > 0:
		s.BlockSize, s.BlockSizeFrom = c.cachedUnit(), FromUsage
	default:
		s.BlockSize, s.BlockSizeFrom = server.Of(kind).BlockSize, FromGuess
	}

	config := kvcache.Config{BlockSize: s.BlockSize, Exclusive: o.Exclusive}
	for t := range config.Tiers {
		tier, from := kvcache.Tier(t), FromOptions
		n := o.Blocks[t]
		if n == 0 && o.GiB[t] > 0 {
			if model == nil {
				return s, append(notes, fmt.Sprintf("the %v tier's size is given in GiB, which are blocks only of a known model: nothing is predicted", tier))
			}
			bytes := o.GiB[t] * kvcache.GiB
			if tier != kvcache.GPU {
				bytes /= float64(max(1, o.Serving.TP)) // each rank has its part of a block there
			}
			if n = model.Blocks(bytes, s.BlockSize, o.Serving); n == 0 {
				return s, append(notes, fmt.Sprintf("%g GiB of the %v tier hold no block of %d tokens of %s: nothing is predicted", o.GiB[t], tier, s.BlockSize, model.Name))
			}
		}
		if n == 0 && tier == kvcache.GPU && blocks > 0 {
			n, from = blocks, FromServer
			if servers > 1 {
				notes = append(notes, fmt.Sprintf("the pools of %d servers are taken for one: a prediction for requests that are spread at random is lower", servers))
			}
		}
		if n == 0 {
			continue
		}
		config.Tiers[t] = kvcache.TierConfig{Blocks: n, Store: o.Store[t]}
		s.Tiers = append(s.Tiers, CacheTier{Tier: tier.String(), Blocks: n, Store: o.Store[t].String(), From: from})
	}
	s.Exclusive = o.Exclusive
	switch {
	case len(s.Tiers) == 0:
	case config.Tiers[kvcache.GPU].Blocks == 0:
		s.Tiers = nil
		notes = append(notes, "a tier below the GPU is stated, but the GPU's size is not known: nothing is predicted")
	default:
		if err := config.Validate(); err != nil {
			s.Tiers = nil
			return s, append(notes, fmt.Sprintf("nothing is predicted: %v", err))
		}
		s.config = &config
	}
	return s, notes
}

// minCounts is how many different counts of cached tokens tell the size of a block: fewer may have a multiple of it in
// common by chance.
const minCounts = 8

// cachedUnit is the largest number of tokens that all counts of cached tokens are multiples of; 0 if there are too few.
func (c *Collector) cachedUnit() int {
	seen := make(map[int]bool)
	unit := 0
	for i := range c.turns {
		n := int(c.turns[i].cached)
		if n <= 0 {
			continue
		}
		seen[n] = true
		for a := n; a != 0; {
			unit, a = a, unit%a
		}
	}
	if len(seen) < minCounts {
		return 0
	}
	return unit
}

// exposedCache is what servers say of their GPU's cache: the block size, and the usable blocks of all of them. 0 is not known.
func (c *Collector) exposedCache() (blockSize, blocks, servers int) {
	usable := func(blocks int) int {
		if c.run != nil && server.Of(c.run.Server.Kind).NullBlock {
			return max(1, blocks-1) // one is the null block
		}
		return blocks
	}
	whole := func(f float64) int {
		if f >= 1 && f <= math.MaxInt32/2 {
			return int(f)
		}
		return 0
	}
	of := make(map[string]int)
	for _, r := range c.scrapes {
		if n := whole(r.Values["block_size"]); n > 0 {
			blockSize = n
		}
		if n := whole(r.Values["gpu_blocks"]); n > 0 {
			of[r.URL] = usable(n)
		}
	}
	if c.run != nil {
		if blockSize == 0 {
			blockSize = c.run.Server.BlockSize
		}
		if n := c.run.Server.GPUBlocks; len(of) == 0 && n > 0 {
			of[""] = usable(n)
		}
	}
	for _, n := range of {
		blocks += n
	}
	return blockSize, blocks, len(of)
}

// executed says how the run's turns are read.
func (c *Collector) executed(blockSize int) plan.Executed {
	e := c.o.Cache.Turns
	e.BlockSize = blockSize
	if c.run != nil && c.run.Load != nil {
		e.DatasetHistory = e.DatasetHistory || c.run.Load.History == record.HistoryDataset
		e.MaxTurns = max(e.MaxTurns, c.run.Load.MaxMessages)
	}
	return e
}
