//go:build linux

package main

import (
	"strings"
	"testing"
	"time"

	"multiturn/pkg/record"
	"multiturn/pkg/sim"
	"multiturn/pkg/sim/hostile"
)

// Every fault of a request is played, and so is every attack that ends soon.
func TestFaults(t *testing.T) {
	t.Parallel()
	text, err := faults(0.05)
	if err != nil {
		t.Fatal(err)
	}
	list, err := sim.ParseFaults(text)
	if err != nil {
		t.Fatal(err)
	}
	played, attacks := map[string]bool{}, 0.0
	for _, f := range list {
		if played[f.Name] = true; f.Name == "hostile" {
			played[f.Word] = true
			attacks += f.Share
		} else if f.Share != 0.05 {
			t.Errorf("%s", f)
		}
	}
	for _, name := range sim.FaultNames() {
		if !played[name] && leftOut[name] == "" {
			t.Errorf("%s is not played", name)
		}
	}
	for _, name := range hostile.Names() {
		if a := hostile.Find(name); played[name] != (a.Quick && a.Path == "") {
			t.Errorf("%s is played: %v", name, played[name])
		}
	}
	if attacks < 0.049 || attacks > 0.051 {
		t.Errorf("attacks have a share of %v", attacks)
	}
}

func TestSteady(t *testing.T) {
	t.Parallel()
	p := &played{planned: 1000, end: &record.End{At: record.Clock(100 * time.Second)}}
	var list []sample
	for i := range 120 {
		list = append(list, sample{at: time.Duration(i) * time.Second, bytes: int64(1000 + 50*i)})
	}
	steady := p.steady(list)
	if n := len(steady); n < 66 || n > 68 || steady[n-1].at != 100*time.Second {
		t.Errorf("%d samples of the steady part", n)
	}
	if g, want := growth(steady), 50*(steady[len(steady)-1].at-steady[0].at).Seconds(); g < want-1 ||
		g > want+1 {
		t.Errorf("it grew by %v, want %v", g, want)
	}
	if n := p.turnsIn(steady); n < 650 || n > 670 {
		t.Errorf("%d turns", n)
	}
	if _, err := lastLine("soak_test.go"); err != nil {
		t.Error(err)
	}
	if err := run([]string{"-turns", "1"}, &strings.Builder{}); err == nil {
		t.Error("one turn for 2,000 conversations passes")
	}
}
