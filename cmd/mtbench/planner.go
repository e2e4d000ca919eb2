package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"multiturn/pkg/chat"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/cli"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
	"multiturn/pkg/synth"
	"multiturn/pkg/tokenizer"
)

// planner turns files into plans.
type planner struct {
	*planFlags
	call  *cli.Call
	size  plan.Sizes
	texts map[string]*chat.Conversation // of --conversations, once they were read
	tok   template.Tokenizer
}

func (p *planner) template() *template.Template {
	if p.overhead == templateBuiltIn {
		return template.Plain
	}
	return template.Opaque(p.overhead)
}

// config is the shape of the cache that was stated, nil if none was. gpuBlocks is what the server said of itself, 0 = nothing.
func (p *planner) config(blockSize, gpuBlocks int, size plan.Sizes) (*kvcache.Config, error) {
	c := &kvcache.Config{BlockSize: blockSize, Exclusive: p.exclusive}
	for t, given := range p.tiers {
		blocks := given.blocks
		if given.gib > 0 {
			if size.Model == nil {
				return nil, noModel(kvcache.Tier(t))
			}
			bytes := given.gib * kvcache.GiB
			if kvcache.Tier(t) != kvcache.GPU {
				bytes /= float64(p.tp) // each rank has its part of a block there
			}
			if blocks = size.Model.Blocks(bytes, blockSize, size.Serving); blocks == 0 {
				return nil, cli.UsageErrorf("--%v-gib %g holds no block of %d tokens of %s", kvcache.Tier(t), given.gib, blockSize, size.Model.Name)
			}
		}
		c.Tiers[t] = kvcache.TierConfig{Blocks: blocks, Store: p.store[t]}
	}
	if c.Tiers[kvcache.GPU].Blocks == 0 {
		c.Tiers[kvcache.GPU].Blocks = gpuBlocks
	}
	if c.Tiers[kvcache.GPU].Blocks == 0 {
		for t, tier := range c.Tiers {
			if tier.Blocks != 0 {
				return nil, cli.UsageErrorf("a %v tier is given, but no GPU: add --gpu-blocks or --gpu-gib", kvcache.Tier(t))
			}
		}
		return nil, nil
	}
	if err := c.Validate(); err != nil {
		return nil, cli.Exit(cli.Usage, err)
	}
	return c, nil
}

// read makes the plans of a file: one, or one for each run.
func (p *planner) read(ctx context.Context, name string) ([]*plan.Summary, error) {
	file, err := p.call.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	title := inputName(name)
	kind, in, err := plan.Detect(file)
	if err != nil {
		return nil, cli.UsageErrorf("%s: %w", title, err)
	}
	if p.noTokenizer && (kind == plan.Conversations || kind == plan.Generator) {
		return nil, cli.UsageErrorf("%s holds conversations, whose texts have to be tokenized: --no-tokenizer is for records", title)
	}
	if p.conversations != "" && kind != plan.Records {
		return nil, cli.UsageErrorf("%s holds %s: --conversations goes with records", title, kind)
	}
	switch kind {
	case plan.Records, plan.Samples:
		return p.records(ctx, in, title, kind)
	case plan.Trace:
		w, err := plan.FromTrace(in, p.blockSize, p.load.Speed)
		if err != nil {
			return nil, cli.UsageErrorf("%s: %w", title, err)
		}
		return p.one(w, title, kind, 0, p.size)
	}
	d, tok, err := p.dataset(ctx, in, name, p.tokenizer, p.model)
	if err != nil {
		return nil, err
	}
	load := p.load
	load.BlockSize = p.blockSize
	if err := enough(title, len(d), &load.Options); err != nil {
		return nil, err
	}
	bar := p.call.Progress("tokenizing", "conversations", int64(len(d)))
	defer bar.Done()
	load.Progress = bar.Add
	w, err := plan.Simulate(ctx, d, tok, load)
	bar.Done()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	return p.one(w, title, plan.Conversations, 0, p.size)
}

// dataset reads conversations, or makes them by a generator's config, and opens
// the tokenizer.
func (p *planner) dataset(
	ctx context.Context, in io.Reader, name, tokenizer, model string,
) ([]chat.Conversation, template.Tokenizer, error) {
	tok, _, err := p.call.Tokenizer(ctx, tokenizer, model)
	if err != nil {
		return nil, nil, err
	}
	d, err := readDataset(in, name)
	if err != nil {
		return nil, nil, err
	}
	if err := d.generate(ctx, p.call, synth.Options{Seed: p.load.Seed}, tok); err != nil {
		return nil, nil, err
	}
	if len(d.conversations) == 0 {
		return nil, nil, cli.UsageErrorf("%s: no conversation in it", inputName(name))
	}
	return d.conversations, tok, nil
}

// one analyses a workload.
func (p *planner) one(w *plan.Workload, title string, kind plan.Kind, gpuBlocks int, size plan.Sizes) ([]*plan.Summary, error) {
	config, err := p.config(w.BlockSize, gpuBlocks, size)
	if err != nil {
		return nil, err
	}
	// The ideal cache keeps what the tier that keeps most does.
	store := p.store[kvcache.GPU]
	for t, tier := range p.store {
		if config != nil && config.Tiers[t].Blocks != 0 {
			store = min(store, tier)
		}
	}
	a, err := plan.Analyse(w, config, store)
	if err != nil {
		return nil, err
	}
	return []*plan.Summary{plan.Summarise(a, plan.View{Name: title, Kind: kind, Sizes: size, Capacities: p.capacities})}, nil
}

// planRun is one run of a file of records.
type planRun struct {
	header    *record.Run
	turns     []*record.Turn
	blockSize int            // what the server says of its cache, in tokens; 0 = nothing
	blocks    map[string]int // usable blocks, by the address that said so
}

func (p *planner) records(ctx context.Context, in io.Reader, title string, kind plan.Kind) ([]*plan.Summary, error) {
	r := record.NewReader(in, title)
	runs, err := readRuns(r)
	n, first := r.Broken()
	for _, bad := range first {
		p.call.Remarkf("%v (skipped)", bad)
	}
	if more := n - len(first); more > 0 {
		p.call.Remarkf("%s: %d more that could not be read (skipped)", title, more)
	}
	if err != nil {
		return nil, err
	}
	if err := p.readTexts(ctx, runs); err != nil {
		return nil, err
	}
	var out []*plan.Summary
	for i, run := range runs {
		e := plan.Executed{
			BlockSize: p.blockSize, Template: p.template(), DatasetHistory: p.load.DatasetHistory, Texts: p.texts, Tokenizer: p.tok,
			MaxTurns: p.load.MaxTurns,
		}
		if e.BlockSize == 0 {
			e.BlockSize = run.blockSize
		}
		blocks := 0
		for _, n := range run.blocks {
			blocks += n
		}
		size, name := p.size, title
		if len(runs) > 1 {
			name = fmt.Sprintf("%s, run %d", title, i+1)
		}
		if h := run.header; h != nil {
			if l := h.Load; l != nil {
				e.DatasetHistory = e.DatasetHistory || l.History == record.HistoryDataset
				e.MaxTurns = max(e.MaxTurns, l.MaxMessages)
			}
			if size.Model == nil {
				size.Model, _ = kvcache.ModelByName(h.Model)
			}
			if h.Label != "" {
				name += " (" + h.Label + ")"
			}
		}
		w := plan.FromTurns(run.turns, e)
		if len(w.Requests) == 0 {
			return nil, fmt.Errorf("%s: no turn of %d has reached a server and has its tokens counted", name, len(run.turns))
		}
		if blocks > 0 && p.tiers[kvcache.GPU] == (tierFlags{}) {
			p.call.Remarkf("%s: predicted for the %d blocks of %d tokens that the server said it has; --gpu-blocks predicts for others", name, blocks, w.BlockSize)
			if n := len(run.blocks); n > 1 {
				w.Notes = append(w.Notes, fmt.Sprintf("the blocks of %d servers are taken for one cache: requests that are spread at random hit less", n))
			}
		}
		more, err := p.one(w, name, kind, blocks, size)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s holds no turns; they are written by mtbench --records FILE", title)
	}
	return out, nil
}

// readTexts reads --conversations, once, and opens the tokenizer: the runs' own if none is named.
func (p *planner) readTexts(ctx context.Context, runs []*planRun) error {
	if p.conversations == "" || p.texts != nil {
		return nil
	}
	tok, model := p.tokenizer, p.model
	for _, run := range runs {
		if h := run.header; h != nil && tok == "" && model == "" {
			if model = h.Model; h.Tokenizer.Name == tokenizer.O200k {
				tok = tokenizer.O200k
			}
		}
	}
	file, err := p.call.Open(p.conversations)
	if err != nil {
		return err
	}
	defer file.Close()
	conversations, t, err := p.dataset(ctx, file, p.conversations, tok, model)
	if err != nil {
		return err
	}
	p.tok, p.texts = t, make(map[string]*chat.Conversation, len(conversations))
	for i := range conversations {
		p.texts[conversations[i].ID] = &conversations[i]
	}
	return nil
}

// readRuns reads the turns of a file, each run's by themselves, and what servers say of their cache.
func readRuns(r *record.Reader) ([]*planRun, error) {
	var runs []*planRun
	var run *planRun
	begin := func() *planRun {
		if run == nil {
			run = &planRun{}
			runs = append(runs, run)
		}
		return run
	}
	for r.Scan() {
		switch x := r.Record().(type) {
		case *record.Run:
			run = nil
			begin().open(x)
		case *record.Turn:
			begin().turns = append(run.turns, x)
		case *record.Sample:
			begin().turns = append(run.turns, plan.SampleTurn(x))
		case *record.Scrape:
			begin().cache(x)
		}
	}
	return slices.DeleteFunc(runs, func(run *planRun) bool { return len(run.turns) == 0 }), r.Err()
}

// open begins the run with its header.
func (r *planRun) open(h *record.Run) {
	r.header = h
	r.blockSize = server.Of(h.Server.Kind).BlockSize
	r.shape("", h.Server.BlockSize, h.Server.GPUBlocks)
}

// cache takes the shape of the GPU's cache from what a server's metrics say.
func (r *planRun) cache(s *record.Scrape) {
	whole := func(f float64) int {
		if f >= 1 && f <= math.MaxInt32/2 {
			return int(f)
		}
		return 0
	}
	r.shape(s.URL, whole(s.Values["block_size"]), whole(s.Values["gpu_blocks"]))
}

// shape notes what the server at an address says of its GPU's cache; the header's word, without an address, gives way.
func (r *planRun) shape(url string, blockSize, blocks int) {
	if blockSize > 0 {
		r.blockSize = blockSize
	}
	if blocks <= 0 {
		return
	}
	if r.header != nil && server.Of(r.header.Server.Kind).NullBlock {
		blocks = max(1, blocks-1) // one is the null block
	}
	if r.blocks == nil {
		r.blocks = map[string]int{}
	}
	if url != "" {
		delete(r.blocks, "")
	}
	r.blocks[url] = blocks
}
