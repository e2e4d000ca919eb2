// Package xlsx writes sheets as an Excel workbook. It stands apart from package
// render so that only the programs that write workbooks link what that takes.
package xlsx

import (
	"io"
	"math"

	"github.com/xuri/excelize/v2"

	"multiturn/internal/human"
	"multiturn/pkg/render"
)

// Write writes a workbook of the sheets. Headings look as those of pandas.
func Write(w io.Writer, sheets []render.Sheet) (err error) {
	f := excelize.NewFile()
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	head, err := headStyle(f)
	if err != nil {
		return err
	}
	for i, s := range sheets {
		if i == 0 {
			err = f.SetSheetName(f.GetSheetName(0), s.Name)
		} else {
			_, err = f.NewSheet(s.Name)
		}
		if err != nil {
			return err
		}
		if s.Rows != nil {
			err = stream(f, s, head)
		} else {
			err = blocks(f, s, head)
		}
		if err != nil {
			return err
		}
	}
	_, err = f.WriteTo(w)
	return err
}

// headStyle is the style of pandas' headings: bold, in a thin frame, centred.
func headStyle(f *excelize.File) (int, error) {
	var frame []excelize.Border
	for _, side := range []string{"left", "right", "top", "bottom"} {
		frame = append(frame, excelize.Border{Type: side, Color: "000000", Style: 1})
	}
	return f.NewStyle(&excelize.Style{
		Font: &excelize.Font{Bold: true}, Border: frame,
		Alignment: &excelize.Alignment{Horizontal: "center", Vertical: "top"},
	})
}

func blocks(f *excelize.File, s render.Sheet, head int) error {
	for _, b := range s.Blocks {
		for i, row := range b.Grid() {
			for j, value := range row {
				if value == nil {
					continue
				}
				at, err := excelize.CoordinatesToCellName(j+1, b.At+i)
				if err != nil {
					return err
				}
				if err := f.SetCellValue(s.Name, at, visible(value)); err != nil {
					return err
				}
				if i > 0 && (j > 0 || b.Section.Rows[0].Name == "") {
					continue
				}
				if err := f.SetCellStyle(s.Name, at, at, head); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// stream writes a table row by row; a sheet has at most 1,048,576 of them.
func stream(f *excelize.File, s render.Sheet, head int) error {
	out, err := f.NewStreamWriter(s.Name)
	if err != nil {
		return err
	}
	var names []any
	for _, name := range s.Head {
		names = append(names, excelize.Cell{StyleID: head, Value: name})
	}
	if err := out.SetRow("A1", names); err != nil {
		return err
	}
	n := 1
	for row := range s.Rows {
		n++
		at, err := excelize.CoordinatesToCellName(1, n)
		if err != nil {
			return err
		}
		for i, v := range row {
			row[i] = visible(v)
			if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
				row[i] = nil
			}
		}
		if err := out.SetRow(at, row); err != nil {
			return err
		}
	}
	return out.Flush()
}

// visible returns a value whose text, if it is one, is safe to show. Texts are
// written as texts: no spreadsheet takes them for formulas.
func visible(value any) any {
	if text, ok := value.(string); ok {
		return human.Visible(text)
	}
	return value
}
