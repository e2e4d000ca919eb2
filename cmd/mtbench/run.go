package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"multiturn/pkg/bench"
	"multiturn/pkg/chat"
	"multiturn/pkg/cli"
	"multiturn/pkg/load"
	"multiturn/pkg/openai"
	"multiturn/pkg/probe"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
	"multiturn/pkg/tokenizer"
)

func runCommand() *cli.Command {
	f := newRunFlags()
	return &cli.Command{
		Name:    "run",
		Usage:   "replay conversations and measure every turn",
		Groups:  f.groups(),
		Options: []any{&f.bench},
		Drain:   true,
		Examples: []cli.Example{
			{About: "24 conversations, 6 in progress, 2 requests in flight", Line: "mtbench -i generate_multi_turn.json -m MODEL -u http://localhost:8000 -p 2 -k 6"},
			{About: "ShareGPT conversations, at most 200 requests, records kept", Line: "mtbench -i sharegpt.json -m MODEL -n 200 --records run.jsonl"},
			{About: "what the cache is worth: each conversation with and without it", Line: "mtbench -i generate_multi_turn.json -m MODEL -p 4 -k 12 --control no-reuse --records run.jsonl"},
			{About: "everything in one pipe", Line: "genconv | mtbench -i - -m MODEL --records - | mtbench report -"},
		},
		Run: func(ctx context.Context, c *cli.Call) error { return run(ctx, c, f) },
	}
}

// run is the run command: read, connect, play, report.
func run(ctx context.Context, c *cli.Call, f *runFlags) error {
	salts, err := newSalts(f)
	if err != nil {
		return err
	}
	var client *openai.Client
	o := f.bench
	o.Reset = func(ctx context.Context) error {
		_, err := client.ResetCache(ctx)
		return err
	}
	salts.apply(f, &o, nil) // once more when there is a tokenizer
	if err := o.Validate(); err != nil {
		return cli.Exit(cli.Usage, err)
	}
	if f.shape.kvModel == listModels {
		return writeModels(c)
	}
	shape, err := f.shape.options(c, f.model)
	if err != nil {
		return err
	}
	out, err := openOutputs(c, f)
	if err != nil {
		return err
	}
	defer out.close()

	c.HTTP = f.http.Elsewhere()
	o.Start = time.Now()
	co, err := f.openai(o.Start)
	if err != nil {
		return cli.Exit(cli.Usage, err)
	}
	co.Fields = salts.fields(f, salts.used)
	client, err = openai.New(co)
	if err != nil {
		return cli.Exit(cli.Usage, err)
	}
	defer client.Close()

	// None of these needs the others, and together they are the time to the first request.
	var (
		tok  *tokenizer.Tokenizer
		who  record.Tokenizer
		data *dataset
		id   server.Identity
		m    *metrics
		g    errgroup.Group
	)
	g.Go(func() error {
		t, where, err := c.Tokenizer(ctx, f.tokenizer, f.model)
		if err == nil {
			tok, who = t, record.Tokenizer{Name: t.Name(), Source: where}
		}
		return err
	})
	g.Go(func() (err error) {
		data, err = readDataset(c, f)
		return err
	})
	g.Go(func() (err error) {
		if f.identify {
			id, err = client.Identify(ctx)
		}
		return err
	})
	g.Go(func() (err error) {
		m, err = newMetrics(ctx, c, f)
		return err
	})
	// The first interrupt ends what comes before the run: nothing is under way that could be finished. What waits for stdin
	// then is left to wait.
	ready := make(chan error, 1)
	go func() { ready <- g.Wait() }()
	select {
	case err := <-ready:
		if err != nil {
			return err
		}
	case <-c.Drain().Done():
		return cli.Exit(cli.Interrupted, errors.New("interrupted before the run began"))
	}
	if m != nil && m.failed != nil {
		advice := ""
		if a := server.Of(id.Name).Advice.Metrics; a != "" {
			advice = "; to have them, " + a
		}
		c.Remarkf("no metrics of the server (%v): the report cannot compare with its counters%s",
			m.failed, advice)
		m = nil
	}
	if data.config != nil {
		if err := data.generate(ctx, c, f, tok); err != nil {
			return err
		}
	}
	if err := data.check(f); err != nil {
		return err
	}

	shape.Turns.Texts, shape.Turns.Tokenizer = data.byID(), tok
	out.collector.SetCache(shape)
	o.Counter = tok
	source := salts.apply(f, &o, tok)
	o.Exact = f.length == lengthExact || f.length == lengthAuto && server.Of(id.Name).ExactLength
	if o.Control == load.Cold {
		reset, err := client.ResetCache(ctx)
		if err != nil {
			return fmt.Errorf("--control %s: %w", load.Cold, err)
		}
		if reset.Keeps != "" {
			c.Remarkf("--control %s: POST %s does not empty %s", load.Cold, reset.Path, reset.Keeps)
		}
	}
	var known *record.Preflight
	if f.preflights(c) {
		if known, err = runPreflight(ctx, c, f, salts, id, m, source); err != nil {
			return err
		}
	}
	if f.preconnect {
		if err := client.Preconnect(ctx, min(o.Clients, o.Control.Arms()*len(data.conversations))); err != nil {
			return err
		}
	}
	h, err := header(c, f, &o, data, id, who, client.Clocks())
	if err != nil {
		return err
	}
	h.Preflight, h.Salt = known, salts.used
	m.describe(&h.Server)
	if err := out.begin(h); err != nil {
		return err
	}

	var said *probe.Transcripts
	if f.checkPrefix {
		said = probe.NewTranscripts(f.prefixSample)
	}
	o.OnMeasured = func() { m.begin(ctx, o.Start, out.scrape) }
	progress := c.Progress("running", "turns", int64(o.Turns(data.conversations)))
	o.OnExchange = func(e *bench.Exchange) error {
		progress.Add(1)
		if f.printContent {
			printExchange(c.Stderr, e)
		}
		if said != nil {
			keep(said, e)
		}
		return out.turn(e.Turn)
	}
	if out.convs != nil {
		o.OnConversation = out.convs.Write
	}
	end, err := bench.Run(ctx, o, &sender{client: client, exact: o.Exact}, data.conversations, c.Drain().Done())
	m.end(ctx)
	progress.Done()
	if end == nil {
		return err
	}
	end.Certificate.Clocks = client.Clocks()
	if err != nil {
		end.Error = err.Error()
	}
	if drain := c.Drain(); said != nil && err == nil && drain.Err() == nil {
		// An interrupt ends the check, and the report is still written.
		err = checkPrefixes(drain, c, said, client, out.prefix)
	}
	if e := out.finish(end); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return verdict(end)
}

// verdict is the exit code of a run that was reported.
func verdict(end *record.End) error {
	switch {
	case end.Why == record.WhyInterrupted || end.Why == record.WhyCancelled:
		return cli.Exit(cli.Interrupted, fmt.Errorf("interrupted: %d of %d turns finished", end.Turns.Finished, end.Turns.Planned))
	case end.Turns.Finished == 0:
		return cli.Exit(cli.Failed, fmt.Errorf("no turn of %d succeeded; the table of outcomes says why", end.Turns.Planned))
	case end.Turns.Failed > 0 || end.Turns.Abandoned > 0:
		return cli.Exit(cli.Missed, fmt.Errorf("%d of %d turns failed and %d were not reached", end.Turns.Failed, end.Turns.Planned, end.Turns.Abandoned))
	}
	return nil
}

// printExchange shows a turn's texts, for --print-content.
func printExchange(w io.Writer, e *bench.Exchange) {
	t := e.Turn
	fmt.Fprintf(w, "=== %s, turn %d: %s\n", t.Conversation, t.Turn+1, t.Outcome)
	for _, m := range e.Asked {
		fmt.Fprintf(w, "--- %s\n%s\n", m.Role, m.Text)
	}
	fmt.Fprintf(w, "--- %s\n%s\n", chat.Assistant, e.Answer)
}
