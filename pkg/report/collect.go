package report

import (
	"math"
	"strings"

	"github.com/tidwall/gjson"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// Collector takes the records of one run, in any order, and keeps what a summary needs: some 500 bytes a turn. Turns
// are copied; their gaps are counted and not kept. The zero value is not ready for use: see NewCollector.
type Collector struct {
	name     string
	o        Options
	run      *record.Run
	end      *record.End
	turns    []turn
	samples  []record.Sample // of the reference's array
	scrapes  []*record.Scrape
	prefixes []*record.Prefix
	gaps     map[string]*gaps // by arm
	errors   map[failure]int
	names    map[string]string // each conversation's and each arm's name once
	arm      string            // the one that is measured; see settle
}

// gaps are the times between the chunks of an arm's answers.
type gaps struct{ chunk, token *measure.Histogram }

// turn is what is kept of a record.Turn.
type turn struct {
	conversation string
	outcome      record.Outcome
	verify       string
	connection   string
	index        int
	attempts     int
	chunks       int
	reads        int
	merged       int
	asked        int // max_tokens
	readLateUS   int64
	connectMS    float64
	lagMS        float64 // sent minus scheduled, when issued
	// answerMS is the time to the first content, headersMS to the response's head, scheduledMS latency from scheduled.
	answerMS, headersMS, scheduledMS float64
	// queueMS is how long the request waited in the server before its prefill, as the server tells; NaN: it does not.
	queueMS               float64
	sent, firstToken, end record.Clock
	count                 count
	counted               record.Counted
	usage                 bool
	prompt, completion    int // of usage
	cached                int // -1: not known
	reasoning             int // -1: not known
	tiers                 map[string]int
	messages              int
	reasoningChunks       int
	arm                   string
	batch                 int
	sample                record.Sample
	issued                bool // there are both clocks of lag
	good                  bool // went well and is no warm-up: sample holds
	measured              bool // good, and of the arm that is measured
	warmup                bool
	streamed              bool
	reasoned              bool // something came before the answer's first content
}

// failure is a way to fail: an outcome and the first words of its error.
type failure struct {
	outcome record.Outcome
	status  int
	text    string
}

// NewCollector makes one for the run of that name: a file, or what a report should call it.
func NewCollector(name string, o Options) *Collector {
	return &Collector{
		name: name, o: o, gaps: make(map[string]*gaps), errors: make(map[failure]int), names: make(map[string]string),
	}
}

// Header is the run's header, nil if none was added.
func (c *Collector) Header() *record.Run { return c.run }

// SetCache takes o in place of the Options' Cache: what is known of it may depend on what the records say. Before Summary.
func (c *Collector) SetCache(o CacheOptions) { c.o.Cache = o }

// Add takes a record: a *record.Run, *record.Turn, *record.Scrape, *record.Prefix, *record.End or *record.Sample. Others
// are ignored.
func (c *Collector) Add(rec any) {
	switch r := rec.(type) {
	case *record.Run:
		c.run = r
	case *record.Turn:
		c.addTurn(r)
	case *record.Scrape:
		c.scrapes = append(c.scrapes, r)
	case *record.Prefix:
		c.prefixes = append(c.prefixes, r)
	case *record.End:
		c.end = r
	case *record.Sample:
		c.samples = append(c.samples, *r)
	}
}

// AddLog takes a whole run.
func (c *Collector) AddLog(l *record.Log) {
	if l.Run != nil {
		c.Add(l.Run)
	}
	for _, t := range l.Turns {
		c.Add(t)
	}
	for _, r := range l.Scrapes {
		c.Add(r)
	}
	for _, r := range l.Prefixes {
		c.Add(r)
	}
	if l.End != nil {
		c.Add(l.End)
	}
}

func (c *Collector) addTurn(t *record.Turn) {
	id := c.once(t.Conversation)
	k := turn{
		conversation: id, outcome: t.Outcome, verify: t.Verify, connection: t.Connection, index: t.Turn,
		attempts: t.Attempts, chunks: t.Chunks, reads: t.Reads, merged: t.Merged, asked: t.MaxTokens,
		readLateUS: t.ReadLateUS, connectMS: t.ConnectMS, answerMS: math.NaN(), headersMS: math.NaN(), scheduledMS: math.NaN(),
		sent: start(t), firstToken: t.FirstToken, end: t.End, count: countOf(t, c.o.Tokens), cached: -1, reasoning: -1, warmup: t.Warmup,
		counted: t.Counted, messages: t.Messages, arm: c.once(t.Arm), batch: t.Batch, streamed: t.Stream, queueMS: queueMS(t), reasoningChunks: t.ChunksReasoning,
	}
	if lag, ok := start(t).Since(t.Scheduled); ok {
		k.lagMS, k.issued = lag.Seconds()*1000, true
	}
	since := func(to *float64, at, from record.Clock) {
		if d, ok := at.Since(from); ok {
			*to = d.Seconds() * 1000
		}
	}
	since(&k.answerMS, t.FirstAnswer, start(t))
	since(&k.headersMS, t.Headers, start(t))
	since(&k.scheduledMS, t.End, t.Scheduled)
	k.reasoned = t.FirstAnswer != t.FirstToken
	if u := t.Usage; u != nil {
		k.usage, k.prompt, k.completion, k.tiers = true, u.Prompt, u.Completion, u.Tiers
		if u.Cached != nil {
			k.cached = *u.Cached
		}
		if u.Reasoning != nil {
			k.reasoning = *u.Reasoning
		}
	}
	if s, ok := SampleOf(t, c.o.Tokens); ok && !t.Warmup {
		s.Conversation = id
		k.sample, k.good = s, true
		c.addGaps(t, k.arm, k.count)
	}
	if !t.Outcome.OK() {
		f := failure{t.Outcome, t.Status, firstWords(t.Error)}
		if len(c.errors) < maxFailures || c.errors[f] > 0 {
			c.errors[f]++
		}
	}
	c.turns = append(c.turns, k)
}

// once is s, one copy of it for all turns.
func (c *Collector) once(s string) string {
	if s == "" {
		return ""
	}
	kept, ok := c.names[s]
	if !ok {
		kept = strings.Clone(s)
		c.names[kept] = kept
	}
	return kept
}

// queueMS is the time from a turn's sending to the begin of its prefill as the server tells it: vLLM says it, llama.cpp says
// how long the prefill took.
func queueMS(t *record.Turn) float64 {
	if len(t.ServerTimings) == 0 {
		return math.NaN()
	}
	if q := gjson.GetBytes(t.ServerTimings, "queue_time_ms"); q.Type == gjson.Number {
		return q.Num
	}
	first, ok := t.FirstToken.Since(start(t))
	if p := gjson.GetBytes(t.ServerTimings, "prompt_ms"); p.Type == gjson.Number && ok {
		return max(0, first.Seconds()*1000-p.Num)
	}
	return math.NaN()
}

// settle decides which turns the tables are of: in a run with control arms, those of the measured one. And it takes the
// preflight's word that a server leaves out a 0.
func (c *Collector) settle() {
	c.arm = primaryArm(c.turns)
	zero := c.run != nil && c.run.Preflight != nil && c.run.Preflight.ZeroOmitted
	for i := range c.turns {
		t := &c.turns[i]
		if zero && t.usage && t.cached < 0 {
			t.cached = 0
		}
		t.measured = t.good && t.arm == c.arm
	}
}

// maxFailures is how many different errors are told apart: a server may put a time or an id into each.
const maxFailures = 1000

// firstWords is the first line of an error, cut to what fits a line of a report.
func firstWords(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	const most = 90
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	return s
}

// evenChunks is how many tokens a chunk may have on average before its time is divided: a server may count an end token
// that is in no chunk.
const evenChunks = 1.05

func (c *Collector) addGaps(t *record.Turn, arm string, n count) {
	g := c.gaps[arm]
	if g == nil {
		g = &gaps{measure.NewHistogram(), measure.NewHistogram()}
		c.gaps[arm] = g
	}
	per := 1.0
	if len(t.GapsUS) > 0 && n.output > n.firstChunk {
		per = float64(n.output-n.firstChunk) / float64(len(t.GapsUS))
	}
	if per < evenChunks {
		per = 1
	}
	for _, us := range t.GapsUS {
		g.chunk.Add(us, 1)
		g.token.Add(int64(math.Round(float64(us)/per)), int64(math.Round(per)))
	}
}

// Read takes all runs of a stream: one collector for each header, and one for what comes before the first. A stream
// without records gives none. Lines that are no records are not an error: see the reader's Broken.
func Read(r *record.Reader, name string, o Options) ([]*Collector, error) {
	var all []*Collector
	var cur *Collector
	array := false
	for r.Scan() {
		rec := r.Record()
		_, header := rec.(*record.Run)
		_, sample := rec.(*record.Sample)
		// The reference's samples are no part of a run of ours, nor the other way round.
		if cur == nil || header || sample != array {
			cur = NewCollector(name, o)
			all = append(all, cur)
			array = sample
		}
		cur.Add(rec)
	}
	return all, r.Err()
}
