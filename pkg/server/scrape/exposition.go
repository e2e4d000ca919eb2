package scrape

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"

	"multiturn/internal/limits"
	"multiturn/pkg/server"
)

// Exposition is one answer of /metrics, as far as the catalogue has its metrics.
type Exposition struct {
	// Series by metric name.
	Series map[string][]Series
	// Declared has the names of counters, histograms and summaries that have a
	// type, with or without series.
	Declared map[string]bool
	// Others is the number of names of series that are not in the catalogue.
	Others int
}

// Series is one line of an exposition.
type Series struct {
	Labels map[string]string
	Value  float64
}

// metric returns the series of a metric and the name that it is exposed by.
func (e *Exposition) metric(name string) (exposed string, list []Series) {
	if list = e.Series[name]; list != nil {
		return name, list
	}
	return name + "_total", e.Series[name+"_total"]
}

// declares reports whether a metric is one of the server's, even if it has no
// series yet.
func (e *Exposition) declares(name string) bool {
	return e.Declared[name] || e.Declared[name+"_total"] || e.Declared[whole(name)]
}

// whole returns the histogram or summary that a metric may be part of.
func whole(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count")
}

// Parse reads the metrics of the catalogue from the Prometheus text format. Values
// that are not finite are left out. Other metrics are skipped line by line:
// servers have many, and a page may be of any size.
func Parse(r io.Reader) (*Exposition, error) {
	e := &Exposition{Series: map[string][]Series{}, Declared: map[string]bool{}}
	names := catalogueNames()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, limits.Series)
	read, last := 0, ""
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 || line[0] == '#' {
			e.declare(line, names)
			continue
		}
		name, rest := cutName(line)
		switch {
		case !endsAsSeries(rest):
			return nil, fmt.Errorf("not Prometheus text: line %d is no metric", n)
		case names[string(name)]:
			if read += len(line); read > limits.Series {
				return nil, &limits.Exceeded{What: "what it has of known metrics", Limit: limits.Series}
			}
			if err := e.add(string(name), rest); err != nil {
				return nil, fmt.Errorf("not Prometheus text: line %d: %w", n, err)
			}
		case string(name) != last:
			e.Others++
			last = string(name)
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, &limits.Exceeded{What: "a line of it", Limit: limits.Series}
	}
	return e, lines.Err()
}

// declare takes the line of a comment, which may have the type of a metric.
func (e *Exposition) declare(line []byte, names map[string]bool) {
	const longest = 1 << 10 // of a line with a type
	if len(line) > longest {
		return
	}
	words := bytes.Fields(line)
	if len(words) != 4 || string(words[0]) != "#" || string(words[1]) != "TYPE" {
		return
	}
	switch string(words[3]) {
	case "counter", "histogram", "summary":
		if names[string(words[2])] {
			e.Declared[string(words[2])] = true
		}
	}
}

// cutName cuts the line of a series after its name.
func cutName(line []byte) (name, rest []byte) {
	if end := bytes.IndexAny(line, "{ \t"); end >= 0 {
		return line[:end], line[end:]
	}
	return line, nil
}

// endsAsSeries reports whether what follows a name may be that of a series, which
// ends with a number.
func endsAsSeries(rest []byte) bool {
	return len(rest) > 0 && strings.IndexByte("0123456789.fFnNyY", rest[len(rest)-1]) >= 0
}

var errSeries = errors.New("it is no series")

// add adds a series: its labels in braces, if there are any, its value, and
// perhaps a time.
func (e *Exposition) add(name string, rest []byte) error {
	labels := map[string]string{}
	if rest[0] == '{' {
		var ok bool
		if rest, ok = readLabels(rest[1:], labels); !ok {
			return errSeries
		}
	}
	words := bytes.Fields(rest)
	if len(words) == 0 {
		return errSeries
	}
	v, err := strconv.ParseFloat(string(words[0]), 64)
	if err != nil {
		return errSeries
	}
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		e.Series[name] = append(e.Series[name], Series{labels, v})
	}
	return nil
}

// readLabels reads name="value" pairs up to the brace that closes them, and
// returns what follows it.
func readLabels(text []byte, labels map[string]string) (rest []byte, ok bool) {
	for {
		text = bytes.TrimLeft(text, " \t,")
		if len(text) > 0 && text[0] == '}' {
			return text[1:], true
		}
		name, value, ok := bytes.Cut(text, []byte("="))
		value = bytes.TrimLeft(value, " \t")
		if !ok || len(value) == 0 || value[0] != '"' {
			return nil, false
		}
		var word string
		if word, text, ok = readValue(value[1:]); !ok {
			return nil, false
		}
		labels[string(bytes.Trim(name, " \t\""))] = word
	}
}

// readValue reads a label's value up to the quote that closes it.
func readValue(text []byte) (value string, rest []byte, ok bool) {
	end := bytes.IndexByte(text, '"')
	if end < 0 {
		return "", nil, false
	}
	if bytes.IndexByte(text[:end], '\\') < 0 {
		return string(text[:end]), text[end+1:], true
	}
	var b []byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return string(b), text[i+1:], true
		case c != '\\' || i+1 == len(text):
			b = append(b, c)
		default:
			if i++; text[i] == 'n' {
				b = append(b, '\n')
			} else {
				b = append(b, text[i])
			}
		}
	}
	return "", nil, false
}

// catalogueNames are the names of the catalogue's metrics, with _total and
// without, and those of the histograms and summaries that they are part of.
var catalogueNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, q := range server.Quantities() {
		for i := range q.From {
			for _, name := range append([]string{q.From[i].Name}, q.From[i].Sum...) {
				if name != "" {
					names[name], names[name+"_total"], names[whole(name)] = true, true, true
				}
			}
		}
	}
	return names
})
