package plan

import (
	"errors"
	"fmt"
	"slices"

	"multiturn/internal/human"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
)

// Source is where a number of a shape comes from.
type Source string

// Sources, in the order in which they are asked.
const (
	FromStated Source = "stated"  // by the user, now or when the run was started
	FromServer Source = "server"  // its metrics
	FromProbe  Source = "probe"   // the preflight's guess
	FromUsage  Source = "usage"   // what all counts of cached tokens are multiples of
	FromHits   Source = "hits"    // it had some: the tier exists, and its size is unknown
	FromHabit  Source = "assumed" // what is usual for such a server
)

// Shape is the cache that hits are predicted for, and where its numbers come
// from.
type Shape struct {
	BlockSize     int    `json:"block_size"` // tokens
	BlockSizeFrom Source `json:"block_size_from"`
	// OffloadBlockSize is the tokens that tiers below the GPU store and load at once,
	// if they are more than a block has. Sizes of tiers are in the GPU's blocks.
	OffloadBlockSize int `json:"offload_block_size,omitempty"`
	// Tiers are from the GPU down. There are none if the size is unknown; nothing is
	// predicted then.
	Tiers     []ShapeTier `json:"tiers"`
	Exclusive bool        `json:"exclusive"`
	// Model is whose keys and values are counted in bytes.
	Model         string `json:"model,omitempty"`
	BytesPerToken int64  `json:"bytes_per_token,omitempty"`

	// Sizes turn blocks into bytes.
	Sizes Sizes `json:"-"`
	// Replicas is how many servers have such a cache each; 0 if there is one. If their
	// sizes differ, the shape is that of the smallest.
	Replicas int `json:"replicas,omitempty"`
	// Config is the cache itself; nil if there are no tiers. Caches are those of all
	// replicas, in their order.
	Config *kvcache.Config `json:"-"`
	Caches Caches          `json:"-"`
	// Store is the policy of the tier that keeps most: what an unlimited cache of
	// this shape would keep.
	Store kvcache.Store `json:"-"`
	// Notes say what was assumed of the sizes of tiers, and what the model of a cache
	// leaves out of the model's layers.
	Notes []string `json:"-"`
}

// Assumption returns a note if the block size is only a guess from the kind of
// server, else "".
func (s *Shape) Assumption() string {
	if s.BlockSizeFrom != FromHabit {
		return ""
	}
	return fmt.Sprintf("blocks are assumed to be of %s: the records do not say",
		human.Count(s.BlockSize, "token"))
}

// ShapeTier is one tier of a shape.
type ShapeTier struct {
	Tier   string `json:"tier"`
	Blocks int    `json:"blocks"` // -1 = no limit
	Store  string `json:"store"`
	From   Source `json:"from"`
}

// Errors of Evidence.Shape.
var (
	// ErrNoModel is a size in GiB without a model.
	ErrNoModel = errors.New("GiB can be counted in blocks only for a known model")
	// ErrNoGPU is the size of a lower tier without that of the GPU.
	ErrNoGPU = errors.New("the GPU's size is not known")
)

// Shape finds the cache to predict for. Every command that predicts asks here,
// so all predict the same from the same records.
//
// What is stated goes before everything else; nil is what the run's header
// states. The block size then comes from the server's metrics, the preflight's
// guess, the common divisor of all counts of cached tokens, and last what is
// usual for such a server. The size of the GPU's tier then comes from the
// metrics, without the block that the server keeps for itself, and so do those
// of lower tiers, and the block by which these store, if the metrics have them. A
// lower tier that had hits and whose size is unknown has no limit. Other lower
// tiers are stated or do not exist.
//
// Of replicas each has a cache of its own. What is stated is the size of each, and
// the metrics have them one by one.
//
// Model names the model whose keys and values fill sizes in GiB, unless one is
// stated; "" is the run's.
//
// With an error the shape has no tiers, and the error says why. Only what is
// stated can cause one.
func (e *Evidence) Shape(stated *record.StatedCache, model string) (Shape, error) {
	var h record.Run
	if e.header != nil {
		h = *e.header
	}
	if stated == nil {
		stated = h.Cache
	}
	if stated == nil {
		stated = &record.StatedCache{}
	}
	if model == "" {
		model = h.Model
	}
	var s Shape
	var err error
	s.BlockSize, s.BlockSizeFrom = e.block(stated.BlockSize)
	if s.Sizes, err = sizes(stated, model); err != nil {
		return s, err
	}
	if m := s.Sizes.Model; m != nil {
		s.Model, s.BytesPerToken = m.Name, m.BytesPerToken(s.Sizes.Serving)
		if hybrid := m.Hybrid(); hybrid != "" {
			s.Notes = append(s.Notes, hybrid)
		}
	}
	return s, s.size(stated, e)
}

// size fills in the tiers.
func (s *Shape) size(stated *record.StatedCache, e *Evidence) error {
	config := kvcache.Config{BlockSize: s.BlockSize, Exclusive: stated.Exclusive}
	s.Exclusive = stated.Exclusive
	stores, err := Stores(stated)
	if err != nil {
		return err
	}
	s.Store = stores[kvcache.GPU]
	caches := slices.Repeat(Caches{config}, e.replicas())
	var tiers []ShapeTier
	for t := range config.Tiers {
		tier, from := kvcache.Tier(t), FromStated
		n, err := s.blocks(tier, statedTier(stated, tier))
		if err != nil {
			return err
		}
		each := slices.Repeat([]int{n}, len(caches))
		if n == 0 {
			each, from = s.learnt(tier, e)
		}
		if n = slices.Min(each); n == 0 {
			continue
		}
		s.Store = min(s.Store, stores[t])
		for i := range caches {
			caches[i].Tiers[t] = kvcache.TierConfig{Blocks: each[i], Store: stores[t]}
		}
		tiers = append(tiers, ShapeTier{tier.String(), n, stores[t].String(), from})
	}
	switch {
	case !slices.ContainsFunc(tiers, func(t ShapeTier) bool {
		return t.From == FromStated || t.Tier == kvcache.GPU.String()
	}):
		return nil
	case caches[0].Tiers[kvcache.GPU].Blocks == 0:
		return fmt.Errorf("a %s tier is stated, but %w", tiers[0].Tier, ErrNoGPU)
	}
	if len(tiers) > 1 {
		s.OffloadBlockSize = s.offloaded(stated, e)
	}
	for i := range caches {
		caches[i].OffloadBlockSize = s.OffloadBlockSize
		if err := caches[i].Validate(); err != nil {
			return err
		}
	}
	s.Tiers, s.Caches = tiers, caches
	s.Config = &s.Caches[s.Caches.smallest()]
	if len(caches) > 1 {
		s.Replicas = len(caches)
	}
	return nil
}

// offloaded returns the tokens that lower tiers store and load at once, if they
// are more than a block has: what is stated, else what the server says.
func (s *Shape) offloaded(stated *record.StatedCache, e *Evidence) int {
	switch {
	case stated.OffloadBlockSize == s.BlockSize:
		return 0
	case stated.OffloadBlockSize > 0 || s.Exclusive: // exclusive tiers have the GPU's blocks
		return stated.OffloadBlockSize
	}
	return e.offloaded(s.BlockSize)
}

// smallest returns the index of the cache with the smallest GPU tier.
func (c Caches) smallest() int {
	least := 0
	for i := range c {
		if c[i].Tiers[kvcache.GPU].Blocks < c[least].Tiers[kvcache.GPU].Blocks {
			least = i
		}
	}
	return least
}

// learnt returns the size of a tier that is not stated, in blocks by replica, and
// where it comes from; 0 = there is none, as far as is known.
func (s *Shape) learnt(tier kvcache.Tier, e *Evidence) ([]int, Source) {
	if tier == kvcache.GPU {
		return s.pools(e), FromServer
	}
	each := e.room(tier, s.BlockSize)
	if slices.Min(each) > 0 {
		return each, FromServer
	}
	if !e.hits[tier.String()] {
		return make([]int, len(each)), ""
	}
	s.Notes = append(s.Notes, fmt.Sprintf("the server has a %v tier of unknown size: predicted hits "+
		"are those of one without limit", tier))
	return slices.Repeat([]int{kvcache.Unlimited}, len(each)), FromHits
}

// pools returns the blocks of the GPUs by replica; 0 = unknown.
func (s *Shape) pools(e *Evidence) []int {
	each, servers := e.pools()
	switch least, most := slices.Min(each), slices.Max(each); {
	case servers > 1 && len(each) == 1:
		s.Notes = append(s.Notes, fmt.Sprintf("the pools of %d servers are taken for one: "+
			"a prediction for requests that are spread at random is lower", servers))
	case least < most:
		s.Notes = append(s.Notes, fmt.Sprintf("the GPUs of the replicas have %s to %s blocks: each "+
			"is predicted for its own", human.Thousands(least), human.Thousands(most)))
	}
	return each
}

// blocks returns the stated size of a tier; 0 = not stated.
func (s *Shape) blocks(tier kvcache.Tier, t record.StatedTier) (int, error) {
	if t.Blocks != 0 || t.GiB == 0 {
		return t.Blocks, nil
	}
	m := s.Sizes.Model
	if m == nil {
		return 0, fmt.Errorf("the %v tier: %w", tier, ErrNoModel)
	}
	bytes := t.GiB * kvcache.GiB
	if tier != kvcache.GPU {
		bytes /= float64(s.Sizes.Serving.TP) // each rank has its part of a block there
	}
	n := m.Blocks(bytes, s.BlockSize, s.Sizes.Serving)
	if n == 0 {
		return 0, fmt.Errorf("%g GiB of the %v tier hold no block of %d tokens of %s",
			t.GiB, tier, s.BlockSize, m.Name)
	}
	return n, nil
}
