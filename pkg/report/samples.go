package report

import (
	"bufio"
	"io"

	"multiturn/pkg/record"
)

// SamplesJSON writes the measurements of all summaries as the reference's
// --stats-json-output does.
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
