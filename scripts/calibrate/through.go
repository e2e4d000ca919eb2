package main

import (
	"bytes"
	"fmt"
	"math"

	"multiturn/pkg/record"
	"multiturn/pkg/report"
)

// file returns the records of a run, as they are written.
func file(header *record.Run, turns []*record.Turn) (*bytes.Buffer, error) {
	var b bytes.Buffer
	w := record.NewWriter(&b)
	if err := w.Run(header); err != nil {
		return nil, err
	}
	for _, t := range turns {
		if err := w.Turn(t); err != nil {
			return nil, err
		}
	}
	return &b, w.Close()
}

// summary returns the report of a run.
func summary(header *record.Run, turns []*record.Turn) (*report.Summary, error) {
	b, err := file(header, turns)
	if err != nil {
		return nil, err
	}
	runs, err := report.Read(record.NewReader(b, "calibrate"), "calibrate", report.Options{})
	if err != nil {
		return nil, err
	}
	if len(runs) != 1 {
		return nil, fmt.Errorf("%d runs in the records of one", len(runs))
	}
	return runs[0].Summary(), nil
}

func clock(ms float64) record.Clock { return record.Clock(math.Round(ms * 1e6)) }

// turn returns a turn that went well.
func turn(conversation string, number int, sent, first, end float64, tokens int) *record.Turn {
	return &record.Turn{
		Conversation: conversation, Turn: number, Messages: 2*number + 1, Attempts: 1,
		Scheduled: clock(sent), Issued: clock(sent),
		Exchange: record.Exchange{
			Outcome: record.OK, Status: 200, Stream: true, Connection: record.ConnectionReused,
			Sent: clock(sent), Written: clock(sent), FirstToken: clock(first), FirstAnswer: clock(first),
			LastToken: clock(end), End: clock(end),
			Chunks: tokens, ChunksContent: tokens, Reads: tokens,
		},
	}
}
