package report

import (
	"math"
	"strings"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
)

// Collector takes the records of one run, in any order, and keeps what a summary needs: some 300 bytes a turn. Turns
// are copied; their gaps are counted and not kept. The zero value is not ready for use: see NewCollector.
type Collector struct {
	name    string
	o       Options
	run     *record.Run
	end     *record.End
	turns   []turn
	samples []record.Sample // of the reference's array
	gaps    *measure.Histogram
	itl     *measure.Histogram
	errors  map[failure]int
	tiers   map[string]int64
	names   map[string]string // each conversation's id once
}

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
	sent, end                        record.Clock
	count                            count
	cached                           int // -1: not known
	reasoning                        int // -1: not known
	sample                           record.Sample
	issued                           bool // there are both clocks of lag
	measured                         bool // went well and is no warm-up: sample holds
	warmup                           bool
	reasoned                         bool // something came before the answer's first content
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
		name: name, o: o, gaps: measure.NewHistogram(), itl: measure.NewHistogram(),
		errors: make(map[failure]int), tiers: make(map[string]int64), names: make(map[string]string),
	}
}

// Add takes a record: a *record.Run, *record.Turn, *record.Scrape, *record.End or *record.Sample. Others are ignored.
func (c *Collector) Add(rec any) {
	switch r := rec.(type) {
	case *record.Run:
		c.run = r
	case *record.Turn:
		c.addTurn(r)
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
	if l.End != nil {
		c.Add(l.End)
	}
}

func (c *Collector) addTurn(t *record.Turn) {
	id, ok := c.names[t.Conversation]
	if !ok {
		id = strings.Clone(t.Conversation)
		c.names[id] = id
	}
	k := turn{
		conversation: id, outcome: t.Outcome, verify: t.Verify, connection: t.Connection, index: t.Turn,
		attempts: t.Attempts, chunks: t.Chunks, reads: t.Reads, merged: t.Merged, asked: t.MaxTokens,
		readLateUS: t.ReadLateUS, connectMS: t.ConnectMS, answerMS: math.NaN(), headersMS: math.NaN(), scheduledMS: math.NaN(),
		sent: start(t), end: t.End, count: countOf(t, c.o.Tokens), cached: -1, reasoning: -1, warmup: t.Warmup,
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
		if u.Cached != nil {
			k.cached = *u.Cached
		}
		if u.Reasoning != nil {
			k.reasoning = *u.Reasoning
		}
	}
	if s, ok := SampleOf(t, c.o.Tokens); ok && !t.Warmup {
		s.Conversation = id
		k.sample, k.measured = s, true
		c.addGaps(t, k.count)
		if t.Usage != nil {
			for tier, n := range t.Usage.Tiers {
				c.tiers[tier] += int64(n)
			}
		}
	}
	if !t.Outcome.OK() {
		f := failure{t.Outcome, t.Status, firstWords(t.Error)}
		if len(c.errors) < maxFailures || c.errors[f] > 0 {
			c.errors[f]++
		}
	}
	c.turns = append(c.turns, k)
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

func (c *Collector) addGaps(t *record.Turn, n count) {
	per := 1.0
	if len(t.GapsUS) > 0 && n.output > n.firstChunk {
		per = float64(n.output-n.firstChunk) / float64(len(t.GapsUS))
	}
	if per < evenChunks {
		per = 1
	}
	for _, us := range t.GapsUS {
		c.gaps.Add(us, 1)
		c.itl.Add(int64(math.Round(float64(us)/per)), int64(math.Round(per)))
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
