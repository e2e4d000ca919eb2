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
	// Names of the metrics that the values were read from, by quantity.
	Names map[string]string
}

// Read finds the catalogue's quantities in an exposition.
func Read(e Exposition) Reading {
	r := Reading{Values: map[string]float64{}, Names: map[string]string{}}
	for _, q := range server.Quantities() {
		for i := range q.From {
			if v, name, ok := readSource(&q.From[i], e, q.Mean); ok {
				r.Values[q.Name], r.Names[q.Name] = v, name
				break
			}
		}
	}
	return r
}

func readSource(s *server.Source, e Exposition, mean bool) (float64, string, bool) {
	if s.Name != "" {
		return series(s, e, s.Name, s.Labels, mean)
	}
	total := 0.0
	var names []string
	for i, name := range s.Sum {
		labels := s.Labels
		if i < len(s.LabelsOf) {
			labels = s.LabelsOf[i]
		}
		v, exposed, ok := series(s, e, name, labels, mean)
		if !ok {
			return 0, "", false
		}
		total += v
		names = append(names, exposed)
	}
	return total, strings.Join(names, " + "), len(names) > 0
}

// series adds the series of one metric that the labels select, and returns the
// name under which it is exposed.
func series(
	s *server.Source, e Exposition, name string, labels map[string]string, mean bool,
) (float64, string, bool) {
	list, exposed := e[name], name
	if list == nil {
		exposed = name + "_total"
		list = e[exposed]
	}
	sum, n := 0.0, 0
	for _, x := range list {
		if !selects(s, x.Labels, labels) {
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

func selects(s *server.Source, have, labels map[string]string) bool {
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
