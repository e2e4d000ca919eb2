package record

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func part(id string, start time.Time, conversations ...string) *Log {
	l := &Log{
		Run: &Run{
			ID: id, Start: start, Model: "m", URL: "http://a", Clients: 2, ActiveConversations: 3,
			Host: Host{Name: "host-" + id, CPUs: 4},
			Dataset: Dataset{Conversations: len(conversations),
				Turns: len(conversations), SHA256: id},
		},
		End: &End{
			At: Clock(time.Second), Why: "done", Conversations: Tally{Planned: 2, Finished: 2},
			Turns: Tally{Planned: 4, Started: 4, Finished: 3, Failed: 1},
			Certificate: Certificate{Verdict: "ok", Clocks: "kernel", CPUSeconds: 1, CPUShare: 0.1,
				Lag: Quantiles{N: 2, P50: 1, P99: 2, Max: 3}},
		},
		Scrapes: []*Scrape{{At: 5}},
	}
	for i, c := range conversations {
		at := Clock(i+1) * Clock(time.Millisecond)
		l.Turns = append(l.Turns, &Turn{Conversation: c, Client: i % 2,
			Exchange: Exchange{Sent: at, End: at + 10}})
	}
	return l
}

func TestMerge(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	late, early := part("L", start.Add(1500*time.Microsecond), "A", "B"),
		part("E", start, "B", "C", "D")
	late.End.Why, late.End.Certificate.Verdict = "interrupted", VerdictWarn
	late.End.Certificate.Verdicts = []Verdict{{Kind: KindTTFT, Verdict: VerdictWarn, Reason: "slow",
		MS: 2, Share: 0.1}, {Kind: KindTPOT, Verdict: VerdictOK, MS: -0.2}}
	early.End.Certificate.Verdicts = []Verdict{{Kind: KindTTFT, Verdict: VerdictOK, MS: 1,
		Share: 0.2}, {Kind: KindTPOT, Verdict: VerdictOK, MS: -0.3}}
	got, err := Merge(late, early)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, turn := range got.Turns {
		order = append(order, turn.Conversation)
	}
	if want := []string{"E/B", "C", "A", "D", "L/B"}; !slices.Equal(order, want) {
		t.Errorf("turns in the order %v, want %v", order, want)
	}
	if a := got.Turns[2]; a.Sent != Clock(2500*time.Microsecond) || a.End != a.Sent+10 ||
		a.FirstToken.OK() || a.Client != 0 {
		t.Errorf("%+v", a)
	}
	if c := got.Turns[1]; c.Client != 3 {
		t.Errorf("client %d of the second part cannot be told from the first part's", c.Client)
	}
	r := got.Run
	if r.ID != "L+E" || !r.Start.Equal(start) || r.Clients != 4 || r.ActiveConversations != 6 ||
		r.Dataset.Conversations != 5 || r.Dataset.SHA256 != "" ||
		r.URL != "http://a" || r.Host.Name != "host-L,host-E" || r.Host.CPUs != 8 {
		t.Errorf("%+v", r)
	}
	e := got.End
	if e.At != Clock(time.Second+1500*time.Microsecond) || e.Why != "interrupted" ||
		e.Turns != (Tally{Planned: 8, Started: 8, Finished: 6, Failed: 2}) {
		t.Errorf("%+v", e)
	}
	c := e.Certificate
	if c.Verdict != VerdictWarn || !slices.Equal(c.Verdicts, []Verdict{
		{KindTTFT, VerdictWarn, "host-L L: slow", 2, 0.2}, {KindTPOT, VerdictOK, "", -0.3, 0},
	}) ||
		c.CPUSeconds != 2 || c.CPUShare != 0.1 || c.Lag != (Quantiles{4, 1, 2, 3}) {
		t.Errorf("%+v", c)
	}
	if len(got.Scrapes) != 2 || got.Scrapes[0].At != 5 ||
		got.Scrapes[1].At != 5+Clock(1500*time.Microsecond) {
		t.Errorf("%+v", got.Scrapes)
	}
}

// Replicas of several parts are numbered anew, by their addresses.
func TestMergeReplicas(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	one, two, three := part("A", start, "a"), part("B", start, "b", "c", "d"), part("C", start, "e")
	two.Run.Replicas = []Replica{{URL: "http://b"}, {URL: "http://a"}}
	for i, turn := range two.Turns {
		turn.Replica = i + 1 // 3 is a broken record's
	}
	three.Run.Replicas = []Replica{{URL: "http://c"}, {URL: "http://b"}}
	three.Turns[0].Replica, three.Scrapes[0].Replica = 2, 1
	got, err := Merge(one, two, three)
	if err != nil {
		t.Fatal(err)
	}
	var urls []string
	for _, r := range got.Run.Replicas {
		urls = append(urls, r.URL)
	}
	if want := []string{"http://a", "http://b", "http://c"}; !slices.Equal(urls, want) {
		t.Fatalf("replicas %v, want %v", urls, want)
	}
	numbers := map[string]int{}
	for _, turn := range got.Turns {
		numbers[turn.Conversation] = turn.Replica
	}
	want := map[string]int{"a": 1, "b": 2, "c": 1, "d": 0, "e": 2}
	if !reflect.DeepEqual(numbers, want) {
		t.Errorf("turns are of %v, want %v", numbers, want)
	}
	var scrapes []int
	for _, s := range got.Scrapes {
		scrapes = append(scrapes, s.Replica)
	}
	if want := []int{1, 0, 3}; !slices.Equal(scrapes, want) {
		t.Errorf("readings are of %v, want %v", scrapes, want)
	}
}

func TestMergeAll(t *testing.T) {
	t.Parallel()
	if _, err := Merge(); err == nil {
		t.Error("nothing was merged without an error")
	}
	start := time.Unix(0, 0)
	if _, err := Merge(part("A", start), &Log{}); err == nil ||
		!strings.HasPrefix(err.Error(), "run 2 has no header") {
		t.Error(err)
	}
	other := part("B", start)
	other.Run.Model = "n"
	if _, err := Merge(part("A", start), other); err == nil ||
		!strings.Contains(err.Error(), "not parts of one load") {
		t.Error(err)
	}
	for _, bad := range []struct {
		want   string
		change func(*Log)
	}{
		{"run A was over before run B began", func(l *Log) { l.Run.Start = start.Add(2 * time.Second) }},
		{"run B was over before run A began", func(l *Log) { l.Run.Start = start.Add(-2 * time.Second) }},
		{"the cache stated", func(l *Log) { l.Run.Cache = &StatedCache{BlockSize: 8} }},
		{"the server's cache", func(l *Log) { l.Run.Server.GPUBlocks = 1000 }},
		{"the server's cache", func(l *Log) { l.Run.Server.CPUTokens = 1000 }},
	} {
		a, b := part("A", start), part("B", start)
		a.Run.Cache, a.Run.Server = &StatedCache{BlockSize: 16}, Server{GPUBlocks: 2000, CPUTokens: 9}
		bad.change(b)
		if _, err := Merge(a, b); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%v, want one with %q", err, bad.want)
		}
	}
	// Sizes are sums over servers, and which those are is unknown for two addresses.
	a, b := part("A", start), part("B", start)
	a.Run.Server.GPUBlocks, b.Run.Server.GPUBlocks, b.Run.URL = 2000, 2000, "http://b"
	if got, err := Merge(a, b); err != nil || got.Run.Server.GPUBlocks != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	killed := part("B", start, "X")
	killed.End = nil
	if got, err := Merge(part("A", start, "Y"), killed); err != nil || got.End != nil ||
		len(got.Turns) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	// Every clock of a turn moves. A clock that is in Turn but not in clocks would
	// not.
	turn := new(Turn)
	fill(rand.New(rand.NewPCG(1, 1)), reflect.ValueOf(turn).Elem())
	n := 0
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Turn]()) {
		if f.Type == reflect.TypeFor[Clock]() {
			n++
		}
	}
	if len(turn.clocks()) != n {
		t.Errorf("%d clocks of %d", len(turn.clocks()), n)
	}
}

func TestReadLogs(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	w := NewWriter(&file)
	for _, l := range []*Log{part("A", time.Unix(5, 0).UTC(), "X", "Y"), part("B", time.Unix(6, 0).UTC(), "Z")} {
		_ = w.Run(l.Run)
		for _, turn := range l.Turns {
			_ = w.Turn(turn)
		}
		_ = w.Scrape(l.Scrapes[0])
		_ = w.End(l.End)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	logs, err := ReadLogs(NewReader(&file, "f"))
	if err != nil || len(logs) != 2 {
		t.Fatalf("%d logs, %v", len(logs), err)
	}
	if a, b := logs[0], logs[1]; a.Run.ID != "A" || len(a.Turns) != 2 || len(a.Scrapes) != 1 ||
		a.End == nil || b.Run.ID != "B" || len(b.Turns) != 1 {
		t.Errorf("%+v %+v", a, b)
	}
	if logs, err := ReadLogs(NewReader(strings.NewReader(`[{"ttft_ms":1,"latency_ms":1,`+
		`"start_time_ms":1}]`), "f")); err != nil || len(logs) != 0 {
		t.Errorf("an array of the reference gave %d runs, %v", len(logs), err)
	}
	if logs, err := ReadLogs(NewReader(strings.NewReader(`{"type":"turn"}`), "f")); err != nil ||
		len(logs) != 1 || logs[0].Run != nil {
		t.Errorf("%v, %v", logs, err)
	}
}
