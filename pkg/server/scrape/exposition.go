package scrape

import (
	"fmt"
	"io"
	"math"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Exposition is one answer of /metrics: series by metric name. Of histograms and
// summaries only NAME_sum and NAME_count are kept.
type Exposition map[string][]Series

// Series is one line of an exposition.
type Series struct {
	Labels map[string]string
	Value  float64
}

// Parse reads the Prometheus text format. Values that are not finite are left out.
func Parse(r io.Reader) (Exposition, error) {
	// Servers name metrics vllm:x, which the legacy rules allow; the UTF-8 names of
	// newer ones are fine, too.
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(r)
	if err != nil {
		return nil, fmt.Errorf("not Prometheus text: %w", err)
	}
	e := Exposition{}
	add := func(name string, m *dto.Metric, v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		labels := make(map[string]string, len(m.GetLabel()))
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		e[name] = append(e[name], Series{labels, v})
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
