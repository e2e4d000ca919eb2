//go:build linux

// Command certify measures the client's certificate: how often it names numbers
// that are wrong, and how often it doubts numbers that are right.
//
//	go run ./scripts/certify [flags]
//
// `mtbench sim` serves and writes the truth, `mtbench` plays conversations, and
// something disturbs the client: other processes on its processor, or signals
// that stop it. Every turn of the records is compared with the server's line about
// the same request. Programs are built before (make build); Linux only.
//
// The server has the last processor and the client the others. A number of a run
// is wrong if the 99th percentile over turns (over gaps for ITL) of its error is
// above the larger of a millisecond and a tenth of its median; throughput, if the
// client lost more than 5 % of its time between an answer and the next request.
//
// The machine need not be quiet, but what else runs on it disturbs the client too,
// and the server's own waits make its truth less exact: an error counts beyond the
// time before and after each of the server's writes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "hog" {
		hog()
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "certify:", err)
		os.Exit(1)
	}
}

// settings are the values of the flags.
type settings struct {
	bin, work, output string
	scenarios, clocks string
	runs              int
	seed              uint64
}

func run(ctx context.Context, args []string) error {
	var s settings
	f := flag.NewFlagSet("certify", flag.ContinueOnError)
	f.StringVar(&s.bin, "bin", "bin", "`folder` of the binaries")
	f.StringVar(&s.work, "work", filepath.Join("out", "certify"),
		"`folder` for conversations, records and truth")
	f.StringVar(&s.output, "o", filepath.Join("out", "certify.json"), "JSON `file` of all runs")
	f.StringVar(&s.scenarios, "scenarios", names(scenarios), "comma-separated `names`")
	f.StringVar(&s.clocks, "clocks", names(clocks), "comma-separated `names`")
	f.IntVar(&s.runs, "runs", 40, "runs of each scenario with each clocks")
	f.Uint64Var(&s.seed, "seed", 1, "seed of the conversations and of the moments of stops")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected arguments %q; -h lists the flags", f.Args())
	}
	disturb, err := choose(scenarios, s.scenarios)
	if err != nil {
		return err
	}
	source, err := choose(clocks, s.clocks)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.work, 0o755); err != nil {
		return err
	}
	return s.measure(ctx, disturb, source)
}

// measure plays all cells and prints the table.
func (s *settings) measure(ctx context.Context, disturb []scenario, source []clock) error {
	b, err := newBench(s)
	if err != nil {
		return err
	}
	var cells []cell
	for _, d := range disturb {
		for _, c := range source {
			began := time.Now()
			fmt.Fprintf(os.Stderr, "%s, %s ...", d.name, c.name)
			runs, err := b.cell(ctx, d, c, s.runs)
			if err != nil {
				fmt.Fprintln(os.Stderr)
				return err
			}
			fmt.Fprintf(os.Stderr, " %d runs in %.0f s\n", len(runs), time.Since(began).Seconds())
			cells = append(cells, cell{d.name, c.name, runs})
			// After each cell, since all of them take long.
			if err := writeJSON(s.output, cells); err != nil {
				return err
			}
		}
	}
	table(os.Stdout, cells)
	return nil
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// named is something that flags choose by name.
type named interface{ named() string }

func names[T named](all []T) string {
	var list []string
	for _, one := range all {
		list = append(list, one.named())
	}
	return strings.Join(list, ",")
}

func choose[T named](all []T, list string) (chosen []T, err error) {
	for name := range strings.SplitSeq(list, ",") {
		found := false
		for _, one := range all {
			if one.named() == name {
				chosen, found = append(chosen, one), true
			}
		}
		if !found {
			return nil, fmt.Errorf("%q is none of %s", name, names(all))
		}
	}
	return chosen, nil
}
