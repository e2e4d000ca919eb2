package report

import (
	"bufio"
	"io"

	"multiturn/pkg/record"
)

// SamplesJSON writes the measurements of all summaries as the reference's
// --stats-json-output does, with [ReferenceTTFT].
func SamplesJSON(w io.Writer, summaries []*Summary) error {
	var all []record.Sample
	for _, s := range summaries {
		for _, sample := range s.Samples() {
			if s.Details != nil && s.Details.FirstEvents.TTFT == RawTTFT {
				sample.TTFTMS = referenceTTFT(&sample)
			}
			all = append(all, sample)
		}
	}
	out := bufio.NewWriter(w)
	if err := record.WriteSamples(out, all); err != nil {
		return err
	}
	return out.Flush()
}
