package server

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
)

// Quantity is one thing that servers expose in their metrics, under whatever
// name.
type Quantity struct {
	// Name is the quantity's name in records and in a report's JSON and CSV.
	Name string `json:"quantity"`
	// Label is its name in a table, Section the part of the table: tokens,
	// requests, time, offloading, cache.
	Label   string `json:"label"`
	Section string `json:"section"`
	Unit    string `json:"unit"`
	About   string `json:"about"`
	// Tier is the tier of the cache that it measures, and Measure what of it: the
	// same words for all tiers. Both are "" if it is not of a tier.
	Tier    string  `json:"tier"`
	Measure Measure `json:"measure"`
	// Gauge reports whether the quantity is a state, which has a mean and a
	// maximum. Otherwise it is a counter, and only the difference between two
	// readings makes sense.
	Gauge bool `json:"gauge"`
	// Mean reports whether series and servers are averaged. Otherwise they are
	// added.
	Mean bool `json:"mean"`
	// From are its sources, the newest name first. The first one that is exposed
	// counts: vLLM exposes several generations of counters at once, and adding them
	// up would count double. A quantity without an exposed source is unknown, which
	// is not 0.
	From []Source `json:"from"`
}

// Measure is what a quantity measures of a tier.
type Measure string

// Measures of a tier. Blocks are those that the tier looks up, stores and loads
// as one; a read is towards the GPU.
const (
	HitTokens     Measure = "tokens" // cached tokens that the tier supplied
	Queries       Measure = "queries"
	Hits          Measure = "hits" // queries that hit
	ReadBytes     Measure = "read_bytes"
	ReadSeconds   Measure = "read_seconds"
	ReadTokens    Measure = "read_tokens"
	ReadBlocks    Measure = "read_blocks"
	WrittenBytes  Measure = "written_bytes"
	WriteSeconds  Measure = "write_seconds"
	WrittenTokens Measure = "written_tokens"
	WrittenBlocks Measure = "written_blocks"
	Failures      Measure = "failures" // reads and writes that failed
)

// Measures lists all measures.
var Measures = []Measure{
	HitTokens, Queries, Hits, ReadBytes, ReadSeconds, ReadTokens, ReadBlocks,
	WrittenBytes, WriteSeconds, WrittenTokens, WrittenBlocks, Failures,
}

// Tiers are the tiers of the catalogue, from the GPU down: its memory, host
// memory, disks and other stores, and other servers.
var Tiers = []string{"gpu", "cpu", "disk", "p2p"}

// Source is one place where a quantity stands. Names are without the suffix
// _total, which some client libraries add and others do not. Of a histogram,
// NAME_sum and NAME_count are metrics of their own.
type Source struct {
	// Name is the metric; or Sum are several metrics to add.
	Name string   `json:"name"`
	Sum  []string `json:"sum"`
	// Labels, Match and Without select series: those with these label values, those
	// whose label values match, and those whose label values do not. Patterns match
	// whole values. LabelsOf are Labels for each of Sum.
	Labels   map[string]string   `json:"labels"`
	LabelsOf []map[string]string `json:"labelsOf"`
	Match    map[string]Pattern  `json:"match"`
	Without  map[string]Pattern  `json:"without"`
	// ValueOf is the label that holds the value, for metrics of the kind info, and
	// Times a label to multiply it by; "" = none.
	ValueOf string `json:"valueOf"`
	Times   string `json:"times"`
	// Seen reports whether the name was exposed by a server that was run: one of the
	// captures of scrape has it. Other names come from the servers' source or
	// documentation.
	Seen bool `json:"seen"`
}

// Pattern is a regular expression for a whole value.
type Pattern struct{ *regexp.Regexp }

// UnmarshalText compiles a pattern.
func (p *Pattern) UnmarshalText(text []byte) (err error) {
	if p.Regexp, err = regexp.Compile("^(?:" + string(text) + ")$"); err != nil {
		return fmt.Errorf("pattern %q: %w", text, err)
	}
	return nil
}

//go:embed catalogue.json
var catalogueJSON []byte

var catalogue = func() []Quantity {
	var c []Quantity
	if err := json.Unmarshal(catalogueJSON, &c); err != nil {
		// A fault of the build, which any test finds.
		panic("server: catalogue.json: " + err.Error())
	}
	return c
}()

// Quantities returns the catalogue, in its order. It must not be changed.
func Quantities() []Quantity { return catalogue }

// QuantityOf returns the quantity that is a measure of a tier, nil if no server
// exposes one.
func QuantityOf(tier string, m Measure) *Quantity {
	for i := range catalogue {
		if q := &catalogue[i]; q.Tier == tier && q.Measure == m {
			return q
		}
	}
	return nil
}
