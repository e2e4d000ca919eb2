// Package scrape reads the /metrics of inference servers: Prometheus text in,
// the quantities of the catalogue in package server out, each with one meaning
// under whatever name.
package scrape

import (
	"strconv"
	"strings"

	"multiturn/pkg/server"
)

// Reading is one exposition in terms of the catalogue.
type Reading struct {
	// Values by quantity, in its unit. One that is not exposed is missing.
	Values map[string]float64
	// Names of the metrics that the values were read from, by quantity. A counter
	// that has not counted yet may have none.
	Names map[string]string
}

// Read finds the catalogue's quantities in an exposition. The first source with
// series counts. Many servers expose a series only once it has counted: a
// counter that is declared and has no series yet is 0.
func Read(e *Exposition) Reading {
	r := Reading{Values: map[string]float64{}, Names: map[string]string{}}
	for _, q := range server.Quantities() {
		if v, name, ok := readQuantity(&q, e); ok {
			r.Values[q.Name] = v
			if name != "" {
				r.Names[q.Name] = name
			}
		}
	}
	return r
}

func readQuantity(q *server.Quantity, e *Exposition) (float64, string, bool) {
	for i := range q.From {
		if v, name, ok := readSource(&q.From[i], e, q); ok && name != "" {
			return v, name, true
		}
	}
	for i := range q.From {
		if v, _, ok := readSource(&q.From[i], e, q); ok {
			return v, "", true
		}
	}
	return 0, "", false
}

// readSource returns a source's value and the name under which it is exposed; ""
// if all of it is declared and none has a series.
func readSource(s *server.Source, e *Exposition, q *server.Quantity) (float64, string, bool) {
	parts := s.Sum
	if s.Name != "" {
		parts = []string{s.Name}
	}
	total := 0.0
	var names []string
	for i, name := range parts {
		labels := s.Labels
		if i < len(s.LabelsOf) {
			labels = s.LabelsOf[i]
		}
		v, exposed, ok := series(s, e, name, labels, q)
		if !ok {
			return 0, "", false
		}
		total += v
		if exposed != "" {
			names = append(names, exposed)
		}
	}
	return total, strings.Join(names, " + "), len(parts) > 0
}

// series adds the series of one metric that the labels select, and returns the
// name under which it is exposed.
func series(
	s *server.Source, e *Exposition, name string, labels map[string]string, q *server.Quantity,
) (float64, string, bool) {
	exposed, list := e.metric(name)
	sum, n, others := 0.0, 0, false
	for _, x := range list {
		if excluded(s, x.Labels) {
			others = true
			continue
		}
		if !selects(s, x.Labels, labels) {
			continue
		}
		v, ok := value(s, x)
		if !ok {
			continue
		}
		sum += v
		n++
	}
	if n == 0 {
		// A series that is excluded has what this one lacks, so 0 would be wrong.
		return 0, "", !q.Gauge && !others && e.declares(name)
	}
	if q.Mean {
		sum /= float64(n)
	}
	for _, label := range []string{s.ValueOf, s.Times} {
		if label != "" {
			exposed += "{" + label + "}"
		}
	}
	for k, v := range labels {
		exposed += "{" + k + "=" + strconv.Quote(v) + "}"
	}
	return sum, exposed, true
}

// value returns what a series counts, or the product of the labels that have it.
func value(s *server.Source, x Series) (float64, bool) {
	if s.ValueOf == "" {
		return x.Value, true
	}
	product := 1.0
	for _, label := range []string{s.ValueOf, s.Times} {
		if label == "" {
			continue
		}
		v, err := strconv.ParseFloat(x.Labels[label], 64)
		if err != nil || v != v {
			return 0, false
		}
		product *= v
	}
	return product, true
}

func selects(s *server.Source, have, labels map[string]string) bool {
	for k, v := range labels {
		if have[k] != v {
			return false
		}
	}
	for k, p := range s.Match {
		if !p.MatchString(have[k]) {
			return false
		}
	}
	return true
}

func excluded(s *server.Source, have map[string]string) bool {
	for k, p := range s.Without {
		if p.MatchString(have[k]) {
			return true
		}
	}
	return false
}
