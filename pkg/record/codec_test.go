package record

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"multiturn/internal/limits"
)

func TestAppendTurnIsEncodingJSON(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var turn Turn
		fill(rng, reflect.ValueOf(&turn).Elem())
		turn.Type = TypeTurn
		want := inOrder(t, &turn)
		if got := AppendTurn(nil, &turn); !bytes.Equal(got, want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

// turnKeys is the order of a turn's fields in the format. The struct has another.
var turnKeys = strings.Fields(`
	type conversation client turn messages warmup arm batch replica attempts outcome status error
	finish verify history
	scheduled_ms issued_ms first_issued_ms paused_ms sent_ms written_ms headers_ms first_event_ms
	first_token_ms first_answer_ms last_token_ms end_ms
	connection connect_ms stream chunks chunks_content chunks_reasoning chunks_tool reads merged
	merged_late first_merged first_early_us read_late_us gaps_us
	max_tokens min_tokens usage usage_zeros implausible counted body_bytes server_timings`)

// inOrder returns what encoding/json writes for a turn, in the order of turnKeys.
func inOrder(t *testing.T, turn *Turn) []byte {
	t.Helper()
	line, err := marshal(turn)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatal(err)
	}
	out := []byte{'{'}
	for _, key := range turnKeys {
		if value, ok := fields[key]; ok {
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(fmt.Appendf(out, "%q:", key), value...)
			delete(fields, key)
		}
	}
	if len(fields) > 0 {
		t.Fatalf("fields of a turn that are not in turnKeys: %v", slices.Sorted(maps.Keys(fields)))
	}
	return append(out, '}')
}

func TestAppendTurnWithBadNumbersAndTimings(t *testing.T) {
	t.Parallel()
	turn := Turn{Exchange: Exchange{ConnectMS: math.NaN(), ServerTimings: json.RawMessage(`{"a":`)}}
	var got Turn
	if err := json.Unmarshal(AppendTurn(nil, &turn), &got); err != nil {
		t.Fatal(err)
	}
	turn.ServerTimings = json.RawMessage("{\n \"a\": 1 }")
	if line := AppendTurn(nil, &turn); bytes.ContainsRune(line, '\n') ||
		!bytes.HasSuffix(line, []byte(`"server_timings":{"a":1}}`)) {
		t.Errorf("timings over several lines: %s", line)
	}
}

// read reads a whole stream.
func read(t *testing.T, r *Reader) []any {
	t.Helper()
	var all []any
	for r.Scan() {
		all = append(all, r.Record())
	}
	return all
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	var (
		file bytes.Buffer
		want []any
		w    = NewWriter(&file)
	)
	valid := func(v any) { // what JSON cannot carry is not expected back
		line, _ := marshal(v)
		fresh := reflect.New(reflect.TypeOf(v).Elem()).Interface()
		if err := json.Unmarshal(line, fresh); err != nil {
			t.Fatal(err)
		}
		Check(fresh) // as the reader does
		want = append(want, fresh)
	}
	for range 50 {
		var (
			run    Run
			turn   Turn
			scrape Scrape
			prefix Prefix
			end    End
		)
		for _, rec := range []any{&run, &turn, &scrape, &prefix, &end} {
			fill(rng, reflect.ValueOf(rec).Elem())
		}
		run.Type, run.Format, run.Version = TypeRun, Format, Version
		turn.Type, scrape.Type, prefix.Type, end.Type = TypeTurn, TypeScrape, TypePrefix, TypeEnd
		if err := errors.Join(w.Run(&run), w.Turn(&turn), w.Scrape(&scrape), w.Prefix(&prefix),
			w.End(&end)); err != nil {
			t.Fatal(err)
		}
		for _, rec := range []any{&run, &turn, &scrape, &prefix, &end} {
			valid(rec)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := read(t, NewReader(&file, "x"))
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("record %d:\ngot  %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

func TestReaderLines(t *testing.T) {
	t.Parallel()
	const (
		run  = `{"type":"run","format":"multiturn-records","version":"1.7","id":"R","new_field":[1]}`
		turn = `{"type":"turn","conversation":"A","outcome":"ok","sent_ms":1.5,"end_ms":2}`
		end  = `{"type":"end","why":"done"}`
	)
	for _, tc := range []struct {
		name, in string
		want     string // types of the records
		broken   string // of the first broken line
		nbad     int
		err      string
	}{
		{"whole", run + "\n" + turn + "\n" + end + "\n", "run turn end", "", 0, ""},
		{"no last newline", run + "\n" + turn, "run turn", "", 0, ""},
		{"cut last line", run + "\n" + turn[:20], "run",
			"f:2: not JSON: unexpected end of JSON input (at byte 20)", 1, ""},
		{"cut line in the middle", run + "\n" + turn[:20] + "\n" + turn + "\n", "run turn",
			"f:2: not JSON: unexpected end of JSON input (at byte 20)", 1, ""},
		{"empty", "", "", "", 0, ""},
		{"blank lines and CR LF", "\n\r\n" + run + "\r\n\n" + turn + "\r\n", "run turn", "", 0, ""},
		{"line numbers count blank lines", "\n\nx\n", "",
			"f:3: not JSON: invalid character 'x' looking for beginning of value (at byte 1)", 1,
			""},
		{"byte order mark", "\xef\xbb\xbf" + run, "run", "", 0, ""},
		{"unknown type", run + "\n" + `{"type":"note"}` + "\n" + turn, "run turn", "", 0, ""},
		{"no type", `{"id":"a","messages":[]}`, "", `f:1: no "type": not a record`, 1, ""},
		{"wrong field", turn + "\n" + `{"type":"turn","turn":"one"}` + "\n" + turn, "turn turn",
			"f:2: turn: got string, want a number", 1, ""},
		{"wrong field of an exchange", turn + "\n" + `{"type":"turn","usage":{"prompt":"one"}}`,
			"turn", "f:2: usage.prompt: got string, want a number", 1, ""},
		{"turns without a header", turn + "\n" + turn, "turn turn", "", 0, ""},
		{"two runs", run + "\n" + turn + "\n" + end + "\n" + run + "\n" + turn,
			"run turn end run turn", "", 0, ""},
		{"newer", turn + "\n" + `{"type":"run","format":"multiturn-records","version":"2.0"}` +
			"\n" + turn, "turn", "", 0,
			"f:2: records of version 2.0, but this program reads up to 1.x: use a newer one"},
		{"other format", `{"type":"run","format":"x","version":"1.0"}`, "", "", 0,
			`f:1: the header has format "x", not "multiturn-records": these are not records of a run`},
		{"strange version", `{"type":"run","format":"multiturn-records","version":"one"}` + "\n" +
			turn, "turn", `f:1: the header's version "one" is not like "1.3"`, 1, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for name, src := range map[string]*Reader{
				"whole reads":  NewReader(strings.NewReader(tc.in), "f"),
				"single bytes": NewReader(iotest.OneByteReader(strings.NewReader(tc.in)), "f"),
				"packed":       NewReader(bytes.NewReader(pack(t, tc.in)), "f"),
			} {
				var types []string
				for _, rec := range read(t, src) {
					types = append(types,
						strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", rec), "*record.")))
				}
				if got := strings.Join(types, " "); got != tc.want {
					t.Errorf("%s: records %q, want %q", name, got, tc.want)
				}
				n, first := src.Broken()
				if n != tc.nbad || n > 0 && first[0].Error() != tc.broken {
					t.Errorf("%s: broken %d %v, want %d %s", name, n, first, tc.nbad, tc.broken)
				}
				if err := src.Err(); err == nil && tc.err != "" ||
					err != nil && err.Error() != tc.err {
					t.Errorf("%s: error %v, want %q", name, err, tc.err)
				}
			}
		})
	}
}

// Every broken line is counted once, by its own number.
func TestReaderBrokenLines(t *testing.T) {
	t.Parallel()
	const turn, cut = `{"type":"turn","conversation":"A"}`, `{"type":"turn","conver`
	const item = `{"ttft_ms": 50.0, "latency_ms": 150.0, "start_time_ms": 1.0}`
	for _, tc := range []struct {
		name, in string
		records  int
		lines    []int
	}{
		{"several in a row", turn + "\n" + cut + "\n\n" + cut + "\nbad\n}\n" + turn + "\n", 2,
			[]int{2, 4, 5, 6}},
		{"the first", cut + "\n" + turn + "\n", 1, []int{1}},
		{"the last", turn + "\n" + cut + "\n", 1, []int{2}},
		{"the last without a line break", turn + "\n" + turn + "\n" + cut, 2, []int{3}},
		{"two values", turn + " " + turn + "\n" + turn + "\n", 1, []int{1}},
		{"CRLF", turn + "\r\n" + cut + "\r\n" + cut + "\r\n" + turn + "\r\n", 2, []int{2, 3}},
		{"behind an array", "\n[\n" + item + ",\n" + item + "\n]\n" + turn + "\n" + cut + "\n" + turn,
			4, []int{7}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for name, src := range map[string]io.Reader{
				"whole": strings.NewReader(tc.in),
				"bytes": iotest.OneByteReader(strings.NewReader(tc.in)),
			} {
				r := NewReader(src, "f")
				if got := read(t, r); len(got) != tc.records {
					t.Errorf("%s: %d records, want %d", name, len(got), tc.records)
				}
				n, first := r.Broken()
				var lines []int
				for _, bad := range first {
					lines = append(lines, bad.Line)
				}
				if n != len(tc.lines) || !slices.Equal(lines, tc.lines) {
					t.Errorf("%s: %d broken, lines %d, want %d", name, n, lines, tc.lines)
				}
			}
		})
	}
}

func pack(t *testing.T, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReaderKeepsWhatACutPackedFileHolds(t *testing.T) {
	t.Parallel()
	var in strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&in, "{\"type\":\"turn\",\"conversation\":\"%x\"}\n", uint32(i)*2654435761)
	}
	b := pack(t, in.String())
	r := NewReader(bytes.NewReader(b[:len(b)/2]), "f.gz")
	if n := len(read(t, r)); n < 1000 {
		t.Errorf("%d turns of a file of 5000 cut in half", n)
	}
	if n, _ := r.Broken(); n != 1 || r.Err() != nil {
		t.Errorf("broken %d, error %v; want the cut line counted and no error", n, r.Err())
	}
}

func TestReaderReportsFailureToRead(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for _, start := range []string{"", `{"type":"turn"}` + "\n" + `{"ty`,
		`[{"ttft_ms":1,"latency_ms":1,"start_time_ms":1},`} {
		r := NewReader(iotest.DataErrReader(ioReader{strings.NewReader(start), boom}), "f")
		read(t, r)
		if err := r.Err(); !errors.Is(err, boom) || !strings.HasPrefix(err.Error(), "f: ") {
			t.Errorf("after %q: error %v", start, err)
		}
	}
}

// ioReader reads src, then fails.
type ioReader struct {
	src *strings.Reader
	err error
}

func (r ioReader) Read(p []byte) (int, error) {
	if r.src.Len() == 0 {
		return 0, r.err
	}
	return r.src.Read(p)
}

func TestReaderLongLine(t *testing.T) {
	t.Parallel()
	long := `{"type":"turn","error":"` + strings.Repeat("x", 1<<20) + `"}` + "\n"
	tooLong := `{"type":"turn","error":"` + strings.Repeat("x", limits.Turn) + `"}` + "\n" +
		`{"type":"scrape","error":"` + strings.Repeat("x", limits.Record) + `"}` + "\n"
	r := NewReader(strings.NewReader(long+tooLong+`{"type":"end"}`), "f")
	if got := read(t, r); len(got) != 2 || len(got[0].(*Turn).Error) != 1<<20 {
		t.Errorf("%d records, want the turn of 1 MiB and the end", len(got))
	}
	if n, first := r.Broken(); n != 2 || first[0].Error() != "f:2: the line is larger than 64 MiB" ||
		first[1].Error() != "f:3: the line is larger than 2 MiB" {
		t.Errorf("broken %d %v", n, first)
	}
}

// An item without end is not read to its end.
func TestReaderLongItem(t *testing.T) {
	t.Parallel()
	one := `[{"ttft_ms": 50.0, "latency_ms": 150.0, "start_time_ms": 1000.0}, {"ttft_ms": "`
	in := &endless{head: strings.NewReader(one)}
	r := NewReader(in, "stats.json")
	n := 0
	for r.Scan() {
		n++
	}
	broken, first := r.Broken()
	if n != 1 || r.Err() != nil || broken != 1 || in.n > 4*limits.Record {
		t.Fatalf("%d items, %d broken, %d bytes read, %v", n, broken, in.n, r.Err())
	}
	want := "stats.json: item 2: it is larger than 2 MiB, so the rest of the array is skipped"
	if got := first[0].Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// endless is a text that goes on for ever.
type endless struct {
	head io.Reader
	n    int
}

func (e *endless) Read(p []byte) (int, error) {
	n, _ := e.head.Read(p)
	for i := n; i < len(p); i++ {
		p[i] = 'a'
	}
	e.n += len(p)
	return len(p), nil
}

func TestReaderArrays(t *testing.T) {
	t.Parallel()
	const (
		item = `{"ttft_ms": 50.0, "tpot_ms": 10.0, "latency_ms": 150.0, "start_time_ms": ` +
			`1000.0, "conversation_id": "A"}`
		turn = `{"type":"turn","conversation":"A"}`
	)
	for _, tc := range []struct {
		name, in string
		want     int
		broken   string
	}{
		{"empty", "[]", 0, ""},
		{"two", " [\n" + item + ",\n" + item + "\n]", 2, ""},
		{"two arrays", "[" + item + "][" + item + "]\n", 2, ""},
		{"an array, then records", "[" + item + "]\n" + turn + "\n" + turn, 3, ""},
		{"an item of another kind", "[" + item + `, {"id": "A", "messages": []}, ` + item + "]", 2,
			"f: item 2: not a measurement of a request: want ttft_ms, latency_ms and start_time_ms"},
		{"wrong type", `[{"ttft_ms": "fast"}]`, 0, "f: item 1: ttft_ms: got string, want a number"},
		{"cut", "[" + item + ", " + item[:30], 1, "f: item 2: the array ends in the middle"},
		{"cut after an item", "[" + item, 1, "f: item 2: the array ends in the middle"},
		{"broken", "[" + item + ", {x}, " + item + "]", 1,
			"f: item 2: not JSON: invalid character 'x' looking for beginning of object key " +
				"string, so the rest of the array is skipped"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := NewReader(iotest.HalfReader(strings.NewReader(tc.in)), "f")
			if got := read(t, r); len(got) != tc.want {
				t.Errorf("%d records, want %d", len(got), tc.want)
			}
			n, first := r.Broken()
			if (n > 0) != (tc.broken != "") || n > 0 && first[0].Error() != tc.broken {
				t.Errorf("broken %d %v, want %s", n, first, tc.broken)
			}
			if r.Err() != nil {
				t.Error(r.Err())
			}
		})
	}
}

func TestSamplesAreTheReferencesBytes(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/*.stats.json")
	if shared := os.Getenv("SHARED"); shared != "" {
		more, _ := filepath.Glob(filepath.Join(shared, "golden/stats/*.stats.json"))
		files = append(files, more...)
	}
	if len(files) < 2 {
		t.Fatal("no golden files")
	}
	for _, file := range files {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader(bytes.NewReader(want), file)
		var samples []Sample
		for _, rec := range read(t, r) {
			samples = append(samples, *rec.(*Sample))
		}
		if n, first := r.Broken(); n > 0 || r.Err() != nil {
			t.Errorf("%s: %v %v", file, first, r.Err())
		}
		var got bytes.Buffer
		if err := WriteSamples(&got, samples); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: written as\n%s", file, &got)
		}
	}
}

func TestAppendSample(t *testing.T) {
	t.Parallel()
	s := Sample{TTFTMS: 1e-5, TPOTMS: math.NaN(), LatencyMS: 1e9, StartMS: 3456789012345.625,
		Conversation: "é\"\\\n🙂\x7f"}
	got := string(AppendSample(nil, &s))
	for _, want := range []string{
		`"ttft_ms": 1e-05,`, `"tpot_ms": null,`, `"latency_ms": 1000000000.0,`,
		`"start_time_ms": 3456789012345.625,`, `"approx_cached_percent": 0.0,`,
		`"conversation_id": "\u00e9\"\\\n\ud83d\ude42\u007f",`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	if got := string(AppendPythonFloat(nil, 1e16)); got != "1e+16" {
		t.Errorf("1e16 is written as %s", got)
	}
	var back Sample
	if err := json.Unmarshal([]byte(got), &back); err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(back.TPOTMS) {
		t.Error("an absent TPOT came back as a number")
	}
	var empty bytes.Buffer
	if err := WriteSamples(&empty, nil); err != nil || empty.String() != "[]" {
		t.Errorf("no samples: %q, %v", empty.String(), err)
	}
}

// sink is a file that can be read while it is written.
type sink struct {
	mu    sync.Mutex
	b     bytes.Buffer
	err   error
	block chan struct{}
}

func (s *sink) Write(p []byte) (int, error) {
	if s.block != nil {
		<-s.block
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	return s.b.Write(p)
}

func (s *sink) lines() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Count(s.b.Bytes(), []byte("\n"))
}

func TestWriterFlushes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		file := new(sink)
		w := NewWriter(file)
		check := func(when string, want int) {
			t.Helper()
			synctest.Wait()
			if got := file.lines(); got != want {
				t.Errorf("%s: %d lines in the file, want %d", when, got, want)
			}
		}
		_ = w.Run(&Run{})
		check("the header", 1)
		for i := range 20 {
			_ = w.Turn(&Turn{})
			time.Sleep(time.Second)
			check("a second after a turn", i+2)
		}
		time.Sleep(time.Hour)
		_ = w.Turn(&Turn{})
		check("just after a turn", 21)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		check("closed", 22)
		if w.Waits() != 0 {
			t.Errorf("%d waits", w.Waits())
		}
	})
}

func TestWriterCountsWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		file := &sink{block: make(chan struct{})}
		w := NewWriter(file)
		_ = w.Run(&Run{}) // the goroutine hangs in writing this
		synctest.Wait()
		for range queueSize {
			_ = w.Turn(&Turn{})
		}
		if w.Waits() != 0 {
			t.Errorf("%d waits before the queue was full", w.Waits())
		}
		go func() { _ = w.Turn(&Turn{}) }()
		synctest.Wait()
		if w.Waits() != 1 {
			t.Errorf("%d waits, want 1", w.Waits())
		}
		close(file.block)
		synctest.Wait()
		if err := w.Close(); err != nil || file.lines() != queueSize+2 {
			t.Errorf("%v, %d lines", err, file.lines())
		}
	})
}

func TestWriterReportsFailure(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	w := NewWriter(&sink{err: full})
	_ = w.Run(&Run{})
	_ = w.Turn(&Turn{})
	if err := w.Close(); !errors.Is(err, full) {
		t.Errorf("Close: %v", err)
	}
	w = NewWriter(new(sink))
	_ = w.End(&End{WarmupMS: math.NaN()})
	if err := w.Close(); err == nil {
		t.Error("a record that JSON cannot say was dropped without a word")
	}
}

func TestWriterLeavesOutWhatMetricsCannotSay(t *testing.T) {
	t.Parallel()
	file := new(sink)
	w := NewWriter(file)
	s := &Scrape{Values: map[string]float64{"nan": math.NaN(), "inf": math.Inf(1), "a": 1}}
	_ = w.Scrape(s)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := file.b.String(); !strings.Contains(got, `"values":{"a":1}`) || len(s.Values) != 3 {
		t.Errorf("%s, and the caller's map has %d values", got, len(s.Values))
	}
}

func TestGapsAreEncodingJSONs(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"[]", "[1]", "[1,2,3]", "[-5,0]", " [ 1 , 2 ] ", "null", "[1e3]", "[1.0]", "[1.5]", "[--1]",
		"[1,]", "[9223372036854775807]", "[9223372036854775808]",
		"[123456789012345678]", `["1"]`, "{}", "[1,2", "5", "[-]", "[[1]]", "[null]",
	} {
		var got, want struct {
			G Gaps    `json:"g"`
			W []int64 `json:"w"`
		}
		gotErr := json.Unmarshal([]byte(`{"g":`+in+`}`), &got)
		wantErr := json.Unmarshal([]byte(`{"w":`+in+`}`), &want)
		if (gotErr == nil) != (wantErr == nil) ||
			gotErr == nil && (len(got.G) != len(want.W) || !slices.Equal([]int64(got.G), want.W)) {
			t.Errorf("%s: %v, %v; encoding/json says %v, %v", in, got.G, gotErr, want.W, wantErr)
		}
	}
}

func FuzzReader(f *testing.F) {
	var rng = rand.New(rand.NewPCG(5, 6))
	var turn Turn
	fill(rng, reflect.ValueOf(&turn).Elem())
	f.Add(append(AppendTurn(nil, &turn), '\n'))
	f.Add([]byte(`{"type":"run","format":"multiturn-records","version":"1.0"}` + "\n" +
		`{"type":"end"}`))
	f.Add([]byte(`[{"ttft_ms":1,"latency_ms":2,"start_time_ms":3}][] {"type":"turn"}`))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in), "f")
		for r.Scan() {
			turn, ok := r.Record().(*Turn)
			if !ok {
				continue
			}
			// Writing the records that were read gives the same bytes.
			var back Turn
			line := AppendTurn(nil, turn)
			if err := json.Unmarshal(line, &back); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if again := AppendTurn(nil, &back); !bytes.Equal(again, line) {
				t.Fatalf("%s\nbecame\n%s", line, again)
			}
		}
	})
}

// typical returns a turn like most: streamed, of 128 chunks.
func typical() *Turn {
	cached := 1024
	t := &Turn{
		Type: TypeTurn, Conversation: "CONV_ID_123", Client: 3, Turn: 5, Messages: 11, Attempts: 1,
		Scheduled: 1234567890, Issued: 1234667890, MaxTokens: 129, MinTokens: 129,
		Counted: Counted{Input: 2300, NewInput: 140, Output: 129, FirstChunk: 1},
		Exchange: Exchange{
			Outcome: OK, Status: 200, Finish: "length", Sent: 1234767890, Written: 1234777890,
			Headers: 1234867890, FirstEvent: 1244567890, FirstToken: 1254567890,
			FirstAnswer: 1254567890, LastToken: 3834567890, End: 3834667890, Connection: "reused",
			Stream: true, Chunks: 129, ChunksContent: 129, Reads: 129, Usage: &Usage{Prompt: 2345,
				Completion: 129, Cached: &cached,
				CachedField: "prompt_tokens_details.cached_tokens"},
			BodyBytes: 12345,
		},
	}
	for i := range 128 {
		t.GapsUS = append(t.GapsUS, int64(20000+i*7%100))
	}
	return t
}

func BenchmarkAppendTurn(b *testing.B) {
	t := typical()
	dst := AppendTurn(nil, t)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendTurn(dst[:0], t)
	}
}

func BenchmarkEncodingJSONTurn(b *testing.B) {
	t := typical()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := marshal(t); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReader(b *testing.B) {
	in := bytes.Repeat(append(AppendTurn(nil, typical()), '\n'), 1000)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(bytes.NewReader(in), "f")
		for r.Scan() {
		}
	}
}
