package report

import (
	"cmp"
	"fmt"
	"slices"

	"multiturn/internal/human"
	"multiturn/pkg/render"
)

// replicas returns the turns by the replica that had them.
func (d *Details) replicas() []render.Section {
	r := d.Replicas
	if r == nil {
		return nil
	}
	all := list("replicas", "How conversations moved between replicas.",
		render.Cells(r, "each")...)
	each := render.Section{
		Name: "by_replica", Title: "By replica" + after(", ", r.Balance) + " (ms; a second):",
		About: "The measured turns of each replica.", Notes: []string{"  " + r.movesText()},
		Rows: rows(r.Each, func(one *Replica) string { return integer(one.Number) }),
		Columns: []render.Column{
			render.Count("conversations", "conversations"),
			render.Count("turns", "turns"),
			render.Count("failed", "failed"),
			render.Decimals("ttft mean", "ttft_ms_mean", 2),
			render.Interval("95 %", "ttft_ms_mean_low", "ttft_ms_mean_high", 2),
			render.Decimals("p50", "ttft_ms_p50", 2),
			render.Decimals("p90", "ttft_ms_p90", 2),
			render.Hundred("hit %", "cached_share"),
			render.Decimals("input tok", "input_tokens_per_sec", 1),
			render.Decimals("output tok", "output_tokens_per_sec", 1),
			render.Decimals("in flight", "mean_in_flight", 2),
		},
	}
	for i := range r.Each {
		each.Rows[i].Label = r.Each[i].label()
	}
	return []render.Section{all, each}
}

// label is the replica's number and address.
func (r *Replica) label() string { return integer(r.Number) + after(" ", r.URL) }

// name is the replica's address, or else its number.
func (r *Replica) name() string {
	return cmp.Or(r.URL, "replica "+integer(r.Number))
}

// movesText says how many conversations stayed, and what turns that moved hit.
func (r *Replicas) movesText() string {
	if r.Conversations == 0 {
		return "no conversation had several turns"
	}
	text := fmt.Sprintf("%d of %s stayed on one replica", r.Stayed,
		human.Count(r.Conversations, "conversation"))
	if r.Moved > 0 {
		text += fmt.Sprintf("; %d of %s went to another replica than the turn before", r.Moved,
			human.Count(r.Later, "later turn"))
	}
	return text
}

// replicasFact compares the replicas in a line.
func (s *Summary) replicasFact() render.Fact {
	r := s.Details.Replicas
	if r == nil {
		return answer("Replicas")
	}
	turns := r.span(func(one *Replica) Number { return Number(one.Turns) }, func(n Number) string {
		return human.Thousands(int64(n))
	})
	ttft := r.span(func(one *Replica) Number { return one.TTFT50 }, func(n Number) string {
		return render.Short(float64(n))
	})
	hits := r.span(func(one *Replica) Number { return one.CachedShare }, func(n Number) string {
		return fixed(100*n, 1)
	})
	line := fmt.Sprintf("%d: %s turns", len(r.Each), turns)
	if ttft != "" {
		line += ", TTFT p50 " + ttft + " ms"
	}
	if hits != "" {
		line += ", hit " + hits + " %"
	}
	if r.Conversations > 0 {
		line += fmt.Sprintf("; %d of %d stayed", r.Stayed, r.Conversations)
	}
	return answer("Replicas", line)
}

// span shows a number of all replicas: both of two, else the least and the most;
// "" if none is known.
func (r *Replicas) span(of func(*Replica) Number, text func(Number) string) string {
	var known []Number
	both := make([]string, len(r.Each))
	for i := range r.Each {
		n := of(&r.Each[i])
		both[i] = render.Unknown
		if n.OK() {
			known = append(known, n)
			both[i] = text(n)
		}
	}
	switch {
	case len(known) == 0:
		return ""
	case len(both) == 2:
		return both[0] + " and " + both[1]
	}
	least, most := text(slices.Min(known)), text(slices.Max(known))
	if least == most {
		return most
	}
	return least + " to " + most
}

// failedOnly returns the replica that had all failed turns, nil if there is none.
func (r *Replicas) failedOnly() *Replica {
	if r == nil {
		return nil
	}
	failed := func(one Replica) bool { return one.Failed > 0 }
	i := slices.IndexFunc(r.Each, failed)
	if i < 0 || slices.ContainsFunc(r.Each[i+1:], failed) {
		return nil
	}
	return &r.Each[i]
}
