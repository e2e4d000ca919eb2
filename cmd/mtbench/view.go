package main

import (
	"strings"

	"multiturn/pkg/cli"
	"multiturn/pkg/render"
	"multiturn/pkg/report"
)

// view is how run and report show summaries.
type view struct {
	format    render.Format
	full      bool
	tableOnly bool
}

func (v *view) flags() []cli.Flag {
	return []cli.Flag{
		formatFlag(&v.format),
		{Name: "full", Essential: true, Value: cli.Bool(&v.full),
			Usage: "text: everything, by the question that it answers; other forms always " +
				"have everything"},
		{Name: "table-only", Value: cli.Bool(&v.tableOnly),
			Usage: "text: only what the reference prints, with --ttft reference"},
	}
}

// check returns an error if the flags contradict each other.
func (v *view) check() error {
	if v.full && v.tableOnly {
		return cli.UsageErrorf("--full and --table-only: give one of the two")
	}
	return nil
}

// reference reports whether only the reference's part is shown, which needs no
// texts of conversations.
func (v *view) reference() bool { return v.format == render.Text && v.tableOnly }

// adapt makes the numbers the reference's if only its part is shown, unless the
// flags say otherwise.
func (v *view) adapt(c *cli.Call, o *report.Options) {
	if v.reference() && !c.IsSet("ttft") {
		o.TTFT = report.ReferenceTTFT
	}
}

// documents returns the summaries as documents. The last line of text is where.
func (v *view) documents(summaries []*report.Summary, where string) (docs []render.Document) {
	detailed := false
	for _, s := range summaries {
		docs = append(docs, v.document(s))
		detailed = detailed || s.Details != nil
	}
	if v.format == render.Text && !v.tableOnly && detailed {
		last := &docs[len(docs)-1]
		last.Sections = append(last.Sections, render.Section{Text: render.Facts(0,
			render.Fact{Lines: []string{where}})})
	}
	return docs
}

func (v *view) document(s *report.Summary) render.Document {
	switch {
	case v.format != render.Text:
		return s.Document()
	case v.tableOnly:
		return s.Reference()
	case v.full:
		return s.Full()
	}
	return s.Short()
}

// where says where records are and which command shows more of them.
func (v *view) where(merged bool, names ...string) string {
	switch {
	case len(names) == 1 && names[0] == "":
		return "No records were kept: --records FILE keeps them, for mtbench report and plan."
	case len(names) == 1 && names[0] == "-":
		return "The records came from stdin: a file keeps them, for mtbench report --full and plan."
	}
	line := "Records in " + strings.Join(names, ", ")
	if v.full {
		return line + "."
	}
	command := "mtbench report --full"
	if merged {
		command += " --merge"
	}
	return line + "; all numbers: " + command + " " + strings.Join(names, " ")
}
