package main

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// short is a calibration for tests. Seeds are fixed, so its counts do not change
// from run to run. Bounds are wide, because another order of random numbers
// changes the counts.
func short() *options {
	return &options{runs: 60, sizes: []int{24}, truth: 100_000}
}

func cells(t *testing.T, c cell, o *options) [][]string {
	t.Helper()
	rows, err := c(o)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for _, row := range rows {
		out = append(out, strings.Split(row, "\t"))
	}
	return out
}

func world(t *testing.T, o *options, of func(*options) table, name string) cell {
	t.Helper()
	o.worlds = regexp.MustCompile("^" + regexp.QuoteMeta(name) + "$")
	found := of(o).cells
	if len(found) == 0 {
		t.Fatalf("no world %q", name)
	}
	return found[0]
}

func TestIntervals(t *testing.T) {
	t.Parallel()
	for _, w := range []struct {
		name            string
		least           float64 // percent of intervals that hold the truth
		foundLow, found float64 // percent of runs found to be autocorrelated
	}{
		{"independent s=1", 88, 0, 10},
		{"conversations differ (ICC .5) s=1", 88, 0, 10},
		{"conversations differ (ICC .5) s=1, -k 24", 88, 0, 13},
		{"shared state only s=.3 tau=.1", 80, 90, 100},
		{"shared state only s=.3 tau=.1, -k 1", 78, 75, 100},
		{"burst of 8, 10 times slower", 88, 0, 12},
		{"burst of 8, half of later turns miss", 88, 0, 12},
		{"cache full for a third, 4 times the tokens", 88, 0, 12},
		{"same, and shared state s=.3 tau=.1", 80, 90, 100},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			o := short()
			rows := cells(t, world(t, o, seriesTable, w.name), o)
			for _, row := range rows {
				if holds := number(t, row[3]); holds < w.least {
					t.Errorf("%s holds in %g %%", row[2], holds)
				}
			}
			if f := number(t, rows[0][8]); f < w.foundLow || f > w.found {
				t.Errorf("autocorrelation found in %g %%", f)
			}
		})
	}
}

func TestArms(t *testing.T) {
	t.Parallel()
	o := short()
	row := cells(t, world(t, o, armsTable, "independent, s=.3, conversations s=.3"), o)[0]
	if holds := number(t, row[3]); holds < 87 {
		t.Errorf("holds in %g %%", holds)
	}
	if alarms, rows := number(t, row[5]), number(t, row[6]); alarms > 13 || rows > 13 {
		t.Errorf("false alarms %g %%, of rows %g %%", alarms, rows)
	}
	if power := number(t, row[8]); power < 35 {
		t.Errorf("10 %% found in %g %%", power)
	}
}

func TestCosts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"1 % stalls of 500 ms", "first turn +1 s", "4 in flight, 3 ms a neighbour",
		"attention 1e-5 ms a pair", "cached tokens .004 ms",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := short()
			row := cells(t, world(t, o, costTable, name), o)[0]
			if fit := number(t, row[1]); fit < 99 {
				t.Fatalf("fit in %g %%", fit)
			}
			for _, at := range []int{2, 4, 6} {
				bias, holds := number(t, row[at]), number(t, row[at+1])
				if bias < -1.5 || bias > 1.5 || holds < 85 {
					t.Errorf("column %d: bias %g %%, holds in %g %%", at, bias, holds)
				}
			}
		})
	}
	o := short()
	if fit := number(t, cells(t, world(t, o, costTable, "tokens cost nothing"), o)[0][1]); fit != 0 {
		t.Errorf("tokens that cost nothing are fitted in %g %%", fit)
	}
}

// The same flags print the same tables, of all parts.
func TestTables(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	args := []string{"-runs", "2", "-truth", "10000", "-conversations", "12",
		"-worlds", "^(independent s=1|noise 2 ms|heavy, s=.8, conversations s=.5)$"}
	if err := run(args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"independent s=1", "heavy, s=.8", "noise 2 ms"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	var again strings.Builder
	if err := run(args, &again, io.Discard); err != nil || again.String() != out.String() {
		t.Errorf("a second run differs: %v", err)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-parts", "hope"}, {"-worlds", "("}, {"-conversations", "few"},
	} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
