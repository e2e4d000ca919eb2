// Command calibrate measures how often the intervals of reports hold the truth,
// how often reports find what is not there, and how often they find what is, in
// simulated runs whose truth is known.
//
//	go run ./scripts/calibrate [flags]
//
// Every run is a file of records, read as `mtbench report` reads it. In the worlds
// of intervals (series.go), times to the first token vary between turns, between
// conversations, and with a state of the server that all conversations share. In
// those of arms (arms.go), conversations are played twice, in pairs of batches. In
// those of the cost model (cost.go), a time to the first token is a sum of costs.
//
// Runs are numbered, and the number is the seed: the same flags print the same
// table.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"golang.org/x/sync/errgroup"
)

func main() {
	switch err := run(os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "calibrate:", err)
		os.Exit(1)
	}
}

// options are the flags of the command.
type options struct {
	runs   int
	worlds *regexp.Regexp // of names
	sizes  []int          // conversations of the worlds of intervals
	truth  int            // turns that the truth of these worlds is computed from
}

// cell counts the rows of a world at a size.
type cell func(o *options) ([]string, error)

// table is a part of the output.
type table struct {
	name, header string
	cells        []cell
}

// parts are the tables by the names that -parts has for them.
var parts = []struct {
	name string
	of   func(*options) table
}{{"intervals", seriesTable}, {"arms", armsTable}, {"cost", costTable}}

func run(args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("calibrate", flag.ContinueOnError)
	f.SetOutput(stderr)
	o := &options{}
	var known []string
	for _, p := range parts {
		known = append(known, p.name)
	}
	f.IntVar(&o.runs, "runs", 400, "runs of each world")
	names := f.String("parts", strings.Join(known, ","), "tables, with commas between them")
	worlds := f.String("worlds", "", "only worlds whose names match this regular expression")
	sizes := f.String("conversations", "24,100", "numbers of conversations of the worlds of intervals")
	f.IntVar(&o.truth, "truth", 2_000_000, "turns that the truth of these worlds is computed from")
	if err := f.Parse(args); err != nil {
		return err
	}
	var err error
	if o.worlds, err = regexp.Compile(*worlds); err != nil {
		return fmt.Errorf("-worlds: %w", err)
	}
	for _, s := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return fmt.Errorf("-conversations: %q is not a number of conversations", s)
		}
		o.sizes = append(o.sizes, n)
	}
	wanted := strings.Split(*names, ",")
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return fmt.Errorf("-parts: %q is not one of %s", name, strings.Join(known, ", "))
		}
	}
	for _, p := range parts {
		if !slices.Contains(wanted, p.name) {
			continue
		}
		if err := p.of(o).print(stdout, o); err != nil {
			return err
		}
	}
	return nil
}

// print counts all cells, one on each processor at a time, and prints them in
// order.
func (t table) print(w io.Writer, o *options) error {
	rows := make([][]string, len(t.cells))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range t.cells {
		g.Go(func() (err error) {
			rows[i], err = c(o)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s, %d runs of each world\n\n", t.name, o.runs)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, t.header)
	for _, lines := range rows {
		for _, line := range lines {
			fmt.Fprintln(tw, line)
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

// percent returns k of n in percent, or "-" if n is 0.
func percent(k, n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatFloat(100*float64(k)/float64(n), 'f', 1, 64)
}

// average returns the mean of n shares in percent, or "-" if n is 0.
func average(sum float64, n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatFloat(100*sum/float64(n), 'f', 1, 64)
}
