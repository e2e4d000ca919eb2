package server

import (
	_ "embed"
	"encoding/json"
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

	// Gauge reports whether the quantity is a state, which has a mean and a
	// maximum. Otherwise it is a counter, and only the difference between two
	// readings makes sense.
	Gauge bool `json:"gauge"`
	// Mean reports whether series and servers are averaged. Otherwise they are
	// added.
	Mean bool `json:"mean"`

	// From are its sources. The first one that is exposed counts: vLLM exposes
	// several generations of counters at once, and adding them up would count
	// double. A quantity without an exposed source is unknown, which is not 0.
	From []Source `json:"from"`
}

// Source is one place where a quantity stands. Names are without the suffix
// _total, which some client libraries add and others do not. Of a histogram,
// NAME_sum and NAME_count are metrics of their own.
type Source struct {
	// Name is the metric; or Sum are several metrics to add.
	Name string   `json:"name"`
	Sum  []string `json:"sum"`
	// Labels, LabelPrefix and Without select series: those with these label
	// values, with label values that begin so, and without these label values.
	// LabelsOf are Labels for each of Sum.
	Labels      map[string]string   `json:"labels"`
	LabelsOf    []map[string]string `json:"labelsOf"`
	LabelPrefix map[string]string   `json:"labelPrefix"`
	Without     map[string]string   `json:"without"`
	// ValueOf is the label that holds the value, for metrics of the kind info.
	ValueOf string `json:"valueOf"`
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
