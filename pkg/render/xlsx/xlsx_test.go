package xlsx_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/xuri/excelize/v2"

	"multiturn/pkg/render"
	"multiturn/pkg/render/xlsx"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	sections := []render.Section{
		render.List("numbers", render.Value("n", 3), render.Value("unknown", math.NaN()),
			render.Value("ok", true)),
		{Name: "empty"},
		{Name: "turns", About: "What each turn took.", Rows: []render.Row{
			{Name: "1", Cells: []render.Cell{{Name: "ttft_ms", Value: 1.5}}},
			{Name: "2", Cells: []render.Cell{{Name: "tpot_ms", Value: 0.5}}},
		}},
	}
	rows := slices.Values([][]any{{1.5, "a"}, {math.NaN(), "b"}})
	var b bytes.Buffer
	err := xlsx.Write(&b, []render.Sheet{
		{Name: "All", Blocks: render.Blocks(sections)},
		{Name: "Raw data", Head: []string{"ttft_ms", "id"}, Rows: rows},
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ sheet, at, want string }{
		{"All", "A1", "numbers"}, {"All", "A3", "n"}, {"All", "A4", "3"}, {"All", "B4", ""},
		{"All", "C4", "TRUE"}, {"All", "A6", "turns"}, {"All", "A7", "What each turn took."},
		{"All", "A8", ""}, {"All", "B8", "ttft_ms"}, {"All", "A9", "1"}, {"All", "B9", "1.5"},
		{"All", "B10", ""}, {"All", "C10", "0.5"}, {"Raw data", "A1", "ttft_ms"},
		{"Raw data", "A2", "1.5"}, {"Raw data", "A3", ""}, {"Raw data", "B3", "b"},
	} {
		if got, err := f.GetCellValue(c.sheet, c.at); err != nil || got != c.want {
			t.Errorf("%s %s is %q, want %q (%v)", c.sheet, c.at, got, c.want, err)
		}
	}
}
