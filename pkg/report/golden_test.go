package report

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"multiturn/pkg/record"
	"multiturn/pkg/render"
	"multiturn/pkg/render/xlsx"
)

// goldenCase is what the reference made of measurements; see testdata/golden/README.md.
type goldenCase struct {
	Name       string
	Input      string
	NumRows    int      `json:"num_rows"`
	Warmup     string   `json:"warmup_percentages"`
	Verbose    bool     `json:"verbose"`
	WarmupSec  *float64 `json:"warmup_runtime_sec"`
	Parameters struct {
		Model         string
		Clients       int   `json:"num_clients"`
		Conversations int   `json:"num_conversations"`
		Active        int   `json:"active_conversations"`
		Seed          int64 `json:"seed"`
		MinTokens     int   `json:"min_tokens"`
		MaxTokens     int   `json:"max_tokens"`
	}
	Generated *string `json:"generation_parameters_of_config"`
	Summaries []struct {
		Params map[string]float64
		Table  map[string]map[string]*float64
	}
	RawHeader  []string `json:"excel_raw_data_header"`
	Printed    string   `json:"printed_250_columns"`
	Printed132 string   `json:"printed_132_columns"`
	Cells      [][]any  `json:"excel_summary_cells"`
}

// goldens reads the cases of the project, or all of them when SHARED names the folder.
func goldens(t *testing.T) (dir string, cases []goldenCase) {
	t.Helper()
	dir = "testdata/golden"
	if shared := os.Getenv("SHARED"); shared != "" {
		dir = filepath.Join(shared, "golden/stats")
	}
	text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 7 {
		t.Fatalf("%d cases", len(cases))
	}
	return dir, cases
}

// goldenSamples reads a case's measurements.
func goldenSamples(t *testing.T, file string) []record.Sample {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var src io.Reader = f
	if strings.HasSuffix(file, ".gz") {
		if src, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := csv.NewReader(src).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var samples []record.Sample
	for _, row := range rows[1:] {
		number := func(column string) float64 {
			v, err := strconv.ParseFloat(row[slices.Index(rows[0], column)], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		samples = append(samples, record.Sample{
			TTFTMS: number("ttft_ms"), TPOTMS: number("tpot_ms"), LatencyMS: number("latency_ms"),
			StartMS: number("start_time_ms"), InputTurns: int(number("input_num_turns")),
			InputTokens:         int(number("input_num_tokens")),
			OutputTokens:        int(number("output_num_tokens")),
			OutputChunks:        int(number("output_num_chunks")),
			FirstChunkTokens:    int(number("output_num_first_chunk_tokens")),
			ApproxCachedPercent: number("approx_cached_percent"),
			Conversation:        row[slices.Index(rows[0], "conversation_id")],
			Client:              int(number("client_id")),
		})
	}
	return samples
}

func (g *goldenCase) options(t *testing.T) Options {
	t.Helper()
	o := Options{Verbose: g.Verbose}
	for part := range strings.SplitSeq(g.Warmup, ",") {
		p, err := strconv.ParseFloat(strings.TrimSuffix(part, "%"), 64)
		if err != nil {
			t.Fatal(err)
		}
		o.WarmupPercentages = append(o.WarmupPercentages, p)
	}
	return o
}

// goldenSummary is the summary of a case. Its header is made of records, as a run's would be.
func goldenSummary(t *testing.T, dir string, g *goldenCase) (*Summary, Options) {
	t.Helper()
	o := g.options(t)
	run := &record.Run{
		Model: g.Parameters.Model, Clients: g.Parameters.Clients,
		ActiveConversations: g.Parameters.Active, Seed: g.Parameters.Seed,
		Dataset: record.Dataset{Conversations: g.Parameters.Conversations},
		Load:    &record.Load{MinAnswer: g.Parameters.MinTokens, MaxAnswer: g.Parameters.MaxTokens},
	}
	if g.Generated != nil {
		config, err := os.ReadFile("testdata/generate.json")
		if err != nil {
			t.Fatal(err)
		}
		run.Dataset.Generator = config
	}
	warmup := math.NaN()
	if g.WarmupSec != nil {
		warmup = *g.WarmupSec
	}
	s := &Summary{Name: g.Name, samples: goldenSamples(t, filepath.Join(dir, g.Input))}
	s.Parameters, s.Generation = parameters(run)
	s.Tables = tables(s.samples, o, referenceWindow, warmup)
	return s, o
}

func TestGoldenText(t *testing.T) {
	t.Parallel()
	dir, cases := goldens(t)
	equal := 0
	for i := range cases {
		g := &cases[i]
		s, _ := goldenSummary(t, dir, g)
		var got bytes.Buffer
		if err := render.WriteText(&got, documents([]*Summary{s}), true); err != nil {
			t.Fatal(err)
		}
		if got.String() != g.Printed || g.Printed132 != "" && got.String() != g.Printed132 {
			t.Errorf("%s: printed\n%s\nwant\n%s", g.Name, &got, g.Printed)
			continue
		}
		equal++
	}
	t.Logf("%d of %d cases equal", equal, len(cases))
}

func TestGoldenNumbers(t *testing.T) {
	t.Parallel()
	dir, cases := goldens(t)
	numbers := 0
	for i := range cases {
		g := &cases[i]
		s, _ := goldenSummary(t, dir, g)
		if len(s.Tables) != len(g.Summaries) {
			t.Errorf("%s: %d tables, want %d", g.Name, len(s.Tables), len(g.Summaries))
			continue
		}
		same := func(what string, got Number, want *float64) {
			t.Helper()
			numbers++
			if want == nil {
				if got.OK() {
					t.Errorf("%s: %s is %v, want none", g.Name, what, got)
				}
			} else if diff := math.Abs(float64(got) - *want); !(diff <= 1e-12*math.Abs(*want)) {
				t.Errorf("%s: %s is %v, want %v", g.Name, what, got, *want)
			}
		}
		for j, want := range g.Summaries {
			table := &s.Tables[j]
			runtime := table.runtime()
			if len(runtime) != len(want.Params) {
				t.Errorf("%s: %v, want %v", g.Name, runtime, want.Params)
			}
			for _, c := range runtime {
				v := want.Params[c.Name]
				same(c.Name, number(c), &v)
			}
			if len(table.Rows) != len(want.Table) {
				t.Errorf("%s: %d rows, want %d", g.Name, len(table.Rows), len(want.Table))
			}
			for _, r := range table.Rows {
				columns := r.cells()
				if len(columns) != len(want.Table[r.Name]) {
					t.Errorf("%s: %s has %d columns, want %d", g.Name, r.Name, len(columns),
						len(want.Table[r.Name]))
				}
				for _, c := range columns {
					v, ok := want.Table[r.Name][c.Name]
					if !ok {
						t.Errorf("%s: %s %s is not in the reference", g.Name, r.Name, c.Name)
					}
					same(r.Name+" "+c.Name, number(c), v)
				}
			}
		}
	}
	t.Logf("%d numbers compared", numbers)
}

func TestGoldenExcel(t *testing.T) {
	t.Parallel()
	dir, cases := goldens(t)
	compared := 0
	for i := range cases {
		g := &cases[i]
		s, o := goldenSummary(t, dir, g)
		if !slices.Equal(rawColumns(o.Verbose), g.RawHeader) {
			t.Errorf("%s: raw columns %v, want %v", g.Name, rawColumns(o.Verbose), g.RawHeader)
		}
		if g.Cells == nil {
			continue
		}
		compared++
		var file bytes.Buffer
		if err := xlsx.Write(&file, s.Workbook(o.Verbose)); err != nil {
			t.Fatal(err)
		}
		f, err := excelize.OpenReader(&file)
		if err != nil {
			t.Fatal(err)
		}
		for r, row := range g.Cells {
			for c, want := range row {
				at, _ := excelize.CoordinatesToCellName(c+1, r+1)
				got, err := f.GetCellValue("Summary", at, excelize.Options{RawCellValue: true})
				if err != nil {
					t.Fatal(err)
				}
				switch want := want.(type) {
				case nil:
					if got != "" {
						t.Errorf("%s: %s is %q, want it empty", g.Name, at, got)
					}
				case string:
					if got != want {
						t.Errorf("%s: %s is %q, want %q", g.Name, at, got, want)
					}
				case float64:
					v, err := strconv.ParseFloat(got, 64)
					if err != nil || math.Abs(v-want) > 1e-12*math.Abs(want) {
						t.Errorf("%s: %s is %q, want %v", g.Name, at, got, want)
					}
				}
			}
		}
		rows, err := f.GetRows("Raw data", excelize.Options{RawCellValue: true})
		if err != nil || len(rows) != g.NumRows+1 || !slices.Equal(rows[0], g.RawHeader) {
			t.Errorf("%s: %d rows of raw data, %v, %v", g.Name, len(rows), rows[0], err)
		}
		before := math.Inf(-1) // the library reads 15 digits
		for _, row := range rows[1:] {
			start, _ := strconv.ParseFloat(row[3], 64)
			latency, _ := strconv.ParseFloat(row[2], 64)
			end, err := strconv.ParseFloat(row[len(row)-1], 64)
			if err != nil || math.Abs(end-start-latency) > 1e-7 || start < before {
				t.Errorf("%s: raw data row %v after a start of %v", g.Name, row, before)
			}
			before = start
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if compared < 2 {
		t.Errorf("%d workbooks compared", compared)
	}
}

// The array that the reference writes is read, and reported as the reference reports it.
func TestReadReferenceArray(t *testing.T) {
	t.Parallel()
	dir, cases := goldens(t)
	read := 0
	for i := range cases {
		g := &cases[i]
		text, err := os.ReadFile(filepath.Join(dir, g.Name+".stats.json"))
		if err != nil {
			continue // large ones have none
		}
		read++
		runs, err := Read(record.NewReader(bytes.NewReader(text), g.Name), g.Name, g.options(t))
		if err != nil || len(runs) != 1 {
			t.Fatalf("%s: %d runs, %v", g.Name, len(runs), err)
		}
		s := runs[0].Summary()
		var got, samples bytes.Buffer
		if err := render.WriteText(&got, documents([]*Summary{s}), true); err != nil {
			t.Fatal(err)
		}
		// The array does not hold the parameters.
		separator := separator
		_, want, _ := strings.Cut(strings.TrimPrefix(g.Printed, separator), separator)
		if got.String() != separator+want {
			t.Errorf("%s: printed\n%s\nwant\n%s", g.Name, &got, separator+want)
		}
		if err := SamplesJSON(&samples, []*Summary{s}); err != nil ||
			!bytes.Equal(samples.Bytes(), text) {
			t.Errorf("%s: the array came back as\n%s", g.Name, &samples)
		}
	}
	if read < 2 {
		t.Errorf("%d arrays read", read)
	}
}
