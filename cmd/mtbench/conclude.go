package main

import (
	"errors"
	"fmt"

	"multiturn/pkg/bench"
	"multiturn/pkg/cli"
	"multiturn/pkg/record"
)

// conclude checks prefixes if asked to, writes the report and the files, and
// returns the first error or the verdict.
func (s *setup) conclude(p *played) error {
	err := p.err
	if drain := s.call.Drain(); p.texts != nil && err == nil && drain.Err() == nil {
		// An interrupt ends the check, and the report is still written.
		// Replicas have the same template: one is asked.
		err = checkPrefixes(drain, s.call, p.texts, s.clients[0], s.out.prefix)
	}
	if ferr := s.out.finish(p.end); err == nil {
		err = ferr
	}
	if errors.As(err, new(*bench.AllFailedError)) {
		err = fmt.Errorf("%w; --keep-going goes on all the same", err)
	}
	if err != nil {
		return err
	}
	return verdict(p)
}

// verdict returns the exit code of a run that was reported, as an error.
func verdict(p *played) error {
	end, turns := p.end, p.end.Turns
	switch {
	case end.Why == record.WhyInterrupted || end.Why == record.WhyCancelled:
		return cli.Exit(cli.Interrupted,
			fmt.Errorf("interrupted: %d of %d turns finished", turns.Finished, turns.Planned))
	case turns.Finished == 0:
		return cli.Exit(cli.Failed, fmt.Errorf(
			"no turn of %d succeeded, the last one failed so: %s", turns.Planned, p.failure))
	case turns.Failed > 0 || turns.Abandoned > 0:
		return cli.Exit(cli.Missed, fmt.Errorf("%d of %d turns failed and %d were not reached",
			turns.Failed, turns.Planned, turns.Abandoned))
	}
	return nil
}
