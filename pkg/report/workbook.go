package report

import (
	"fmt"
	"iter"
	"time"

	"multiturn/pkg/render"
)

// WorkbookName is the reference's name of the file that -e writes:
// statistics_2_clients__31-12-2025_23-59-59.xlsx.
func WorkbookName(clients int, now time.Time) string {
	return fmt.Sprintf("statistics_%d_clients__%s.xlsx", clients, now.Format("02-01-2006_15-04-05"))
}

// Workbook returns the sheets of the reference's workbook, "Summary" and "Raw
// data", and for runs with details a sheet of all other numbers. verbose adds
// to the raw data what it adds to the table.
func (s *Summary) Workbook(verbose bool) []render.Sheet {
	sheets := []render.Sheet{
		{Name: "Summary", Blocks: s.referenceBlocks()},
		{Name: "Raw data", Head: rawColumns(verbose), Rows: s.rawRows(verbose)},
	}
	if s.Details != nil {
		sheets = append(sheets, render.Sheet{Name: "Details",
			Blocks: render.Blocks(s.Document().Sections)})
	}
	return sheets
}

// referenceBlocks are the parts of the first sheet, as far apart as in the
// reference.
func (s *Summary) referenceBlocks() []render.Block {
	var out []render.Block
	put := func(at int, section render.Section) {
		out = append(out, render.Block{At: at,
			Section: section})
	}
	named := func(at int, ps []Parameter) {
		var cells []render.Cell
		for _, p := range ps {
			cells = append(cells, render.Value(p.Name, p.Value))
		}
		if len(cells) > 0 {
			put(at, render.List("parameters", cells...))
		}
	}
	named(1, s.Parameters)
	at := 5
	if s.Generation != nil {
		named(at-1, s.Generation)
		at += 4
	}
	for i := range s.Tables {
		t := &s.Tables[i]
		put(at, render.List("table", t.runtime()...))
		at += 3
		table := render.Section{Name: "table"}
		for j := range t.Rows {
			table.Rows = append(table.Rows, t.Rows[j].row())
		}
		put(at, table)
		at += len(t.Rows) + 3
	}
	return out
}

// rawRows returns a row for each sample, in the order of their start.
func (s *Summary) rawRows(verbose bool) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for _, r := range inOrder(s.Samples()) {
			row := []any{
				r.TTFTMS, r.TPOTMS, r.LatencyMS, r.StartMS, r.InputTurns, r.InputTokens, r.OutputTokens,
				r.OutputChunks,
				r.FirstChunkTokens, r.ApproxCachedPercent, r.Conversation, r.Client,
			}
			if verbose {
				row = append(row, r.between)
			}
			if !yield(append(row, r.StartMS+r.LatencyMS)) {
				return
			}
		}
	}
}

// rawColumns are the columns of the raw data.
func rawColumns(verbose bool) []string {
	names := []string{
		"ttft_ms", "tpot_ms", "latency_ms", "start_time_ms", "input_num_turns", "input_num_tokens",
		"output_num_tokens",
		"output_num_chunks", "output_num_first_chunk_tokens", "approx_cached_percent", "conversation_id",
		"client_id",
	}
	if verbose {
		names = append(names, "time_between_user_turns_sec")
	}
	return append(names, "end_time_ms")
}
