package plan

import (
	"errors"
	"io"
	"slices"
	"time"

	"multiturn/pkg/kvcache"
)

// FromTrace returns the workload of a trace in Mooncake's format, whose blocks have
// blockSize tokens (0 = kvcache.MooncakeBlock). Requests run one after the other in
// the order of the file. With a Speed they arrive at the trace's times and overlap.
// A trace has neither conversations nor texts of answers.
func FromTrace(r io.Reader, blockSize int, s Speed) (*Workload, error) {
	if blockSize == 0 {
		blockSize = kvcache.MooncakeBlock
	}
	t := kvcache.NewTrace(r, blockSize)
	w := &Workload{
		BlockSize: blockSize, PartialBlocks: true,
		How: "trace: one request after the other, in the order of the file",
	}
	if s != (Speed{}) {
		w.Timed, w.How = true, "trace: requests arrive as it says and overlap"
	}
	for t.Scan() {
		q := t.Request()
		p := Request{Index: -1}
		p.Prompt, p.Output = q.Input, q.Output
		p.Hashes = slices.Clone(q.Hashes)
		p.Start = time.Duration(len(w.Requests))
		p.End = p.Start + 1
		if w.Timed {
			p.Start = q.Arrival
			first, last := s.time(q.Input, q.Output)
			p.First, p.End = p.Start+first, p.Start+last
		}
		w.Requests = append(w.Requests, p)
	}
	if err := t.Err(); err != nil {
		return nil, err
	}
	if len(w.Requests) == 0 {
		return nil, errors.New("the trace is empty")
	}
	w.sort()
	return w, nil
}
