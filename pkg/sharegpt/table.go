package sharegpt

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// table is a table of numbers that prints as pandas prints a DataFrame of reals.
type table struct {
	index   []string
	columns []column
}

type column struct {
	name   string
	values []float64
}

// WriteTable writes the summary as pandas 2 prints it on a terminal of so many columns: where it is wider, columns in
// the middle give way to dots. 0 means any width.
func (s *Statistics) WriteTable(w io.Writer, width int) error {
	if s.Conversations() == 0 {
		return nil
	}
	return s.describe().write(w, width)
}

func (t *table) write(w io.Writer, width int) error {
	texts := make([][]string, 0, len(t.columns)+1) // heading and values of each, aligned
	for _, c := range t.columns {
		texts = append(texts, align(append([]string{c.name}, format(c.values)...)))
	}
	index := append([]string{""}, t.index...)
	widest := 0
	for _, s := range index {
		widest = max(widest, len(s))
	}
	cut := false
	if width > 0 {
		texts, cut = fit(texts, widest, width)
	}
	out := bufio.NewWriter(w)
	for i, name := range index {
		fmt.Fprintf(out, "%-*s", widest, name)
		for _, c := range texts {
			out.WriteString("  ")
			out.WriteString(c[i])
		}
		out.WriteByte('\n')
	}
	if cut {
		fmt.Fprintf(out, "\n[%d rows x %d columns]\n", len(t.index), len(t.columns))
	}
	return out.Flush()
}

// fit leaves out columns in the middle until the table fits, by pandas' way of counting.
func fit(texts [][]string, index, width int) (fitted [][]string, cut bool) {
	lengths := []int{index}
	total := index
	for _, c := range texts {
		lengths = append(lengths, len(c[0])+1)
		total += len(c[0]) + 2
	}
	over := total - width + 1
	n := len(lengths)
	for over > 0 && n > 1 {
		middle := int(math.RoundToEven(float64(n) / 2))
		over -= lengths[middle] + 1
		lengths = slices.Delete(lengths, middle, middle+1)
		n--
	}
	keep := max(n-1, 2)
	if keep >= len(texts) {
		return texts, false
	}
	half := max(keep/2, 1)
	dots := make([]string, len(texts[0]))
	for i := range dots {
		dots[i] = "..."
	}
	fitted = append(append(fitted, texts[:half]...), dots)
	return append(fitted, texts[len(texts)-half:]...), true
}

// format writes the values of a column with six decimals, less the zeros that all of them end with; very large and very
// small ones bring the exponent to all.
func format(values []float64) []string {
	texts := trim(render(values, 'f'))
	longest, large, small := 0, false, false
	for i, v := range values {
		longest = max(longest, len(texts[i])+1) // pandas leaves a place for the sign
		a := math.Abs(v)
		large = large || a > 1e6
		small = small || a > 0 && a < 1e-6
	}
	if small || large && longest > 12 {
		return render(values, 'e')
	}
	return texts
}

func render(values []float64, verb byte) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		if math.IsNaN(v) {
			texts[i] = "NaN"
		} else {
			texts[i] = strconv.FormatFloat(v, verb, 6, 64)
		}
	}
	return texts
}

// trim cuts decimals that are zero in every number, but for the first.
func trim(texts []string) []string {
	zeros := 5
	for _, s := range texts {
		if s != "NaN" {
			zeros = min(zeros, len(s)-len(strings.TrimRight(s, "0")))
		}
	}
	for i, s := range texts {
		if s != "NaN" {
			texts[i] = s[:len(s)-zeros]
		}
	}
	return texts
}

// align pads texts on the left to the same length.
func align(texts []string) []string {
	widest := 0
	for _, s := range texts {
		widest = max(widest, len(s))
	}
	for i, s := range texts {
		texts[i] = strings.Repeat(" ", widest-len(s)) + s
	}
	return texts
}
