package scrape

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/server"
	"multiturn/pkg/sim"
	"multiturn/pkg/sim/engine"
)

// What the catalogue reads of each tier is what the simulator's truth has, under
// every server's names, old and new, and under both at once.
func TestTiersAgainstTruth(t *testing.T) {
	t.Parallel()
	const (
		tokens, queries, hits = server.HitTokens, server.Queries, server.Hits
		read, seconds         = server.ReadBytes, server.ReadSeconds
		written, failures     = server.WrittenBytes, server.Failures
	)
	vllm := map[string][]server.Measure{
		"gpu":  {tokens},
		"cpu":  {tokens, queries, hits, failures},
		"disk": {tokens, queries, hits, read, seconds, written, failures},
	}
	for name, tc := range map[string]struct {
		dialects []sim.Dialect
		offload  int
		want     map[string][]server.Measure
		names    map[string]string
	}{
		"vLLM": {
			[]sim.Dialect{sim.VLLM}, 0, vllm,
			map[string]string{"disk_hits": "vllm:kv_offload_tiering_chunk_hits_total"},
		},
		"vLLM, larger blocks below": {[]sim.Dialect{sim.VLLM}, 64, vllm, nil},
		"vLLM, old names": {
			[]sim.Dialect{sim.VLLMOld}, 0, vllm,
			map[string]string{"disk_hits": "vllm:kv_offload_tiering_block_hits_total"},
		},
		"vLLM, both": {
			[]sim.Dialect{sim.VLLMOld, sim.VLLM}, 64, vllm,
			map[string]string{"load_bytes": "vllm:kv_offload_load_bytes_total"},
		},
		"SGLang": {[]sim.Dialect{sim.SGLang}, 0, map[string][]server.Measure{
			"gpu": {tokens}, "cpu": {tokens, read, written},
			"disk": {tokens, server.ReadTokens, server.WrittenTokens},
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, truth := threeTiers(t, tc.dialects, tc.offload)
			for tier, measures := range tc.want {
				for _, m := range measures {
					q := server.QuantityOf(tier, m)
					v, ok := got.Values[q.Name]
					if want := truth[tier][m]; !ok || v < want-1e-6 || v > want+1e-6 {
						t.Errorf("%s of %s: %v (%v), and the truth is %v", m, tier, v, ok, want)
					}
				}
			}
			for q, want := range tc.names {
				if !strings.HasPrefix(got.Names[q], want) {
					t.Errorf("%s was read from %s, want %s", q, got.Names[q], want)
				}
			}
			if truth["disk"][tokens] == 0 || truth["cpu"][tokens] == 0 || truth["gpu"][tokens] == 0 {
				t.Errorf("a tier was of no use: %v", truth)
			}
			for _, m := range []server.Measure{read, written} {
				q, want := server.QuantityOf("cpu", m).Name, truth["total"][m]
				if v := got.Values[q]; name != "SGLang" && v != want {
					t.Errorf("%s: %v, and the truth is %v", q, v, want)
				}
			}
		})
	}
}

// kvBytes is the size of a token's KV in the simulated cache.
const kvBytes = 1000

// threeTiers plays conversations on a simulated server with a GPU, a CPU and a
// disk tier. It returns what its metrics say, and what its truth says in the same
// words; "total" is what passed between the GPU and below.
func threeTiers(
	t *testing.T, dialects []sim.Dialect, offload int,
) (Reading, map[string]map[server.Measure]float64) {
	t.Helper()
	const block = 16
	var lines bytes.Buffer
	o := sim.Options{
		Truth: &lines, MaxModelLen: 1600, BytesPerToken: kvBytes, Metrics: dialects,
		Cache: kvcache.Config{BlockSize: block, OffloadBlockSize: offload},
		Fixed: engine.FixedOptions{Load: engine.LoadTimes{
			kvcache.CPU: time.Microsecond, kvcache.Disk: 2 * time.Microsecond,
		}},
	}
	o.Cache.Tiers = [kvcache.NumTiers]kvcache.TierConfig{{Blocks: 101}, {Blocks: 160}, {Blocks: 2000}}
	s, err := sim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: s.Dial}}
	for turn := 1; turn <= 5; turn++ {
		for c := range 7 {
			talk(t, client, c, turn)
		}
		talk(t, client, 0, turn) // again, so that the GPU has hits
	}
	res, err := client.Get("http://sim/metrics")
	if err != nil {
		t.Fatal(err)
	}
	e, err := Parse(res.Body)
	res.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	client.CloseIdleConnections()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return Read(e), tierTruth(t, &lines, block)
}

// talk sends a turn of a conversation with its history.
func talk(t *testing.T, client *http.Client, conversation, turns int) {
	t.Helper()
	var messages []string
	for i := range turns {
		if i > 0 {
			messages = append(messages, `{"role":"assistant","content":"well"}`)
		}
		messages = append(messages, fmt.Sprintf(`{"role":"user","content":"conversation %d turn %d %s"}`,
			conversation, i, strings.Repeat("some text ", 60)))
	}
	res, err := client.Post("http://sim/v1/chat/completions", "application/json", strings.NewReader(
		`{"messages":[`+strings.Join(messages, ",")+`],"max_tokens":5}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %v: %s", res.StatusCode, err, body)
	}
}

// tierTruth sums up the lines of a truth.
func tierTruth(t *testing.T, lines io.Reader, block int) map[string]map[server.Measure]float64 {
	t.Helper()
	type row = map[server.Measure]float64
	sum := map[string]row{"gpu": {}, "cpu": {}, "disk": {}, "total": {}}
	for in := json.NewDecoder(lines); in.More(); {
		var line json.RawMessage
		if err := in.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(line, []byte(`{"type":"request"`)) {
			continue
		}
		var r sim.Truth
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		for tier, of := range map[string]func(sim.Tiers) int{
			"gpu":  func(n sim.Tiers) int { return n.GPU },
			"cpu":  func(n sim.Tiers) int { return n.CPU },
			"disk": func(n sim.Tiers) int { return n.Disk },
		} {
			add := row{
				server.HitTokens: float64(of(r.Cached)), server.Queries: float64(of(r.Queries)),
				server.Hits: float64(of(r.Hits)), server.ReadTokens: float64(of(r.Read)),
				server.ReadBytes:     float64(of(r.Read) * kvBytes),
				server.ReadSeconds:   float64(of(r.Reading)) / 1e6,
				server.WrittenTokens: float64(of(r.Stored) * block),
				server.WrittenBytes:  float64(of(r.Stored) * block * kvBytes),
			}
			for m, n := range add {
				sum[tier][m] += n
			}
		}
	}
	sum["total"][server.ReadBytes] = sum["cpu"][server.ReadBytes] + sum["disk"][server.ReadBytes]
	sum["total"][server.WrittenBytes] = sum["cpu"][server.WrittenBytes]
	return sum
}
