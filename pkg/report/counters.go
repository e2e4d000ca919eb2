package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// Counters are the server's own metrics over the run: the difference of each
// counter between before and after, and each gauge. They cover the requests of
// all clients, and never a single turn.
type Counters struct {
	Servers int `json:"servers"` // addresses whose metrics were read before and after
	// Absent is why there are no numbers, Invalid why they mean nothing: a
	// counter went back.
	Absent  string `json:"absent,omitempty"`
	Invalid string `json:"invalid,omitempty"`
	// Values are differences by quantity (package server's catalogue), Names the
	// metrics they were read from. A quantity that is not exposed is in neither.
	// Seconds lie between the two readings; 0 if that is unknown.
	Values  map[string]float64 `json:"values,omitempty"`
	Names   map[string]string  `json:"names,omitempty"`
	Seconds float64            `json:"seconds,omitempty"`
	// States are the catalogue's gauges during the run.
	States map[string]State `json:"states,omitempty"`
	// Turns were sent and ended between the readings: of all arms, failed ones
	// too. Prompt and Cached are their tokens by usage, Unknown the turns that
	// lack one of the two.
	Turns   int   `json:"turns"`
	Unknown int   `json:"turns_unknown"`
	Prompt  int64 `json:"usage_prompt_tokens"`
	Cached  int64 `json:"usage_cached_tokens"`
	// PromptUnknown are the turns without a known prompt.
	PromptUnknown int `json:"turns_prompt_unknown"`
}

// OK reports whether the counters can be used.
func (k *Counters) OK() bool { return k.Absent == "" && k.Invalid == "" }

// value is what a counter has grown by, unknown if that is not known.
func (k *Counters) value(name string) Number {
	if v, ok := k.Values[name]; ok && k.OK() {
		return Number(v)
	}
	return unknown
}

// name is the metric that a quantity was read from.
func (k *Counters) name(quantity string) string {
	return cmp.Or(k.Names[quantity], "the server's counters")
}

func (c *Collector) counters() *Counters {
	k := &Counters{Absent: "the server's metrics were not read"}
	byURL := make(map[string][]*record.Scrape)
	var failed string
	for _, r := range c.scrapes {
		if r.Error != "" {
			failed = r.Error
			continue
		}
		byURL[r.URL] = append(byURL[r.URL], r)
	}
	if len(byURL) == 0 {
		if failed != "" {
			k.Absent = "the server's metrics could not be read: " + firstWords(failed)
		}
		return k
	}
	k.States = statesOf(byURL)
	var from, to record.Clock
	missing := make(map[string]bool)
	for _, url := range slices.Sorted(maps.Keys(byURL)) {
		list := byURL[url]
		slices.SortStableFunc(list, func(a, b *record.Scrape) int { return cmp.Compare(a.At, b.At) })
		// The last reading before the turns and the first one after them.
		begun := func(r *record.Scrape) bool { return r.When != record.Before }
		first := slices.IndexFunc(list, begun) - 1
		if first == -2 {
			first = len(list) - 1
		}
		last := slices.IndexFunc(list, func(r *record.Scrape) bool { return r.When == record.After })
		if first < 0 || last < 0 {
			k.Absent = "the server's metrics were not read both before and after the run"
			return k
		}
		k.Servers++
		// What was read at all servers counts.
		if k.Servers == 1 || list[first].At > from {
			from = list[first].At
		}
		if k.Servers == 1 || list[last].At < to {
			to = list[last].At
		}
		k.window(list[:last+1], first, missing)
	}
	k.Absent, k.Seconds = "", float64(to-from)/1e9
	for name := range missing {
		delete(k.Values, name)
		delete(k.Names, name)
	}
	if len(k.Values) == 0 && k.Invalid == "" {
		k.Absent = "the server's metrics have none of the counters"
	}
	for i := range c.turns {
		t := &c.turns[i]
		if !t.sent.OK() || t.sent < from || t.end > to {
			continue
		}
		k.Turns++
		if t.usage {
			k.Prompt += int64(t.prompt)
		} else {
			k.PromptUnknown++
		}
		if t.usage && t.cached >= 0 {
			k.Cached += int64(t.cached)
		} else {
			k.Unknown++
		}
	}
	return k
}

// window adds one server's differences, from the reading at first to the last
// one. Every reading between must be as large as the one before: a server that
// was restarted may have passed its old numbers by the end.
func (k *Counters) window(list []*record.Scrape, first int, missing map[string]bool) {
	if k.Values == nil {
		k.Values, k.Names = make(map[string]float64), make(map[string]string)
	}
	for _, q := range server.Quantities() {
		if q.Gauge {
			continue
		}
		name := q.Name
		before, ok := list[first].Values[name]
		after, okAfter := list[len(list)-1].Values[name]
		if !ok || !okAfter {
			missing[name] = true
			continue
		}
		// A reading names its metrics only when they are new.
		metric, last := "", before
		for i, r := range list {
			if n, ok := r.Names[name]; ok {
				if i > first && metric != "" && n != metric {
					k.invalid(fmt.Sprintf("%s was read from %s, then from %s", name, metric, n))
				}
				metric = n
			}
			if v, ok := r.Values[name]; ok && i > first {
				if v < last {
					k.invalid(fmt.Sprintf("%s went back from %g to %g", cmp.Or(metric, name), last, v))
				}
				last = v
			}
		}
		k.Values[name] += after - before
		if metric != "" {
			k.Names[name] = metric
		}
	}
}

// invalid keeps the first reason, and that there are more.
func (k *Counters) invalid(why string) {
	const more = " (and more)"
	switch {
	case k.Invalid == "":
		k.Invalid = why
	case !strings.HasSuffix(k.Invalid, more):
		k.Invalid += more
	}
}
