// Command fidelity measures the clients: it runs `mtbench run`, and on request
// the reference, against `mtbench sim`, which knows the truth, and shows how
// far each client's numbers are from it.
//
//	go run ./scripts/fidelity [flags]           the table of `make fidelity`
//	go run ./scripts/fidelity compare [flags]   the table of scripts/compare-reference
//
// Client and server are separate processes, built before (make build). For each
// point the server is started anew with a truth file. The client plays
// generated conversations with as many requests in flight as the point has
// streams, and every turn of its records is compared with the server's line
// about the same request. The id of the conversation (X-Session-Id or
// conversation_id) and the order of its turns identify the request.
//
// Errors are the client's number minus the truth. For the time to first token,
// the truth is the write of the first token minus the kernel's stamp of the
// request's first bytes at the server. Thus the error includes the way through
// the loopback, twice.
//
// Nothing else must run on the machine: both processes share it, and a client
// that waits for a processor is late for a reason that is not its own. The load
// average is printed first, with a warning if it is high.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"multiturn/scripts/internal/simrun"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "fidelity:", err)
		os.Exit(1)
	}
}

// settings are the values of the flags.
type settings struct {
	bin, work, output string
	points            string
	turns             int
	interval          time.Duration
	first             time.Duration
	seed              uint64
	timeout           time.Duration
	transport         string
	reference         reference
}

func run(ctx context.Context, args []string) error {
	compare := len(args) > 0 && args[0] == "compare"
	name := "fidelity"
	if compare {
		args, name = args[1:], "fidelity compare"
	}
	var s settings
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.StringVar(&s.bin, "bin", "bin", "`folder` of the binaries")
	f.StringVar(&s.work, "work", filepath.Join("out", "fidelity"),
		"`folder` for conversations, records, truth and logs")
	f.StringVar(&s.transport, "transport", "", "mtbench's --transport; empty for its default")
	f.Uint64Var(&s.seed, "seed", 1, "seed of the conversations")
	f.DurationVar(&s.first, "first", 50*time.Millisecond, "time to the first token at the server")
	f.DurationVar(&s.timeout, "timeout", 10*time.Minute, "time limit for one run of a client")
	f.StringVar(&s.reference.dir, "reference", "",
		"`folder` benchmarks/multi_turn of a vLLM checkout, to run it too")
	f.StringVar(&s.reference.python, "python", "python3",
		"interpreter with the reference's packages")
	f.StringVar(&s.reference.tokenizer, "tokenizer", "",
		"tokenizer `folder` (tokenizer.json, tokenizer_config.json) for the reference")
	pairs := "1,2"
	if compare {
		f.StringVar(&pairs, "clients", pairs, "numbers of clients to compare at")
		f.DurationVar(&s.interval, "interval", 10*time.Millisecond,
			"time between two tokens at the server")
		f.IntVar(&s.turns, "turns", 4, "questions of each conversation")
	} else {
		f.StringVar(&s.output, "o", filepath.Join("out", "fidelity.json"),
			"JSON `file` of all results")
		f.StringVar(&s.points, "points", defaultPoints,
			"comma-separated numbers of streams, each with an optional "+
				"/unpaced, /400kB (bodies) or time between tokens, such as 100/250us")
		f.DurationVar(&s.interval, "interval", 20*time.Millisecond,
			"time between two tokens at the server, unless the point has its own")
		f.IntVar(&s.turns, "turns", 0, "questions of each conversation (0: 4, and more with few "+
			"streams)")
	}
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected arguments %q; -h lists the flags",
			strings.Join(f.Args(), " "))
	}
	if err := os.MkdirAll(s.work, 0o755); err != nil {
		return err
	}
	if s.reference.dir != "" || compare {
		if err := s.reference.check(ctx); err != nil {
			return err
		}
	}
	if compare {
		return s.compare(ctx, pairs)
	}
	return s.measure(ctx)
}

// measure prints the table of all points.
func (s *settings) measure(ctx context.Context) error {
	points, err := parsePoints(s.points, s.interval, s.turns)
	if err != nil {
		return err
	}
	most := 0
	for _, p := range points {
		most = max(most, p.Streams)
	}
	host, err := thisHost(most)
	if err != nil {
		return err
	}
	if host.Mtbench, err = version(ctx, s.bin); err != nil {
		return err
	}
	host.print(os.Stderr)
	out := report{Host: host}
	failures := 0
	for _, p := range points {
		r, err := s.point(ctx, p)
		if err != nil {
			return err
		}
		out.Points = append(out.Points, r)
		failures += r.failures()
		// After each point, since all points together may take long with the reference.
		if err := out.write(s.output); err != nil {
			return err
		}
	}
	fmt.Println()
	if err := out.text(os.Stdout); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "\nall numbers: %s; records, truth and logs: %s\n", s.output, s.work)
	if failures > 0 {
		return fmt.Errorf("%d of the runs failed", failures)
	}
	return nil
}

// point measures all clients at one point. The failure of a client is a result.
func (s *settings) point(ctx context.Context, p point) (pointResult, error) {
	r := pointResult{Point: p}
	data := filepath.Join(s.work, p.file()+".json")
	if err := writeConversations(data, p, s.seed); err != nil {
		return r, err
	}
	clients := []client{&mtbench{bin: s.bin, transport: s.transport}}
	if s.reference.dir != "" {
		clients = append(clients, &s.reference)
	}
	for _, c := range clients {
		if why := c.refuses(p); why != "" {
			fmt.Fprintf(os.Stderr, "%s, %s: left out: %s\n", p.Name, c.name(), why)
			r.Clients = append(r.Clients, result{Client: c.name(), Skipped: why})
			continue
		}
		fmt.Fprintf(os.Stderr, "%s, %s ...", p.Name, c.name())
		res, err := s.play(ctx, c, p, data)
		if ctx.Err() != nil {
			fmt.Fprintln(os.Stderr)
			return r, context.Cause(ctx)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, " failed: %v\n", err)
			r.Clients = append(r.Clients, result{Client: c.name(), Failed: err.Error()})
			continue
		}
		fmt.Fprintf(os.Stderr, " %.1f s\n", res.out.ended.Sub(res.out.started).Seconds())
		r.Clients = append(r.Clients, evaluate(c.name(), p, res))
	}
	return r, nil
}

// played is the result of a client's run against a server, from both sides.
type played struct {
	out    *outcome
	truth  *simrun.Truth
	server usage
}

// play runs a client against a new server.
func (s *settings) play(ctx context.Context, c client, p point, data string) (*played, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout,
		fmt.Errorf("not done after %v", s.timeout))
	defer cancel()
	base := filepath.Join(s.work, p.file()+"-"+c.name())
	srv, err := startServer(ctx, s.bin, base, p, s.first)
	if err != nil {
		return nil, err
	}
	out, err := c.play(ctx, job{point: p, data: data, url: srv.url, base: base})
	served, stopErr := srv.stop()
	if err = errors.Join(err, stopErr); err != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	truth, err := simrun.ReadTruth(base + ".truth.jsonl")
	if err != nil {
		return nil, err
	}
	return &played{out, truth, served}, nil
}
