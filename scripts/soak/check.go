//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"multiturn/internal/human"
	"multiturn/pkg/record"
)

// missed is the exit code of a run that finished and missed something.
const missed = 3

// What may grow after the start: the allocator's slack, and for each turn what
// the client's report and the server's memory of prompts keep of it.
const (
	slack   = 64 << 20
	perTurn = 1 << 10
)

// spareFiles is how many files a process may have open beside its connections.
const spareFiles = 30

// check returns everything that is wrong.
func (p *played) check(records string) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := p.read(records); err != nil {
		return err
	}
	n, turns, failed := p.end.Turns, 0, 0
	for outcome, count := range p.counts {
		if turns += count; !outcome.OK() {
			failed += count
		}
	}
	switch {
	case n.Planned != p.planned || n.Planned != n.Finished+n.Failed+n.Abandoned:
		wrong("%d turns were to be played; the end record has %+v", p.planned, n)
	case turns != n.Finished+n.Failed || failed != n.Failed || turns == failed || failed == 0:
		wrong("the records have %d turns, %d of them failed; the end record has %+v", turns, failed, n)
	case p.end.Unwritten != 0 || p.end.Why != record.WhyDone:
		wrong("the run ended with %s, and %d turns were not written", p.end.Why, p.end.Unwritten)
	}
	if p.exit != missed {
		wrong("the exit code is %d, want %d: %s", p.exit, missed, p.last)
	}
	for _, side := range []struct {
		name string
		list []sample
	}{{"client", p.client}, {"server", p.server}} {
		steady := p.steady(side.list)
		if len(steady) < 3 {
			wrong("the run was too short to judge the %s's memory: give it more turns", side.name)
			continue
		}
		grew, turns := growth(steady), p.turnsIn(steady)
		if most := float64(slack + perTurn*turns); grew > most {
			wrong("the %s's memory grew by %s in %d turns, want at most %s", side.name,
				human.Bytes(int64(grew)), turns, human.Bytes(int64(most)))
		}
		if most := slices.MaxFunc(side.list, func(a, b sample) int { return a.files - b.files }); most.files >
			2*p.clients+spareFiles {
			wrong("the %s had %d files open", side.name, most.files)
		}
	}
	if last := p.server[len(p.server)-1]; last.files > spareFiles {
		wrong("the server has %d files open after the run", last.files)
	}
	return errors.Join(errs...)
}

// read reads the records.
func (p *played) read(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	p.counts = map[record.Outcome]int{}
	r := record.NewReader(f, path)
	for r.Scan() {
		switch rec := r.Record().(type) {
		case *record.Turn:
			p.counts[rec.Outcome]++
		case *record.End:
			p.end = rec
		}
	}
	if n, first := r.Broken(); n > 0 {
		return fmt.Errorf("%d lines of the records are broken: %w", n, first[0])
	}
	if r.Err() == nil && p.end == nil {
		return fmt.Errorf("%s has no end record: %s", path, p.last)
	}
	return r.Err()
}

// steady returns the samples after the first minute, or the first third of a
// shorter run, and before the report at the end.
func (p *played) steady(list []sample) []sample {
	end := time.Duration(p.end.At)
	from := min(time.Minute, end/3)
	return slices.DeleteFunc(slices.Clone(list), func(s sample) bool {
		return s.at < from || s.at > end
	})
}

// turnsIn estimates how many turns were played between the first and the last
// sample.
func (p *played) turnsIn(list []sample) int {
	share := float64(list[len(list)-1].at-list[0].at) / float64(p.end.At)
	return int(share * float64(p.planned))
}

// growth returns how many bytes a process grew, by a line through all samples.
func growth(list []sample) float64 {
	var n, x, y, xx, xy float64
	for _, s := range list {
		t, b := s.at.Seconds(), float64(s.bytes)
		n, x, y, xx, xy = n+1, x+t, y+b, xx+t*t, xy+t*b
	}
	slope := (n*xy - x*y) / (n*xx - x*x)
	return slope * (list[len(list)-1].at - list[0].at).Seconds()
}

// print shows what was measured.
func (p *played) print(out io.Writer) {
	if p.end == nil {
		return
	}
	n := p.end.Turns
	fmt.Fprintf(out, "turns        %s planned = %s finished + %s failed + %s abandoned, in %.1f s\n",
		human.Thousands(n.Planned), human.Thousands(n.Finished), human.Thousands(n.Failed),
		human.Thousands(n.Abandoned), p.took.Seconds())
	var all []string
	for _, o := range record.Outcomes {
		if p.counts[o] > 0 {
			all = append(all, human.Thousands(p.counts[o])+" "+string(o))
		}
	}
	fmt.Fprintf(out, "outcomes     %s\n", strings.Join(all, ", "))
	fmt.Fprintf(out, "exit code    %d\n", p.exit)
	for _, side := range []struct {
		name string
		list []sample
	}{{"client", p.client}, {"server", p.server}} {
		if steady := p.steady(side.list); len(steady) > 2 {
			last := steady[len(steady)-1]
			fmt.Fprintf(out, "%-12s %s resident after the start, %s at the end of the turns "+
				"(%+.1f KiB for 1,000 turns), %d files open\n", side.name, human.Bytes(steady[0].bytes),
				human.Bytes(last.bytes), growth(steady)/1024*1000/float64(max(1, p.turnsIn(steady))),
				last.files)
		}
	}
}
