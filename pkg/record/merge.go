package record

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Log is a complete run as it was read.
type Log struct {
	Run     *Run // nil: the stream has no header
	Turns   []*Turn
	Scrapes []*Scrape
	// Prefixes are empty if the run did not check them.
	Prefixes []*Prefix
	End      *End // nil: the run was killed, or goes on
}

// ReadLogs reads all runs of a stream. It leaves out samples of the reference,
// which belong to no run.
func ReadLogs(r *Reader) ([]*Log, error) {
	var logs []*Log
	for r.Scan() {
		if _, ok := r.Record().(*Sample); ok {
			continue
		}
		run, header := r.Record().(*Run)
		if header || len(logs) == 0 {
			logs = append(logs, &Log{Run: run})
		}
		l := logs[len(logs)-1]
		switch rec := r.Record().(type) {
		case *Turn:
			l.Turns = append(l.Turns, rec)
		case *Scrape:
			l.Scrapes = append(l.Scrapes, rec)
		case *Prefix:
			l.Prefixes = append(l.Prefixes, rec)
		case *End:
			l.End = rec
		}
	}
	return logs, r.Err()
}

// Merge merges the parts of a load that several clients sent at the same time into
// one run. It changes the logs, which must not be used afterwards.
//
// The wall clocks of the headers put the times on one axis, so an error between
// those clocks is an error of the times. Clients get new numbers. If several parts
// have a conversation of the same name, the run's id is put before the name. Turns
// are in the order in which they were sent. Counts are added. The certificate is
// the worst of all parts, and its reasons name the client. Fields of the header
// that differ between parts are unknown in the merged one. It is an error if a part
// has no header, or if they cannot be of one load: if there is no time at which all
// ran, or if they had different models or caches.
func Merge(logs ...*Log) (*Log, error) {
	if len(logs) == 0 {
		return nil, errors.New("nothing to merge")
	}
	for i, l := range logs {
		if l.Run == nil {
			return nil, fmt.Errorf("run %d has no header: its start is unknown", i+1)
		}
		for _, before := range logs[:i] {
			if why := before.apart(l); why != "" {
				return nil, fmt.Errorf("%s: they are not parts of one load", why)
			}
		}
	}
	var (
		out    = &Log{Run: mergeRuns(logs), End: mergeEnds(logs)}
		shared = sharedConversations(logs)
		client = 0
	)
	for _, l := range logs {
		number := out.Run.replicaNumbers(l.Run)
		shift := Clock(l.Run.Start.Sub(out.Run.Start))
		clients := l.Run.Clients
		for _, t := range l.Turns {
			for _, c := range t.clocks() {
				if c.OK() {
					*c += shift
				}
			}
			clients = max(clients, t.Client+1)
			t.Client += client
			t.Replica = number(t.Replica)
			if shared[t.Conversation] {
				t.Conversation = l.Run.ID + "/" + t.Conversation
			}
			out.Turns = append(out.Turns, t)
		}
		for _, p := range l.Prefixes {
			if shared[p.Conversation] {
				p.Conversation = l.Run.ID + "/" + p.Conversation
			}
			out.Prefixes = append(out.Prefixes, p)
		}
		for _, s := range l.Scrapes {
			s.At += shift
			s.Replica = number(s.Replica)
			out.Scrapes = append(out.Scrapes, s)
		}
		client += clients
	}
	slices.SortStableFunc(out.Turns, func(a, b *Turn) int { return cmp.Compare(a.Sent, b.Sent) })
	slices.SortStableFunc(out.Scrapes, func(a, b *Scrape) int { return cmp.Compare(a.At, b.At) })
	return out, nil
}

// apart returns why two logs cannot be of one load; "" if they can. The numbers of a
// load mean nothing if its parts ran one after the other: neither requests in flight
// nor the server's counters, between which it may have been started anew.
func (l *Log) apart(o *Log) string {
	a, b := l.Run, o.Run
	switch {
	case a.Model != b.Model:
		return fmt.Sprintf("run %s has model %s and run %s has %s", a.ID, a.Model, b.ID, b.Model)
	case l.over().Before(b.Start):
		return fmt.Sprintf("run %s was over before run %s began", a.ID, b.ID)
	case o.over().Before(a.Start):
		return fmt.Sprintf("run %s was over before run %s began", b.ID, a.ID)
	case a.Cache != nil && b.Cache != nil && !reflect.DeepEqual(a.Cache, b.Cache):
		return fmt.Sprintf("the cache stated for run %s differs from that for run %s", a.ID, b.ID)
	}
	s, t := &a.Server, &b.Server
	if differ(s.Kind, t.Kind) || differ(s.BlockSize, t.BlockSize) ||
		differ(s.OffloadBlockSize, t.OffloadBlockSize) ||
		differ(s.GPUBlocks, t.GPUBlocks) || differ(s.CPUTokens, t.CPUTokens) {
		return fmt.Sprintf("the server's cache in run %s differs from that in run %s", a.ID, b.ID)
	}
	return ""
}

// differ reports whether two values are known and differ.
func differ[T comparable](a, b T) bool {
	var unknown T
	return a != unknown && b != unknown && a != b
}

// over returns when a run ended, as far as its records go.
func (l *Log) over() time.Time {
	var at Clock
	if l.End != nil {
		at = l.End.At
	}
	for _, t := range l.Turns {
		at = max(at, t.End)
	}
	return l.Run.Start.Add(time.Duration(at))
}

// clocks returns all clocks of a turn.
func (t *Turn) clocks() []*Clock {
	return []*Clock{
		&t.Scheduled, &t.Issued, &t.FirstIssued, &t.Sent, &t.Written, &t.Headers,
		&t.FirstEvent, &t.FirstToken, &t.FirstAnswer, &t.LastToken, &t.End,
	}
}

// sharedConversations returns the names that more than one log has.
func sharedConversations(logs []*Log) map[string]bool {
	first := make(map[string]*Log)
	shared := make(map[string]bool)
	for _, l := range logs {
		for _, t := range l.Turns {
			if before, ok := first[t.Conversation]; !ok {
				first[t.Conversation] = l
			} else if before != l {
				shared[t.Conversation] = true
			}
		}
	}
	return shared
}

func mergeRuns(logs []*Log) *Run {
	var (
		run   = *logs[0].Run
		ids   []string
		hosts []string
	)
	run.Clients, run.ActiveConversations, run.Host.CPUs = 0, 0, 0
	run.Dataset.Conversations, run.Dataset.Turns = 0, 0
	for _, l := range logs {
		r := l.Run
		ids = append(ids, r.ID)
		if r.Host.Name != "" && !slices.Contains(hosts, r.Host.Name) {
			hosts = append(hosts, r.Host.Name)
			run.Host.CPUs += r.Host.CPUs
		}
		if r.Start.Before(run.Start) {
			run.Start = r.Start
		}
		run.Clients += r.Clients
		run.ActiveConversations += r.ActiveConversations
		run.Dataset.Conversations += r.Dataset.Conversations
		run.Dataset.Turns += r.Dataset.Turns
		same(&run.URL, r.URL)
		same(&run.Control, r.Control)
		same(&run.CacheSalt, r.CacheSalt)
		same(&run.Salt, r.Salt)
		same(&run.OutputLength, r.OutputLength)
		same(&run.Clocks, r.Clocks)
		same(&run.Dataset.Name, r.Dataset.Name)
		same(&run.Dataset.SHA256, r.Dataset.SHA256)
		same(&run.Dataset.File, r.Dataset.File)
		if !reflect.DeepEqual(run.Load, r.Load) {
			run.Load = nil
		}
		if !reflect.DeepEqual(run.Cache, r.Cache) {
			run.Cache = nil
		}
		same(&run.Tokenizer, r.Tokenizer)
	}
	run.Replicas = mergeReplicas(logs)
	if run.URL == "" { // which the sizes are sums over is unknown
		run.Server.GPUBlocks, run.Server.CPUTokens = 0, 0
	}
	run.ID, run.Host.Name = strings.Join(ids, "+"), strings.Join(hosts, ",")
	return &run
}

// mergeReplicas returns the replicas of all parts, each once; nil if no part has
// several.
func mergeReplicas(logs []*Log) []Replica {
	if !slices.ContainsFunc(logs, func(l *Log) bool { return len(l.Run.Replicas) > 0 }) {
		return nil
	}
	var all []Replica
	for _, l := range logs {
		for _, r := range l.Run.servers() {
			if !slices.ContainsFunc(all, func(o Replica) bool { return o.URL == r.URL }) {
				all = append(all, r)
			}
		}
	}
	return all
}

// servers returns the replicas of a run, or its only server as one.
func (r *Run) servers() []Replica {
	if len(r.Replicas) > 0 {
		return r.Replicas
	}
	return []Replica{{URL: r.URL, Server: r.Server}}
}

// replicaNumbers returns what numbers of replicas in a part are in the merged run.
func (r *Run) replicaNumbers(part *Run) func(int) int {
	of := part.servers()
	return func(n int) int {
		if len(r.Replicas) == 0 || n > len(of) || n == 0 && len(of) > 1 {
			return 0
		}
		url := of[max(n, 1)-1].URL
		return 1 + slices.IndexFunc(r.Replicas, func(o Replica) bool { return o.URL == url })
	}
}

// same sets all to the zero value if one differs from it.
func same[T comparable](all *T, one T) {
	if *all != one {
		var unknown T
		*all = unknown
	}
}

// mergeEnds returns nil if a part has no end: the whole run is then incomplete.
func mergeEnds(logs []*Log) *End {
	var (
		end   End
		first = logs[0].Run.Start
	)
	for _, l := range logs {
		if l.Run.Start.Before(first) {
			first = l.Run.Start
		}
	}
	for _, l := range logs {
		e := l.End
		if e == nil {
			return nil
		}
		end.At = max(end.At, e.At+Clock(l.Run.Start.Sub(first)))
		if end.Why == "" || end.Why == WhyDone {
			end.Why, end.Error = e.Why, e.Error
		}
		end.Conversations.add(e.Conversations)
		end.Turns.add(e.Turns)
		end.WarmupMS = max(end.WarmupMS, e.WarmupMS)
		end.Certificate.add(e.Certificate, l.Run)
	}
	return &end
}

func (t *Tally) add(o Tally) {
	t.Planned += o.Planned
	t.Started += o.Started
	t.Finished += o.Finished
	t.Failed += o.Failed
	t.Abandoned += o.Abandoned
}

// add adds counts, and takes the worst of shares and times.
func (c *Certificate) add(o Certificate, of *Run) {
	who := of.ID
	if of.Host.Name != "" {
		who = of.Host.Name + " " + who
	}
	for _, v := range o.Verdicts {
		c.addVerdict(v, who)
	}
	if c.Verdict == "" || c.Verdict == VerdictOK {
		c.Verdict = o.Verdict
	}
	if c.Clocks == "" || o.Clocks.WorseThan(c.Clocks) {
		c.Clocks = o.Clocks
	}
	c.Lag.add(o.Lag)
	c.Wake.add(o.Wake)
	c.ReadLate.add(o.ReadLate)
	c.CPUSeconds += o.CPUSeconds
	c.CPUShare = max(c.CPUShare, o.CPUShare)
	c.GCs += o.GCs
	c.GCPauseMaxMS = max(c.GCPauseMaxMS, o.GCPauseMaxMS)
	c.PeakMemoryMB += o.PeakMemoryMB
	c.Chunks += o.Chunks
	c.Reads += o.Reads
	c.Merged += o.Merged
	c.MergedLate += o.MergedLate
	c.Opened += o.Opened
	c.Reconnects += o.Reconnects
	c.MaxInFlight += o.MaxInFlight
	c.DroppedWrites += o.DroppedWrites
}

// addVerdict joins a verdict of a part with those on the same kind of number.
func (c *Certificate) addVerdict(v Verdict, who string) {
	if v.Reason != "" {
		v.Reason = who + ": " + v.Reason
	}
	i := slices.IndexFunc(c.Verdicts, func(o Verdict) bool { return o.Kind == v.Kind })
	if i < 0 {
		c.Verdicts = append(c.Verdicts, v)
		return
	}
	all := &c.Verdicts[i]
	all.Verdict = WorstVerdict([]Verdict{*all, v})
	if all.Reason != "" && v.Reason != "" {
		all.Reason += "; "
	}
	all.Reason += v.Reason
	if math.Abs(v.MS) > math.Abs(all.MS) {
		all.MS = v.MS
	}
	all.Share = max(all.Share, v.Share)
}

func (q *Quantiles) add(o Quantiles) {
	q.N += o.N
	q.P50, q.P99, q.Max = max(q.P50, o.P50), max(q.P99, o.P99), max(q.Max, o.Max)
}
