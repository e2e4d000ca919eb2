package report

import (
	"math"

	"multiturn/pkg/measure"
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
)

// Collector takes the records of one run, in any order, and keeps what a
// summary needs: some 180 bytes a turn. Turns are copied; their gaps are
// counted and not kept. The zero value is not ready for use: see NewCollector.
type Collector struct {
	name     string
	o        Options
	run      *record.Run
	end      *record.End
	turns    []turn
	samples  []record.Sample // of the reference's array
	scrapes  []*record.Scrape
	evidence plan.Evidence
	prefixes []*record.Prefix
	gaps     map[string]*gaps // by arm
	errors   map[failure]int
	// What turns share, once each.
	talks   map[talk]*talk
	endings map[ending]*ending
	arm     string // the one that is measured; see settle
}

// gaps are the times between the chunks of an arm's answers.
type gaps struct{ chunk, token *measure.Histogram }

// NewCollector makes one for the run of that name: a file, or what a report
// should call it.
func NewCollector(name string, o Options) *Collector {
	return &Collector{
		name: name, o: o, gaps: make(map[string]*gaps), errors: make(map[failure]int),
		talks: make(map[talk]*talk), endings: make(map[ending]*ending),
	}
}

// Header is the run's header, nil if none was added.
func (c *Collector) Header() *record.Run { return c.run }

// SetCache takes o in place of the Options' Cache: what is known of it may
// depend on what the records say. Before Summary.
func (c *Collector) SetCache(o CacheOptions) { c.o.Cache = o }

// Add takes a record: a *record.Run, *record.Turn, *record.Scrape,
// *record.Prefix, *record.End or *record.Sample. Others are ignored.
func (c *Collector) Add(rec any) {
	c.evidence.Add(rec)
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
	k := c.reduce(t)
	if k.good {
		c.addGaps(t.GapsUS, &k)
	}
	if !t.Outcome.OK() {
		f := failure{t.Outcome, t.Status, firstWords(t.Error)}
		if len(c.errors) < maxFailures || c.errors[f] > 0 {
			c.errors[f]++
		}
	}
	c.turns = append(c.turns, k)
}

// settle decides which turns the tables are of: in a run with control arms,
// those of the measured one. And it takes the preflight's word that a server
// leaves out a 0.
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

// maxFailures is how many different errors are told apart: a server may put a
// time or an id into each.
const maxFailures = 1000

// evenChunks is how many tokens a chunk may have on average before its time is
// divided: a server may count an end token that is in no chunk.
const evenChunks = 1.05

func (c *Collector) addGaps(us []int64, t *turn) {
	g := c.gaps[t.arm]
	if g == nil {
		g = &gaps{measure.NewHistogram(), measure.NewHistogram()}
		c.gaps[t.arm] = g
	}
	n := t.count()
	per := 1.0
	if len(us) > 0 && n.output > n.firstChunk {
		per = float64(n.output-n.firstChunk) / float64(len(us))
	}
	if per < evenChunks {
		per = 1
	}
	for _, gap := range us {
		g.chunk.Add(gap, 1)
		g.token.Add(int64(math.Round(float64(gap)/per)), int64(math.Round(per)))
	}
}

// Read takes all runs of a stream: one collector for each header, and one for
// what comes before the first. A stream without records gives none. Lines that
// are no records are not an error: see the reader's Broken.
func Read(r *record.Reader, name string, o Options) ([]*Collector, error) {
	var all []*Collector
	var cur *Collector
	array := false
	for r.Scan() {
		rec := r.Record()
		_, header := rec.(*record.Run)
		_, sample := rec.(*record.Sample)
		// The reference's samples are no part of a run of ours, nor the other
		// way round.
		if cur == nil || header || sample != array {
			cur = NewCollector(name, o)
			all = append(all, cur)
			array = sample
		}
		cur.Add(rec)
	}
	return all, r.Err()
}
