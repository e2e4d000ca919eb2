package simrun

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadTruth(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "truth.jsonl")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	header := `{"type":"sim","format":"multiturn-truth","version":"1.0",` +
		`"start":"2026-01-02T03:04:05.000000006Z","seed":0,"engine":"fixed"}`
	write(header + `
{"type":"request","path":"/v1/completions"}
{"type":"request","path":"/v1/chat/completions","session":"a","arrived_ms":1.000001,"first_ms":2.5,"gaps_us":[7,8]}
{"type":"later"}
{"type":"end","requests":2,"late_us":{"p50":1,"p99":2,"max":3}}
`)
	got, err := ReadTruth(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Requests) != 1 || got.Requests[0].Arrived != 1000001 ||
		got.Requests[0].GapsUS[1] != 8 || got.End.LateUS.P99 != 2 || got.Start.Nanosecond() != 6 {
		t.Errorf("read %+v", got)
	}
	write(header + "\n{\"type\":\"request\"")
	if _, err := ReadTruth(path); err == nil || !strings.Contains(err.Error(), "truth.jsonl:2:") {
		t.Errorf("a broken line gives %v", err)
	}
	write(`{"type":"end"}`)
	if _, err := ReadTruth(path); err == nil || !strings.Contains(err.Error(), "no header") {
		t.Errorf("a truth without a header gives %v", err)
	}
}
