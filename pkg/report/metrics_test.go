package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"multiturn/pkg/record"
	"multiturn/pkg/render"
	"multiturn/pkg/server"
)

// A quantity of the catalogue that a server exposes is in every format, without
// a list of its own in this package.
func TestEveryQuantityIsShown(t *testing.T) {
	t.Parallel()
	reading := func(ms int, when string, base float64) *record.Scrape {
		s := &record.Scrape{At: record.Clock(ms) * 1e6, URL: "a", When: when}
		s.Values = map[string]float64{}
		for i, q := range server.Quantities() {
			s.Values[q.Name] = base * float64(101+i)
		}
		return s
	}
	c := collected(Options{},
		&record.Run{ID: "R"}, reading(0, record.Before, 1), reading(500, record.During, 2),
		reading(1000, record.During, 4), reading(2000, record.After, 5),
		&record.Turn{
			Conversation: "A",
			Exchange: record.Exchange{
				Outcome: record.OK, Sent: 1e6, FirstToken: 2e6, End: 3e6,
			},
		})
	s := c.Summary()
	var text, csv bytes.Buffer
	if err := write(&text, render.Text, []*Summary{s}); err != nil {
		t.Fatal(err)
	}
	if err := write(&csv, render.CSV, []*Summary{s}); err != nil {
		t.Fatal(err)
	}
	js, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range server.Quantities() {
		value := 4 * float64(101+i) // the difference
		want, row := ",counters,"+q.Name+",,", (&metricRow{Quantity: &q}).amount(Number(value), 0)
		if q.Gauge {
			want = ",states," + q.Name + ",max,"
		}
		if !strings.Contains(csv.String(), want) {
			t.Errorf("%s: CSV has no %q", q.Name, want)
		}
		if !strings.Contains(string(js), `"`+q.Name+`":`) {
			t.Errorf("%s is not in JSON", q.Name)
		}
		if !hasRow(text.String(), q.Label, row) {
			t.Errorf("%s: no row of the table has %q and %q:\n%s", q.Name, q.Label, row,
				text.String())
		}
	}
}

func hasRow(text, label, value string) bool {
	for line := range strings.Lines(text) {
		if strings.Contains(line, label) && strings.Contains(line, value) {
			return true
		}
	}
	return false
}

func TestStates(t *testing.T) {
	t.Parallel()
	at := func(ms int, url, when string, running, usage float64) *record.Scrape {
		return &record.Scrape{
			At: record.Clock(ms) * 1e6, URL: url, When: when,
			Values: map[string]float64{"running": running, "kv_usage": usage},
		}
	}
	k := countersOf(
		at(1, "a", record.Before, 90, 0.9), at(1, "b", record.Before, 90, 0.9),
		at(2, "a", record.During, 1, 0.1), at(2, "b", record.During, 3, 0.3),
		at(3, "a", record.During, 8, 0.4), at(3, "b", record.During, 0, 0.2),
	)
	if s := k.States["running"]; s != (State{Mean: 6, Max: 8}) {
		t.Errorf("running: %+v, want the sum of both servers", s)
	}
	if s := k.States["kv_usage"]; fixed(s.Mean, 3) != "0.250" || fixed(s.Max, 3) != "0.300" {
		t.Errorf("kv_usage: %+v, want the mean of both servers", s)
	}
}
