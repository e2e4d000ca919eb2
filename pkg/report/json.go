package report

import (
	"bufio"
	"encoding/json"
	"io"

	"multiturn/pkg/record"
)

// JSON writes an array of the summaries, indented. Its keys only grow in number within a major version of the records.
func JSON(w io.Writer, summaries []*Summary) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if summaries == nil {
		summaries = []*Summary{}
	}
	return enc.Encode(summaries)
}

// SamplesJSON writes the measurements of all summaries as the reference's --stats-json-output does.
func SamplesJSON(w io.Writer, summaries []*Summary) error {
	var all []record.Sample
	for _, s := range summaries {
		all = append(all, s.Samples...)
	}
	out := bufio.NewWriter(w)
	if err := record.WriteSamples(out, all); err != nil {
		return err
	}
	return out.Flush()
}
