package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// No two entries may claim one server, and each has what its users rely on.
func TestServers(t *testing.T) {
	t.Parallel()
	var names, owners []string
	for _, s := range servers {
		if s.Name == "" || s.Title == "" || s.BlockSize < 1 || len(s.Cached) == 0 {
			t.Errorf("%s: incomplete: %+v", s.Name, s)
		}
		if len(s.Owners) == 0 && s.Header == "" && len(s.Signs) == 0 {
			t.Errorf("%s: nothing identifies it", s.Name)
		}
		for _, o := range s.Owners {
			if slices.Contains(owners, o) {
				t.Errorf("%s: owner %q belongs to another entry", s.Name, o)
			}
		}
		if slices.Contains(names, s.Name) {
			t.Errorf("two entries are named %s", s.Name)
		}
		for _, f := range s.Cached {
			object, _, _ := strings.Cut(f, ".")
			if object != "usage" && object != "timings" {
				t.Errorf("%s: cached tokens in %s: openai reads usage and timings", s.Name, f)
			}
		}
		for _, r := range s.Resets {
			if !strings.HasPrefix(r.Path, "/") {
				t.Errorf("%s: reset %+v", s.Name, r)
			}
		}
		for _, a := range []string{s.Advice.Report, s.Advice.Cache, s.Advice.Metrics} {
			if strings.HasSuffix(a, ".") {
				t.Errorf("%s: advice %q is not a clause", s.Name, a)
			}
		}
		names, owners = append(names, s.Name), append(owners, s.Owners...)
		if Of(s.Name).Title != s.Title {
			t.Errorf("Of(%s) is another entry", s.Name)
		}
	}
	if s := Of("one that nobody knows"); s.BlockSize != AssumedBlock || s.ExactLength {
		t.Errorf("unknown server: %+v", s)
	}
}

func TestIdentifyByHeader(t *testing.T) {
	t.Parallel()
	get := func(path string) Page {
		switch path {
		case "/v1/models":
			return Page{
				Header: http.Header{"Server": {"llama.cpp"}},
				JSON:   gjson.Parse(`{"data":[{"id":"m","owned_by":"me"}]}`),
			}
		case "/props":
			return Page{JSON: gjson.Parse(`{"build_info":"b1"}`)}
		}
		return Page{}
	}
	if id := Identify(get, "m"); id.Name != "llamacpp" || id.Version != "b1" {
		t.Errorf("%+v", id)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	tokenizes := func(s *Server) bool { return s.Tokenizes }
	if got := Titles(tokenizes); got != "vLLM and mtbench sim" {
		t.Errorf("tokenizing servers: %q", got)
	}
	got := join([]string{"a", "b", "c"}, "or")
	if got != "a, b or c" || join(nil, "or") != "" {
		t.Errorf("join: %q", got)
	}
	fields := CachedFields()
	if fields[0] != cachedDetails || !slices.Contains(fields, "timings.cache_n") {
		t.Errorf("cached fields %q", fields)
	}
}

// Every quantity is complete, and none stands twice.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	var seen, sections []string
	for _, q := range Quantities() {
		if (q.Tier == "") != (q.Measure == "") || q.Tier != "" &&
			(!slices.Contains(Tiers, q.Tier) || !slices.Contains(Measures, q.Measure) ||
				QuantityOf(q.Tier, q.Measure).Name != q.Name) {
			t.Errorf("%s: tier %q and measure %q are not known, or stand twice", q.Name, q.Tier, q.Measure)
		}
		if q.Name == "" || q.Label == "" || q.Section == "" || q.Unit == "" || q.About == "" ||
			len(q.From) == 0 || slices.Contains(seen, q.Name) {
			t.Errorf("quantity %+v is incomplete, or stands twice", q)
		}
		seen = append(seen, q.Name)
		if n := len(sections); n == 0 || sections[n-1] != q.Section {
			if slices.Contains(sections, q.Section) {
				t.Errorf("%s: section %s is not in one piece", q.Name, q.Section)
			}
			sections = append(sections, q.Section)
		}
		for _, s := range q.From {
			if (s.Name == "") == (len(s.Sum) == 0) {
				t.Errorf("%s: a source needs a name or a sum: %+v", q.Name, s)
			}
			if strings.HasSuffix(s.Name, "_total") {
				t.Errorf("%s: %s: names are written without _total", q.Name, s.Name)
			}
		}
	}
}
