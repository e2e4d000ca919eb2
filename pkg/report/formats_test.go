package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"multiturn/pkg/record"
	"multiturn/pkg/render"
	"multiturn/pkg/render/xlsx"
)

// fullSummaries are summaries that have every block between them.
func fullSummaries(t *testing.T) []*Summary {
	t.Helper()
	limits, err := ParseLimits("ttft:25 tpot:5 latency:110")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Goodput: limits, Verbose: true, WarmupPercentages: []float64{0, 50}}
	recs := exampleRun(10, 4)
	for i, turn := range turnsOf(recs) {
		turn.Verify = []string{"match", "mismatch"}[min(1, i%5)]
		if i%7 == 6 {
			turn.Attempts, turn.PausedMS, turn.FirstIssued = 2, 1000, turn.Issued
			turn.History = record.HistoryTool
		}
	}
	if r, ok := recs[len(recs)-1].(*record.End); ok {
		r.Certificate.GCPauseMaxMS, r.Certificate.CPUShare = 400, 0.9
	}
	full := collected(o, recs...).Summary()

	w := small()
	w.config, w.tiers, w.clients = shape(400, 900, 0), true, 2
	w.arms = []string{record.ArmMeasured, record.ArmNoReuse}
	o.Cache = stated(w.config)
	both := w.summary(o)
	o.Window = Window{Steady: true}
	w.arms = nil
	return []*Summary{full, both, w.summary(o), twoReplicas(o, 24, false)}
}

// Between them the summaries have everything that a summary can have.
func TestFullSummariesAreFull(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	var look func(path string, v reflect.Value)
	look = func(path string, v reflect.Value) {
		seen[path] = seen[path] || !v.IsZero()
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				look(path, v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				look(path, v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("json") != "-" {
					look(path+"."+f.Name, v.Field(i))
				}
			}
		}
	}
	for _, s := range fullSummaries(t) {
		look("Details", reflect.ValueOf(s.Details))
		for _, section := range s.Document().Sections {
			if section.About == "" && len(section.Rows) > 0 {
				t.Errorf("section %s does not say what it is for", section.Name)
			}
		}
	}
	for path, some := range seen {
		if parts := strings.Split(path, "."); !some && len(parts) == 2 {
			t.Errorf("%s is in no summary: what shows it is not tested", path)
		}
	}
}

// fact is a value and the names that lead to it.
type fact struct {
	names []string
	value any // float64, string or bool
}

// facts are the values of a summary, from its JSON.
func facts(t *testing.T, s *Summary) (out []fact) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, render.JSON, []*Summary{s}); err != nil {
		t.Fatal(err)
	}
	var all []any
	if err := json.Unmarshal(b.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	var walk func(names []string, v any)
	walk = func(names []string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, item := range v {
				walk(append(names[:len(names):len(names)], key), item)
			}
		case []any:
			for _, item := range v {
				walk(names, item)
			}
		case nil: // an unknown number
		default:
			out = append(out, fact{names, v})
		}
	}
	walk(nil, all[0])
	return out
}

// cell is a cell of an output and what stands beside and above it.
type shownCell struct{ names, value string }

func csvCells(t *testing.T, b []byte) (out []shownCell) {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines[1:] {
		out = append(out, shownCell{strings.Join(l[1:4], " "), l[4]})
	}
	return out
}

func markdownCells(b []byte) (out []shownCell) {
	var head []string
	unescape := strings.NewReplacer(`\|`, "|", "&lt;", "<", `\*`, "*", "\\`", "`")
	split := func(line string) (cells []string) {
		for part := range strings.SplitSeq(strings.Trim(line, "|"), " | ") {
			cells = append(cells, unescape.Replace(strings.TrimSpace(part)))
		}
		return cells
	}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "|") {
			head = nil
			continue
		}
		cells := split(line)
		if head == nil {
			head = cells
			continue
		}
		for i, c := range cells[1:] {
			out = append(out, shownCell{cells[0] + " " + head[min(i+1, len(head)-1)], c})
		}
	}
	return out
}

func xlsxCells(t *testing.T, b []byte) (out []shownCell) {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := f.GetRows("Details", excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	var head []string
	for i, row := range rows {
		switch {
		case len(row) == 0:
			head = nil
			continue
		case head == nil && (i == 0 || len(rows[i-1]) == 0) || head == nil && len(row) == 1:
			continue // what the section is
		case head == nil:
			head = row
			continue
		}
		for j, v := range row {
			out = append(out, shownCell{row[0] + " " + head[min(j, len(head)-1)], v})
		}
	}
	return out
}

// Every number, word and truth of a summary is in every format for programs: a
// new one cannot be forgotten in one of them.
func TestFormatsHaveEverything(t *testing.T) {
	t.Parallel()
	for i, s := range fullSummaries(t) {
		all := facts(t, s)
		if len(all) < 500 {
			t.Errorf("summary %d has %d values", i, len(all))
		}
		var text [3]bytes.Buffer
		if err := write(&text[0], render.CSV, []*Summary{s}); err != nil {
			t.Fatal(err)
		}
		if err := write(&text[1], render.Markdown, []*Summary{s}); err != nil {
			t.Fatal(err)
		}
		if err := xlsx.Write(&text[2], s.Workbook(true)); err != nil {
			t.Fatal(err)
		}
		check(t, fmt.Sprintf("CSV %d", i), all, csvCells(t, text[0].Bytes()), 0)
		check(t, fmt.Sprintf("Markdown %d", i), all, markdownCells(text[1].Bytes()), 1e-5)
		check(t, fmt.Sprintf("XLSX %d", i), all, xlsxCells(t, text[2].Bytes()), 1e-14)
	}
}

// check compares how often each value is named in JSON and among cells.
func check(t *testing.T, what string, all []fact, cells []shownCell, tolerance float64) {
	t.Helper()
	want := make(map[string]int)
	example := make(map[string]fact)
	for _, f := range all {
		last := f.names[len(f.names)-1]
		if f.value == "" || last == "name" {
			continue // not known; the name of a file, or a part of a row's name
		}
		key := fmt.Sprint(last, "=", f.value)
		want[key]++
		example[key] = f
	}
	for key, n := range want {
		f := example[key]
		last := f.names[len(f.names)-1]
		found := 0
		for _, c := range cells {
			// A word may be the name of a row, and a list of named values has
			// no name for the value.
			word, ok := f.value.(string)
			named := last == "value" || last == "n" ||
				strings.Contains(c.names, strings.TrimSuffix(last, "s"))
			if named && shows(c.value, f.value, tolerance) ||
				ok && strings.Contains(c.names, word) {
				found++
			}
		}
		if found < n {
			t.Errorf("%s: %s of %s is there %d times, want %d", what, key,
				strings.Join(f.names, "."), found, n)
		}
	}
}

func shows(text string, value any, tolerance float64) bool {
	switch v := value.(type) {
	case float64:
		got, err := strconv.ParseFloat(text, 64)
		return err == nil && math.Abs(got-v) <= tolerance*math.Abs(v)
	case bool:
		yes := text == "yes" || text == "TRUE" || text == "1"
		return yes == v
	}
	return text == value
}
