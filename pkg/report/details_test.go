package report

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"multiturn/pkg/measure"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
	"multiturn/pkg/render/xlsx"
)

var update = flag.Bool("update", false, "write the golden files of this package's own formats")

// collected is the collector of records, whose turns are joined.
func collected(o Options, recs ...any) *Collector {
	c := NewCollector("example", o)
	for _, r := range recs {
		c.Add(r)
	}
	c.join()
	return c
}

// The project's own formats: what they look like is kept, so that a change is seen and meant.
func TestOwnFormats(t *testing.T) {
	t.Parallel()
	limits, err := ParseLimits("ttft:25 tpot:5")
	if err != nil {
		t.Fatal(err)
	}
	full := collected(Options{Goodput: limits, Verbose: true}, exampleRun(10, 4)...).Summary()
	recs := exampleRun(3, 20)
	cut := collected(Options{}, recs[:len(recs)-1]...).Summary() // killed: no end
	replicas := twoReplicas(Options{}, 24, true)
	for _, tc := range []struct {
		file  string
		write func(*bytes.Buffer) error
	}{
		{"full.txt", func(b *bytes.Buffer) error {
			return write(b, render.Text, []*Summary{full})
		}},
		{"short.txt", func(b *bytes.Buffer) error {
			return render.WriteText(b, []render.Document{full.Short()}, false)
		}},
		{"short-killed.txt", func(b *bytes.Buffer) error {
			return render.WriteText(b, []render.Document{cut.Short()}, false)
		}},
		{"killed.txt", func(b *bytes.Buffer) error {
			return write(b, render.Text, []*Summary{cut})
		}},
		{"full.json", func(b *bytes.Buffer) error {
			return write(b, render.JSON, []*Summary{full})
		}},
		{"full.csv", func(b *bytes.Buffer) error { return write(b, render.CSV, []*Summary{full}) }},
		{"replicas.txt", func(b *bytes.Buffer) error {
			return write(b, render.Text, []*Summary{replicas})
		}},
		{"replicas-short.txt", func(b *bytes.Buffer) error {
			return render.WriteText(b, []render.Document{replicas.Short()}, false)
		}},
		{"replicas.csv", func(b *bytes.Buffer) error {
			return write(b, render.CSV, []*Summary{replicas})
		}},
	} {
		t.Run(tc.file, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := tc.write(&got); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "own", tc.file)
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("got\n%s\nwant\n%s", &got, want)
			}
			for line := range strings.Lines(got.String()) {
				if strings.HasSuffix(tc.file, ".txt") && len(line) > 121 {
					t.Errorf("%d columns: %s", len(line)-1, line)
				}
			}
		})
	}
}

func TestJSONAndCSVAgree(t *testing.T) {
	t.Parallel()
	s := collected(Options{}, exampleRun(10, 4)...).Summary()
	var b bytes.Buffer
	if err := write(&b, render.JSON, []*Summary{s}); err != nil {
		t.Fatal(err)
	}
	var read []struct {
		Tables []struct {
			Rows []map[string]any
		}
	}
	if err := json.Unmarshal(b.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if err := write(&b, render.CSV, []*Summary{s}); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, row := range read[0].Tables[0].Rows {
		for column, v := range row {
			if column == "name" {
				continue
			}
			i := slices.IndexFunc(lines, func(l []string) bool {
				return l[1] == "table" && l[2] == row["name"] && l[3] == column
			})
			if i < 0 {
				t.Fatalf("CSV lacks %s %s", row["name"], column)
			}
			if f, err := strconv.ParseFloat(lines[i][4], 64); err != nil || f != v {
				t.Errorf("%s %s: %v in JSON, %s in CSV", row["name"], column, v, lines[i][4])
			}
			n++
		}
	}
	if n != 7*9 {
		t.Errorf("%d numbers compared", n)
	}
}

// sampleOf is the sample of a turn with the reference's TTFT, and whether it has one.
func sampleOf(t *record.Turn, prefer Tokens) (record.Sample, bool) {
	k := NewCollector("", Options{Tokens: prefer, TTFT: ReferenceTTFT}).reduce(t)
	return k.sample(), k.good
}

func TestSampleOf(t *testing.T) {
	t.Parallel()
	ms := func(f float64) record.Clock { return record.Clock(f * 1e6) }
	nan := math.NaN()
	base := record.Turn{
		Issued: ms(999), Messages: 3, Counted: record.Counted{Input: 100, NewInput: 40, Output: 11,
			FirstChunk: 1},
		Exchange: record.Exchange{
			Outcome: record.OK, Stream: true, Sent: ms(1000), FirstToken: ms(1050),
			FirstAnswer: ms(1050), End: ms(1150), Chunks: 11, Usage: &record.Usage{Prompt: 120,
				Completion: 11},
		},
	}
	for _, tc := range []struct {
		name                string
		change              func(*record.Turn)
		prefer              Tokens
		ttft, tpot, latency float64 // ttft by the reference
		input, output       int
		chunks              int
		raw                 float64 // ttft; 0 is the same
	}{
		{"as most", func(*record.Turn) {}, "", 50, 10, 150, 120, 11, 10, 0},
		{"the tokenizer's count", func(t *record.Turn) {
			t.Usage.Completion = 21
		}, Tokenizer, 50, 10, 150, 100, 11, 10, 0},
		{"no usage", func(t *record.Turn) { t.Usage = nil }, "", 50, 10, 150, 100, 11, 10, 0},
		{"nobody counted but the server", func(t *record.Turn) {
			t.Counted = record.Counted{}
		}, Tokenizer, 50, 10, 150, 120, 11, 10, 0},
		{"nobody counted", func(t *record.Turn) {
			t.Usage, t.Counted = nil, record.Counted{}
		}, "", 50, nan, 150, 0, 0, 10, 0},
		{"three tokens in the first chunk", func(t *record.Turn) {
			t.Counted.FirstChunk, t.Chunks = 3, 9
		}, "", 25, 12.5, 150, 120, 11, 8, 50},
		{"a first chunk that takes it all back", func(t *record.Turn) {
			t.Counted.FirstChunk, t.Chunks = 10, 2
		}, "", 0.1, 100, 150, 120, 11, 1, 50},
		{"three tokens by another tokenizer, one by the server's", func(t *record.Turn) {
			t.Counted.FirstChunk = 3
		}, "", 50, 10, 150, 120, 11, 10, 0},
		{"three tokens as the reference counts", func(t *record.Turn) {
			t.Counted.FirstChunk = 3
		}, Tokenizer, 25, 12.5, 150, 100, 11, 10, 50},
		{"reasoning first: its tokens were not counted", func(t *record.Turn) {
			t.FirstAnswer, t.Counted.FirstChunk = ms(1100), 5
		}, "", 50, 10, 150, 120, 11, 10, 0},
		{"one token", func(t *record.Turn) {
			t.Usage.Completion, t.Chunks = 1, 1
		}, "", 50, nan, 150, 120, 1, 0, 0},
		{"one chunk of many tokens", func(t *record.Turn) {
			t.Counted.FirstChunk, t.Chunks = 11, 1
		}, "", 50, nan, 150, 120, 11, 0, 0},
		{"an end token that is in no chunk", func(t *record.Turn) {
			t.Usage.Completion, t.Chunks = 2, 1
		}, "", 50, nan, 150, 120, 2, 0, 0},
		{"not streamed", func(t *record.Turn) {
			t.Stream, t.FirstToken, t.Chunks = false, 0, 0
		}, "", 150, nan, 150, 120, 11, 0, 0},
		{"sent was not seen", func(t *record.Turn) { t.Sent = 0 }, "", 51, 10, 151, 120, 11, 10, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			turn := base
			usage := *base.Usage
			turn.Usage = &usage
			tc.change(&turn)
			s, ok := sampleOf(&turn, tc.prefer)
			if !ok {
				t.Fatal("no sample")
			}
			near := func(what string, got, want float64) {
				if !(math.Abs(got-want) < 1e-9) && !(math.IsNaN(got) && math.IsNaN(want)) {
					t.Errorf("%s %v, want %v", what, got, want)
				}
			}
			near("ttft", s.TTFTMS, tc.ttft)
			raw := NewCollector("", Options{Tokens: tc.prefer}).reduce(&turn)
			near("raw ttft", raw.sample().TTFTMS, cmp.Or(tc.raw, tc.ttft))
			near("tpot", s.TPOTMS, tc.tpot)
			near("latency", s.LatencyMS, tc.latency)
			if s.InputTokens != tc.input || s.OutputTokens != tc.output ||
				s.OutputChunks != tc.chunks || s.InputTurns != 3 {
				t.Errorf("%+v", s)
			}
		})
	}
	for _, o := range record.Outcomes {
		turn := base
		turn.Outcome = o
		if _, ok := sampleOf(&turn, ""); ok != o.OK() {
			t.Errorf("outcome %s: sample %v", o, ok)
		}
	}
	never := base
	never.Sent, never.Issued = 0, 0
	if _, ok := sampleOf(&never, ""); ok {
		t.Error("a turn that was never sent has a sample")
	}
}

// All turns of a run are kept: a million of them in under 200 MB.
func TestTurnIsSmall(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(turn{}); size > 192 {
		t.Errorf("a turn takes %d bytes", size)
	} else {
		t.Logf("a turn takes %d bytes", size)
	}
}

func TestUnknownIsNotZero(t *testing.T) {
	t.Parallel()
	recs := exampleRun(4, 3)
	for _, r := range recs {
		if turn, ok := r.(*record.Turn); ok {
			turn.Usage.Cached = nil
			break
		}
	}
	// the first turn is warm-up: nothing is missing
	one := collected(Options{}, recs...).Summary().Details
	if !one.Throughput.NewInput.OK() || one.Cache.Known != one.Cache.Of {
		t.Errorf("%+v %+v", one.Throughput, one.Cache)
	}
	for _, r := range recs {
		if turn, ok := r.(*record.Turn); ok && turn.Usage != nil {
			turn.Usage.Cached = nil
		}
	}
	none := collected(Options{}, recs...).Summary()
	d := none.Details
	if d.Throughput.NewInput.OK() || d.Cache.Known != 0 || d.Cache.Share.OK() ||
		d.Later.Cached.OK() || d.Later.CachedShare.OK() {
		t.Errorf("cached tokens of a server that reports none: %+v %+v", d.Cache, d.Later)
	}
	var b bytes.Buffer
	if err := write(&b, render.Text, []*Summary{none}); err != nil ||
		!strings.Contains(b.String(), "not known, the server does not report cached tokens") {
		t.Errorf("%v\n%s", err, &b)
	}
	if err := write(&b, render.JSON, []*Summary{none}); err != nil ||
		!strings.Contains(b.String(), `"cached_tokens_mean": null`) {
		t.Error("JSON says a number of what is not known")
	}
}

func TestNothingWentWell(t *testing.T) {
	t.Parallel()
	c := collected(Options{}, &record.Run{Model: "m"}, &record.Turn{
		Conversation: "A", Issued: 1,
		Exchange: record.Exchange{
			Outcome: record.Connect, Error: "refused", End: 2,
		},
	},
		&record.Turn{Conversation: "B", Exchange: record.Exchange{Outcome: record.Cancelled}})
	s := c.Summary()
	if len(s.Tables) != 0 || len(s.Samples()) != 0 {
		t.Errorf("%+v", s.Tables)
	}
	var b bytes.Buffer
	for _, err := range []error{write(&b, render.Text, []*Summary{s}),
		write(&b, render.JSON, []*Summary{s}), write(&b, render.CSV, []*Summary{s}),
		xlsx.Write(&b, s.Workbook(true))} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, want := range []string{ErrNoSamples.Error(), "Outcomes: connect 1, cancelled 1", "1 x connect: refused"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	var empty bytes.Buffer
	nothing := NewCollector("x", Options{}).Summary()
	for _, err := range []error{write(&empty, render.Text, []*Summary{nothing}),
		write(&empty, render.JSON, []*Summary{nothing}), write(&empty, render.JSON, nil),
		write(&empty, render.CSV, nil)} {
		if err != nil {
			t.Error(err)
		}
	}
}

// A pause before a retry is in the time of the run, and in no time of a turn.
func TestRunTimeHasThePauses(t *testing.T) {
	t.Parallel()
	sec := func(f float64) record.Clock { return record.Clock(f * 1e9) }
	turn := func(conv string, first, sent, end float64) *record.Turn {
		r := &record.Turn{Conversation: conv, Attempts: 1, Exchange: record.Exchange{
			Outcome: record.OK, Sent: sec(sent), FirstToken: sec(sent + 0.1), End: sec(end)}}
		if first < sent {
			r.Attempts, r.FirstIssued, r.PausedMS = 2, sec(first), 1000*(sent-first)-5
		}
		return r
	}
	for _, tc := range []struct {
		name  string
		turns []any
		want  []Number // of all, and of the second half
	}{
		{"at the start", []any{turn("A", 1, 4, 5), turn("B", 5, 5, 7)}, []Number{6, 2}},
		{"before one that was sent sooner", []any{turn("A", 2, 2, 3), turn("B", 1, 4, 5)},
			[]Number{4, 1}},
		{"in the middle", []any{turn("A", 1, 1, 2), turn("B", 2, 4, 5)}, []Number{4, 1}},
		{"none", []any{turn("A", 1, 1, 2), turn("B", 2, 2, 5)}, []Number{4, 3}},
	} {
		s := collected(Options{WarmupPercentages: []float64{0, 50}}, tc.turns...).Summary()
		if got := []Number{s.Tables[0].RuntimeSec, s.Tables[1].RuntimeSec}; !slices.Equal(got, tc.want) ||
			s.Details.Throughput.Seconds != tc.want[0] {
			t.Errorf("%s: %v and %v, want %v", tc.name, got, s.Details.Throughput.Seconds, tc.want)
		}
		if latency := s.Tables[0].Rows[2].Max; latency > 3000 {
			t.Errorf("%s: a latency of %v ms has a pause in it", tc.name, latency)
		}
		retried, pauses := s.Details.Retried, s.Details.RetryPauses
		var b strings.Builder
		if err := write(&b, render.Text, []*Summary{s}); err != nil {
			t.Fatal(err)
		}
		if (retried == 0) != (pauses == 0) || retried > 0 && !strings.Contains(b.String(),
			"Retries: 1 turn sent more than once, after pauses of ") {
			t.Errorf("%s: %d retried, paused %v s", tc.name, retried, pauses)
		}
	}
	old := collected(Options{}, &record.Turn{Conversation: "A", Attempts: 2, Exchange: record.Exchange{
		Outcome: record.OK, Sent: sec(2), FirstToken: sec(3), End: sec(4)}}).Summary()
	if d := old.Details; d.Retried != 1 || d.RetryPauses.OK() || d.Throughput.Seconds != 2 {
		t.Errorf("records without pauses: %v s of %v", d.RetryPauses, d.Throughput.Seconds)
	}
}

func TestWindowIsToTheLastEnd(t *testing.T) {
	t.Parallel()
	sec := func(f float64) record.Clock { return record.Clock(f * 1e9) }
	turn := func(conv string, sent, end float64, o record.Outcome, warmup bool) *record.Turn {
		return &record.Turn{Conversation: conv,
			Exchange: record.Exchange{Outcome: o, Sent: sec(sent), FirstToken: sec(sent + 0.1),
				End: sec(end)}, Warmup: warmup}
	}
	s := collected(Options{WarmupPercentages: []float64{50, 0}},
		turn("W", 0.1, 20, record.OK, true), // no part of it
		turn("A", 1, 9, record.OK, false),   // ends after those that start later
		turn("B", 2, 3, record.OK, false),
		turn("C", 4, 5, record.OK, false),
		turn("D", 4.5, 11, record.Timeout, false), // the server was busy with it
		turn("E", 4.6, 6, record.OK, false),
	).Summary()
	if len(s.Tables) != 2 || s.Tables[0].RuntimeSec != 10 || s.Tables[0].RequestsPerSec != 0.4 ||
		s.Tables[1].RuntimeSec != 7 {
		t.Errorf("%+v", s.Tables)
	}
	if s.Tables[0].Warmup != 0 || s.Tables[1].Warmup != 0.5 || s.Tables[1].Rows[0].Count != 2 {
		t.Errorf("%+v", s.Tables)
	}
	p := s.Details.Throughput
	if p.Seconds != 10 || math.Abs(float64(p.DrainSec)-6.4) > 1e-9 ||
		math.Abs(float64(p.InFlight)-1.79) > 1e-9 || p.MaxInFlight != 4 {
		t.Errorf("%+v", p)
	}
}

func TestReuseDistance(t *testing.T) {
	t.Parallel()
	sec := func(f float64) record.Clock { return record.Clock(f * 1e9) }
	turn := func(conv string, index int, sent, end float64, input int) *record.Turn {
		return &record.Turn{Conversation: conv, Turn: index,
			Exchange: record.Exchange{Outcome: record.OK, Sent: sec(sent), End: sec(end),
				Usage: &record.Usage{Prompt: input, Completion: 1}}}
	}
	s := collected(Options{},
		turn("A", 1, 5, 6, 70), // in any order
		turn("A", 0, 1, 2, 10),
		turn("B", 0, 2, 3, 20),
		turn("C", 0, 3, 4, 40),
		turn("B", 1, 7, 8, 1),
	).Summary()
	want := map[string][]float64{"reuse_sec": {3, 4}, "reuse_turns": {2, 2},
		"reuse_tokens": {60, 110}}
	for _, r := range s.Details.Distributions {
		if w, ok := want[r.Name]; ok {
			delete(want, r.Name)
			if r.Count != 2 || float64(r.Min) != w[0] || float64(r.Max) != w[1] {
				t.Errorf("%s: %+v, want %v", r.Name, r.Description, w)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("no %v", want)
	}
}

func TestGapsOfSeveralTokens(t *testing.T) {
	t.Parallel()
	turn := &record.Turn{
		Conversation: "A",
		Exchange: record.Exchange{Outcome: record.OK, Stream: true, Sent: 1, FirstToken: 2,
			FirstAnswer: 2, End: 1e9, Chunks: 4,
			GapsUS: []int64{30000, 30000, 60000}, Usage: &record.Usage{Prompt: 1, Completion: 10}},
		Counted: record.Counted{Input: 1, Output: 10, FirstChunk: 1},
	}
	rows := collected(Options{}, turn).Summary().Details.Distributions
	if r := rows[0]; r.Name != "chunk_gap_ms" || r.Count != 3 || r.Mean != 40 || r.Max != 60 {
		t.Errorf("%+v", r)
	}
	if r := rows[1]; r.Name != "inter_token_ms" || r.Count != 9 ||
		math.Abs(float64(r.Mean)-40./3) > 1e-9 || r.Max != 20 {
		t.Errorf("%+v", r)
	}
	turn.Usage.Completion = 5 // four chunks and an end token in none: 4/3 of a token a chunk
	rows = collected(Options{}, turn).Summary().Details.Distributions
	if r := rows[1]; r.Count != 3 || r.Mean != 30 {
		t.Errorf("%+v", r)
	}
	turn.Usage.Completion = 4
	rows = collected(Options{}, turn).Summary().Details.Distributions
	if r := rows[1]; r.Count != 3 || r.Mean != 40 {
		t.Errorf("%+v", r)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{1: "1", 12: "12", 13: "13-20", 20: "13-20", 21: "21-40",
		41: "41-80", 1000: "641-1280", math.MaxInt: "687194767361-"} {
		from, to := turnRange(n)
		if got := (*Group).span(&Group{From: from, To: to}); got != want {
			t.Errorf("turn %d is in %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0-1024", 1024: "0-1024", 1025: "1025-2048",
		2049: "2049-4096", 100000: "65537-131072", math.MaxInt: "1099511627777-"} {
		from, to := promptRange(n)
		if got := (*Group).span(&Group{From: from, To: to}); got != want {
			t.Errorf("%d tokens are in %s, want %s", n, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Limits{
		"":                     {},
		"ttft:200":             {TTFTMS: 200},
		"ttft:200 tpot:50":     {TTFTMS: 200, TPOTMS: 50},
		"tpot:0.5,latency:1e3": {TPOTMS: 0.5, LatencyMS: 1000},
		"e2el:5000, ttft:1":    {TTFTMS: 1, LatencyMS: 5000},
	} {
		got, err := ParseLimits(in)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
		if again, err := ParseLimits(got.String()); err != nil || again != got {
			t.Errorf("%q: %q came back as %+v, %v", in, got.String(), again, err)
		}
	}
	for _, in := range []string{"ttft", "ttft:", "ttft:x", "ttft:-1", "ttft:0", "ttft:NaN", "ttft:Inf", "itl:5", ":5"} {
		if l, err := ParseLimits(in); err == nil {
			t.Errorf("%q was read as %+v", in, l)
		}
	}
	s := record.Sample{TTFTMS: 10, TPOTMS: math.NaN(), LatencyMS: 10}
	for _, tc := range []struct {
		l    Limits
		want bool
	}{{Limits{}, true}, {Limits{TTFTMS: 10}, true}, {Limits{TTFTMS: 9}, false},
		{Limits{TPOTMS: 1}, true}, {Limits{TPOTMS: 1, LatencyMS: 9}, false}} {
		if got := tc.l.met(s); got != tc.want {
			t.Errorf("%+v: %v", tc.l, got)
		}
	}
}

// streamOf returns records as a run writes them.
func streamOf(t testing.TB, recs []any) []byte {
	t.Helper()
	var b bytes.Buffer
	w := record.NewWriter(&b)
	for _, r := range recs {
		switch r := r.(type) {
		case *record.Run:
			_ = w.Run(r)
		case *record.Turn:
			_ = w.Turn(r)
		case *record.Scrape:
			_ = w.Scrape(r)
		case *record.Prefix:
			_ = w.Prefix(r)
		case *record.End:
			_ = w.End(r)
		default:
			t.Fatalf("%T is not a record", r)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadTellsRunsApart(t *testing.T) {
	t.Parallel()
	headless := &record.Turn{Conversation: "headless",
		Exchange: record.Exchange{Outcome: record.OK}}
	stream := streamOf(t, slices.Concat([]any{headless}, exampleRun(4, 3), exampleRun(4, 3)))
	runs, err := Read(record.NewReader(bytes.NewReader(stream), "f"), "f", Options{})
	if err != nil || len(runs) != 3 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	var summaries []*Summary
	for _, r := range runs {
		summaries = append(summaries, r.Summary())
	}
	if summaries[0].Run != nil || summaries[1].Details.Work.Why != "done" ||
		summaries[2].Details.Work.Turns != summaries[1].Details.Work.Turns {
		t.Error("records went to the wrong run")
	}
	var b bytes.Buffer
	if err := render.WriteText(&b, references(summaries), false); err != nil ||
		strings.Count(b.String(), "=== f") != 3 || strings.Contains(b.String(), "Outcomes") {
		t.Errorf("%v\n%s", err, &b)
	}
	direct := collected(Options{}, exampleRun(4, 3)...).Summary()
	var one, two bytes.Buffer
	direct.Name = "f"
	_, _ = write(&one, render.Text, []*Summary{direct}), write(&two, render.Text, summaries[2:])
	if one.String() != two.String() {
		t.Errorf("through a stream:\n%s\ndirectly:\n%s", &two, &one)
	}
}

func TestIntervalsComeFromConversations(t *testing.T) {
	t.Parallel()
	few := collected(Options{}, exampleRun(measure.MinClusters-1, 4)...).Summary().Details.Intervals
	if len(few) > 0 {
		t.Errorf("intervals of %d conversations: %+v", measure.MinClusters-1, few)
	}
	whole := Options{Window: Window{All: true}}
	for _, in := range collected(whole, exampleRun(12, 4)...).Summary().Details.Intervals {
		if in.Conversations != 12 || len(in.Estimates) != 4 {
			t.Errorf("%+v", in)
		}
		for _, e := range in.Estimates {
			if few := !e.Value.OK() && e.Low.OK() && !e.High.OK(); few {
				if e.Name == "mean" || e.Name == "50%" {
					t.Errorf("%s %s is unknown: %+v", in.Name, e.Name, e)
				}
				continue
			}
			if !(e.Low <= e.Value && e.Value <= e.High) {
				t.Errorf("%s %s: %v is not in [%v, %v]", in.Name, e.Name, e.Value, e.Low, e.High)
			}
		}
	}
}

// A server that was slower for a while gives a finding, with its statistic. One that did not change,
// or too few conversations, give none.
func TestAutocorrelatedTurns(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name          string
		conversations int
		slower        float64 // ms, in the second third of the run
		want          bool
	}{
		{"slower for a while", autocorrelatedFrom, 40, true},
		{"never slower", autocorrelatedFrom, 0, false},
		{"too few conversations", autocorrelatedFrom - 1, 40, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := small()
			w.conversations = tc.conversations
			recs := w.play()
			turns := turnsOf(recs)
			for _, turn := range turns[len(turns)/3 : 2*len(turns)/3] {
				turn.FirstToken += record.Clock(tc.slower * 1e6)
				turn.End += record.Clock(tc.slower * 1e6)
			}
			var found []Finding
			for _, f := range collected(Options{}, recs...).Summary().Details.Findings {
				if f.Kind == autocorrelated {
					found = append(found, f)
				}
			}
			if len(found) > 0 != tc.want {
				t.Fatalf("%+v", found)
			}
			if tc.want && (!strings.Contains(found[0].Text, "conversations for a mean within 5 %") ||
				!strings.Contains(found[0].Evidence, "(144 turns; found above 1.645 standard errors)")) {
				t.Errorf("%+v", found[0])
			}
		})
	}
}

func FuzzReport(f *testing.F) {
	killed := exampleRun(3, 3)
	f.Add(streamOf(f, killed[1:len(killed)-1])) // without header and end
	f.Add([]byte(`[{"ttft_ms":1,"latency_ms":2,"start_time_ms":3,"tpot_ms":null}]`))
	f.Add([]byte(`{"type":"turn","outcome":"ok","sent_ms":5,"end_ms":-1,"turn":-7,` +
		`"usage":{"prompt":-5},"gaps_us":[-1]}`))
	f.Add([]byte(`{"type":"turn","outcome":"ok","sent_ms":5,"end_ms":9,` +
		`"usage":{"prompt":4000000000000,"cached":-3,"tiers":{"host":-1}}}`))
	busy := small()
	busy.conversations, busy.turns, busy.tiers, busy.config = 8, 2, true, shape(500, 900, 0)
	busy.arms = []string{record.ArmMeasured, record.ArmNoReuse}
	f.Add(streamOf(f, append(busy.play(), &record.Prefix{Broken: record.BrokenTemplate})))
	f.Fuzz(func(t *testing.T, in []byte) {
		runs, _ := Read(record.NewReader(bytes.NewReader(in), "f"), "f",
			Options{Verbose: true, Bootstrap: Bootstrap{Resamples: 5}})
		for _, r := range runs {
			s := []*Summary{r.Summary()}
			var b bytes.Buffer
			if err := write(&b, render.Text, s); err != nil {
				t.Fatal(err)
			}
			b.Reset()
			if err := write(&b, render.JSON, s); err != nil || !json.Valid(b.Bytes()) {
				t.Fatalf("%v\n%s", err, &b)
			}
			if err := write(&b, render.CSV, s); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkSummary(b *testing.B) {
	recs := exampleRun(1000, 10)
	for b.Loop() {
		s := collected(Options{}, recs...).Summary()
		var text bytes.Buffer
		if err := write(&text, render.Text, []*Summary{s}); err != nil {
			b.Fatal(err)
		}
	}
}
