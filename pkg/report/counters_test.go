package report

import (
	"strings"
	"testing"

	"multiturn/pkg/record"
)

func TestCounters(t *testing.T) {
	t.Parallel()
	at := func(ms int, url, when string, values map[string]float64,
		names map[string]string) *record.Scrape {
		return &record.Scrape{At: record.Clock(ms) * 1e6, URL: url, When: when, Values: values,
			Names: names}
	}
	v := func(prompt, cached float64) map[string]float64 {
		return map[string]float64{"prompt_tokens": prompt, "cached_tokens": cached, "running": 3}
	}
	turn := func(sent, end, prompt, cached int) *record.Turn {
		return &record.Turn{
			Conversation: "A",
			Exchange: record.Exchange{Outcome: record.OK, Sent: record.Clock(sent) * 1e6,
				FirstToken: record.Clock(sent+1) * 1e6, End: record.Clock(end) * 1e6,
				Usage: &record.Usage{Prompt: prompt, Completion: 1, Cached: &cached}},
		}
	}
	named := map[string]string{"prompt_tokens": "x:prompt", "cached_tokens": "x:hits"}
	for _, tc := range []struct {
		name           string
		recs           []any
		absent, bad    string // parts of reasons
		prompt, cached Number
		turns          int
	}{
		{name: "not read", absent: "were not read", prompt: unknown, cached: unknown},
		{
			name:   "not there",
			recs:   []any{&record.Scrape{When: record.Before, Error: "404 Not Found"}},
			absent: "could not be read: 404 Not Found", prompt: unknown, cached: unknown,
		},
		{
			name: "only before", recs: []any{at(1, "a", record.Before, v(5, 1), named)},
			absent: "both before and after", prompt: unknown, cached: unknown,
		},
		{
			name: "only after",
			recs: []any{at(1, "a", record.During, v(5, 1), named),
				at(9, "a", record.After, v(5, 1), nil)},
			absent: "both before and after", prompt: unknown, cached: unknown,
		},
		{
			name: "the last before counts, in any order",
			recs: []any{
				at(900, "a", record.After, v(1100, 450), nil),
				at(1, "a", record.Before, v(1, 0), named),
				at(50, "a", record.Before, v(100, 50), nil),
				at(500, "a", record.During, v(800, 60), nil), turn(60, 90, 600, 0),
				turn(100, 600, 400, 400), turn(40, 70, 7, 7), turn(800, 950, 7, 7),
			},
			prompt: 1000, cached: 400, turns: 2,
		},
		{
			name: "two servers add up",
			recs: []any{
				at(1, "a", record.Before, v(10, 0), named),
				at(2, "b", record.Before, v(0, 0), named), at(90, "a", record.After, v(30, 5), nil),
				at(91, "b", record.After, v(7, 1), nil),
			},
			prompt: 27, cached: 6,
		},
		{
			name: "two clients of one load read one server",
			recs: []any{
				at(1, "a", record.Before, v(10, 0), named), at(20, "a", record.Before, v(30, 5), named),
				at(80, "a", record.After, v(90, 20), nil), at(95, "a", record.After, v(110, 30), nil),
				turn(30, 70, 60, 15), turn(40, 90, 20, 10),
			},
			prompt: 80, cached: 25, turns: 2,
		},
		{
			name: "one of them does not say",
			recs: []any{
				at(1, "a", record.Before, v(10, 0), named),
				at(2, "b", record.Before, map[string]float64{"prompt_tokens": 0}, named),
				at(90, "a", record.After, v(30, 5), nil),
				at(91, "b", record.After, map[string]float64{"prompt_tokens": 7}, nil),
			},
			prompt: 27, cached: unknown,
		},
		{
			name: "a counter that is exposed from its first count on",
			recs: []any{
				at(1, "a", record.Before, v(10, 0), named),
				at(2, "b", record.Before, map[string]float64{"prompt_tokens": 0}, named),
				at(90, "a", record.After, v(30, 5), nil), at(91, "b", record.After, v(7, 1), nil),
			},
			prompt: 27, cached: 6,
		},
		{
			name: "started anew, and past its old numbers in the end",
			recs: []any{
				at(1, "a", record.Before, v(10, 5), named), at(5, "a", record.During, v(2, 1), nil),
				at(90, "a", record.After, v(30, 15), nil),
			},
			bad: "x:prompt went back from 10 to 2 (and more)", prompt: unknown, cached: unknown,
		},
		{
			name: "another metric",
			recs: []any{
				at(1, "a", record.Before, v(10, 5), named),
				at(90, "a", record.After, v(30, 15), map[string]string{"cached_tokens": "y:hits"}),
			},
			bad: "cached_tokens was read from x:hits, then from y:hits", prompt: unknown,
			cached: unknown,
		},
		{
			name: "states are no counters",
			recs: []any{
				at(1, "a", record.Before, map[string]float64{"running": 3, "gpu_blocks": 9}, nil),
				at(90, "a", record.After, map[string]float64{"running": 0}, nil),
			},
			absent: "no known counters", prompt: unknown, cached: unknown,
		},
		{
			name: "one reading failed on the way",
			recs: []any{
				at(1, "a", record.Before, v(10, 5), named),
				&record.Scrape{At: 5e6, URL: "a", When: record.During, Error: "timeout"},
				at(90, "a", record.After, v(30, 15), nil),
			},
			prompt: 20, cached: 10,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			k := countersOf(tc.recs...)
			if !strings.Contains(k.Absent, tc.absent) || (tc.absent == "") != (k.Absent == "") ||
				!strings.Contains(k.Invalid, tc.bad) || (tc.bad == "") != (k.Invalid == "") {
				t.Fatalf("absent %q, invalid %q", k.Absent, k.Invalid)
			}
			same := func(a, b Number) bool { return a == b || !a.OK() && !b.OK() }
			if !same(k.value("prompt_tokens"), tc.prompt) ||
				!same(k.value("cached_tokens"), tc.cached) || k.Turns != tc.turns {
				t.Errorf("%+v", k)
			}
			if k.value("running").OK() {
				t.Error("a state was counted")
			}
			if s := k.String(); s == "" || len(s) > 200 {
				t.Errorf("%q", s)
			}
		})
	}
}

// countersOf returns the counters of a run's records.
func countersOf(recs ...any) *Counters {
	c := collected(Options{}, recs...)
	return c.counters(c.scrapes)
}

// A cache beside the servers neither hides what only they expose, nor is added to
// it; tiers that only the cache knows are its own.
func TestCacheBeside(t *testing.T) {
	t.Parallel()
	at := func(ms int, url, when string, values map[string]float64) *record.Scrape {
		return &record.Scrape{At: record.Clock(ms) * 1e6, URL: url, When: when, Values: values}
	}
	engine := func(prompt, external float64) map[string]float64 {
		return map[string]float64{"prompt_tokens": prompt, "cached_tokens_external": external,
			"cached_tokens_cpu": 0, "cached_tokens_gpu": 0, "gpu_blocks": 9}
	}
	cache := func(external, cpu float64) map[string]float64 {
		return map[string]float64{"cached_tokens_external": external, "cached_tokens_cpu": cpu,
			"cpu_used_bytes": 7}
	}
	k := countersOf(
		at(1, "a", record.Before, engine(10, 0)), at(1, "b", record.Before, engine(0, 0)),
		at(1, "cache", record.Before, cache(100, 50)),
		at(9, "a", record.After, engine(40, 12)), at(9, "b", record.After, engine(20, 8)),
		at(9, "cache", record.After, cache(120, 65)),
	)
	if p, e := k.value("prompt_tokens"), k.value("cached_tokens_external"); p != 50 || e != 20 {
		t.Errorf("%v prompt tokens, %v of them external: want 50 and 20", p, e)
	}
	if tiers := k.tiers(); tiers["cpu"] != 15 || tiers["external"] != 5 || k.Servers != 3 {
		t.Errorf("tiers %v of %d addresses", tiers, k.Servers)
	}
	if k.States["gpu_blocks"].Max != 18 || k.States["cpu_used_bytes"].Max != 7 {
		t.Errorf("states %v", k.States)
	}
}
