package main

import (
	"multiturn/pkg/cli"
	"multiturn/pkg/report"
)

// newReportOptions returns the defaults of the flags below.
func newReportOptions() report.Options {
	return report.Options{Tokens: report.Usage, WarmupPercentages: []float64{0}}
}

// numberFlags choose what the tables show, in run and report.
func numberFlags(o *report.Options) []cli.Flag {
	return []cli.Flag{
		{Name: "warmup-percentages", Value: cli.Percents(&o.WarmupPercentages),
			Usage: "a table for each, without that share of the turns at the start; " +
				"ignored with --warmup-step"},
		{Name: "verbose", Short: "v", Value: cli.Bool(&o.Verbose),
			Usage: "one more row: the time between the starts of consecutive turns"},
		{Name: "tokens", Value: cli.Enum(&o.Tokens, report.Usage, report.Tokenizer),
			Usage: "whose counts the table shows if both are known"},
		{Name: "goodput", DefaultText: "none",
			Value: cli.Parsed(&o.Goodput, "LIMITS", report.ParseLimits, report.Limits.String),
			Usage: "limits that a good turn meets, in ms: 'ttft:200 tpot:50 latency:5000'"},
	}
}

// tableFiles are the files of a run's numbers, in run and report.
type tableFiles struct {
	statsJSON string
	excel     bool
	excelFile string
}

func (f *tableFiles) flags() []cli.Flag {
	return []cli.Flag{
		{Name: "stats-json-output", Value: cli.File(&f.statsJSON),
			Usage: "write the reference's array of per-request numbers"},
		{Name: "excel-output", Short: "e", Value: cli.Bool(&f.excel),
			Usage: "write an Excel file named after the number of clients and the time"},
		{Name: "excel-file", Value: cli.File(&f.excelFile),
			Usage: "write an Excel file of this name"},
	}
}
