package report

import (
	"fmt"
	"math"
	"strconv"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/measure"
	"multiturn/pkg/render"
)

// Worth is what one tier of the cache was worth to the measured turns.
type Worth struct {
	// Tier is gpu, cpu, disk or the server's name of another one; AnyTier if hits
	// are known and where they were is not.
	Tier string `json:"tier"`
	// From is where the tier's hits come from: usage, the server's counters, or the
	// prediction.
	From string `json:"from"`
	// Tokens are the hits of all Turns, PerTurn their mean, and Share their share of
	// the prompt tokens.
	Tokens  Number `json:"tokens"`
	Turns   int    `json:"turns"`
	PerTurn Number `json:"tokens_per_turn"`
	Share   Number `json:"share_of_prompt_tokens"`
	// TTFT is how much later the first token of a turn would come on average if the
	// tier's hits were computed, by the cost model: below 0, the tier costs time. The
	// interval is to hold the difference between the means of a run without the tier
	// and this one, both with their noise, where requests do not wait for each other.
	// It has only an upper end if the time of loads is unknown, and none if the cost
	// model is rejected: Why is the reason.
	TTFT Estimate `json:"ttft_ms_per_turn"`
	Why  string   `json:"unknown_because,omitempty"`
	// Computed and Loaded are what a token of the tier costs otherwise and now, in
	// ms.
	Computed Number `json:"computed_ms_per_token"`
	Loaded   Number `json:"loaded_ms_per_token"`
}

// AnyTier is the tier of hits whose place is unknown.
const AnyTier = "any"

// known reports whether the worth has a value.
func (w *Worth) known() bool { return w.TTFT.Value.OK() }

// lower reports whether the tier is below the GPU.
func (w *Worth) lower() bool { return w.Tier != kvcache.GPU.String() && w.Tier != AnyTier }

// worth returns the worth of each tier that the server has or had hits in, the
// fastest first.
func (c *Collector) worth(d *Details) []Worth {
	hits, mean := c.tierHits(d), c.meanTTFT()
	if hits.turns == 0 || !mean.OK() {
		return nil
	}
	names := make(map[string]bool)
	for name, n := range hits.tokens {
		if n > 0 || name == kvcache.GPU.String() {
			names[name] = true
		}
	}
	if p := d.Prediction; p != nil && !names[AnyTier] {
		for _, t := range p.Shape.Tiers {
			names[t.Tier] = true
		}
	}
	unpriced := c.unpriced(d)
	var all []Worth
	for _, name := range tierOrder(names) {
		w := Worth{
			Tier: name, From: hits.from, Turns: hits.turns, Tokens: hits.tokens[name],
			PerTurn: hits.tokens[name] / Number(hits.turns), Share: share(hits.tokens[name], hits.prompt),
			TTFT: noEstimate("ms"), Computed: unknown, Loaded: unknown,
		}
		w.price(d, mean, unpriced)
		all = append(all, w)
	}
	return all
}

// unpriced returns why the cost model cannot price hits, "" if it can.
func (c *Collector) unpriced(d *Details) string {
	var (
		of, known       int
		streamed, usage bool
		cached, prompt  int64
		m               = d.Cost
	)
	for i := range c.turns {
		t := &c.turns[i]
		if !t.good {
			continue
		}
		of++
		streamed, usage = streamed || t.streamed, usage || t.usage
		if t.usage && t.cached >= 0 {
			known++
			cached, prompt = cached+int64(t.cached), prompt+int64(t.prompt)
		}
	}
	switch {
	case d.tooManyFailed():
		return "too many turns failed"
	case d.prompts.found():
		return "prompt tokens by usage are not the whole prompts"
	case m != nil && m.Fit:
		return ""
	case of > 0 && !streamed:
		return "answers are not streamed, so times to the first token are unknown"
	case of > 0 && !usage:
		return "answers have no usage, so the hits of single turns are unknown"
	case of > 0 && known == 0:
		return "the server does not report the hits of single turns"
	case prompt > 0 && share(Number(cached), prompt) >= heldShare:
		return fmt.Sprintf("%s of the prompt tokens were hits, so the cost of computing cannot be fitted",
			percent(share(Number(cached), prompt)))
	case m == nil:
		return "no turn has a time to the first token and hits whose tiers are known"
	}
	return "the cost model is rejected: " + m.Why
}

// meanTTFT returns the mean time to the first token of the measured turns, in ms.
func (c *Collector) meanTTFT() Number {
	var sum, n Number
	for i := range c.turns {
		t := &c.turns[i]
		if first := Number(since(t.firstToken, t.sent)); t.measured && first.OK() {
			sum += first
			n++
		}
	}
	return sum / n
}

// price sets what the tier's hits are worth by the cost model. mean is that of
// the times to the first token; unpriced is why no hits can be priced, "" if they can.
func (w *Worth) price(d *Details, mean Number, unpriced string) {
	m := d.Cost
	switch {
	case w.Tokens == 0:
		w.TTFT = Estimate{"ms", 0, 0, 0}
		return
	case unpriced != "":
		w.Why = unpriced
		return
	}
	w.Loaded = 0
	name := w.Tier
	if !w.lower() {
		name = termCached
	}
	term := m.index(name)
	switch {
	case !w.lower() || term >= 0:
	case m.loadsUnpriced: // loads waited for each other, and the server's time of them has that
		w.Loaded = unknown
	default:
		w.Loaded = w.serverLoad(d)
	}
	if w.Loaded.OK() {
		w.value(m, term, mean)
		return
	}
	w.Why, w.Loaded = "how long its loads take is unknown", 0
	w.value(m, term, mean)
	w.Loaded, w.TTFT.Value, w.TTFT.Low = unknown, unknown, unknown
}

// value sets what computing the tier's hits would take, less what loading them
// takes: by the model's term of that index if there is one, else Loaded.
func (w *Worth) value(m *CostModel, term int, mean Number) {
	weights := m.computing(float64(w.PerTurn))
	computed, _ := m.r.Combine(weights)
	w.Computed = Number(computed) / w.PerTurn
	if term > 0 {
		weights[term] = -float64(w.PerTurn)
		w.Loaded = m.Terms[term].Value
	}
	v, in := m.r.Combine(weights)
	if term <= 0 {
		v -= float64(w.PerTurn * w.Loaded)
	}
	// The noise of a time grows with it, so that of the run without the tier is
	// larger by as much as its mean.
	without := m.noise * max(1, (float64(mean)+v)/float64(mean))
	apart := runsApart * (float64(mean) + max(0, v))
	half := Number(math.Sqrt(math.Pow((in.High-in.Low)/2, 2) + m.noise*m.noise + without*without +
		apart*apart))
	w.TTFT = Estimate{"ms", Number(v), Number(v) - half, Number(v) + half}
}

// runsApart is how far the mean times of two equal runs are apart, as a share, by
// what neither run shows: a stall in one of them. On a quiet machine it was up to
// 0.3 % (docs/measurements.md).
const runsApart = 0.005

// noiseOfMean returns the half width of the 95 % interval of the mean of a fit's
// residuals: how far the mean of a run's times is from what the fit says by
// chance. names are the residuals' conversations.
func noiseOfMean(residuals []float64, names []string) float64 {
	in := measure.MeanOfClusters(residuals, names, 0.95)
	if !in.OK() { // too few conversations
		each := make([]string, len(residuals))
		for i := range each {
			each[i] = strconv.Itoa(i)
		}
		in = measure.MeanOfClusters(residuals, each, 0.95)
	}
	return (in.High - in.Low) / 2
}

// serverLoad returns the time of loading a token by the server's counters, in ms.
// They do not divide it by tiers, so it is known for an only lower tier.
func (w *Worth) serverLoad(d *Details) Number {
	k := d.Counters
	sec, lower := k.value("load_seconds"), Number(0)
	for tier, n := range k.tiers() {
		switch {
		case tier == kvcache.GPU.String():
		case tier != w.Tier && n > 0:
			return unknown
		default:
			lower += n
		}
	}
	if !sec.OK() || lower <= 0 {
		return unknown
	}
	return 1000 * sec / lower
}

// tierWorth returns what each tier was worth, as a table.
func (d *Details) tierWorth() []render.Section {
	if len(d.Worth) == 0 {
		return nil
	}
	return []render.Section{{
		Name: "tier_worth", Rows: rows(d.Worth, func(w *Worth) string { return w.Tier }),
		Title: fmt.Sprintf("Worth of each tier (hits: %s; ms of TTFT a turn, queueing not counted):",
			d.sourceOfHits(d.Worth[0].From)),
		About: "How much later first tokens would come if a tier's hits were computed.",
		Columns: []render.Column{
			render.Hundred("prompt %", "share_of_prompt_tokens"),
			render.Decimals("tokens a turn", "tokens_per_turn", 1),
			{Head: "computed ms", Text: significantCell("computed_ms_per_token")},
			{Head: "loaded ms", Text: significantCell("loaded_ms_per_token")},
			render.Decimals("worth", "ttft_ms_per_turn value", 2),
			render.Interval("95 %", "ttft_ms_per_turn low", "ttft_ms_per_turn high", 2),
		},
		Notes: unknownWorth(d.Worth),
	}}
}

// unknownWorth returns why the worth of tiers with hits is unknown, a line for each.
func unknownWorth(all []Worth) (notes []string) {
	for i := range all {
		if w := &all[i]; w.Why != "" && w.Tokens >= 1 {
			notes = append(notes, fmt.Sprintf("  %s: %s", w.Tier, w.Why))
		}
	}
	return notes
}

// significantCell writes a cell with its significant digits.
func significantCell(name string) func(render.Row) string {
	return func(r render.Row) string { return render.Significant(r.Number(name)) }
}
