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
	// Absent is the reason if there are no numbers, Invalid the reason if they
	// cannot be used: a counter went back.
	Absent  string `json:"absent,omitempty"`
	Invalid string `json:"invalid,omitempty"`
	// Values are differences by quantity (package server's catalogue), Names the
	// metrics they were read from. Quantities that are not exposed are missing in
	// both. Seconds is the time between the two readings, 0 if it is unknown.
	Values  map[string]float64 `json:"values,omitempty"`
	Names   map[string]string  `json:"names,omitempty"`
	Seconds float64            `json:"seconds,omitempty"`
	// States are the catalogue's gauges during the run.
	States map[string]State `json:"states,omitempty"`
	// Turns is the number of turns of all arms, failed ones included, that were
	// sent and ended between the readings. Prompt and Cached are their tokens by
	// usage; Unknown is the number of turns that lack one of the two.
	Turns   int   `json:"turns"`
	Unknown int   `json:"turns_unknown"`
	Prompt  int64 `json:"usage_prompt_tokens"`
	Cached  int64 `json:"usage_cached_tokens"`
	// PromptUnknown is the number of turns without usage.
	PromptUnknown int `json:"turns_prompt_unknown"`
}

// OK reports whether the counters can be used.
func (k *Counters) OK() bool { return k.Absent == "" && k.Invalid == "" }

// value returns the growth of a counter.
func (k *Counters) value(name string) Number {
	if v, ok := k.Values[name]; ok && k.OK() {
		return Number(v)
	}
	return unknown
}

// name returns the metric that a quantity was read from.
func (k *Counters) name(quantity string) string {
	return cmp.Or(k.Names[quantity], "the server's counters")
}

// counters reduces readings of the server's metrics.
func (c *Collector) counters(scrapes []*record.Scrape) *Counters {
	k := &Counters{Absent: "the server's metrics were not read"}
	byURL := make(map[string][]*record.Scrape)
	var failed string
	for _, r := range scrapes {
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
	from, to, ok := k.windows(byURL)
	if !ok {
		k.Absent = "the server's metrics were not read both before and after the run"
		return k
	}
	k.Absent, k.Seconds = "", float64(to-from)/1e9
	if len(k.Values) == 0 && k.Invalid == "" {
		k.Absent = "the server's metrics have no known counters"
	}
	k.addUsage(c.turns, from, to)
	return k
}

// windows adds the differences of all servers. It returns the time between the
// readings that all servers have; ok is false if one lacks a reading before or
// after the run.
func (k *Counters) windows(byURL map[string][]*record.Scrape) (from, to record.Clock, ok bool) {
	for _, kind := range kinds(byURL) {
		of, missing := &Counters{}, make(map[string]bool)
		for _, list := range kind {
			slices.SortStableFunc(list, func(a, b *record.Scrape) int { return cmp.Compare(a.At, b.At) })
			first, last := around(list)
			if first < 0 || last < 0 {
				return 0, 0, false
			}
			k.Servers++
			if k.Servers == 1 || list[first].At > from {
				from = list[first].At
			}
			if k.Servers == 1 || list[last].At < to {
				to = list[last].At
			}
			of.window(list[:last+1], first, missing)
		}
		for name := range missing {
			delete(of.Values, name)
			delete(of.Names, name)
		}
		k.beside(of)
	}
	return from, to, true
}

// kinds returns the readings of each address: first of the servers that answer
// requests, then of caches beside them, which expose nothing of prompts.
func kinds(byURL map[string][]*record.Scrape) (out [][][]*record.Scrape) {
	prompts := func(r *record.Scrape) bool { _, ok := r.Values["prompt_tokens"]; return ok }
	var engines, caches [][]*record.Scrape
	for _, url := range slices.Sorted(maps.Keys(byURL)) {
		if list := byURL[url]; slices.ContainsFunc(list, prompts) {
			engines = append(engines, list)
		} else {
			caches = append(caches, list)
		}
	}
	for _, kind := range [][][]*record.Scrape{engines, caches} {
		if len(kind) > 0 {
			out = append(out, kind)
		}
	}
	return out
}

// beside adds the counters of servers of another kind. They count the same hits
// from the other side, so nothing is added up: the larger number counts, since one
// of the two may not know of tiers.
func (k *Counters) beside(other *Counters) {
	if k.Values == nil {
		k.Values, k.Names = make(map[string]float64), make(map[string]string)
	}
	k.Invalid = cmp.Or(k.Invalid, other.Invalid)
	for name, v := range other.Values {
		if old, ok := k.Values[name]; ok && old >= v {
			continue
		}
		k.Values[name] = v
		if metric := other.Names[name]; metric != "" {
			k.Names[name] = metric
		}
	}
}

// around returns the last reading before the turns and the last one after them,
// negative if there is none. Several clients of one load read one server's metrics,
// each before and after its own turns.
func around(list []*record.Scrape) (first, last int) {
	begun := slices.IndexFunc(list, func(r *record.Scrape) bool { return r.When != record.Before })
	if begun < 0 {
		begun = len(list)
	}
	for last = len(list) - 1; last >= 0 && list[last].When != record.After; last-- {
	}
	return begun - 1, last
}

// addUsage adds the usage of the turns that were sent and ended between from and
// to.
func (k *Counters) addUsage(turns []turn, from, to record.Clock) {
	for i := range turns {
		t := &turns[i]
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
}

// window adds one server's differences between the reading at first and the last
// one. A quantity that the last one lacks goes into missing.
func (k *Counters) window(list []*record.Scrape, first int, missing map[string]bool) {
	if k.Values == nil {
		k.Values, k.Names = make(map[string]float64), make(map[string]string)
	}
	for _, q := range server.Quantities() {
		if q.Gauge {
			continue
		}
		before, ok := list[first].Values[q.Name]
		after, okAfter := list[len(list)-1].Values[q.Name]
		if !okAfter {
			missing[q.Name] = true
			continue
		}
		if !ok { // many servers expose a counter only once it has counted
			before = 0
		}
		k.Values[q.Name] += after - before
		if metric := k.follow(q.Name, list, first); metric != "" {
			k.Names[q.Name] = metric
		}
	}
}

// follow checks that a counter only grows and keeps its metric from the reading at
// first on, and returns the metric. It looks at every reading, since a server that
// restarted may have passed its old numbers by the end.
func (k *Counters) follow(name string, list []*record.Scrape, first int) (metric string) {
	last := list[first].Values[name]
	for i, r := range list {
		// A reading names its metrics only when they are new.
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
	return metric
}

// invalid keeps the first reason, and notes if there are more.
func (k *Counters) invalid(why string) {
	const more = " (and more)"
	switch {
	case k.Invalid == "":
		k.Invalid = why
	case !strings.HasSuffix(k.Invalid, more):
		k.Invalid += more
	}
}
