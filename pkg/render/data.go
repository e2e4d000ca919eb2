package render

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
)

// writeJSON writes an array of the documents' values, indented.
func writeJSON(w io.Writer, docs []Document) error {
	values := []any{}
	for _, d := range docs {
		values = append(values, d.Value)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(values); err != nil {
		return err
	}
	_, err := w.Write(visibleJSON(b.Bytes()))
	return err
}

// writeCSV writes one cell a line: run, section, row, column, value. The rows of a
// list are its cells, and the column is empty. Texts are no formulas.
func writeCSV(w io.Writer, docs []Document) error {
	var b bytes.Buffer // which takes everything; w may look at characters, and gets whole ones
	out := csv.NewWriter(&b)
	_ = out.Write([]string{"run", "section", "row", "column", "value"})
	for _, d := range visibleAll(docs) {
		for _, s := range d.Sections {
			for _, r := range s.Rows {
				for _, c := range r.Cells {
					row, column := r.Name, c.Name
					if row == "" {
						row, column = column, ""
					}
					line := []string{d.Name, s.Name, row, column, full(c.Value)}
					for i := range line {
						line[i] = unformulated(line[i])
					}
					_ = out.Write(line)
				}
			}
		}
	}
	out.Flush()
	_, err := w.Write(b.Bytes())
	return err
}

// full writes a value so that it reads back the same; an unknown number is empty.
func full(v any) string {
	switch v := v.(type) {
	case float64:
		if known(v) {
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
	case int64:
		return strconv.FormatInt(v, 10)
	case string:
		return v
	case bool:
		if v {
			return "yes"
		}
		return "no"
	}
	return ""
}
