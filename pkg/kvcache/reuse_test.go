package kvcache

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// access is a request in the tests: its blocks, and the number of its prompt
// tokens.
type access struct {
	hashes []Hash
	prompt int
}

// plainLRU is the definition: one pass for one capacity, Unlimited included,
// with a list that is searched from end to end. It is slow and obvious.
func plainLRU(accesses []access, capacity, blockSize int, partial bool) (hitBlocks,
	hitTokens int64) {
	var cache []Hash // newest first
	for _, a := range accesses {
		n := max(0, a.prompt-1) / blockSize
		if partial {
			n = (a.prompt + blockSize - 1) / blockSize
		}
		run := 0
		for run < min(n, len(a.hashes)) && slices.Contains(cache, a.hashes[run]) {
			run++
		}
		hitBlocks += int64(run)
		hitTokens += int64(min(run*blockSize, max(0, a.prompt-1)))
		for _, h := range slices.Backward(a.hashes) {
			if i := slices.Index(cache, h); i >= 0 {
				cache = slices.Delete(cache, i, i+1)
			}
			cache = slices.Insert(cache, 0, h)
		}
		if capacity >= 0 && len(cache) > capacity {
			cache = cache[:capacity]
		}
	}
	return hitBlocks, hitTokens
}

// conversations returns a random interleaving of conversations that grow,
// branch, share a system prompt and start anew.
func conversations(r *rand.Rand, requests, blockSize int) []access {
	system := NewChain(blockSize, "")
	for i := range r.IntN(4 * blockSize) {
		system.Append(int32(i))
	}
	open := make([]*Chain, 1+r.IntN(6))
	for i := range open {
		open[i] = system.Clone()
	}
	var out []access
	for range requests {
		c := &open[r.IntN(len(open))]
		switch r.IntN(12) {
		case 0:
			*c = system.Clone()
		case 1:
			*c = open[r.IntN(len(open))].Clone()
		}
		for range 1 + r.IntN(3*blockSize) {
			(*c).Append(r.Int32N(1 << 20))
		}
		a := access{prompt: (*c).Tokens()}
		for range r.IntN(2 * blockSize) { // the answer
			(*c).Append(r.Int32N(1 << 20))
		}
		a.hashes = slices.Clone((*c).Hashes())
		out = append(out, a)
	}
	return out
}

func checkAgainstPlain(t *testing.T, accesses []access, blockSize int, partial bool) {
	t.Helper()
	r := NewReuse(blockSize)
	r.CountPartial = partial
	for _, a := range accesses {
		r.Add(a.hashes, a.prompt)
	}
	curve := r.Curve()
	capacities := []int{Unlimited}
	for c := 0; c <= curve.Unique+1; c += 1 + curve.Unique/40 {
		capacities = append(capacities, c)
	}
	for _, c := range capacities {
		blocks, tokens := plainLRU(accesses, c, blockSize, partial)
		if p := curve.At(c); p.HitBlocks != blocks || p.HitTokens != tokens {
			t.Fatalf("capacity %d: curve has %d blocks, %d tokens; a plain LRU %d, %d", c,
				p.HitBlocks, p.HitTokens, blocks, tokens)
		}
	}
}

func TestCurveAgainstPlainLRU(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		blockSize := 1 + r.IntN(8)
		checkAgainstPlain(t, conversations(r, 60, blockSize), blockSize, seed%2 == 0)
	}
}

// Slots are compacted when they are used up. Initially there are 4096.
func TestCurveAfterRenumbering(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	var accesses []access
	for range 300 {
		first := r.IntN(20) * 40
		a := access{prompt: 41}
		for i := range 40 {
			a.hashes = append(a.hashes, Hash(first+i))
		}
		accesses = append(accesses, a)
	}
	checkAgainstPlain(t, accesses, 1, false)
}

// Hashes of any kind, chained or not, repeated within a request or not, give
// the hits of a plain LRU cache.
func FuzzCurve(f *testing.F) {
	f.Add([]byte("\x03abcd\x02ab\x05abcde\x01a"), uint8(4), false)
	f.Add([]byte("\x04aabb\x04bbaa\x04abab"), uint8(1), true)
	f.Fuzz(func(t *testing.T, data []byte, size uint8, partial bool) {
		if len(data) > 400 {
			return
		}
		blockSize := int(size%8) + 1
		var accesses []access
		for len(data) > 0 {
			n := min(int(data[0]%16), len(data)-1)
			var a access
			for _, b := range data[1 : 1+n] {
				a.hashes = append(a.hashes, Hash(b))
			}
			a.prompt = max(0, n*blockSize-int(data[0]/16)%blockSize)
			accesses = append(accesses, a)
			data = data[1+n:]
		}
		checkAgainstPlain(t, accesses, blockSize, partial)
	})
}

func TestDistances(t *testing.T) {
	t.Parallel()
	r := NewReuse(10)
	r.Add([]Hash{1, 2, 3}, 31)
	r.Add([]Hash{4, 5}, 21)
	if n := r.Add([]Hash{1, 2, 3, 6}, 41); n != 3 {
		t.Fatalf("unlimited cache hits %d blocks, want 3", n)
	}
	if want := []int{3, 4, 5}; !slices.Equal(r.distances, want) {
		t.Errorf("distances %v, want %v", r.distances, want)
	}
	w := r.WorkingSet()
	if !slices.Equal(w.Unique, []int32{3, 5, 6}) || !slices.Equal(w.Live, []int32{3, 3, 0}) {
		t.Errorf("working set %+v", w)
	}
}

// Eight conversations of ten blocks in turn: below 80 blocks nothing is hit,
// from 80 on everything.
func TestCliff(t *testing.T) {
	t.Parallel()
	r := NewReuse(16)
	for range 50 {
		for conversation := range 8 {
			var hashes []Hash
			for i := range 10 {
				hashes = append(hashes, Hash(conversation*10+i))
			}
			r.Add(hashes, 161)
		}
	}
	c := r.Curve()
	cliff := c.Cliff()
	if cliff.From < 69 || cliff.To > 80 || cliff.Rise < 0.9 {
		t.Errorf("cliff %+v, want one within 70 to 80 blocks", cliff)
	}
	if p := c.Reach(1); p != c.Possible() || p.Capacity != 80 || p.HitBlocks != 49*80 {
		t.Errorf("all possible hits are reached at %+v", p)
	}
	if p := c.Reach(0.5); p.Capacity != 75 {
		t.Errorf("half of the possible hits are reached at %d blocks, want 75", p.Capacity)
	}
	if c.Rate(c.Possible()) != 49.0*160/(50*161) {
		t.Errorf("possible rate %v", c.Rate(c.Possible()))
	}
	// 40 blocks hit nothing, and neither does an inclusive tier of 60 below them. With exclusive
	// tiers of 40 and 40 everything is hit.
	inclusive := c.Split([NumTiers]int{40, 60, Unlimited}, false)
	if inclusive[GPU].HitBlocks != 0 || inclusive[CPU].HitBlocks != 0 ||
		inclusive[Disk].HitBlocks != 49*80 {
		t.Errorf("inclusive split %v", inclusive)
	}
	exclusive := c.Split([NumTiers]int{40, 40, 0}, true)
	if exclusive[GPU].HitBlocks != 0 || exclusive[CPU].HitBlocks != 49*80 ||
		exclusive[Disk].HitBlocks != 0 {
		t.Errorf("exclusive split %v", exclusive)
	}
}

func TestEmptyCurve(t *testing.T) {
	t.Parallel()
	c := NewReuse(16).Curve()
	if c.Possible() != (Point{}) || c.Reach(0.9) != (Point{}) || c.Cliff() != (Cliff{}) ||
		c.Points(10) != nil || c.Rate(c.At(5)) != 0 {
		t.Error("an empty curve is not empty everywhere")
	}
}

func TestPoints(t *testing.T) {
	t.Parallel()
	r := NewReuse(4)
	rng := rand.New(rand.NewPCG(3, 3))
	for _, a := range conversations(rng, 400, 4) {
		r.Add(a.hashes, a.prompt)
	}
	c := r.Curve()
	for _, n := range []int{1, 2, 10, 1 << 20} {
		points := c.Points(n)
		if len(points) == 0 || len(points) > n || points[len(points)-1] != c.Possible() {
			t.Errorf("Points(%d): %d points", n, len(points))
		}
		for i, p := range points {
			if p != c.At(p.Capacity) || i > 0 && p.Capacity <= points[i-1].Capacity {
				t.Errorf("Points(%d)[%d] = %v", n, i, p)
			}
		}
	}
}

// golden is one row of an exact LRU simulation of a trace.
type golden struct {
	Capacity     int   `json:"capacity_blocks"` // 0 = unlimited
	HitBlocks    int64 `json:"hit_blocks"`
	Blocks       int64 `json:"blocks"`
	HitTokens    int64 `json:"hit_tokens"`
	PromptTokens int64 `json:"prompt_tokens"`
}

func readGolden(t *testing.T, name string) []golden {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var rows []golden
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) == 0 {
		t.Fatalf("%s: no rows", name)
	}
	return rows
}

func traceCurve(t testing.TB, trace *Trace) *Curve {
	t.Helper()
	r := NewReuse(trace.size)
	r.CountPartial = true
	for trace.Scan() {
		q := trace.Request()
		r.Add(q.Hashes, q.Input)
	}
	if trace.Err() != nil {
		t.Fatal(trace.Err())
	}
	return r.Curve()
}

func compareGolden(t *testing.T, c *Curve, rows []golden) {
	t.Helper()
	for _, g := range rows {
		capacity := g.Capacity
		if capacity == 0 {
			capacity = Unlimited
		}
		p := c.At(capacity)
		got := golden{g.Capacity, p.HitBlocks, c.Accesses, p.HitTokens, c.PromptTokens}
		if got != g {
			t.Errorf("capacity %d: %+v, want %+v", g.Capacity, got, g)
		}
	}
}

func shared(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SHARED")
	if dir == "" {
		t.Skip("SHARED does not name the folder of full-size data")
	}
	return dir
}

func TestMooncakeCurve(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shared(t), "data", "traces")
	f, err := os.Open(filepath.Join(dir, "mooncake_conversation.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	c := traceCurve(t, NewTrace(z, MooncakeBlock))
	compareGolden(t, c, readGolden(t, filepath.Join(dir, "mooncake_conversation.lru.json")))

	// The published curve, in percent of blocks; llmtrafficlens publishes the same limit in tokens.
	for _, row := range []struct {
		blocks int
		want   string
	}{{1000, "4.5"}, {2000, "5.4"}, {5000, "11.2"}, {10_000, "21.2"}, {20_000, "28.8"},
		{50_000, "35.5"}, {100_000, "36.4"}, {Unlimited, "36.6"}} {
		rate := 100 * float64(c.At(row.blocks).HitBlocks) / float64(c.Accesses)
		if got := fmt.Sprintf("%.1f", rate); got != row.want {
			t.Errorf("%d blocks: %s %% of blocks, published %s %%", row.blocks, got, row.want)
		}
	}
	if got := fmt.Sprintf("%.1f", 100*c.Rate(c.Possible())); got != "37.4" || c.Unique != 182_790 ||
		c.Accesses != 288_500 {
		t.Errorf("ceiling %s %% of tokens, %d unique of %d accesses", got, c.Unique, c.Accesses)
	}
	cliff := c.Cliff()
	t.Logf("cliff %+v; 50, 90, 99 %% of possible at %d, %d, %d blocks; largest request %d", cliff,
		c.Reach(0.5).Capacity, c.Reach(0.9).Capacity, c.Reach(0.99).Capacity, c.Largest)
}

// 12 million block accesses: 64 conversations of agents in turn, each growing
// to thousands of blocks.
func BenchmarkReuse12M(b *testing.B) {
	const users, want = 64, 12_000_000
	b.ReportAllocs()
	for b.Loop() {
		r := NewReuse(64)
		var hashes [users][]Hash
		next, accesses := Hash(0), 0
		rng := rand.New(rand.NewPCG(1, 1))
		for accesses < want {
			u := rng.IntN(users)
			if len(hashes[u]) > 4000 {
				hashes[u] = hashes[u][:0]
			}
			for range 10 + rng.IntN(40) {
				next++
				hashes[u] = append(hashes[u], next*0x9e3779b97f4a7c15>>3)
			}
			r.Add(hashes[u], 64*len(hashes[u])+1)
			accesses += len(hashes[u])
		}
		c := r.Curve()
		b.ReportMetric(float64(c.Unique), "unique")
	}
	b.ReportMetric(want*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mblocks/s")
}

// The worst case: twelve million accesses to four million blocks at random, so
// that no two blocks are used together twice.
func BenchmarkReuseScattered12M(b *testing.B) {
	const want, unique = 12_000_000, 4_000_000
	b.ReportAllocs()
	for b.Loop() {
		r := NewReuse(64)
		rng := rand.New(rand.NewPCG(1, 1))
		hashes := make([]Hash, 1)
		for range want {
			hashes[0] = Hash(rng.IntN(unique))
			r.Add(hashes, 65)
		}
		seen := float64(len(r.blocks))
		if math.Abs(seen/unique-0.95) > 0.01 {
			b.Fatal(seen)
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/seen, "heapB/unique")
		runtime.KeepAlive(r)
	}
	b.ReportMetric(want*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mblocks/s")
}
