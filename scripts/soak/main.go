//go:build linux

// Soak plays many turns against `mtbench sim` with every fault that it has, and
// checks that nothing is lost and nothing grows: each planned turn finished,
// failed or was abandoned, and the records say the same; the memory of the client
// and the connections of both are flat once the run is under way; the exit code
// is that of a run that missed something; and, in this process, no goroutine of
// the client is left. It fails if one of them is not so.
//
//	go run ./scripts/soak -turns 20000
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"multiturn/scripts/internal/simrun"
)

// soak is what is played.
type soak struct {
	program              string // mtbench
	dir                  string
	turns, conversations int
	clients              int
	share                float64 // of requests that have a fault, for each fault
	limit                time.Duration
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	s := soak{}
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	bin := flags.String("bin", "bin", "folder of the binaries")
	flags.IntVar(&s.turns, "turns", 200_000, "turns to play")
	flags.IntVar(&s.conversations, "conversations", 2000, "conversations that have them")
	flags.IntVar(&s.clients, "p", 200, "requests in flight")
	flags.Float64Var(&s.share, "share", 0.05, "share of the requests that have each fault")
	flags.DurationVar(&s.limit, "limit", 30*time.Minute, "longest time for all")
	keep := flags.String("keep", "", "folder for the files of the run; none: they are removed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if s.clients < 1 || s.conversations < s.clients || s.turns < s.conversations {
		return errors.New("want a conversation for each client, and a turn for each conversation")
	}
	var err error
	if s.program, err = simrun.Program(*bin); err != nil {
		return err
	}
	if s.dir = *keep; s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "soak-"); err != nil {
			return err
		}
		defer os.RemoveAll(s.dir)
	} else if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.limit)
	defer cancel()
	p, err := s.play(ctx)
	if err != nil {
		return err
	}
	wrong := p.check(filepath.Join(s.dir, recordsFile))
	left, err := leaks(ctx, s.share)
	wrong = errors.Join(wrong, err)
	p.print(out)
	fmt.Fprintf(out, "goroutines   %d left of a client in this process\n", left)
	if wrong == nil {
		fmt.Fprintln(out, "all as it should be")
	}
	return wrong
}
