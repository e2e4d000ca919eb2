// Package scrape reads what inference servers say of themselves in /metrics: Prometheus text in, quantities with one
// meaning out, whatever their name is.
//
// # The catalogue
//
// Servers, and releases of one server, call the same thing by different names. catalogue.json is a list of quantities;
// each has a unit, and an ordered list of where it can be had. The first source that is exposed counts, and its name is
// kept: vLLM exposes several generations of counters at once, and adding them up would count double. A quantity with no
// source exposed is absent, which is not 0.
//
// A source names a metric (or several to add: sum), without the suffix _total, which some client libraries put on the wire and
// others do not. labels selects series by label value, labelPrefix by its beginning, without leaves series out; valueOf
// takes the value from a label instead (the info metrics). Series that remain, one for each engine or rank, are added, or
// averaged where the catalogue says mean. Of a histogram, NAME_sum and NAME_count are metrics of their own.
//
// Counters that went back mark the window between two readings invalid: the server was restarted.
package scrape

import (
	_ "embed"
	"encoding/json"
	"strconv"
	"strings"
)

// Quantity is one thing that servers tell, whatever they call it.
type Quantity struct {
	Name  string   `json:"quantity"`
	Unit  string   `json:"unit"`
	About string   `json:"about"`
	Gauge bool     `json:"gauge"` // a state; otherwise a counter, of which only differences mean something
	Mean  bool     `json:"mean"`  // series are averaged, not added
	From  []source `json:"from"`
}

// source is one place where a quantity can be had.
type source struct {
	Name        string              `json:"name"`
	Sum         []string            `json:"sum"`
	Labels      map[string]string   `json:"labels"`
	LabelsOf    []map[string]string `json:"labelsOf"` // labels, for each of Sum
	LabelPrefix map[string]string   `json:"labelPrefix"`
	Without     map[string]string   `json:"without"`
	ValueOf     string              `json:"valueOf"`
}

//go:embed catalogue.json
var catalogueJSON []byte

// catalogue is the built-in list.
var catalogue = func() []Quantity {
	var c []Quantity
	if err := json.Unmarshal(catalogueJSON, &c); err != nil {
		panic("scrape: catalogue.json: " + err.Error()) // a fault of the build, which any test finds
	}
	return c
}()

// Quantities returns the catalogue, in its order. It must not be changed.
func Quantities() []Quantity { return catalogue }

// Reading is what one exposition says.
type Reading struct {
	// Values by quantity, in its unit. What is not exposed is not there.
	Values map[string]float64
	// Names of the metrics that the values were read from, by quantity.
	Names map[string]string
}

// Read picks the catalogue's quantities from an exposition.
func Read(e Exposition) Reading {
	r := Reading{Values: map[string]float64{}, Names: map[string]string{}}
	for i := range catalogue {
		q := &catalogue[i]
		for j := range q.From {
			if v, name, ok := q.From[j].read(e, q.Mean); ok {
				r.Values[q.Name], r.Names[q.Name] = v, name
				break
			}
		}
	}
	return r
}

func (s *source) read(e Exposition, mean bool) (float64, string, bool) {
	if s.Name != "" {
		return s.one(e, s.Name, s.Labels, mean)
	}
	total := 0.0
	var names []string
	for i, name := range s.Sum {
		labels := s.Labels
		if i < len(s.LabelsOf) {
			labels = s.LabelsOf[i]
		}
		v, exposed, ok := s.one(e, name, labels, mean)
		if !ok {
			return 0, "", false
		}
		total += v
		names = append(names, exposed)
	}
	return total, strings.Join(names, " + "), len(names) > 0
}

// one adds the series of one metric that the labels select.
func (s *source) one(e Exposition, name string, labels map[string]string, mean bool) (float64, string, bool) {
	series, exposed := e[name], name
	if series == nil {
		exposed = name + "_total"
		series = e[exposed]
	}
	sum, n := 0.0, 0
	for _, x := range series {
		if !s.selects(x.Labels, labels) {
			continue
		}
		v := x.Value
		if s.ValueOf != "" {
			var err error
			if v, err = strconv.ParseFloat(x.Labels[s.ValueOf], 64); err != nil {
				continue
			}
		}
		sum += v
		n++
	}
	if n == 0 {
		return 0, "", false
	}
	if mean {
		sum /= float64(n)
	}
	if s.ValueOf != "" {
		exposed += "{" + s.ValueOf + "}"
	}
	for k, v := range labels {
		exposed += "{" + k + "=" + strconv.Quote(v) + "}"
	}
	return sum, exposed, true
}

func (s *source) selects(have, labels map[string]string) bool {
	for k, v := range labels {
		if have[k] != v {
			return false
		}
	}
	for k, v := range s.LabelPrefix {
		if !strings.HasPrefix(have[k], v) {
			return false
		}
	}
	for k, v := range s.Without {
		if have[k] == v {
			return false
		}
	}
	return true
}
