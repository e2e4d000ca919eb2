package plan

import (
	"maps"
	"math"
	"slices"

	"multiturn/pkg/kvcache"
)

// Summary is what a plan says, for every format (Document) or drawn (SVG).
// Rates are shares of the prompt tokens, 0 to 1.
type Summary struct {
	Name          string `json:"name"`
	Kind          Kind   `json:"kind"`
	How           string `json:"interleaving"`
	BlockSize     int    `json:"block_size"`
	Requests      int    `json:"requests"`      // warm-up not counted
	Conversations int    `json:"conversations"` // 0 where they are not known
	// Replicas is how many had requests, 0 if there was one server. Each has a cache of
	// its own: sizes are of each, and hits are added.
	Replicas      int        `json:"replicas,omitempty"`
	PromptTokens  int64      `json:"prompt_tokens"`
	NewTokens     int64      `json:"new_tokens"` // of them new in their conversation
	OutputTokens  int64      `json:"output_tokens"`
	BlockAccesses int64      `json:"block_accesses"`
	UniqueBlocks  int        `json:"unique_blocks"`
	LargestBlocks int        `json:"largest_request_blocks"`
	PinnedBlocks  int        `json:"pinned_blocks"` // most that running requests need at a time
	Store         string     `json:"store"`
	Model         *ModelSize `json:"model,omitempty"`
	// Possible is the unlimited cache: its hits are the possible ones, all that
	// any cache could hit.
	Possible Capacity   `json:"possible"`
	Curve    []Capacity `json:"curve"`
	Cliff    *Cliff     `json:"cliff,omitempty"`
	Reach    []Reach    `json:"reach"`
	// WorkingSet is the workload cut into equal parts, of time or else of
	// requests: the most that was live in each.
	WorkingSet []WorkingSet `json:"working_set"`
	// Turns are by number of the request in its conversation, First and Later
	// all first ones and all others.
	Turns      []Row       `json:"turns,omitempty"`
	First      *Row        `json:"first_turns,omitempty"`
	Later      *Row        `json:"later_turns,omitempty"`
	All        Row         `json:"all_turns"`
	Prediction *Prediction `json:"prediction,omitempty"`
	Notes      []string    `json:"notes,omitempty"`
	timed      bool
	points     []kvcache.Point // for drawing
	blockBytes int64
}

// ModelSize is what a model makes of a token.
type ModelSize struct {
	Name          string   `json:"name"`
	BytesPerToken int64    `json:"bytes_per_token"` // on one GPU, as all sizes
	TP            int      `json:"tensor_parallel"`
	Notes         []string `json:"notes,omitempty"`
	// Layers are by kind; none if all have full attention.
	Layers []kvcache.Layers `json:"layers,omitempty"`
}

// Capacity is a size of a cache and what it hits.
type Capacity struct {
	Blocks    int      `json:"blocks"`
	Tokens    int64    `json:"tokens"`
	GiB       *float64 `json:"gib,omitempty"`
	HitBlocks int64    `json:"hit_blocks"`
	HitTokens int64    `json:"hit_tokens"`
	Rate      float64  `json:"hit_rate"`
	// OfPossible is hits as a share of the possible ones, the unlimited cache's.
	OfPossible float64 `json:"share_of_possible"`
}

// Cliff is where the curve rises most; see kvcache.Cliff.
type Cliff struct {
	From Capacity `json:"from"`
	To   Capacity `json:"to"`
	Rise float64  `json:"rise_of_possible"`
}

// Reach is the smallest capacity that hits a share of what the unlimited cache
// hits.
type Reach struct {
	Share float64 `json:"least_share_of_possible"`
	Capacity
}

// WorkingSet is one of the parts a workload is cut into.
type WorkingSet struct {
	Requests      int      `json:"requests"` // ended by then
	AtMS          *float64 `json:"at_ms,omitempty"`
	LiveBlocks    int      `json:"live_blocks"` // used so far, and will be again
	LiveGiB       *float64 `json:"live_gib,omitempty"`
	UniqueBlocks  int      `json:"unique_blocks"`
	RunningBlocks int      `json:"running_blocks"`
}

// Row is the turns of one number, in tokens.
type Row struct {
	Turn     int   `json:"turn"` // from 0; -1 for several
	Requests int   `json:"requests"`
	Prompt   int64 `json:"prompt_tokens"`
	New      int64 `json:"new_tokens"`
	Possible int64 `json:"possible_tokens"`
	// Hits are those of the stated shape, by tier.
	GPU      int64 `json:"gpu_tokens"`
	CPU      int64 `json:"cpu_tokens"`
	Disk     int64 `json:"disk_tokens"`
	Waited   int   `json:"waited"`
	TooLarge int   `json:"too_large"`
}

// Predicted is the hits of all tiers.
func (r *Row) Predicted() int64 { return r.GPU + r.CPU + r.Disk }

func (r *Row) add(t *Turn) {
	r.Requests++
	r.Prompt += int64(t.Prompt)
	r.New += int64(t.New)
	r.Possible += int64(t.Possible)
	r.GPU += int64(t.Hit[kvcache.GPU])
	r.CPU += int64(t.Hit[kvcache.CPU])
	r.Disk += int64(t.Hit[kvcache.Disk])
	if t.Waited {
		r.Waited++
	}
	if t.TooLarge {
		r.TooLarge++
	}
}

func (r Row) plus(o *Row) Row {
	r.Requests += o.Requests
	r.Prompt += o.Prompt
	r.New += o.New
	r.Possible += o.Possible
	r.GPU += o.GPU
	r.CPU += o.CPU
	r.Disk += o.Disk
	r.Waited += o.Waited
	r.TooLarge += o.TooLarge
	return r
}

// Prediction is the stated shape; its hits are in the rows.
type Prediction struct {
	Tiers     []TierSize `json:"tiers"`
	Exclusive bool       `json:"exclusive"`
	// OffloadBlockSize is the tokens that lower tiers store and load at once, if they
	// are more than a block has.
	OffloadBlockSize int `json:"offload_block_size,omitempty"`
	// GPUAlone is the hits of the GPU's tier without the tiers below it, in tokens;
	// nil if there are none.
	GPUAlone *int64 `json:"gpu_alone_tokens,omitempty"`
}

// TierSize is one tier of the stated shape.
type TierSize struct {
	Tier   string `json:"tier"`
	Blocks int    `json:"blocks"` // -1 = no limit
	Tokens int64  `json:"tokens"`
	// of a GPU tier on one GPU, of a lower one all GPUs' parts together
	GiB   *float64 `json:"gib,omitempty"`
	Store string   `json:"store"`
}

// View chooses what a summary shows of an analysis.
type View struct {
	Name  string
	Kind  Kind
	Sizes Sizes
	// Capacities, in blocks, are the points of the curve; empty = round ones between
	// the largest request and the capacity of all possible hits.
	Capacities []int
}

// reaches are the shares of the possible hits that a summary gives capacities for.
var reaches = []float64{0.5, 0.9, 0.99}

// parts of the working set's chart, and points of the curve's.
const (
	setParts    = 16
	curvePoints = 240
)

// Summarise puts an analysis into a form for people and programs.
func Summarise(a *Analysis, v View) *Summary {
	w := a.Workload
	s := &Summary{
		Name: v.Name, Kind: v.Kind, How: w.How, BlockSize: w.BlockSize, Store: a.Store.String(),
		Notes:         slices.Clone(w.Notes),
		BlockAccesses: a.Curve.Accesses, UniqueBlocks: a.Curve.Unique,
		LargestBlocks: a.Curve.Largest, PinnedBlocks: a.Pinned,
		PromptTokens: a.Curve.PromptTokens, All: Row{Turn: -1}, timed: w.Timed,
		Replicas: len(a.parts), blockBytes: v.Sizes.block(w.BlockSize), points: a.Curve.Points(curvePoints),
	}
	if m := v.Sizes.Model; m != nil {
		s.Model = &ModelSize{
			Name: m.Name, BytesPerToken: m.BytesPerToken(v.Sizes.Serving),
			TP: max(1, v.Sizes.Serving.TP), Notes: m.Notes,
		}
		if m.Hybrid() != "" {
			s.Model.Layers = m.Layers(v.Sizes.Serving)
		}
	}
	s.rows(a)
	capacity := func(p kvcache.Point) Capacity { return s.capacity(a.Curve, p) }
	s.Possible = capacity(a.Curve.Possible())
	list := v.Capacities
	if len(list) == 0 {
		list = steps(a.Curve)
	}
	s.Curve = []Capacity{}
	for _, n := range list {
		s.Curve = append(s.Curve, capacity(a.Curve.At(n)))
	}
	s.Reach = []Reach{}
	if s.Possible.HitTokens > 0 {
		c := a.Curve.Cliff()
		s.Cliff = &Cliff{From: capacity(a.Curve.At(c.From)), To: capacity(a.Curve.At(c.To)),
			Rise: c.Rise}
		for _, share := range reaches {
			s.Reach = append(s.Reach, Reach{share, capacity(a.Curve.Reach(share))})
		}
	}
	s.cutWorkingSet(a)
	if c := a.Caches.of(1); c != nil {
		p := &Prediction{Exclusive: c.Exclusive, OffloadBlockSize: c.OffloadBlockSize,
			GPUAlone: a.gpuAlone()}
		for t, tier := range c.Tiers {
			if tier.Blocks == 0 {
				continue
			}
			size := TierSize{Tier: kvcache.Tier(t).String(), Blocks: tier.Blocks, Tokens: -1,
				Store: tier.Store.String()}
			if tier.Blocks > 0 {
				size.Tokens, size.GiB = int64(tier.Blocks)*int64(c.BlockSize), s.gib(tier.Blocks)
				if size.GiB != nil && kvcache.Tier(t) != kvcache.GPU {
					*size.GiB *= float64(s.Model.TP)
				}
			}
			p.Tiers = append(p.Tiers, size)
		}
		s.Prediction = p
	}
	return s
}

func (s *Summary) gib(blocks int) *float64 {
	if s.blockBytes == 0 {
		return nil
	}
	g := float64(blocks) * float64(s.blockBytes) / kvcache.GiB
	return &g
}

func (s *Summary) capacity(c *kvcache.Curve, p kvcache.Point) Capacity {
	out := Capacity{Blocks: p.Capacity, Tokens: int64(p.Capacity) * int64(s.BlockSize),
		GiB: s.gib(p.Capacity), HitBlocks: p.HitBlocks, HitTokens: p.HitTokens, Rate: c.Rate(p)}
	if possible := c.Possible().HitTokens; possible > 0 {
		out.OfPossible = float64(p.HitTokens) / float64(possible)
	}
	return out
}

func (s *Summary) rows(a *Analysis) {
	conversations := map[string]bool{}
	byTurn := map[int32]*Row{} // a turn's number may be any
	first, later := Row{}, Row{Turn: -1}
	for i := range a.Turns {
		q := &a.Workload.Requests[i]
		if q.Warmup {
			continue
		}
		t := &a.Turns[i]
		s.Requests++
		s.NewTokens += int64(t.New)
		s.OutputTokens += int64(q.Output)
		s.All.add(t)
		if q.Index < 0 {
			continue
		}
		conversations[q.Conversation] = true
		if byTurn[q.Index] == nil {
			byTurn[q.Index] = &Row{Turn: int(q.Index)}
		}
		byTurn[q.Index].add(t)
		if q.Index == 0 {
			first.add(t)
		} else {
			later.add(t)
		}
	}
	for _, turn := range slices.Sorted(maps.Keys(byTurn)) {
		s.Turns = append(s.Turns, *byTurn[turn])
	}
	s.Conversations = len(conversations)
	if len(s.Turns) > 1 {
		s.First, s.Later = &first, &later
	}
}

// steps are the capacities to print: 1, 2, 5, 10, 20, ... or a denser row where
// those are few, from the largest request's size, below which a server could
// not run it, to where all possible hits are reached.
func steps(c *kvcache.Curve) []int {
	possible := c.Possible()
	if possible.HitTokens == 0 {
		return nil
	}
	least := max(c.Reach(0.01).Capacity/5, c.Largest)
	row := func(digits ...int) (out []int) {
		for decade := 1; ; decade *= 10 {
			for _, digit := range digits {
				n := digit * decade / 10
				if n >= possible.Capacity || decade > math.MaxInt32 {
					return append(out, possible.Capacity)
				}
				if n >= least {
					out = append(out, n)
				}
			}
		}
	}
	if out := row(10, 20, 50); len(out) >= 8 {
		return out
	}
	return row(10, 12, 15, 20, 25, 30, 40, 50, 60, 80)
}

// cutWorkingSet cuts the workload into equal parts.
func (s *Summary) cutWorkingSet(a *Analysis) {
	n := len(a.WorkingSet)
	s.WorkingSet = []WorkingSet{}
	if n == 0 {
		return
	}
	begin, end := a.WorkingSet[0].At, a.WorkingSet[n-1].At
	byTime := s.timed && end > begin
	part := func(i int) int {
		if byTime {
			return min(setParts-1,
				int(float64(a.WorkingSet[i].At-begin)/float64(end-begin)*setParts))
		}
		return i * setParts / n
	}
	for i, at := 0, 0; i < n; i = at {
		var p WorkingSet
		for at < n && part(at) == part(i) {
			u := a.WorkingSet[at]
			p.LiveBlocks, p.UniqueBlocks = max(p.LiveBlocks, int(u.Live)), max(p.UniqueBlocks, int(u.Unique))
			p.RunningBlocks = max(p.RunningBlocks, int(u.Running))
			at++
		}
		p.Requests, p.LiveGiB = at, s.gib(p.LiveBlocks)
		if s.timed {
			ms := float64(a.WorkingSet[at-1].At) / 1e6
			p.AtMS = &ms
		}
		s.WorkingSet = append(s.WorkingSet, p)
	}
}
