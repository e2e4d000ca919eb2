package main

import (
	"cmp"
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
	if errors.As(err, new(*bench.AllFailedError)) {
		err = cli.Exit(cli.Failed, fmt.Errorf("%w; --keep-going goes on all the same",
			s.advise(err, p.failed)))
	}
	if drain := s.call.Drain(); p.texts != nil && err == nil && drain.Err() == nil {
		// An interrupt ends the check, and the report is still written.
		// Replicas have the same template: one is asked.
		err = checkPrefixes(drain, s.call, p.texts, s.clients[0], s.out.prefix)
	}
	// The error of a file that ended the run comes back with the file, and is
	// printed once.
	err = errors.Join(err, s.out.finish(p.end))
	if err != nil {
		return err
	}
	return s.verdict(p)
}

// verdict returns the exit code of a run that was reported, as an error.
func (s *setup) verdict(p *played) error {
	end, turns := p.end, p.end.Turns
	switch {
	case end.Why == record.WhyInterrupted || end.Why == record.WhyCancelled:
		return cli.Exit(cli.Interrupted,
			fmt.Errorf("interrupted: %d of %d turns finished", turns.Finished, turns.Planned))
	case turns.Finished == 0:
		return cli.Exit(cli.Failed, s.advise(fmt.Errorf(
			"no turn of %d succeeded, the last one failed so: %s", turns.Planned,
			cmp.Or(p.failed.Error, string(p.failed.Outcome))), p.failed))
	case turns.Failed > 0 || turns.Abandoned > 0:
		return cli.Exit(cli.Missed, s.advise(fmt.Errorf(
			"%d of %d turns failed and %d were not reached",
			turns.Failed, turns.Planned, turns.Abandoned), p.failed))
	}
	return nil
}
