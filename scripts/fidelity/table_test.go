package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multiturn/pkg/record"
)

func TestNumber(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 0.00049: "0.000", 0.0184: "0.018", 0.99951: "1.00", 1.234: "1.23", 9.9949: "9.99",
		12.34: "12.3", 99.949: "99.9", 345.6: "346", -0.5: "-0.500", 301234: "301234",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	percent := -0.5
	ours := result{
		Client: "mtbench", Turns: 8, TTFT: &spread{8, 0.02, 0.01, 0.06, 0, 0.07},
		ThroughputError: &percent, RunCPU: 12, Open: 2, Verdict: "warn",
		Reasons: []string{"this and that"}, GapsLeftOut: 3, Unmatched: 1,
	}
	ours.TPOT = &spread{8, 0.0004, 0, 0, 0, 0}
	other := result{Client: "reference", Turns: 8, TPOT: &spread{8, 1, 0, 0, 0, 0},
		TTFT: &spread{8, 20, 19, 96, 1, 100}, RunCPU: 600, Server: serverResult{OnTime: true}}
	r := report{Points: []pointResult{
		{point{Name: "2"}, []result{ours, other}},
		{point{Name: "5000"},
			[]result{{Client: "mtbench", Turns: 1}, {Client: "reference", Skipped: "no room"}}},
		{point{Name: "7"},
			[]result{{Client: "mtbench", Failed: "so is this"},
				{Client: "reference", Failed: "it is broken"}}},
	}}
	var b strings.Builder
	if err := r.text(&b); err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for line := range strings.Lines(b.String()) {
		lines[strings.Join(strings.Fields(line), " ")] = true
	}
	for _, want := range []string{
		"mtbench at streams 2 5000 7",
		"TTFT error, ms: mean 0.020 - -",
		"turns without 3 - -",
		"server on time NO NO -",
		"at 2 streams mtbench reference ratio",
		"TTFT error, ms: mean 0.020 20.0 1000",
		"TPOT error, ms: mean 0.000 1.00", // no ratio over nothing
		"throughput error, % -0.500 -",
		"CPU s per million chunks 12.0 600 50.0",
		"certificate warn -",
		"not matched / other tokens 1 / 0 0 / 0",
		"5000 streams: the reference was left out: no room",
		"7 streams: the reference failed: it is broken",
		"2 streams, certificate: this and that",
	} {
		if !lines[want] {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}

	if a, b := r.Points[0].failures(), r.Points[2].failures(); a != 1 || b != 2 ||
		r.Points[1].failures() != 0 {
		t.Errorf("%d and %d failures", a, b)
	}

	path := filepath.Join(t.TempDir(), "f.json")
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	if b, err := json.Marshal(r); err != nil ||
		!strings.Contains(string(b), `"ttft_error_ms":{"n":8,"mean":0.02,`) {
		t.Errorf("JSON %s, %v", b, err)
	}
}

func TestCompareText(t *testing.T) {
	t.Parallel()
	sample := func(id string, messages int, ttft float64, tokens int) record.Sample {
		return record.Sample{TTFTMS: ttft, TPOTMS: 10, LatencyMS: ttft + 100, InputTurns: messages,
			InputTokens: 40, OutputTokens: tokens, OutputChunks: tokens - 1, Conversation: id}
	}
	off := func(mean, p99 float64) result {
		s := &spread{Mean: mean, P99: p99}
		return result{TTFT: s, Latency: s, TPOT: s}
	}
	reference := side{[]record.Sample{sample("a", 1, 52, 10), sample("a", 3, 54, 12),
		sample("b", 1, 52, 9)}, off(2, 3)}
	ours := side{[]record.Sample{sample("b", 1, 50, 9), sample("a", 3, 50, 12),
		sample("a", 1, 50, 10)}, off(0.1, 0.2)}
	table := func() (string, int) {
		t.Helper()
		var b strings.Builder
		n, err := compareText(&b, point{Name: "p=1", Conversations: 2}, reference, ours)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(b.String()), " "), n
	}
	text, unequal := table()
	for _, want := range []string{
		"p=1: 2 conversations, 3 turns in the reference's table and 3 in mtbench's",
		"ttft_ms mean 52.667 50 -2.667 2 0.1 within their errors",
		"output_num_tokens mean 10.333 10.333 0 0 equal",
		"output_num_chunks max 11 11 0",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
	if unequal != 0 {
		t.Errorf("%d unequal", unequal)
	}

	ours.samples[1].OutputTokens = 11
	reference.truth = off(0.1, 0.2)
	ours.samples = append(ours.samples, sample("c", 1, 50, 1))
	if text, unequal = table(); unequal != 2 ||
		!strings.Contains(text, "1 turns are in one of them only") ||
		!strings.Contains(text, "1 NOT EQUAL") ||
		!strings.Contains(text, "MORE THAN THEIR ERRORS") {
		t.Errorf("%d unequal in %s", unequal, text)
	}
}

func TestProcFiles(t *testing.T) {
	t.Parallel()
	s, ok := parseStat([]byte("42 (a (strange) name) S 1 2 3 4 5 6 7 8 9 10 150 50 25 25 20 " +
		"0 1 0 99"))
	if !ok || s.cpu != 2500*time.Millisecond {
		t.Errorf("%v %v", s, ok)
	}
	for _, broken := range []string{"", "42 (x) S 1 2", "42 (x) S 1 2 3 4 5 6 7 8 9 10 a 50 25 25 20"} {
		if _, ok := parseStat([]byte(broken)); ok {
			t.Errorf("%q was read", broken)
		}
	}
	status := "Name:\tx\nVmHWM:\t    1024 kB\nVmRSS:\t     512 kB\n"
	if got := parseField(status, "VmHWM:"); got != 1<<20 {
		t.Errorf("VmHWM is %d", got)
	}
	if got := parseField(status, "Pss:"); got != 0 {
		t.Errorf("a missing field is %d", got)
	}
}
