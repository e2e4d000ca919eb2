package report

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// Summary is what a report says of one run.
type Summary struct {
	Name string      `json:"name"`
	Run  *record.Run `json:"run,omitempty"` // its header; nil when the stream had none
	// Parameters and Generation are what the reference prints above its table.
	Parameters []Parameter `json:"parameters,omitempty"`
	Generation []Parameter `json:"generation,omitempty"`
	// Tables are empty when no turn went well.
	Tables []Table `json:"tables"`
	// Details is nil for the reference's measurements, which do not have them.
	Details *Details `json:"details,omitempty"`
	// Samples are what the tables are of, in the order in which they came.
	Samples []record.Sample `json:"-"`
}

// Details are the blocks after the table.
type Details struct {
	Work          Work               `json:"work"`
	Outcomes      []OutcomeCount     `json:"outcomes"`
	Failures      []Failure          `json:"failures,omitempty"` // the commonest, at most maxListed
	Retried       int                `json:"turns_retried"`
	Verify        *Verify            `json:"verify,omitempty"`
	Tokens        TokenCounts        `json:"tokens"`
	Lengths       Lengths            `json:"answer_lengths"`
	Throughput    Throughput         `json:"throughput"`
	Distributions []Row              `json:"distributions"`
	First         Group              `json:"first_turns"`
	Later         Group              `json:"later_turns"`
	Turns         []Group            `json:"by_turn"`   // From and To are numbers of turns, from 1
	Contexts      []Group            `json:"by_prompt"` // From and To are tokens of input
	Cache         Cache              `json:"cache"`
	Connections   Connections        `json:"connections"`
	Intervals     []Intervals        `json:"intervals,omitempty"`
	Goodput       *Goodput           `json:"goodput,omitempty"`
	Certificate   record.Certificate `json:"certificate"`
}

// Work is what was planned and what became of it.
type Work struct {
	// Why the run ended; empty when it has no end record: it was killed, or goes on.
	Why   string `json:"why"`
	Error string `json:"error,omitempty"`
	// Without an end record, planned is what the header says, and nothing is known to be abandoned.
	Conversations record.Tally `json:"conversations"`
	Turns         record.Tally `json:"turns"`
	Warmup        int          `json:"warmup_turns"`
}

// OutcomeCount is how many turns, warm-up too, went one way.
type OutcomeCount struct {
	Outcome record.Outcome `json:"outcome"`
	N       int            `json:"n"`
}

// Failure is one kind of failure and how often it was met.
type Failure struct {
	Outcome record.Outcome `json:"outcome"`
	Status  int            `json:"status,omitempty"`
	Error   string         `json:"error,omitempty"`
	N       int            `json:"n"`
}

// Verify is how answers compared with the dataset's.
type Verify struct {
	Match    int `json:"match"`
	Mismatch int `json:"mismatch"`
}

// TokenCounts says who counted the tokens of the measured turns.
type TokenCounts struct {
	Usage        int              `json:"from_usage"`
	Estimated    int              `json:"estimated"` // by the client's tokenizer
	Unknown      int              `json:"unknown"`
	Tokenizer    record.Tokenizer `json:"tokenizer"`
	OutputLength string           `json:"output_length,omitempty"`
}

// Lengths compares answers with the length that was asked for, of the measured turns.
type Lengths struct {
	Asked   int `json:"asked"` // answers with a length asked for and a known one
	Met     int `json:"met"`
	Shorter int `json:"shorter"`
	Longer  int `json:"longer"`
}

// Throughput is of the measured turns, from the first send to the last end; per second. Tokens that are not known for
// every turn do not exist.
type Throughput struct {
	Seconds     Number `json:"seconds"`
	DrainSec    Number `json:"drain_sec"` // of which after the last send
	Requests    Number `json:"requests_per_sec"`
	Input       Number `json:"input_tokens_per_sec"`
	NewInput    Number `json:"uncached_input_tokens_per_sec"` // input less cached
	Output      Number `json:"output_tokens_per_sec"`
	InFlight    Number `json:"mean_in_flight"` // requests, failed ones too
	MaxInFlight int    `json:"max_in_flight"`
}

// Group is a part of the measured turns.
type Group struct {
	From int `json:"from"`
	To   int `json:"to"` // inclusive; 0 is without end

	N       int    `json:"n"`
	TTFT50  Number `json:"ttft_ms_p50"`
	TTFT99  Number `json:"ttft_ms_p99"`
	TPOT50  Number `json:"tpot_ms_p50"`
	Latency Number `json:"latency_ms_p50"`
	Input   Number `json:"input_tokens_mean"`
	Output  Number `json:"output_tokens_mean"`
	// Cached is the mean of those turns for which the server said it, CachedShare their cached tokens by their input.
	Cached      Number `json:"cached_tokens_mean"`
	CachedShare Number `json:"cached_share"`
	CachedKnown int    `json:"cached_known"` // turns
}

// Cache is what usage said of cached tokens, of the measured turns.
type Cache struct {
	Known  int              `json:"turns_known"`
	Of     int              `json:"turns"`
	Cached int64            `json:"cached_tokens"`
	Input  int64            `json:"input_tokens"` // of the turns that are known
	Share  Number           `json:"cached_share"`
	Tiers  map[string]int64 `json:"tiers,omitempty"`
}

// Connections counts what the turns were sent over.
type Connections struct {
	Reused  int `json:"reused"`
	New     int `json:"new"`
	Retried int `json:"retried"` // pooled ones had been closed by the server
	Unknown int `json:"unknown"`
	// ConnectMS is dial and TLS of those that were not reused.
	ConnectMS Row `json:"connect_ms"`
}

// Intervals are the 95 % intervals of a metric's numbers.
type Intervals struct {
	Name          string     `json:"name"`
	Conversations int        `json:"conversations"`
	Estimates     []Estimate `json:"estimates"`
}

// Estimate is a number and where it lies.
type Estimate struct {
	Name  string `json:"name"` // mean, 50%, ...
	Value Number `json:"value"`
	Low   Number `json:"low"`
	High  Number `json:"high"`
}

// Goodput is how many turns met all limits. Failed ones count against it, and so do those that an earlier failure kept
// from being sent.
type Goodput struct {
	Limits Limits `json:"limits"`
	Good   int    `json:"good"`
	Of     int    `json:"of"`
	Share  Number `json:"share"`
	PerSec Number `json:"good_per_sec"`
}

// maxListed is how many kinds of failure a report lists.
const maxListed = 5

// Summary makes the summary of all that was added.
func (c *Collector) Summary() *Summary {
	s := &Summary{Name: c.name, Run: c.run}
	if len(c.samples) > 0 {
		s.Samples = c.samples
		s.Tables = tables(c.samples, c.o, referenceWindow, math.NaN())
		return s
	}
	slices.SortStableFunc(c.turns, func(a, b turn) int { return cmp.Compare(a.sent, b.sent) })
	for i := range c.turns {
		if c.turns[i].measured {
			s.Samples = append(s.Samples, c.turns[i].sample)
		}
	}
	warmup := math.NaN()
	if c.end != nil && c.end.WarmupMS > 0 {
		warmup = c.end.WarmupMS / 1000
	}
	if c.run != nil {
		s.Parameters, s.Generation = parameters(c.run)
	}
	if len(s.Samples) > 0 {
		s.Tables = tables(s.Samples, c.o, c.window, warmup)
	}
	s.Details = c.details(s)
	return s
}

// window is to the last end of any turn that was sent in it, failed ones too: the server was busy with them.
func (c *Collector) window(rows []timed) float64 {
	var (
		from = rows[0].StartMS
		to   = from
	)
	for i := range c.turns {
		if t := &c.turns[i]; !t.warmup && t.sent.OK() && t.sent.MS() >= from {
			to = max(to, t.end.MS())
		}
	}
	return to - from
}

// details makes the blocks. The turns are in the order of their sending.
func (c *Collector) details(s *Summary) *Details {
	d := &Details{Work: c.work(), Outcomes: c.outcomes(), Failures: c.failures()}
	var match Verify
	for i := range c.turns {
		t := &c.turns[i]
		if t.attempts > 1 {
			d.Retried++
		}
		switch t.verify {
		case "match":
			match.Match++
		case "mismatch":
			match.Mismatch++
		}
	}
	if match != (Verify{}) {
		d.Verify = &match
	}
	d.Tokens, d.Lengths = c.tokens()
	d.Throughput = c.throughput(s)
	d.Distributions = c.distributions()
	d.First, d.Later, d.Turns, d.Contexts = c.groups()
	d.Cache = c.cache()
	d.Connections = c.connections()
	d.Intervals = c.intervals(s.Samples)
	d.Goodput = c.goodput(d)
	if c.end != nil {
		d.Certificate = c.end.Certificate
	}
	// A run that was killed has no certificate, but its turns tell a part of it.
	if d.Certificate.Verdict == "" {
		if c.run != nil && d.Certificate.Clocks == "" {
			d.Certificate.Clocks = c.run.Clocks
		}
		d.Certificate = c.Certificate(d.Certificate)
	}
	return d
}

func (c *Collector) work() Work {
	var w Work
	for i := range c.turns {
		if c.turns[i].warmup {
			w.Warmup++
		}
	}
	if c.end != nil {
		w.Why, w.Error, w.Conversations, w.Turns = c.end.Why, c.end.Error, c.end.Conversations, c.end.Turns
		return w
	}
	if c.run != nil {
		w.Conversations.Planned, w.Turns.Planned = c.run.Dataset.Conversations, c.run.Dataset.Turns
	}
	failed := make(map[string]bool)
	for i := range c.turns {
		t := &c.turns[i]
		if t.warmup {
			continue
		}
		w.Turns.Started++
		if t.outcome.OK() {
			w.Turns.Finished++
		} else {
			w.Turns.Failed++
		}
		failed[t.conversation] = failed[t.conversation] || !t.outcome.OK()
	}
	w.Conversations.Started = len(failed)
	for _, f := range failed {
		if f {
			w.Conversations.Failed++
		}
	}
	return w
}

func (c *Collector) outcomes() []OutcomeCount {
	n := make(map[record.Outcome]int)
	for i := range c.turns {
		n[c.turns[i].outcome]++
	}
	var out []OutcomeCount
	for _, o := range record.Outcomes {
		if n[o] > 0 {
			out = append(out, OutcomeCount{o, n[o]})
			delete(n, o)
		}
	}
	for _, o := range slices.Sorted(maps.Keys(n)) { // of a newer program
		out = append(out, OutcomeCount{o, n[o]})
	}
	return out
}

func (c *Collector) failures() []Failure {
	var out []Failure
	for f, n := range c.errors {
		out = append(out, Failure{f.outcome, f.status, f.text, n})
	}
	slices.SortFunc(out, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Error, b.Error))
	})
	return out[:min(len(out), maxListed)]
}

func (c *Collector) tokens() (TokenCounts, Lengths) {
	var (
		n TokenCounts
		l Lengths
	)
	if c.run != nil {
		n.Tokenizer, n.OutputLength = c.run.Tokenizer, c.run.OutputLength
	}
	for i := range c.turns {
		t := &c.turns[i]
		if !t.measured {
			continue
		}
		switch {
		case t.count.output < 0:
			n.Unknown++
			continue
		case t.count.estimated:
			n.Estimated++
		default:
			n.Usage++
		}
		if t.asked == 0 {
			continue
		}
		l.Asked++
		switch {
		case t.count.output < t.asked:
			l.Shorter++
		case t.count.output > t.asked:
			l.Longer++
		default:
			l.Met++
		}
	}
	return n, l
}

func (c *Collector) throughput(s *Summary) Throughput {
	p := Throughput{
		Seconds: Unknown, DrainSec: Unknown, Requests: Unknown, Input: Unknown, NewInput: Unknown, Output: Unknown, InFlight: Unknown,
	}
	var (
		first, lastSent, lastEnd record.Clock
		open                     float64 // request-seconds
	)
	for i := range c.turns {
		t := &c.turns[i]
		if t.warmup || !t.sent.OK() {
			continue
		}
		if first == 0 {
			first = t.sent
		}
		lastSent, lastEnd = max(lastSent, t.sent), max(lastEnd, t.end)
		if t.end.OK() {
			open += float64(t.end-t.sent) / 1e9
		}
	}
	p.MaxInFlight = maxInFlight(measuredLoad(c.turns))
	sec := float64(lastEnd-first) / 1e9
	if first == 0 || sec <= 0 {
		return p
	}
	p.Seconds, p.DrainSec, p.InFlight = Number(sec), Number(float64(lastEnd-lastSent)/1e9), Number(open/sec)
	p.Requests = Number(float64(len(s.Samples)) / sec)
	sum := func(of func(*turn) int) Number {
		var total int64
		for i := range c.turns {
			if t := &c.turns[i]; t.measured {
				n := of(t)
				if n < 0 {
					return Unknown
				}
				total += int64(n)
			}
		}
		return Number(float64(total) / sec)
	}
	p.Input = sum(func(t *turn) int { return t.count.input })
	p.Output = sum(func(t *turn) int { return t.count.output })
	p.NewInput = sum(func(t *turn) int {
		if t.cached < 0 || t.count.input < 0 {
			return -1
		}
		return max(0, t.count.input-t.cached)
	})
	return p
}

// measuredLoad are the turns but for the warm-up.
func measuredLoad(turns []turn) []turn {
	return slices.DeleteFunc(slices.Clone(turns), func(t turn) bool { return t.warmup })
}

// detailPercentiles are those of distributions that the reference does not have.
var detailPercentiles = []float64{50, 90, 99}

// distributions are what has no row in the table.
func (c *Collector) distributions() []Row {
	var (
		rows []Row
		add  = func(name string, values []float64) {
			rows = append(rows, Row{name, describe(measure.New(values), detailPercentiles)})
		}
		ofTurns = func(name string, value func(*turn) float64) {
			var values []float64
			for i := range c.turns {
				if t := &c.turns[i]; t.measured {
					values = append(values, value(t))
				}
			}
			add(name, values)
		}
	)
	rows = append(rows, Row{"chunk_gap_ms", describeGaps(c.gaps)}, Row{"inter_token_ms", describeGaps(c.itl)})
	ofTurns("headers_ms", func(t *turn) float64 { return t.headersMS })
	if slices.ContainsFunc(c.turns, func(t turn) bool { return t.measured && t.reasoned }) {
		ofTurns("first_answer_ms", func(t *turn) float64 { return t.answerMS })
	}
	ofTurns("latency_from_scheduled_ms", func(t *turn) float64 { return t.scheduledMS })
	ofTurns("reasoning_tokens", func(t *turn) float64 {
		if t.reasoning < 0 {
			return math.NaN()
		}
		return float64(t.reasoning)
	})

	type talk struct {
		first, last record.Clock
		turns       int
		failed      bool
	}
	talks := make(map[string]*talk)
	for i := range c.turns {
		t := &c.turns[i]
		if t.warmup || !t.sent.OK() {
			continue
		}
		k := talks[t.conversation]
		if k == nil {
			k = &talk{first: t.sent}
			talks[t.conversation] = k
		}
		k.last = max(k.last, t.end)
		k.turns++
		k.failed = k.failed || !t.outcome.OK()
	}
	var length, turns []float64
	for _, k := range talks {
		if !k.failed && k.last.OK() {
			length = append(length, float64(k.last-k.first)/1e9)
			turns = append(turns, float64(k.turns))
		}
	}
	// Which conversations were finished is known only of a run that finished all it could.
	if c.end != nil && c.end.Why == "done" {
		add("conversation_sec", length)
		add("conversation_turns", turns)
	}

	type visit struct {
		at     int   // position among all turns sent
		tokens int64 // sent until and with it
		end    record.Clock
	}
	var (
		last                   = make(map[string]visit)
		sent                   int
		tokens                 int64
		away, between, reading []float64
	)
	for i := range c.turns {
		t := &c.turns[i]
		if !t.sent.OK() {
			continue
		}
		if v, ok := last[t.conversation]; ok && t.measured && v.end.OK() {
			away = append(away, float64(t.sent-v.end)/1e9)
			between = append(between, float64(sent-v.at-1))
			reading = append(reading, float64(tokens-v.tokens))
		}
		tokens += int64(max(0, t.count.input))
		last[t.conversation] = visit{sent, tokens, t.end}
		sent++
	}
	add("reuse_sec", away)
	add("reuse_turns", between)
	add("reuse_tokens", reading)
	return slices.DeleteFunc(rows, func(r Row) bool { return r.Count == 0 })
}

// describeGaps turns microseconds into milliseconds. A histogram has no std.
func describeGaps(h *measure.Histogram) Description {
	d := Description{
		Count: int(h.N()), Mean: Number(h.Mean() / 1000), Std: Unknown, Min: Number(h.Min() / 1000), Max: Number(h.Max() / 1000),
	}
	for _, p := range detailPercentiles {
		d.Percentiles = append(d.Percentiles, Percentile{p, Number(h.Percentile(p) / 1000)})
	}
	return d
}

// Turns up to singleTurns have a line each in a report; beyond, ranges do.
const singleTurns = 12

// turnRange is the range that a turn, counted from 1, belongs to.
func turnRange(n int) (from, to int) {
	if n <= singleTurns {
		return n, n
	}
	return doubling(n, singleTurns+1, 20)
}

// promptRange is the range of input tokens that n belongs to: up to 1,024, then each twice the one before.
func promptRange(n int) (from, to int) { return doubling(n, 0, 1024) }

// doubling is the range that n belongs to: the first one, or one of those after it, each of which ends at twice the end
// of the one before. A number that only a broken record can hold is in the last one, which has no end.
func doubling(n, from, to int) (int, int) {
	for n > to {
		from, to = to+1, 2*to
		if to > 1<<40 {
			return from, 0
		}
	}
	return from, to
}

func (c *Collector) groups() (first, later Group, turns, contexts []Group) {
	var (
		opening  []*turn
		rest     []*turn
		byTurn   = make(map[[2]int][]*turn)
		byPrompt = make(map[[2]int][]*turn)
	)
	for i := range c.turns {
		t := &c.turns[i]
		if !t.measured {
			continue
		}
		if t.index == 0 {
			opening = append(opening, t)
		} else {
			rest = append(rest, t)
		}
		from, to := turnRange(t.index + 1)
		byTurn[[2]int{from, to}] = append(byTurn[[2]int{from, to}], t)
		if t.count.input >= 0 {
			from, to = promptRange(t.count.input)
			byPrompt[[2]int{from, to}] = append(byPrompt[[2]int{from, to}], t)
		}
	}
	list := func(by map[[2]int][]*turn) (out []Group) {
		for r, ts := range by {
			out = append(out, group(r[0], r[1], ts))
		}
		slices.SortFunc(out, func(a, b Group) int { return a.From - b.From })
		return out
	}
	return group(1, 1, opening), group(2, 0, rest), list(byTurn), list(byPrompt)
}

func group(from, to int, turns []*turn) Group {
	values := func(of func(*turn) float64) measure.Sample {
		v := make([]float64, len(turns))
		for i, t := range turns {
			v[i] = of(t)
		}
		return measure.New(v)
	}
	known := func(n int) float64 {
		if n < 0 {
			return math.NaN()
		}
		return float64(n)
	}
	var (
		ttft   = values(func(t *turn) float64 { return t.sample.TTFTMS })
		cached = values(func(t *turn) float64 { return known(t.cached) })
		input  float64
	)
	for _, t := range turns {
		if t.cached >= 0 && t.count.input >= 0 {
			input += float64(t.count.input)
		}
	}
	return Group{
		From: from, To: to, N: len(turns),
		TTFT50: Number(ttft.Median()), TTFT99: Number(ttft.Percentile(99)),
		TPOT50:  Number(values(func(t *turn) float64 { return t.sample.TPOTMS }).Median()),
		Latency: Number(values(func(t *turn) float64 { return t.sample.LatencyMS }).Median()),
		Input:   Number(values(func(t *turn) float64 { return known(t.count.input) }).Mean()),
		Output:  Number(values(func(t *turn) float64 { return known(t.count.output) }).Mean()),
		Cached:  Number(cached.Mean()), CachedShare: Number(cached.Sum() / input), CachedKnown: cached.N(),
	}
}

func (c *Collector) cache() Cache {
	k := Cache{Share: Unknown}
	for i := range c.turns {
		t := &c.turns[i]
		if !t.measured {
			continue
		}
		k.Of++
		if t.cached >= 0 && t.count.input >= 0 {
			k.Known++
			k.Cached += int64(t.cached)
			k.Input += int64(t.count.input)
		}
	}
	if k.Known > 0 {
		k.Share = Number(float64(k.Cached) / float64(k.Input))
	}
	if len(c.tiers) > 0 {
		k.Tiers = maps.Clone(c.tiers)
	}
	return k
}

func (c *Collector) connections() Connections {
	var (
		n  Connections
		ms []float64
	)
	for i := range c.turns {
		t := &c.turns[i]
		switch t.connection {
		case "reused":
			n.Reused++
		case "new":
			n.New++
		case "retried":
			n.Retried++
		default:
			n.Unknown++
		}
		if t.connectMS > 0 {
			ms = append(ms, t.connectMS)
		}
	}
	n.ConnectMS = Row{"connect_ms", describe(measure.New(ms), detailPercentiles)}
	return n
}

func (c *Collector) intervals(samples []record.Sample) []Intervals {
	var (
		out   []Intervals
		names = make([]string, len(samples))
		boot  = c.o.Bootstrap
	)
	for i := range samples {
		names[i] = samples[i].Conversation
	}
	if boot.Seed == 0 && c.run != nil {
		boot.Seed = uint64(c.run.Seed)
	}
	if boot.Resamples == 0 {
		// The time of a resample grows with the samples, the need for many does not.
		boot.Resamples = max(200, min(1000, 50_000_000/max(1, len(samples))))
	}
	for _, m := range []struct {
		name string
		of   func(*record.Sample) float64
	}{
		{"ttft_ms", func(s *record.Sample) float64 { return s.TTFTMS }},
		{"tpot_ms", func(s *record.Sample) float64 { return s.TPOTMS }},
		{"latency_ms", func(s *record.Sample) float64 { return s.LatencyMS }},
	} {
		values := make([]float64, len(samples))
		for i := range samples {
			values[i] = m.of(&samples[i])
		}
		clusters := measure.NewClusters(values, names)
		stats := []measure.Statistic{measure.Mean}
		for _, p := range detailPercentiles {
			stats = append(stats, measure.Percentile(p))
		}
		found := clusters.Intervals(boot, stats...)
		if !found[0].OK() {
			continue
		}
		sample := measure.New(values)
		e := []Estimate{{"mean", Number(sample.Mean()), Number(found[0].Low), Number(found[0].High)}}
		for i, p := range detailPercentiles {
			e = append(e, Estimate{Percentile{P: p}.Name(), Number(sample.Percentile(p)), Number(found[i+1].Low), Number(found[i+1].High)})
		}
		out = append(out, Intervals{m.name, clusters.N(), e})
	}
	return out
}

func (c *Collector) goodput(d *Details) *Goodput {
	if !c.o.Goodput.OK() {
		return nil
	}
	g := &Goodput{Limits: c.o.Goodput, Share: Unknown, PerSec: Unknown}
	for i := range c.turns {
		t := &c.turns[i]
		if t.warmup {
			continue
		}
		g.Of++
		if t.measured && g.Limits.met(&t.sample) {
			g.Good++
		}
	}
	g.Of += d.Work.Turns.Abandoned
	if g.Of > 0 {
		g.Share = Number(float64(g.Good) / float64(g.Of))
	}
	if d.Throughput.Seconds.OK() {
		g.PerSec = Number(float64(g.Good)) / d.Throughput.Seconds
	}
	return g
}
