package main

import (
	"context"
	"time"

	"multiturn/pkg/bench"
	"multiturn/pkg/openai"
	"multiturn/pkg/record"
)

// sender lets the bench send through an openai.Client: requests one way, results as records the other.
type sender struct {
	client *openai.Client
	// exact sends ignore_eos where a least length is asked for.
	exact bool
}

var _ bench.Sender = (*sender)(nil)

func (s *sender) Send(ctx context.Context, r *bench.Request) *bench.Reply {
	res := s.client.Do(ctx, &openai.Request{
		Messages: r.Messages, Session: r.Conversation, MaxTokens: r.MaxTokens, MinTokens: r.MinTokens,
		IgnoreEOS: s.exact && r.MinTokens > 0 && r.MinTokens == r.MaxTokens, Timeout: r.Timeout,
	})
	return &bench.Reply{Turn: turn(res), Text: res.Text, First: res.FirstText, Reasoning: res.Reasoning, ToolCalls: res.ToolCalls}
}

// turn is a result as a record; who sent it when is for the bench to add.
func turn(r *openai.Result) record.Turn {
	t := record.Turn{
		Outcome: record.Outcome(r.Outcome), Status: r.Status, Error: r.Error, Finish: r.Finish,
		Sent: clock(r.Sent), Written: clock(r.Written), Headers: clock(r.Headers), FirstEvent: clock(r.FirstEvent),
		FirstToken: clock(r.FirstToken), FirstAnswer: clock(r.FirstAnswer), LastToken: clock(r.LastToken), End: clock(r.End),
		Connection: r.Connection, ConnectMS: float64(r.ConnectTime) / 1e6, Stream: r.Stream,
		Chunks: r.Chunks, ChunksContent: r.ChunksContent, ChunksReasoning: r.ChunksReasoning, ChunksTool: r.ChunksTool,
		Reads: r.Reads, Merged: r.Merged, ReadLateUS: r.ReadLate.Microseconds(), GapsUS: r.Gaps,
		BodyBytes: r.BodyBytes, ServerTimings: r.ServerTimings,
	}
	if u := r.Usage; u != nil {
		t.Usage = &record.Usage{
			Prompt: u.Prompt, Completion: u.Completion, Reasoning: u.Reasoning, Cached: u.Cached,
			CachedField: u.CachedField, Created: u.Created, Tiers: u.Tiers,
		}
	}
	return t
}

func clock(d time.Duration) record.Clock { return record.Clock(d) }
