package render

import (
	"iter"
	"strings"
)

// Sheet is a sheet of a workbook; package xlsx writes it. It has Blocks, or it
// has one table: Head and Rows, which may be very many.
type Sheet struct {
	Name   string
	Blocks []Block
	Head   []string
	Rows   iter.Seq[[]any]
}

// Block is a section that stands on a sheet from the row At on, counted from 1.
type Block struct {
	At int
	Section
}

// Blocks places sections with content one below the other, each below its name.
func Blocks(sections []Section) []Block {
	var out []Block
	at := 1
	for _, s := range joined(sections) {
		if len(s.Rows) == 0 {
			continue
		}
		title := List("", Cell{s.Name, s.About})
		out = append(out, Block{at, title}, Block{at + 2, s})
		at += 2 + 1 + len(s.Rows) + 1
	}
	return out
}

// Grid returns the block's cells: a row of names, then the rows with their names
// first. A list has no names of rows.
func (b Block) Grid() [][]any {
	columns := names(b.Rows)
	list := len(b.Rows) == 1 && b.Rows[0].Name == ""
	var head []any
	if !list {
		head = append(head, nil)
	}
	for _, name := range columns {
		head = append(head, columnName(name))
	}
	out := [][]any{head}
	for _, r := range b.Rows {
		var line []any
		if !list {
			line = append(line, strings.TrimSpace(r.label()))
		}
		for _, name := range columns {
			var value any
			for _, c := range r.Cells {
				if c.Name == name {
					value = c.Value
				}
			}
			if f, ok := value.(float64); ok && !known(f) {
				value = nil
			}
			line = append(line, value)
		}
		out = append(out, line)
	}
	return out
}
