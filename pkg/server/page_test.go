package server

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/servers.md")

const (
	page     = "../../docs/servers.md"
	pageMark = "<!-- From here on by `go test ./pkg/server -run TestPage -update`, " +
		"out of the tables of the package. -->\n"
)

// The page of servers has what the tables have.
func TestPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(text), pageMark)
	if !found {
		t.Fatalf("%s lacks the line %s", page, pageMark)
	}
	want := head + pageMark + serversTable() + metricsTable()
	if want == string(text) {
		return
	}
	if !*update {
		t.Errorf("%s differs from the tables; go test ./pkg/server -run TestPage -update rewrites it", page)
	} else if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Error(err)
	}
}

func serversTable() string {
	var b strings.Builder
	b.WriteString("\n## Servers\n")
	for _, part := range []struct {
		title string
		list  []Server
	}{{"Engines", engines}, {"Routers and gateways", routers}, {"APIs of companies", hosted}} {
		b.WriteString("\n### " + part.title + "\n\n| server | recognised by | cached tokens | exact lengths | block |" +
			" metrics | reset | seen |\n|---|---|---|---|---|---|---|---|\n")
		for _, s := range part.list {
			fmt.Fprintf(&b, "| %s (`%s`) | %s | %s | %s | %d | %s | %s | %s |\n", s.Title, s.Name, s.recognised(),
				s.reports(), cmp.Or(code(s.ExactFields, " "), "-"), s.BlockSize, s.exposes(), s.emptied(),
				cmp.Or(s.Seen, "no")+"; facts: "+s.Source)
		}
	}
	return b.String()
}

func code(words []string, separator string) string {
	var out []string
	for _, w := range words {
		out = append(out, "`"+w+"`")
	}
	return strings.Join(out, separator)
}

func (s *Server) recognised() string {
	var ways []string
	if len(s.Hosts) > 0 {
		ways = append(ways, "host "+code(s.Hosts, " "))
	}
	for _, h := range s.Headers {
		ways = append(ways, strings.TrimSpace("header `"+h.Name+"` "+h.Prefix))
	}
	for _, sign := range s.Signs {
		way := "page `" + sign.Path + "`"
		if sign.Unowned {
			way += " of models without an owner"
		}
		ways = append(ways, way)
	}
	if len(s.Owners) > 0 {
		ways = append(ways, "owner "+code(s.Owners, " "))
	}
	out := strings.Join(ways, ", ")
	if len(s.Shares) > 0 {
		out += ", before owner " + code(s.Shares, " ")
	}
	return out
}

func (s *Server) reports() string {
	if len(s.Cached) == 0 {
		return "never"
	}
	return strings.Join([]string{code(s.Cached, " "), s.Advice.Report}, hint(s.Advice.Report))
}

// hint is what stands before an advice.
func hint(advice string) string {
	if advice == "" {
		return ""
	}
	return "; "
}

func (s *Server) exposes() string {
	where := "none"
	if s.Metrics != "" {
		where = "`" + s.Metrics + "`"
	}
	return where + hint(s.Advice.Metrics) + s.Advice.Metrics
}

func (s *Server) emptied() string {
	var ways []string
	for _, r := range s.Resets {
		way := "`POST " + r.Path + "`"
		if r.Keeps != "" {
			way += ", which keeps " + r.Keeps
		}
		ways = append(ways, way)
	}
	if len(ways) == 0 {
		return cmp.Or(s.ResetAdvice, "none")
	}
	return strings.Join(ways, "; ")
}

func metricsTable() string {
	var b strings.Builder
	b.WriteString("\n## Metrics\n\nOf several names the first that a server exposes counts. Names in " +
		"*italics* were not seen on a server that was run here.\n\n" +
		"| quantity | tier: measure | unit | meaning | names |\n|---|---|---|---|---|\n")
	for _, q := range Quantities() {
		tier := "-"
		if q.Tier != "" {
			tier = q.Tier + ": " + string(q.Measure)
		}
		var names []string
		for _, s := range q.From {
			name := "`" + s.form() + "`"
			if !s.Seen {
				name = "*" + name + "*"
			}
			names = append(names, name)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", q.Name, tier, q.Unit, q.About,
			strings.ReplaceAll(strings.Join(names, ", "), "|", "\\|"))
	}
	return b.String()
}

// form is how a source is written: name{label="value"}, with = for a value, =~ for a
// pattern and !~ for one that must not match.
func (s *Source) form() string {
	names := s.Sum
	if s.Name != "" {
		names = []string{s.Name}
	}
	var out []string
	for i, name := range names {
		labels := s.Labels
		if i < len(s.LabelsOf) {
			labels = s.LabelsOf[i]
		}
		var terms []string
		for k, v := range labels {
			terms = append(terms, k+"="+v)
		}
		for k, p := range s.Match {
			terms = append(terms, k+"=~"+p.form())
		}
		for k, p := range s.Without {
			terms = append(terms, k+"!~"+p.form())
		}
		for _, label := range []string{s.ValueOf, s.Times} {
			if label != "" {
				terms = append(terms, label)
			}
		}
		if len(terms) > 0 {
			name += "{" + strings.Join(terms, ",") + "}"
		}
		out = append(out, name)
	}
	return strings.Join(out, " + ")
}

func (p Pattern) form() string {
	return strings.TrimSuffix(strings.TrimPrefix(p.String(), "^(?:"), ")$")
}
