//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"

	"multiturn/pkg/record"
)

// cell is the runs of a scenario with one source of times.
type cell struct {
	Scenario string   `json:"scenario"`
	Clocks   string   `json:"clocks"`
	Runs     []result `json:"runs"`
}

// count counts the verdicts on a kind of number.
type count struct{ wrong, named, right, doubted int }

func (c *count) add(k *kindResult) {
	doubts := k.Said.Verdict != record.VerdictOK
	switch {
	case k.N == 0:
	case k.Wrong && doubts:
		c.wrong++
		c.named++
	case k.Wrong:
		c.wrong++
	case doubts:
		c.right++
		c.doubted++
	default:
		c.right++
	}
}

// text is "named of wrong, doubted of right".
func (c *count) text() string {
	return fmt.Sprintf("%s | %s", of(c.named, c.wrong), of(c.doubted, c.right))
}

func of(part, whole int) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%d of %d", part, whole)
}

func percent(part, whole int) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

// table writes the table, in Markdown.
func table(w io.Writer, cells []cell) {
	if len(cells) == 0 || len(cells[0].Runs) == 0 {
		return
	}
	head, line := "| scenario | clocks | runs", "|---|---|---"
	for _, k := range cells[0].Runs[0].Kinds {
		head += fmt.Sprintf(" | %s wrong and named | right but doubted", k.Kind)
		line += "|---|---"
	}
	fmt.Fprintf(w, "%s |\n%s|\n", head, line)
	total := make([]count, len(cells[0].Runs[0].Kinds))
	runs := 0
	for _, c := range cells {
		each := make([]count, len(total))
		for i := range c.Runs {
			for k := range c.Runs[i].Kinds {
				each[k].add(&c.Runs[i].Kinds[k])
				total[k].add(&c.Runs[i].Kinds[k])
			}
		}
		row(w, fmt.Sprintf("%s | %s | %d", c.Scenario, c.Clocks, len(c.Runs)), each, (*count).text)
		runs += len(c.Runs)
	}
	row(w, fmt.Sprintf("all | | %d", runs), total, (*count).text)
	row(w, "all | | %", total, func(c *count) string {
		return percent(c.named, c.wrong) + " | " + percent(c.doubted, c.right)
	})
}

func row(w io.Writer, head string, counts []count, text func(*count) string) {
	cells := []string{head}
	for i := range counts {
		cells = append(cells, text(&counts[i]))
	}
	fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
}
