package report

import (
	"fmt"
	"math"

	"multiturn/internal/compact"
	"multiturn/pkg/measure"
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
)

// Collector takes the records of one run, in any order, and keeps what a summary
// needs: about 150 bytes a turn. Gaps go into histograms. Use NewCollector to make
// one.
type Collector struct {
	name     string
	o        Options
	run      *record.Run
	end      *record.End
	added    [][]turn // those that settle has not joined to turns yet
	turns    []turn
	samples  []record.Sample // of the reference's array
	scrapes  []*record.Scrape
	evidence plan.Evidence
	prefixes []*record.Prefix
	gaps     map[string]*gaps // by arm
	errors   map[failure]*Failure
	pausedMS float64 // before retries; NaN if some are unknown
	untrue   untrueNumbers
	// What turns share, once each.
	talks   compact.Pool[talk]
	endings compact.Pool[ending]
	arm     string // the one that is measured; see settle
	period  period // of the window; 0 is the whole run
}

// gaps are the times between the chunks of an arm's answers.
type gaps struct{ chunk, token *measure.Histogram }

// NewCollector returns a collector for one run. A report shows name, usually that
// of the file.
func NewCollector(name string, o Options) *Collector {
	return &Collector{
		name: name, o: o, gaps: make(map[string]*gaps), errors: make(map[failure]*Failure),
	}
}

// Header returns the run's header, nil if none was added.
func (c *Collector) Header() *record.Run { return c.run }

// SetCache replaces the Options' Cache, which may depend on the records. Call it
// before Summary.
func (c *Collector) SetCache(o CacheOptions) { c.o.Cache = o }

// Add adds a record: a *record.Run, *record.Turn, *record.Scrape,
// *record.Prefix, *record.End or *record.Sample. Others are ignored.
func (c *Collector) Add(rec any) {
	c.evidence.Add(rec)
	switch r := rec.(type) {
	case *record.Run:
		c.run = r
		c.untrue.add(r.Implausible, "the header")
	case *record.Turn:
		c.addTurn(r)
	case *record.Scrape:
		c.scrapes = append(c.scrapes, r)
		c.untrue.add(r.Implausible, "a reading of metrics")
	case *record.Prefix:
		c.prefixes = append(c.prefixes, r)
		c.untrue.add(r.Implausible, "the check of a prefix")
	case *record.End:
		c.end = r
		c.untrue.add(r.Implausible, "the end record")
	case *record.Sample:
		c.samples = append(c.samples, *r)
	}
}

// AddLog adds the records of a whole run.
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
	if t.Implausible != "" {
		c.untrue.add(t.Implausible, fmt.Sprintf("turn %d of %s", t.Turn+1, t.Conversation))
	}
	k := c.reduce(t)
	if k.good {
		c.addGaps(t.GapsUS, &k)
	}
	if !t.Outcome.OK() {
		f := failure{t.Outcome, t.Status, firstWords(t.Error)}
		if n, ok := c.errors[f]; ok {
			n.N++
		} else if len(c.errors) < maxFailures {
			c.errors[f] = &Failure{t.Outcome, t.Status, t.Error, 1}
		}
	}
	switch {
	case t.PausedMS > 0:
		c.pausedMS += t.PausedMS
	case t.Attempts > 1: // records before version 1.3
		c.pausedMS = math.NaN()
	}
	if n := len(c.added); n == 0 || len(c.added[n-1]) == cap(c.added[n-1]) {
		c.added = append(c.added, make([]turn, 0, addedAtOnce))
	}
	last := &c.added[len(c.added)-1]
	*last = append(*last, k)
}

// addedAtOnce is how many turns are added to one slice: one for all would leave
// several times its size behind as it grows.
const addedAtOnce = 1024

// join moves the turns that were added to turns.
func (c *Collector) join() {
	n := len(c.turns)
	for _, part := range c.added {
		n += len(part)
	}
	if n == len(c.turns) {
		return
	}
	all := append(make([]turn, 0, n), c.turns...)
	c.turns = nil
	for i, part := range c.added {
		all, c.added[i] = append(all, part...), nil
	}
	c.turns, c.added = all, nil
}

// settle joins the turns and marks those that the tables describe: in a run with
// control arms, those of the measured one. If the preflight found that the server
// leaves out a 0, it sets missing cached tokens to 0.
func (c *Collector) settle() {
	c.join()
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

// maxFailures is how many different errors are counted: a server may put a time
// or an id into each.
const maxFailures = 1000

// evenChunks is how many tokens a chunk may have on average before its time is
// divided: a server may count an end token that is in no chunk, which is 5 % of an
// answer of 20 tokens.
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

// Read reads all runs of a stream: it returns one collector for each header, and
// one for records before the first. Lines that are not records are no error: see
// the reader's Broken.
func Read(r *record.Reader, name string, o Options) ([]*Collector, error) {
	var all []*Collector
	var cur *Collector
	array := false
	for r.Scan() {
		rec := r.Record()
		_, header := rec.(*record.Run)
		_, sample := rec.(*record.Sample)
		// The reference's samples and our records are never of one run.
		if cur == nil || header || sample != array {
			cur = NewCollector(name, o)
			all = append(all, cur)
			array = sample
		}
		cur.Add(rec)
	}
	return all, r.Err()
}
