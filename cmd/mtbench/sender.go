package main

import (
	"context"

	"multiturn/pkg/bench"
	"multiturn/pkg/openai"
)

// sender sends the requests of a run, each to its replica.
type sender struct {
	clients openai.Replicas
	exact   bool // send ignore_eos with requests for an exact length
	live    *live
}

var _ bench.Sender = (*sender)(nil)

func (s *sender) Send(ctx context.Context, r *bench.Request) *bench.Reply {
	s.live.inFlight.Add(1)
	defer s.live.inFlight.Add(-1)
	res := s.clients[r.Replica].Do(ctx, &openai.Request{
		Messages: r.Messages, Fields: r.Fields, Session: r.Conversation, MaxTokens: r.MaxTokens,
		MinTokens: r.MinTokens, IgnoreEOS: s.exact && r.MinTokens > 0 && r.MinTokens == r.MaxTokens,
		Timeout: r.Timeout,
	})
	return &bench.Reply{
		Exchange: res.Exchange, Text: res.Text, First: res.FirstText, Reasoning: res.Reasoning,
		ToolCalls: res.ToolCalls, RetryAfter: res.RetryAfter,
	}
}
