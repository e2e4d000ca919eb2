package sim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/sim/engine"
)

// readTruth returns the truth of a server that was closed.
func readTruth(t *testing.T, b *bytes.Buffer) (TruthHeader, []Truth, TruthEnd) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	var header TruthHeader
	var end TruthEnd
	if len(lines) < 2 {
		t.Fatalf("%d lines of truth", len(lines))
	}
	list := make([]Truth, len(lines)-2)
	for i, line := range lines {
		var v any = &end
		switch {
		case i == 0:
			v = &header
		case i < len(lines)-1:
			v = &list[i-1]
		}
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(v); err != nil {
			t.Fatalf("line %d: %v: %s", i+1, err, line)
		}
	}
	if header.Type != "sim" || header.Format != TruthFormat || header.Version != TruthVersion ||
		end.Type != "end" {
		t.Errorf("header %+v, end %+v", header, end)
	}
	return header, list, end
}

// scrape sums the samples of /metrics by name and the given labels.
func scrape(t *testing.T, c *http.Client) func(name string, labels ...string) float64 {
	t.Helper()
	res, err := c.Get("http://sim/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return func(name string, labels ...string) float64 {
		f := families[name]
		if f == nil {
			t.Fatalf("no metric %s", name)
		}
		sum := 0.0
		for _, m := range f.Metric {
			found := 0
			for _, l := range m.Label {
				if slices.Contains(labels, l.GetName()+"="+l.GetValue()) {
					found++
				}
			}
			if found < len(labels) {
				continue
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() +
				m.GetHistogram().GetSampleSum()
		}
		return sum
	}
}

// conversations plays n conversations in turn and returns the sum of the cached
// tokens in usage.
func conversations(t *testing.T, c *http.Client, n, turns int) (cached, prompt int) {
	t.Helper()
	history := make([][]string, n)
	for turn := range turns {
		for i := range history {
			var got completion
			history[i], got = chatTurn(t, c, history[i],
				fmt.Sprintf("conversation %d turn %d: ", i, turn)+
					strings.Repeat("some text ", 30), "")
			cached += got.Usage.Details.Cached
			prompt += got.Usage.Prompt
		}
	}
	return cached, prompt
}

// Cached tokens by tier are the same in the truth, in usage and in /metrics,
// whatever the tiers.
func TestTiersAgree(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name      string
		cpu, disk int
		exclusive bool
	}{{"no lower tier", 0, 0, false}, {"cpu", 150, 0, false}, {"cpu and disk", 60, 400, true},
		{"all fits", kvcache.Unlimited, 0, false}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var buf bytes.Buffer
			var cached, prompt int
			var metric [kvcache.NumTiers]float64
			synctest.Test(t, func(t *testing.T) {
				o := Options{Truth: &buf, MaxModelLen: 1600, BytesPerToken: 1000,
					Batch:   &batchSpeeds,
					Cache:   kvcache.Config{BlockSize: 16, Exclusive: tc.exclusive},
					Metrics: Dialects}
				o.Cache.Tiers = [kvcache.NumTiers]kvcache.TierConfig{{Blocks: 100},
					{Blocks: tc.cpu}, {Blocks: tc.disk}}
				s, c := start(t, o)
				cached, prompt = conversations(t, c, 6, 6)
				get := scrape(t, c)
				for tier, source := range []string{"device", "host", "disk"} {
					metric[tier] = get("vllm:prompt_tokens_cached_by_source_total",
						"source="+source)
				}
				external := get("vllm:prompt_tokens_by_source_total", "source=external_kv_transfer")
				for _, pair := range [][2]float64{
					{get("vllm:prompt_tokens_total"), float64(prompt)},
					{get("vllm:prompt_tokens_by_source_total"), float64(prompt)},
					{get("vllm:prefix_cache_hits_total"), metric[kvcache.GPU]},
					{get("vllm:external_prefix_cache_hits_total"), external},
					{external, metric[kvcache.CPU] + metric[kvcache.Disk]},
					{get("vllm:generation_tokens_total"), 36 * 40},
					{get("vllm:request_success_total", "finished_reason=length"), 36},
					{get("vllm:kv_cache_usage_perc"), 0},
					{get("sglang:cached_tokens_total", "cache_source=host"), metric[kvcache.CPU]},
					{get("sglang:cached_tokens_total", "cache_source=total"), float64(cached)},
					{get("llamacpp:prompt_tokens_total"), float64(prompt - cached)},
					{get("llamacpp:prompt_tokens_cached_total"), float64(cached)},
				} {
					if pair[0] != pair[1] {
						t.Errorf("%v and %v differ", pair[0], pair[1])
					}
				}
				if tc.cpu != 0 && get("vllm:kv_offload_load_bytes_total") != external*1000 {
					t.Errorf("%v bytes loaded, want %v", get("vllm:kv_offload_load_bytes_total"),
						external*1000)
				}
				if tc.cpu > 0 && get("sglang:hicache_host_total_tokens") != float64(16*tc.cpu) {
					t.Errorf("%v tokens on the host", get("sglang:hicache_host_total_tokens"))
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			_, truth, end := readTruth(t, &buf)
			var byTier [kvcache.NumTiers]float64
			computed := 0
			for _, r := range truth {
				byTier[kvcache.GPU] += float64(r.Cached.GPU)
				byTier[kvcache.CPU] += float64(r.Cached.CPU)
				byTier[kvcache.Disk] += float64(r.Cached.Disk)
				computed += r.ComputedTokens
			}
			if byTier != metric || computed != prompt-cached ||
				byTier[0]+byTier[1]+byTier[2] != float64(cached) || end.Requests != 36 ||
				len(truth) != 36 {
				t.Errorf("truth %v, metrics %v, usage %d of %d, %d computed, %d lines", byTier,
					metric, cached, prompt, computed, len(truth))
			}
			if (tc.cpu != 0) != (metric[kvcache.CPU] > 0) ||
				(tc.disk != 0) != (metric[kvcache.Disk] > 0) {
				t.Errorf("not every tier was of use: %v", metric)
			}
		})
	}
}

// With one client, two runs give the same truth; with a fake clock even the
// same times.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	run := func() string {
		var buf bytes.Buffer
		synctest.Test(t, func(t *testing.T) {
			faults, err := ParseFaults("cut=5@0.1,tokens=2@0.3,stall=3/1s@0.2")
			if err != nil {
				t.Fatal(err)
			}
			o := Options{Seed: 7, Truth: &buf, TruthGaps: true, Faults: faults,
				Cache: kvcache.Config{BlockSize: 16}, Batch: &batchSpeeds}
			o.Cache.Tiers = [kvcache.NumTiers]kvcache.TierConfig{{Blocks: 100}, {Blocks: 200}}
			s, c := start(t, o)
			var messages []string
			for i := range 40 {
				messages = append(messages,
					fmt.Sprintf(`{"role":"user","content":"%d %s"}`, i, strings.Repeat("text", 10)))
				res := post(t, c, "/v1/chat/completions",
					`{"messages":[`+strings.Join(messages, ",")+`],"max_tokens":9,"stream":true}`,
					nil)
				_, _ = io.ReadAll(res.Body)
				res.Body.Close()
			}
			synctest.Wait()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return buf.String()
	}
	a := run()
	if b := run(); a != b {
		t.Errorf("two runs differ:\n%s\n%s", a, b)
	}
	if !strings.Contains(a, `"outcome":"cut","faults":"cut`) {
		t.Errorf("no fault struck:\n%s", a)
	}
}

// The times of the truth are those that a client sees, and each outcome has its
// name.
func TestTruth(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	ms := time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		s, c := start(t,
			Options{Truth: &buf, TruthGaps: true,
				Fixed: engine.FixedOptions{Base: 100 * ms, Interval: 20 * ms}})
		time.Sleep(time.Second)
		res := post(t, c, "/v1/chat/completions",
			`{"messages":[{"role":"user","content":"hello"}],"max_tokens":4,"stream":true}`,
			http.Header{"X-Request-Id": {"mine"}, "X-Session-Id": {"conv"}})
		_, _ = io.ReadAll(res.Body)
		res.Body.Close()
		post(t, c, "/v1/completions", `{"prompt":`, nil).Body.Close()
		res = post(t, c, "/v1/completions", `{"prompt":"x","max_tokens":100,"stream":true,`+
			`"request_id":"r","conversation_id":"c"}`, nil)
		for in, n := bufio.NewScanner(res.Body), 0; n < 3 && in.Scan(); {
			if strings.HasPrefix(in.Text(), "data:") {
				n++
			}
		}
		synctest.Wait()
		res.Body.Close() // leaves
		synctest.Wait()
		for _, faults := range []string{"cut=2", "reset=0", "error=1", "status=503"} {
			exchange(t, s, faults, "")
			synctest.Wait()
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	_, list, end := readTruth(t, &buf)
	type row struct {
		outcome string
		status  int
		writes  int
	}
	var rows []row
	for _, r := range list {
		rows = append(rows, row{r.Outcome, r.Status, r.Writes})
	}
	want := []row{{"done", 200, 4}, {"refused", 400, 0}, {"left", 200, 3}, {"cut", 200, 2},
		{"cut", 200, 0}, {"error", 200, 1}, {"refused", 503, 0}}
	if !slices.Equal(rows, want) || end.Requests != 7 {
		t.Fatalf("%v, want %v", rows, want)
	}
	r := list[0]
	if r.Request != "mine" || r.Session != "conv" || list[2].Request != "r" ||
		list[2].Session != "c" || r.Clock != "user" || !r.Stream {
		t.Errorf("%+v", r)
	}
	first := Milliseconds(1100 * ms)
	if r.Arrived != Milliseconds(time.Second) || r.Scheduled != r.Arrived || r.FirstDue != first ||
		r.First != first || r.Last != first+Milliseconds(60*ms) || r.LateUS != 0 ||
		!slices.Equal(r.GapsUS, []int64{20000, 20000, 20000}) || r.CompletionTokens != 4 ||
		r.PromptTokens != r.ComputedTokens {
		t.Errorf("%+v", r)
	}
}
