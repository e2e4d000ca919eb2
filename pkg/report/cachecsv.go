package report

import (
	"maps"
	"slices"
)

// cacheCSV writes the blocks about the cache. Names are those of JSON.
func (d *Details) cacheCSV(put func(...string), add func(section, row, column string, v Number), name string) {
	for i, f := range d.Findings {
		put(name, "findings", integer(i+1), "kind", string(f.Kind))
		put(name, "findings", integer(i+1), "text", f.Text)
		put(name, "findings", integer(i+1), "evidence", f.Evidence)
	}
	estimate := func(section, row string, e Estimate) {
		add(section, row, "value", e.Value)
		add(section, row, "low", e.Low)
		add(section, row, "high", e.High)
	}
	if p := d.Prediction; p != nil {
		const section = "cache_plan"
		add(section, "shape", "block_size", Number(p.Shape.BlockSize))
		put(name, section, "shape", "block_size_from", p.Shape.BlockSizeFrom)
		for _, t := range p.Shape.Tiers {
			add(section, "shape", t.Tier+"_blocks", Number(t.Blocks))
			put(name, section, "shape", t.Tier+"_from", t.From)
			put(name, section, "shape", t.Tier+"_store", t.Store)
		}
		add(section, "shape", "unique_blocks", Number(p.UniqueBlocks))
		add(section, "shape", "live_blocks", Number(p.LiveBlocks))
		add(section, "shape", "blocks_for_99_percent_of_ideal", Number(p.ReachBlocks))
		for _, r := range p.named() {
			for _, c := range r.row.columns() {
				add(section, r.name, c.Name, c.Value)
			}
		}
	}
	k := d.Counters
	if k.Absent != "" {
		put(name, "counters", "absent", "", k.Absent)
	}
	if k.Invalid != "" {
		put(name, "counters", "invalid", "", k.Invalid)
	}
	for _, r := range k.metrics() {
		if !r.Gauge {
			add("counters", r.Name, "", r.change)
		}
	}
	if k.OK() {
		add("counters", "usage_prompt_tokens", "", Number(k.Prompt))
		add("counters", "usage_cached_tokens", "", Number(k.Cached))
		add("counters", "turns", "", Number(k.Turns))
		add("counters", "turns_unknown", "", Number(k.Unknown))
	}
	for _, r := range k.metrics() {
		if !r.Gauge {
			add("rates", r.Name, "per_second", r.rate)
			continue
		}
		add("states", r.Name, "mean", r.mean)
		add("states", r.Name, "max", r.max)
	}
	if r := d.Reuse; r != nil {
		for _, part := range []struct {
			name    string
			buckets []ReuseBucket
		}{{"seconds", r.Seconds}, {"turns", r.Turns}, {"tokens", r.Tokens}} {
			for i := range part.buckets {
				b := &part.buckets[i]
				for _, c := range []Column{
					{"n", Number(b.N)}, {"cumulative_share", b.Share}, {"hit_rate", b.HitRate}, {"eligible_hit_rate", b.EligibleRate},
					{"predicted_eligible_hit_rate", b.PredictedRate}, {"cached_known", Number(b.Known)},
				} {
					add("reuse_"+part.name, b.span(), c.Name, c.Value)
				}
			}
		}
	}
	if m := d.Cost; m != nil {
		m.csv(put, add, estimate, name)
	}
	if a := d.Arms; a != nil {
		a.csv(add, estimate)
	}
}

func (m *CostModel) csv(put func(...string), add func(section, row, column string, v Number), estimate func(section, row string, e Estimate), name string) {
	const section = "cost_model"
	fit := "no"
	if m.Fit {
		fit = "yes"
	}
	put(name, section, "fit", "", fit)
	put(name, section, "unfit_because", "", m.Why)
	put(name, section, "rule", "", m.Rule)
	for _, c := range []Column{
		{"turns", Number(m.N)}, {"of_turns", Number(m.Of)}, {"r2", m.R2}, {"residual_ms_std", m.ResidualStd}, {"residual_ms_p50", m.Residual50},
		{"residual_ms_p95", m.Residual95}, {"residual_ms_max", m.ResidualMax},
	} {
		add(section, c.Name, "", c.Value)
	}
	for _, t := range m.Terms {
		estimate(section, t.Name+"_ms", t)
	}
	estimate(section, "prefill_tokens_per_sec", m.Prefill)
	estimate(section, "break_even_bytes_per_sec", m.BreakEvenBytes)
	for _, t := range m.Tiers {
		estimate(section, t.Tier+"_tokens_per_sec", t.Tokens)
		estimate(section, t.Tier+"_bytes_per_sec", t.Bytes)
	}
	estimate(section, "prefill_sec_saved", m.Saved)
	estimate(section, "prefill_sec_without_cache", m.Whole)
}

func (a *Arms) csv(add func(section, row, column string, v Number), estimate func(section, row string, e Estimate)) {
	for i := range a.Arms {
		r := &a.Arms[i]
		for _, c := range []Column{
			{"conversations", Number(r.Conversations)}, {"turns", Number(r.Turns)}, {"failed", Number(r.Failed)}, {"prompt_tokens", Number(r.Prompt)},
			{"cached_tokens", r.Cached}, {"cached_known", Number(r.Known)}, {"cached_share", r.CachedShare}, {"ttft_ms_p50", r.TTFT50},
			{"ttft_ms_mean", r.TTFTMean},
		} {
			add("arms", r.Name, c.Name, c.Value)
		}
	}
	for i := range a.Effects {
		e := &a.Effects[i]
		section := "effect of " + e.Control
		row := func(name string, r *EffectRow) {
			add(section, name, "n", Number(r.N))
			estimate(section, name, r.Difference)
			add(section, name, "relative", r.Relative)
		}
		row("all turns", &e.All)
		row("later turns", &e.Later)
		for j := range e.Turns {
			row("turn "+spanOf(e.Turns[j].From, e.Turns[j].To), &e.Turns[j])
		}
	}
}

// columns are the row's numbers, under the names that they have in JSON.
func (r *CacheRow) columns() []Column {
	cols := []Column{
		{"n", Number(r.N)}, {"prompt_tokens", Number(r.Prompt)}, {"new_tokens", Number(r.New)}, {"ideal_tokens", Number(r.Ideal)},
		{"predicted_tokens", r.Predicted}, {"cached_tokens", r.Cached}, {"cached_known", Number(r.Known)}, {"hit_rate", r.HitRate},
		{"eligible_hit_rate", r.EligibleRate}, {"predicted_eligible_hit_rate", r.PredictedRate}, {"ttft_ms_p50", r.TTFT50},
		{"recompute_ttft_ms_p50", r.Recompute50},
	}
	for _, tier := range slices.Sorted(maps.Keys(r.PredictedTier)) {
		cols = append(cols, Column{"predicted_" + tier + "_tokens", r.PredictedTier[tier]})
	}
	for _, tier := range slices.Sorted(maps.Keys(r.CachedTier)) {
		cols = append(cols, Column{"cached_" + tier + "_tokens", r.CachedTier[tier]})
	}
	return cols
}
