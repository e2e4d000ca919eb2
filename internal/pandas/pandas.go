// Package pandas writes tables of numbers as Python's pandas prints them. The
// commands print the tables of Python tools, so that people and scripts that
// know these find every number in its place.
package pandas

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Frame is a table with named rows and columns.
type Frame struct {
	Columns []string
	Rows    []Row
}

// Row is a named row, with a value for each column.
type Row struct {
	Name   string
	Values []float64
}

// Options are the options of pandas.
type Options struct {
	// Precision is display.precision: the largest number of decimals. The
	// default of pandas is 6.
	Precision int
	// Width is the width of the terminal. A wider frame has "..." in place of
	// the columns in the middle, and a line with its size follows. 0 means no
	// limit.
	Width int
}

// Append appends the frame as pandas prints a DataFrame of floats, with a line
// break at the end. Each column has as few decimals as all of its numbers
// allow, or exponents if one of them is too small or too large.
func (f Frame) Append(dst []byte, o Options) []byte {
	columns := f.text(o.Precision)
	all := len(f.Columns)
	if keep := fit(columns, o.Width); keep < all {
		left := keep / 2
		dots := make([]string, len(f.Rows)+1)
		for i := range dots {
			dots[i] = " ..."
		}
		short := append(columns[:1+left:1+left], dots)
		dst = adjoin(dst, append(short, columns[1+all-left:]...))
		dst = append(dst, "\n["...)
		dst = strconv.AppendInt(dst, int64(len(f.Rows)), 10)
		dst = append(dst, " rows x "...)
		dst = strconv.AppendInt(dst, int64(all), 10)
		return append(dst, " columns]\n"...)
	}
	return adjoin(dst, columns)
}

// text returns the columns as text, header first; column 0 holds the rows'
// names.
func (f Frame) text(precision int) [][]string {
	names := []string{""}
	width := 0
	for _, r := range f.Rows {
		names = append(names, r.Name)
		width = max(width, utf8.RuneCountInString(r.Name))
	}
	for i, n := range names {
		names[i] = n + strings.Repeat(" ", width-utf8.RuneCountInString(n))
	}
	columns := [][]string{names}
	for i, head := range f.Columns {
		values := make([]float64, len(f.Rows))
		for j, r := range f.Rows {
			values[j] = r.Values[i]
		}
		columns = append(columns, append([]string{" " + head}, numbers(values, precision)...))
	}
	return columns
}

// fit returns how many columns fit the width, by the rule of pandas: it drops
// columns from the middle until the rest fits, and keeps at least two. The
// caller prints an odd number less one, since the dots stand in the middle.
func fit(columns [][]string, width int) int {
	var lengths []int
	total := -1
	for _, c := range columns {
		w := widest(c)
		lengths = append(lengths, w)
		total += w + 1
	}
	over := total - width + 1 // the last place of a line stays free
	if width <= 0 {
		return len(columns) - 1
	}
	for over > 0 && len(lengths) > 1 {
		mid := int(math.RoundToEven(float64(len(lengths)) / 2))
		over -= lengths[mid] + 1
		lengths = append(lengths[:mid], lengths[mid+1:]...)
	}
	return max(len(lengths)-1, 2)
}

func widest(column []string) int {
	w := 0
	for _, cell := range column {
		w = max(w, utf8.RuneCountInString(cell))
	}
	return w
}

// adjoin appends the columns side by side. All but the first, whose cells have
// one width, are flush right.
func adjoin(dst []byte, columns [][]string) []byte {
	for line := range columns[0] {
		for i, column := range columns {
			if i > 0 {
				pad := widest(column) - utf8.RuneCountInString(column[line])
				dst = append(dst, strings.Repeat(" ", pad+1)...)
			}
			dst = append(dst, column[line]...)
		}
		dst = append(bytes.TrimRight(dst, " "), '\n')
	}
	return dst
}

// numbers returns the values of a column as text. Each has a blank in place of
// a minus.
func numbers(values []float64, precision int) []string {
	out := make([]string, len(values))
	format := func(verb byte) {
		for i, v := range values {
			switch {
			case math.IsNaN(v):
				out[i] = "NaN"
			case math.IsInf(v, 0):
				out[i] = strings.TrimPrefix(strconv.FormatFloat(v, 'f', -1, 64), "+")
				out[i] = strings.ToLower(out[i])
			default:
				out[i] = strconv.FormatFloat(v, verb, precision, 64)
			}
			if !math.Signbit(v) && !math.IsNaN(v) {
				out[i] = " " + out[i]
			}
		}
	}
	format('f')
	trimZeros(out, precision)
	var long, large, small bool
	for i, v := range values {
		abs := math.Abs(v)
		long = long || len(out[i]) > precision+6
		large = large || abs > 1e6
		small = small || abs > 0 && abs < math.Pow10(-precision)
	}
	if small || long && large {
		format('e')
	}
	return out
}

// trimZeros cuts zeros off the ends of a column's numbers while all of them end
// in one. One zero stays behind a point.
func trimZeros(column []string, precision int) {
	cut := precision
	for _, s := range column {
		if point := strings.IndexByte(s, '.'); point >= 0 {
			digits := s[point+1:]
			cut = min(cut, len(digits)-len(strings.TrimRight(digits, "0")))
		}
	}
	cut = min(cut, precision-1)
	for i, s := range column {
		if strings.IndexByte(s, '.') >= 0 {
			column[i] = s[:len(s)-cut]
		}
	}
}
