package render

import (
	"fmt"
	"io"
)

// Format is a form of summaries.
type Format string

// The formats.
const (
	Text     Format = "text" // for people
	JSON     Format = "json" // the Values, all numbers in full
	CSV      Format = "csv"  // one number a line
	Markdown Format = "md"   // tables of all numbers
)

// formats has the writer of each format, in the order in which help lists them.
var formats = []struct {
	name  Format
	write func(io.Writer, []Document) error
}{
	{Text, func(w io.Writer, docs []Document) error { return WriteText(w, docs, false) }},
	{JSON, writeJSON},
	{CSV, writeCSV},
	{Markdown, writeMarkdown},
}

// Formats returns all formats, Text first.
func Formats() []Format {
	var out []Format
	for _, f := range formats {
		out = append(out, f.name)
	}
	return out
}

// Write writes documents in a format.
func Write(w io.Writer, f Format, docs []Document) error {
	for _, known := range formats {
		if known.name == f {
			return known.write(w, docs)
		}
	}
	return fmt.Errorf("format %q is unknown, want one of %v", f, Formats())
}
