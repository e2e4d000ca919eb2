package scrape

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Exposition is one answer of /metrics.
type Exposition struct {
	// Series by metric name. Of histograms and summaries only NAME_sum and
	// NAME_count are kept.
	Series map[string][]Series
	// Declared has the names of counters, histograms and summaries that have a
	// type, with or without series.
	Declared map[string]bool
}

// Series is one line of an exposition.
type Series struct {
	Labels map[string]string
	Value  float64
}

// metric returns the series of a metric and the name that it is exposed by.
func (e *Exposition) metric(name string) (exposed string, list []Series) {
	if list = e.Series[name]; list != nil {
		return name, list
	}
	return name + "_total", e.Series[name+"_total"]
}

// declares reports whether a metric is one of the server's, even if it has no
// series yet.
func (e *Exposition) declares(name string) bool {
	return e.Declared[name] || e.Declared[name+"_total"] ||
		e.Declared[strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count")]
}

// Parse reads the Prometheus text format. Values that are not finite are left out.
func Parse(r io.Reader) (*Exposition, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	// Servers name metrics vllm:x, which the legacy rules allow; the UTF-8 names of
	// newer ones are fine, too.
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("not Prometheus text: %w", err)
	}
	e := &Exposition{Series: map[string][]Series{}, Declared: declared(text)}
	add := func(name string, m *dto.Metric, v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		labels := make(map[string]string, len(m.GetLabel()))
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		e.Series[name] = append(e.Series[name], Series{labels, v})
	}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			switch {
			case m.Counter != nil:
				add(name, m, m.GetCounter().GetValue())
			case m.Gauge != nil:
				add(name, m, m.GetGauge().GetValue())
			case m.Untyped != nil:
				add(name, m, m.GetUntyped().GetValue())
			case m.Histogram != nil:
				add(name+"_sum", m, m.GetHistogram().GetSampleSum())
				add(name+"_count", m, float64(m.GetHistogram().GetSampleCount()))
			case m.Summary != nil:
				add(name+"_sum", m, m.GetSummary().GetSampleSum())
				add(name+"_count", m, float64(m.GetSummary().GetSampleCount()))
			}
		}
	}
	return e, nil
}

// declared returns the names that have a type, of kinds that count. The parser
// drops families without series.
func declared(text []byte) map[string]bool {
	names := map[string]bool{}
	for line := range bytes.Lines(text) {
		words := bytes.Fields(line)
		if len(words) != 4 || string(words[0]) != "#" || string(words[1]) != "TYPE" {
			continue
		}
		switch string(words[3]) {
		case "counter", "histogram", "summary":
			names[string(words[2])] = true
		}
	}
	return names
}
