package report

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"multiturn/internal/human"
	"multiturn/pkg/record"
	"multiturn/pkg/render"
)

// what returns what was run, and where.
func (s *Summary) what() []render.Section {
	border := render.Section{Text: func(func(string) string) string { return separator }}
	r := s.Run
	if r == nil {
		return append(answerSection(answer("Run", "unknown: the records have no header")), border)
	}
	return append(answerSection(
		answer("Run", runLine(r)),
		answer("Server", serverLine(r)),
		answer("Dataset", datasetLine(r)),
		answer("Load", loadLines(r, s.Details.Work.Warmup)...),
	), border)
}

// runLine has the date, and the name that the user gave the run.
func runLine(r *record.Run) string {
	line := render.Unknown
	if !r.Start.IsZero() {
		line = r.Start.UTC().Format("2006-01-02 15:04 UTC")
	}
	return line + after(", ", r.Label) + after("; ", r.Program)
}

func serverLine(r *record.Run) string {
	kind := strings.TrimSpace(cmp.Or(r.Server.Kind, "of unknown kind") + " " + r.Server.Version)
	return fmt.Sprintf("%s%s, model %s", kind, after(" at ", addresses(r)), cmp.Or(r.Model, render.Unknown))
}

// addresses names the servers: one, both, or the first and how many more.
func addresses(r *record.Run) string {
	switch n := len(r.Replicas); {
	case n == 2:
		return r.Replicas[0].URL + " and " + r.Replicas[1].URL
	case n > 2:
		return fmt.Sprintf("%s and %d more", r.Replicas[0].URL, n-1)
	}
	return r.URL
}

func datasetLine(r *record.Run) string {
	d := &r.Dataset
	line := cmp.Or(d.Name, "unnamed")
	if d.Name == "-" {
		line = "stdin"
	}
	line += fmt.Sprintf(": %s, %s", human.Count(d.Conversations, "conversation"),
		human.Count(d.Turns, "turn"))
	if d.SHA256 != "" {
		line += ", SHA-256 " + short(d.SHA256)
	}
	return line
}

// short is the part of a digest that tells it from others.
func short(digest string) string { return digest[:min(12, len(digest))] }

// loadLines returns the load, and the tokenizer that counts its lengths: on the
// same line if there is room.
func loadLines(r *record.Run, warmup int) []string {
	load, tokenizer := loadLine(r, warmup), after("tokenizer ", r.Tokenizer.Name)
	if both := load + after("; ", tokenizer); utf8.RuneCountInString(both) <= render.Width-labelWidth {
		return []string{both}
	}
	return []string{load, tokenizer}
}

// loadLine has the load that was asked for, after a number of warm-up turns.
func loadLine(r *record.Run, warmup int) string {
	parts := []string{fmt.Sprintf("-p %d -k %d", r.Clients, r.ActiveConversations)}
	if l := loadOf(r); l.API != "" && l.API != record.APIChat {
		parts = append(parts, "API "+l.API+after(" in the format ", l.PromptFormat))
	}
	parts = append(parts, thinkText(r)...)
	parts = append(parts, limitsText(loadOf(r))...)
	if warmup > 0 {
		parts = append(parts, human.Count(warmup, "warm-up turn"))
	}
	if l := loadOf(r); l.Balance != "" {
		parts = append(parts, fmt.Sprintf("%d replicas (%s)", len(r.Replicas), l.Balance))
	}
	if r.Control != "" {
		parts = append(parts, "control "+r.Control)
	}
	if r.CacheSalt != "" {
		parts = append(parts, "cache salt in a "+r.CacheSalt)
	}
	return strings.Join(parts, ", ")
}

// thinkText says how long turns wait after the answer before them.
func thinkText(r *record.Run) (parts []string) {
	think := r.Dataset.ThinkMS
	if l := loadOf(r); l.Rate > 0 {
		parts = append(parts, fmt.Sprintf("random think time of %s s on average", render.Short(1/l.Rate)))
	}
	switch {
	case think != nil && *think > 0:
		parts = append(parts, fmt.Sprintf("think time of the dataset, %s s a turn",
			render.Short(*think/1000)))
	case think != nil && len(parts) == 0:
		parts = append(parts, "no think time")
	}
	return parts
}

// limitsText names what cuts the load short, or changes it.
func limitsText(l record.Load) (parts []string) {
	add := func(set bool, format string, args ...any) {
		if set {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(l.MaxRequests > 0, "-n %d", l.MaxRequests)
	add(l.MaxMessages > 0, "at most %s each", human.Count(l.MaxMessages, "message"))
	add(l.MaxAnswer > 0, "answers of %s tokens", spanOf(l.MinAnswer, l.MaxAnswer))
	add(l.Sampling == "random", "random order")
	add(l.History == record.HistoryDataset, "the dataset's answers as history")
	return parts
}
