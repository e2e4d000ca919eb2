package report

import (
	"fmt"
	"io"
	"math"
	"time"

	"github.com/xuri/excelize/v2"
)

// Names of the sheets, as in the reference.
const (
	summarySheet = "Summary"
	rawSheet     = "Raw data"
)

// ExcelName is the reference's name of the file that -e writes: statistics_2_clients__31-12-2025_23-59-59.xlsx.
func ExcelName(clients int, now time.Time) string {
	return fmt.Sprintf("statistics_%d_clients__%s.xlsx", clients, now.Format("02-01-2006_15-04-05"))
}

// Excel writes one summary as the reference's workbook: the sheets "Summary" and "Raw data". Verbose adds to the raw
// data what it adds to the table.
func Excel(w io.Writer, s *Summary, verbose bool) (err error) {
	f := excelize.NewFile()
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if err := f.SetSheetName(f.GetSheetName(0), summarySheet); err != nil {
		return err
	}
	// pandas' headings: bold, in a thin frame, centred.
	var frame []excelize.Border
	for _, side := range []string{"left", "right", "top", "bottom"} {
		frame = append(frame, excelize.Border{Type: side, Color: "000000", Style: 1})
	}
	head, err := f.NewStyle(&excelize.Style{
		Font: &excelize.Font{Bold: true}, Border: frame, Alignment: &excelize.Alignment{Horizontal: "center", Vertical: "top"},
	})
	if err != nil {
		return err
	}
	if err := summaryCells(f, s, head); err != nil {
		return err
	}
	if _, err := f.NewSheet(rawSheet); err != nil {
		return err
	}
	if err := rawCells(f, s, head, verbose); err != nil {
		return err
	}
	_, err = f.WriteTo(w)
	return err
}

// summaryCells fills the first sheet. The distances between its parts are the reference's.
func summaryCells(f *excelize.File, s *Summary, head int) error {
	put := func(row int, cells []any) error {
		at, err := excelize.CoordinatesToCellName(1, row)
		if err != nil {
			return err
		}
		return f.SetSheetRow(summarySheet, at, &cells)
	}
	style := func(col1, row1, col2, row2 int) error {
		from, err := excelize.CoordinatesToCellName(col1, row1)
		if err != nil {
			return err
		}
		to, err := excelize.CoordinatesToCellName(col2, row2)
		if err != nil {
			return err
		}
		return f.SetCellStyle(summarySheet, from, to, head)
	}
	// named puts names in a row and their values in the next.
	named := func(row int, names, values []any) error {
		if len(names) == 0 {
			return nil
		}
		if err := put(row, names); err != nil {
			return err
		}
		if err := style(1, row, len(names), row); err != nil {
			return err
		}
		return put(row+1, values)
	}
	listed := func(row int, ps []Parameter) error {
		var names, values []any
		for _, p := range ps {
			names, values = append(names, p.Name), append(values, p.Value)
		}
		return named(row, names, values)
	}
	if err := listed(1, s.Parameters); err != nil {
		return err
	}
	row := 5
	if s.Generation != nil {
		if err := listed(row-1, s.Generation); err != nil {
			return err
		}
		row += 4
	}
	for i := range s.Tables {
		t := &s.Tables[i]
		var names, values []any
		for _, c := range t.Runtime() {
			names, values = append(names, c.Name), append(values, cell(float64(c.Value)))
		}
		if err := named(row, names, values); err != nil {
			return err
		}
		row += 3
		for j := range t.Rows {
			heads, cells := []any{nil}, []any{t.Rows[j].Name}
			for _, c := range t.Rows[j].Columns() {
				heads, cells = append(heads, c.Name), append(cells, cell(float64(c.Value)))
			}
			if j == 0 {
				if err := put(row, heads); err != nil {
					return err
				}
				if err := style(2, row, len(heads), row); err != nil {
					return err
				}
			}
			if err := put(row+1+j, cells); err != nil {
				return err
			}
			if err := style(1, row+1+j, 1, row+1+j); err != nil {
				return err
			}
		}
		row += len(t.Rows) + 3
	}
	return nil
}

// rawCells fills the second sheet: a row for each sample, in the order of their start.
func rawCells(f *excelize.File, s *Summary, head int, verbose bool) error {
	out, err := f.NewStreamWriter(rawSheet)
	if err != nil {
		return err
	}
	var names []any
	for _, name := range RawColumns(verbose) {
		names = append(names, excelize.Cell{StyleID: head, Value: name})
	}
	if err := out.SetRow("A1", names); err != nil {
		return err
	}
	for i, r := range inOrder(s.Samples) {
		row := []any{
			cell(r.TTFTMS), cell(r.TPOTMS), cell(r.LatencyMS), cell(r.StartMS), r.InputTurns, r.InputTokens, r.OutputTokens, r.OutputChunks,
			r.FirstChunkTokens, cell(r.ApproxCachedPercent), r.Conversation, r.Client,
		}
		if verbose {
			row = append(row, cell(r.between))
		}
		at, err := excelize.CoordinatesToCellName(1, i+2)
		if err != nil {
			return err // a sheet has 1,048,576 rows
		}
		if err := out.SetRow(at, append(row, cell(r.StartMS+r.LatencyMS))); err != nil {
			return err
		}
	}
	return out.Flush()
}

// RawColumns are the columns of the raw data.
func RawColumns(verbose bool) []string {
	names := []string{
		"ttft_ms", "tpot_ms", "latency_ms", "start_time_ms", "input_num_turns", "input_num_tokens", "output_num_tokens", "output_num_chunks",
		"output_num_first_chunk_tokens", "approx_cached_percent", "conversation_id", "client_id",
	}
	if verbose {
		names = append(names, "time_between_user_turns_sec")
	}
	return append(names, "end_time_ms")
}

// cell is a number, or nothing where there is none.
func cell(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return f
}
