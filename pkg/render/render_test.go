package render_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"multiturn/pkg/render"
)

// part is a row of a summary, as programs have them.
type part struct {
	N      int     `json:"n"`
	TTFT   float64 `json:"ttft_ms_p50"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Cached int     `json:"cached_tokens"`
	Extra  int     `json:"extra"` // not in text
}

type limits struct {
	TTFT float64 `json:"ttft_ms,omitempty"`
	TPOT float64 `json:"tpot_ms,omitempty"`
}

type whole struct {
	Limits  limits   `json:"limits"`
	Good    bool     `json:"good"`
	Unknown *float64 `json:"unknown"`
	Reasons []string `json:"reasons"`
	Parts   []part   `json:"parts"`
	Secret  string   `json:"-"`
}

func example() render.Document {
	columns := []render.Column{
		render.Count("count", "n"), render.Decimals("ttft p50", "ttft_ms_p50", 2),
		render.Interval("95 %", "low", "high", 1), render.Mean("cached", "cached_tokens", "n"),
	}
	rows := func(name, label string, p part) []render.Row {
		return []render.Row{{Name: name, Label: label, Cells: render.Cells(p)}}
	}
	summary := whole{Limits: limits{TTFT: 25}, Good: true,
		Reasons: []string{"it is so", "it | stays <so>"}}
	return render.Document{Name: "run.jsonl", Label: "a label", Value: summary,
		Sections: []render.Section{
			{Name: "first", Title: "By turn:", About: "What each turn took.", Columns: columns,
				Rows: rows("1", "first turns",
					part{N: 2, TTFT: 10.125, Low: 9, High: 11, Cached: 3, Extra: 1})},
			{Name: "later", Columns: columns,
				Rows: rows("2-", "later turns",
					part{TTFT: math.NaN(), Low: math.NaN(), High: math.NaN()})},
			{Name: "summary", Rows: []render.Row{{Cells: render.Cells(summary)}},
				Notes: []string{"  - " + strings.Repeat("a long note that is wrapped ", 4)}},
			{Name: "drawn", Text: func(heading func(string) string) string {
				return heading("Drawn:") + "\n----\n"
			}},
			{Name: "last", Title: "Last:", Notes: []string{"  done"}},
		}}
}

func ExampleWrite() {
	for _, f := range render.Formats() {
		fmt.Printf("## %s\n", f)
		if err := render.Write(os.Stdout, f, []render.Document{example()}); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// ## text
	// By turn:
	//                count  ttft p50         95 %  cached
	//   first turns      2     10.12  [9.0, 11.0]     1.5
	//   later turns      0         -            -       -
	//   - a long note that is wrapped a long note that is wrapped a long note that is wrapped a long note
	//     that is wrapped
	//
	// Drawn:
	// ----
	// Last:
	//   done
	// ## json
	// [
	//   {
	//     "limits": {
	//       "ttft_ms": 25
	//     },
	//     "good": true,
	//     "unknown": null,
	//     "reasons": [
	//       "it is so",
	//       "it | stays <so>"
	//     ],
	//     "parts": null
	//   }
	// ]
	// ## csv
	// run,section,row,column,value
	// run.jsonl,first,1,n,2
	// run.jsonl,first,1,ttft_ms_p50,10.125
	// run.jsonl,first,1,low,9
	// run.jsonl,first,1,high,11
	// run.jsonl,first,1,cached_tokens,3
	// run.jsonl,first,1,extra,1
	// run.jsonl,later,2-,n,0
	// run.jsonl,later,2-,ttft_ms_p50,
	// run.jsonl,later,2-,low,
	// run.jsonl,later,2-,high,
	// run.jsonl,later,2-,cached_tokens,0
	// run.jsonl,later,2-,extra,0
	// run.jsonl,summary,limits ttft_ms,,25
	// run.jsonl,summary,good,,yes
	// run.jsonl,summary,unknown,,
	// run.jsonl,summary,reason 1,,it is so
	// run.jsonl,summary,reason 2,,it | stays <so>
	// ## md
	// # run.jsonl
	//
	// ## By turn
	//
	// What each turn took.
	//
	// |  | n | ttft_ms_p50 | low | high | cached_tokens | extra |
	// | --- | ---: | ---: | ---: | ---: | ---: | ---: |
	// | first turns | 2 | 10.125 | 9 | 11 | 3 | 1 |
	// | later turns | 0 | - | - | - | 0 | 0 |
	//
	// ## summary
	//
	// |  |  |
	// | --- | ---: |
	// | limits ttft_ms | 25 |
	// | good | yes |
	// | unknown | - |
	// | reason 1 | it is so |
	// | reason 2 | it \| stays &lt;so> |
	//
	// - a long note that is wrapped a long note that is wrapped a long note that is wrapped a long note that is wrapped
	//
	// ## Last
	//
	// - done
}

// A writer that looks at characters, as that of a terminal does, is given whole ones.
func TestWrittenAtOnce(t *testing.T) {
	t.Parallel()
	doc := render.Document{Name: strings.Repeat("日本語", 2000), Value: 1,
		Sections: []render.Section{render.List("numbers", render.Value("n", 3))}}
	for _, f := range render.Formats() {
		var w counting
		if err := render.Write(&w, f, []render.Document{doc}); err != nil || w > 1 {
			t.Errorf("%s: %d writes, %v", f, w, err)
		}
	}
}

// counting counts writes.
type counting int

func (c *counting) Write(p []byte) (int, error) {
	*c++
	return len(p), nil
}

func TestUnknownFormat(t *testing.T) {
	t.Parallel()
	err := render.Write(os.Stderr, "yaml", nil)
	if err == nil || !strings.Contains(err.Error(), "text json csv md") {
		t.Error(err)
	}
}

func TestSeveralDocuments(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := render.WriteText(&b, []render.Document{example(), example()}, true); err != nil {
		t.Fatal(err)
	}
	if strings.Count(b.String(), "\n=== run.jsonl (a label) ===\n\n") != 2 ||
		strings.Count(b.String(), "\x1b[93mDrawn:\x1b[0m\n") != 2 {
		t.Error(b.String())
	}
}

func TestTree(t *testing.T) {
	t.Parallel()
	cells, err := render.Tree(map[string]any{"a": []any{1, 2.5, nil, "x", true},
		"b": map[string]any{"c": int64(1) << 60}})
	if err != nil {
		t.Fatal(err)
	}
	deep, err := render.Tree(map[string]any{strings.Repeat("k", 150): map[string]any{
		strings.Repeat("l", 100): map[string]any{"m": []int{1, 2}}}})
	if err != nil || len(deep) != 1 || deep[0].Value != `{"m":[1,2]}` || len(deep[0].Name) != 251 {
		t.Errorf("%v, %v", deep, err)
	}
	got := fmt.Sprint(cells)
	if want := "[{a.0 1} {a.1 2.5} {a.2 NaN} {a.3 x} {a.4 true} {b.c 1152921504606846976}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		render.Fixed(math.Inf(1), 2):     "-",
		render.Fixed(1.005, 1):           "1.0",
		render.Short(123.4):              "123",
		render.Short(12.34):              "12.3",
		render.Short(0.12345):            "0.123",
		render.Short(-123.4):             "-123",
		render.Short(1234.5):             "1,235",
		render.Short(math.NaN()):         "-",
		render.Significant(0.0123456):    "0.0123",
		render.Significant(999.4):        "999",
		render.Significant(999.6):        "1,000",
		render.Significant(-2083.4):      "-2,083",
		render.Percent(0.1234):           "12.3 %",
		render.Bar(0.5):                  strings.Repeat("█", 15),
		render.Bar(1.0 / 240):            "▏",
		render.Bar(7):                    strings.Repeat("█", 30),
		fmt.Sprint(render.Value("n", 3)): "{n 3}",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Text is as wide as the reference's lines: a table that is wider is split, with the
// labels in each part, and titles and what sections are for are wrapped.
func TestTextWidth(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a word or two ", 12)
	section := render.Section{Name: "wide", Title: long, About: long, Question: "What?", RowHead: "turn"}
	row := render.Row{Name: "turn 1"}
	for i := range 15 {
		name := fmt.Sprintf("column %02d", i)
		section.Columns = append(section.Columns, render.Count(name, name))
		row.Cells = append(row.Cells, render.Cell{Name: name, Value: int64(1000 + i)})
	}
	section.Rows = []render.Row{row}
	var b strings.Builder
	if err := render.WriteText(&b, []render.Document{{Sections: []render.Section{section}}}, false); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for line := range strings.Lines(text) {
		if n := len(strings.TrimSuffix(line, "\n")); n > render.Width {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if strings.Count(text, "turn 1") != 2 || strings.Count(text, "column 14") != 1 ||
		strings.Count(text, "1014") != 1 || strings.Count(text, "two") != 24 {
		t.Errorf("the text lacks something:\n%s", text)
	}
}
