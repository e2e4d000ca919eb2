package plan

import (
	"cmp"
	"math"
	"strings"

	"multiturn/internal/limits"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// Evidence is what the records of one run say of the server's KV cache. The zero
// value has seen no record.
type Evidence struct {
	header    *record.Run
	blockSize int                    // of the metrics, in tokens
	blocks    map[string]int         // of the metrics, as exposed, by URL
	lower     map[lowerTier]capacity // of tiers below the GPU, by the metrics
	offload   int                    // of the metrics: the GPU's blocks in an offloaded one
	replica   map[string]int         // whose metrics are at a URL, from 1; 0 = unknown
	hits      map[string]bool        // tiers, by our names, that had hits
	counters  map[lowerTier]float64  // the first reading of each tier's counter of hits
	cached    unit
}

// Add takes a record of the run: a *record.Run, *record.Scrape or *record.Turn.
// Others are ignored. Records may come in any order.
func (e *Evidence) Add(rec any) {
	switch r := rec.(type) {
	case *record.Run:
		e.header = r
	case *record.Scrape:
		e.scrape(r)
	case *record.Turn:
		if r.Usage == nil {
			return
		}
		if r.Usage.Cached != nil {
			e.cached.add(*r.Usage.Cached)
		}
		for tier, n := range r.Usage.Tiers {
			e.hit(TierName(tier), float64(n))
		}
	}
}

func (e *Evidence) scrape(r *record.Scrape) {
	if e.replica == nil {
		e.replica = map[string]int{}
	}
	e.replica[r.URL] = r.Replica
	if n := whole(r.Values["block_size"], limits.Block); n > 0 {
		e.blockSize = n
	}
	if n := whole(r.Values["gpu_blocks"], limits.Count); n > 0 {
		if e.blocks == nil {
			e.blocks = map[string]int{}
		}
		e.blocks[r.URL] = n
	}
	if n := whole(r.Values["offload_blocks"], limits.Block); n > 0 {
		e.offload = n
	}
	for _, tier := range []kvcache.Tier{kvcache.CPU, kvcache.Disk} {
		c := capacity{
			tokens: whole(r.Values[tier.String()+"_tokens"], limits.Count),
			blocks: whole(r.Values[tier.String()+"_blocks"], limits.Count),
		}
		if c != (capacity{}) {
			if e.lower == nil {
				e.lower = map[lowerTier]capacity{}
			}
			e.lower[lowerTier{r.URL, tier}] = c
		}
		if n, ok := r.Values["cached_tokens_"+tier.String()]; ok {
			e.counted(r.URL, tier, n)
		}
	}
}

// counted takes a reading of a tier's counter of hits, which may have begun
// before the run: only its growth shows hits.
func (e *Evidence) counted(url string, tier kvcache.Tier, n float64) {
	key := lowerTier{url, tier}
	before, ok := e.counters[key]
	if !ok {
		if e.counters == nil {
			e.counters = map[lowerTier]float64{}
		}
		e.counters[key] = n
		return
	}
	e.hit(tier.String(), math.Abs(n-before))
}

// lowerTier is a tier below the GPU of one server.
type lowerTier struct {
	url  string
	tier kvcache.Tier
}

// capacity is the size of a tier as a server exposes it: in tokens, else in
// blocks of the GPU; 0 = not exposed.
type capacity struct{ tokens, blocks int }

// hit notes that a tier had n tokens of hits.
func (e *Evidence) hit(tier string, n float64) {
	if !(n > 0) {
		return
	}
	if e.hits == nil {
		e.hits = map[string]bool{}
	}
	e.hits[tier] = true
}

// replicas returns how many replicas shared the turns, at least 1.
func (e *Evidence) replicas() int {
	if e.header == nil {
		return 1
	}
	return max(1, len(e.header.Replicas))
}

// room returns the size of a lower tier by the metrics, in blocks of that many
// tokens, by replica; 0 = unknown.
func (e *Evidence) room(tier kvcache.Tier, blockSize int) []int {
	byURL := make(map[string]int)
	for of, c := range e.lower {
		switch {
		case of.tier != tier:
		case c.tokens > 0:
			byURL[of.url] = c.tokens / blockSize
		default:
			byURL[of.url] = c.blocks
		}
	}
	sizes, _ := e.share(byURL, func(s *record.Server) int {
		if tier != kvcache.CPU {
			return 0
		}
		return s.CPUTokens / blockSize
	})
	return sizes
}

// share returns a size by replica, as the metrics at each URL have it, or else the
// header, and of how many servers it is known. A size whose replica is not known is
// shared by all in equal parts, and a replica without a size is like the others.
func (e *Evidence) share(byURL map[string]int, of func(*record.Server) int) (sizes []int, servers int) {
	sizes = make([]int, e.replicas())
	several := len(sizes) > 1
	common := 0
	for url, n := range byURL {
		servers++
		if r := e.replica[url]; !several {
			sizes[0] += n
		} else if r >= 1 && r <= len(sizes) {
			sizes[r-1] += n
		} else {
			common += n
		}
	}
	if servers == 0 && e.header != nil {
		common = of(&e.header.Server)
		servers = min(common, 1)
		for i := range e.header.Replicas {
			if n := of(&e.header.Replicas[i].Server); n > 0 {
				sizes[i], common, servers = n, 0, len(sizes)
			}
		}
	}
	known := 0
	for i := range sizes {
		sizes[i] += common / len(sizes)
		known = cmp.Or(known, sizes[i])
	}
	for i := range sizes {
		sizes[i] = cmp.Or(sizes[i], known)
	}
	return sizes, servers
}

// offloaded returns the tokens that tiers below the GPU store and load at once,
// if the server says that they are more than a block; else 0.
func (e *Evidence) offloaded(blockSize int) int {
	switch {
	case e.offload > 1 && e.offload*blockSize <= limits.Block:
		return e.offload * blockSize
	case e.offload == 0 && e.header != nil && e.header.Server.OffloadBlockSize > blockSize &&
		e.header.Server.OffloadBlockSize%blockSize == 0:
		return e.header.Server.OffloadBlockSize
	}
	return 0
}

// TierName returns our name for a server's name of a tier: gpu, cpu, disk, or
// else the name itself.
func TierName(s string) string {
	switch {
	case s == "device":
		return kvcache.GPU.String()
	case s == "host":
		return kvcache.CPU.String()
	case strings.HasPrefix(s, "storage"):
		return kvcache.Disk.String()
	}
	return s
}

// whole returns a gauge as a count of at most that many, 0 if it cannot be one.
func whole(f float64, most int) int {
	if f >= 1 && f <= float64(most) {
		return int(f)
	}
	return 0
}

// server returns the entry of the run's server.
func (e *Evidence) server() *server.Server {
	if e.header == nil {
		return server.Of("")
	}
	return server.Of(e.header.Server.Kind)
}

// block returns the size of a block in tokens, and where it comes from.
func (e *Evidence) block(stated int) (int, Source) {
	var h record.Run
	if e.header != nil {
		h = *e.header
	}
	probed := 0
	if h.Preflight != nil {
		probed = h.Preflight.BlockSize
	}
	for _, s := range []struct {
		size int
		from Source
	}{
		{stated, FromStated},
		{e.blockSize, FromServer},
		{h.Server.BlockSize, FromServer},
		{probed, FromProbe},
		{e.cached.size(), FromUsage},
	} {
		if s.size > 0 {
			return s.size, s.from
		}
	}
	return e.server().BlockSize, FromHabit
}

// pools returns the usable blocks of the GPUs by replica, 0 if they are unknown, and
// of how many servers they are.
func (e *Evidence) pools() (blocks []int, servers int) {
	usable := func(n int) int {
		if e.server().NullBlock && n > 0 {
			return max(1, n-1)
		}
		return n
	}
	exposed := make(map[string]int)
	for url, n := range e.blocks {
		exposed[url] = usable(n)
	}
	return e.share(exposed, func(s *record.Server) int { return usable(s.GPUBlocks) })
}

// minCounts is how many different counts of cached tokens show the size of a
// block: fewer may share a larger divisor by chance.
const minCounts = 8

// unit is the largest number that all counts are multiples of.
type unit struct {
	divisor int
	seen    map[int]bool // different counts, up to minCounts
}

func (u *unit) add(n int) {
	if n <= 0 {
		return
	}
	if len(u.seen) < minCounts {
		if u.seen == nil {
			u.seen = map[int]bool{}
		}
		u.seen[n] = true
	}
	for n != 0 {
		u.divisor, n = n, u.divisor%n
	}
}

// size returns the unit, 0 if there were too few counts, or if no block is as large.
func (u *unit) size() int {
	if len(u.seen) < minCounts || u.divisor > limits.Block {
		return 0
	}
	return u.divisor
}
