package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"multiturn/pkg/bench"
	"multiturn/pkg/chat"
	"multiturn/pkg/probe"
	"multiturn/pkg/record"
)

// played is a run whose requests have all ended.
type played struct {
	end    *record.End
	err    error              // that ended it early
	texts  *probe.Transcripts // nil unless prefixes are checked
	failed *record.Exchange   // the last turn that did; nil: none did
}

// play writes the header and sends the conversations. The error is one with
// which the run did not begin.
func (s *setup) play(ctx context.Context, k *knowledge) (*played, error) {
	h, err := header(s.call, s.runFlags, &s.options, k.data, k.servers, s.who(k), s.clients.Clocks())
	if err != nil {
		return nil, err
	}
	h.Cache, h.Salt = s.cache.Stated, s.salts.used
	k.preflighted(h)
	k.metrics.describe(h)
	if err := s.out.begin(h); err != nil {
		return nil, err
	}
	p := &played{}
	if s.checkPrefix {
		p.texts = probe.NewTranscripts(s.prefixSample)
	}
	conversations := k.data.conversations
	progress := s.call.Progress("running", "turns", int64(s.options.Turns(conversations)))
	l := &live{}
	progress.Note(l.note)
	o := s.options
	o.Encoder = s.clients[0].Encoder() // replicas have one API
	o.OnMeasured = func() { k.metrics.begin(ctx, o.Start, s.out.scrape) }
	o.OnEnded = func(t *record.Turn) {
		progress.Add(1)
		l.finished(t, time.Now())
		if !t.Outcome.OK() {
			p.failed = &t.Exchange
		} else {
			s.waiting.ready(true)
		}
	}
	o.OnPlayed = func() {
		k.metrics.end(ctx)
		progress.Done()
	}
	o.OnFinished = func(e *bench.Finished) error {
		if s.printContent {
			printTurn(s.call.Stderr, e)
		}
		if p.texts != nil {
			keep(p.texts, e)
		}
		return s.out.turn(e.Turn)
	}
	if s.out.convs != nil {
		o.OnConversation = s.out.convs.Write
	}
	send := &sender{clients: s.clients, exact: o.Exact, live: l}
	p.end, p.err = bench.Run(ctx, o, send, conversations, s.call.Drain().Done())
	if p.end == nil {
		progress.Done()
		return nil, p.err
	}
	p.end.Certificate.Clocks = s.clients.Clocks()
	if p.err != nil {
		p.end.Error = p.err.Error()
	}
	return p, nil
}

// printTurn shows a turn's texts, for --print-content.
func printTurn(w io.Writer, e *bench.Finished) {
	t := e.Turn
	fmt.Fprintf(w, "=== %s, turn %d: %s\n", t.Conversation, t.Turn+1, t.Outcome)
	for _, m := range e.Asked {
		fmt.Fprintf(w, "--- %s\n%s\n", m.Role, m.Text)
	}
	fmt.Fprintf(w, "--- %s\n%s\n", chat.Assistant, e.Answer)
}
